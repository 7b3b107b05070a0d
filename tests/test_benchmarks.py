"""The baselines compute what we compute; the command prints and keeps all.  Nothing is timed."""

import ast
import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import aimctheory as at
from aimctheory import figures
from benchmarks import baselines, command, picture, processes, scaling
from benchmarks.timing import OURS, Contender, Measurement, alternate, compete, environment
from benchmarks.workloads import BENCHMARKS
from tests.drawn_texts import overlapping_texts, texts_cut_off

RACES = {each.id: each for each in BENCHMARKS if each.contenders}
STEPS, REPLICATES = 200, 1000
BOUND = 5.0  # standard errors: 6e-7 each, were the seeds not fixed
FILES = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))


# ---- the same thing is computed --------------------------------------------------------------


@pytest.fixture(autouse=True)
def nothing_is_compiled_for_us(monkeypatch):
    """The reference engine gives the kernels' bits without compiling any."""
    monkeypatch.setattr(at, "simulate", partial(at.simulate, engine="reference"))


def moments(values):
    """Mean and variance over replicates and their standard errors, each (series, …)."""
    series = values.T if values.shape[0] == REPLICATES else values
    mean, variance = series.mean(axis=-1), series.var(axis=-1)
    fourth = ((series - mean[..., None]) ** 4).mean(axis=-1)
    errors = np.sqrt([variance / REPLICATES, (fourth - variance**2) / REPLICATES])
    return np.array([mean, variance]), errors


def distance(a, b):
    """The largest difference of means or variances, in standard errors."""
    (x, dx), (y, dy) = moments(a), moments(b)
    return float(np.max(np.abs(x - y) / np.hypot(dx, dy)))


def plainly(contender: Contender, steps: int = STEPS):
    """The last weights of a baseline; a jitted one is run as the Python it is."""
    return np.asarray(getattr(contender.run, "py_func", contender.run)(steps, REPLICATES))


@pytest.mark.parametrize("name", RACES)
def test_every_baseline_computes_what_we_compute(name):
    ours, *others = RACES[name].contenders
    steps = 50 if name == "dense" else STEPS
    result = ours.run(steps, REPLICATES)
    assert len(others) >= 1 + (name != "dense")
    for other in others:
        theirs = plainly(other, steps)
        assert theirs.shape == result.shape
        assert distance(result, theirs) < BOUND, other.name


@pytest.mark.parametrize("planted", ["power-1.5", "linear", "exponential"])
def test_a_baseline_of_another_response_is_noticed(planted):
    result = RACES["power-2"].contenders[0].run(STEPS, REPLICATES)
    assert distance(result, plainly(RACES[planted].contenders[1])) > 2 * BOUND


def test_the_gradient_alone_takes_every_batch():
    class Objective:
        seen = ()

        def gradient(self, weights, indices):
            self.seen += (indices.shape,)

    objective = Objective()
    batches = np.zeros((5, 3, 2), dtype=np.intp)
    baselines.gradient_alone(objective, np.zeros((3, 4)), batches)
    assert objective.seen == ((3, 2),) * 5


# ---- timing ----------------------------------------------------------------------------------


def test_contenders_take_turns_and_are_timed_per_update():
    turns = []

    def contender(name, steps):
        return Contender(name, lambda steps, replicates: turns.append((name, steps)), steps)

    found = compete([contender("a", 50), contender("b", 20)], 3, replicates=10, coordinates=2)
    assert turns == [("a", 8), ("b", 8), *[("a", 50), ("b", 20)] * 3]
    assert found.names == ["a", "b"]
    assert all(times.shape == (3,) and (times >= 0).all() for times in found.seconds.values())


def test_ratios_are_formed_within_a_round():
    found = Measurement({"a": np.array([1.0, 2.0, 4.0]), "b": np.array([3.0, 8.0, 4.0])})
    assert found.speedup("b").tolist() == [3.0, 4.0, 1.0]
    assert picture.summarised(found.speedup("b")) == (1.0, 3.0, 4.0)


def test_the_collector_and_the_environment_are_as_they_were(monkeypatch):
    monkeypatch.setenv("AIMCTHEORY_THREADS", "7")
    monkeypatch.delenv("AIMCTHEORY_NEVER_SET", raising=False)
    with environment(AIMCTHEORY_THREADS="1", AIMCTHEORY_NEVER_SET="x"):
        alternate({"a": lambda: None}, 1)
    import gc
    import os

    assert gc.isenabled()
    assert os.environ["AIMCTHEORY_THREADS"] == "7"
    assert "AIMCTHEORY_NEVER_SET" not in os.environ


def test_a_process_that_fails_is_one_sentence():
    with pytest.raises(ValueError, match=r"^a benchmark's own process failed: NameError: .*$"):
        processes.child("no_such_function()")


# ---- the command -----------------------------------------------------------------------------


def invented(benchmark):
    names = [c.name for c in benchmark.contenders] or [OURS, "1 thread"]
    times = {name: np.array([1.0, 2.0, 3.0]) * (i + 1) for i, name in enumerate(names)}
    return replace(benchmark, measure=lambda rounds: Measurement(times))


def curves(repeats):
    data = {}
    for name, sweep in scaling.sweeps().items():
        updates = np.array([sweep.updates(n) for n in sweep.sizes])
        data |= {
            f"{name}: {sweep.axis}": np.array(sweep.sizes),
            f"{name}: seconds": (1e-3 + 1e-9 * updates)[:, None] * [1.0, 1.1, 1.2],
            f"{name}: updates": updates,
            f"{name}: title": np.array(sweep.title),
        }
    memory = {"steps": 10.0 ** np.arange(3, 7), "resident, MB": 300.0, "own, MB": 0.8}
    return data | {f"memory: {n}": np.broadcast_to(v, 4).copy() for n, v in memory.items()}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The whole command with invented times: what it said, and where it wrote."""
    folder = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "BENCHMARKS", tuple(invented(each) for each in BENCHMARKS))
        patch.setattr(scaling, "measure", curves)
        result = CliRunner().invoke(command.main, ["--out", str(folder)])
    assert result.exit_code == 0, result.stderr
    return result, folder


def test_the_table_the_json_and_the_figures_carry_every_benchmark(done):
    result, folder = done
    head, *lines = result.stdout.split("benchmark  ", 1)[1].splitlines()
    assert "target" in head
    assert [line.split()[0] for line in lines[: len(BENCHMARKS)]] == [
        each.id for each in BENCHMARKS
    ]
    for benchmark in BENCHMARKS:
        assert f"\n{benchmark.id}: {benchmark.title}\n" in result.stdout
        for code in benchmark.codes:
            assert f"| def {code.__name__}(" in result.stdout
    assert {path.name for path in folder.iterdir()} == {
        f"{name}.{kind}" for name in ("benchmarks", "scaling") for kind in ("json", "png", "pdf")
    }
    table = json.loads((folder / "benchmarks.json").read_text())
    assert table["numbers"]["rows"] == [each.id for each in BENCHMARKS]
    assert list(table["summary"]) == [each.id for each in BENCHMARKS]
    assert table["numbers"]["linear: judged"] == [2.0] * 3
    assert {"machine: processor", "machine: llvmlite", "machine: python"} <= set(table["numbers"])


def test_nothing_drawn_overlaps_or_is_cut_off(done):
    _, folder = done
    for name, draw in (("benchmarks", picture.draw_table), ("scaling", picture.draw_scaling)):
        study = figures.Study(name, "", (), (), dict, draw, dict)
        figure = figures.drawn(study, folder / f"{name}.json")
        assert overlapping_texts(figure) == []
        assert texts_cut_off(figure) == []


def test_the_knees_of_invented_curves_are_what_was_put_in(done):
    result, _ = done
    numbers = {name: value for name, (value, _) in scaling.knees(curves(3)).items()}
    assert numbers["a further update in a long run"] == pytest.approx(1.0, rel=1e-3)
    assert numbers["fixed cost of a call"] == pytest.approx(1.0, rel=0.03)
    assert numbers["growth of the process between them"] == 0
    assert all(name in result.stdout for name in numbers)


def test_an_unknown_benchmark_is_one_sentence():
    result = CliRunner().invoke(command.main, ["--only", "lineer"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.fullmatch(
        r"benchmarks: there is no benchmark 'lineer'; choose from: linear, .*, scaling\n",
        result.stderr,
    )


def test_one_benchmark_is_printed_and_written_nowhere(monkeypatch):
    monkeypatch.setattr(command, "BENCHMARKS", tuple(invented(each) for each in BENCHMARKS))
    monkeypatch.setattr(figures, "reproduce", pytest.fail)
    result = CliRunner().invoke(command.main, ["--only", "import", "--rounds", "1"])
    assert result.exit_code == 0
    assert "\nimport: import aimctheory over import numpy\n" in result.stdout
    assert "linear" not in result.stdout


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_file_exceeds_400_lines_and_each_says_what_it_is(file):
    text = file.read_text()
    assert len(text.splitlines()) <= 400
    assert ast.get_docstring(ast.parse(text))
