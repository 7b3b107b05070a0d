"""Generated modules: what stands in them, what they compile to, and that they are never stale."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import sympy

from aimctheory import compiled, kernel_text, kernels
from aimctheory.algorithms.analog_sgd import analog_sgd, weight
from aimctheory.algorithms.record import Algorithm
from aimctheory.algorithms.residual_learning import residual_learning_v2
from aimctheory.catalogue import linear, power
from aimctheory.laws import gaussian, uniform
from aimctheory.notation import REALS, Parameter, Source, positive, w
from aimctheory.objectives.quadratic import quadratic
from aimctheory.plan import plan
from aimctheory.problem import pose
from aimctheory.response import Response
from tests.comparison import (
    ALGORITHMS,
    AVERAGES,
    CELLS,
    LAWS,
    both,
    differing,
    hyper_of,
    uncompiled,
)

BOWL = quadratic([1.0, 2.0], [0.1, 0.2])
COUPLED = quadratic([[1.0, 0.5], [0.5, 2.0]], 0.2)
PACKAGE = Path(kernels.__file__).parent


def text_of(algorithm, device, objective=BOWL, law=LAWS["gaussian"], averages=None):
    """The module of a problem with typical numbers."""
    noise = {"gradient": law} | dict.fromkeys(algorithm.noises, uniform(0.05))
    problem = pose(
        algorithm, device, objective, hyper=hyper_of(algorithm), noise=noise, start=None,
        replicates=3, averages=averages,
    )  # fmt: skip
    return kernels.module_text(plan(problem))


def function_lines(text, name):
    """The body of one function of a module."""
    body = re.search(rf"^def {name}\(.*?\):\n(.*?)(?=^\S|\Z)", text, re.DOTALL | re.MULTILINE)
    return [line.strip() for line in body[1].strip().splitlines()]


# -- the text -------------------------------------------------------------------------------------


def test_the_update_holds_the_lines_of_the_step_in_source_order_under_its_names():
    text = text_of(residual_learning_v2, linear(tau=1, c=0.2))
    assert function_lines(text, "update") == [
        "point = state_W + hyper_mixing * state_P",
        "gradient = objective_curvature * (point - objective_minimiser)"
        " + gradient_sigma * raw_gradient",
        "P = pulse_P(state_P, -hyper_learning_rate * gradient, P_tau, P_c)",
        "noise_read = read_sigma * (sqrt(12.0) * (raw_read - 0.5))",
        "H = (1.0 - hyper_filter_rate) * state_H + hyper_filter_rate * (P + noise_read)",
        "d = where(abs(H) > hyper_threshold, hyper_transfer_rate * H, 0.0)",
        "W = pulse_W(state_W, d, W_tau, W_c)",
        "return P, W, H",
    ]


def test_the_pulse_is_written_by_q_up_and_q_down():
    assert function_lines(text_of(analog_sgd, linear(tau=1)), "pulse_W") == [
        "t1 = w * (1.0 / W_tau)",
        "q = where(d >= 0.0, (1.0 + W_c) * (1.0 - t1), (1.0 - W_c) * (1.0 + t1))",
        "return w + d * q",
    ]


def test_a_costly_response_is_evaluated_once_for_both_signs():
    body = " ".join(function_lines(text_of(analog_sgd, power(tau=1, gamma=2.37)), "pulse_W"))
    assert body.count("power(") == 1
    assert "where(d >= 0.0, -t1, t1)" in body


def test_no_module_exceeds_80_lines_even_with_averages_and_coupled_coordinates():
    for algorithm, cell in product(ALGORITHMS.values(), CELLS.values()):
        assert len(text_of(algorithm, cell).splitlines()) <= 72
        largest = text_of(algorithm, cell, COUPLED, averages=AVERAGES)
        assert len(largest.splitlines()) <= 80


def test_a_module_says_what_it_computes_and_whom_it_calls():
    head = text_of(analog_sgd, linear(tau=1)).split('"""')[1]
    assert head.startswith(
        "Analog SGD: W on linear response; quadratic objective; gaussian gradient noise."
    )
    for called in ("elementary", "lanes", "compiled", "noise"):
        assert re.search(rf"^aimctheory\.{called} [0-9a-f]{{16}}$", head, re.MULTILINE)


def test_numbers_stay_out_of_the_text_so_that_one_module_serves_them_all():
    assert text_of(analog_sgd, linear(tau=1, c=0.2)) == text_of(analog_sgd, linear(tau=2, c=0))


def test_a_scalar_exponent_is_part_of_the_text():
    square, cube = (text_of(analog_sgd, power(tau=1, gamma=g)) for g in (2, 3))
    assert square != cube
    assert "power(" not in square.split("def pulse_W")[1]


def test_a_module_has_no_call_but_those_it_imports():
    text = text_of(residual_learning_v2, power(tau=1, gamma=2.37), averages=AVERAGES)
    calls = set(re.findall(r"(\w+)\(", "".join(function_lines(text, "update"))))
    assert calls <= {"pulse_P", "pulse_W", "where", "abs", "sqrt", "exp", "log", "power", "sign"}


@pytest.mark.parametrize("name", kernel_text.CALLED)
def test_an_edit_of_a_called_file_changes_the_text(monkeypatch, name):
    digest, before = kernel_text._digest, text_of(analog_sgd, linear(tau=1))
    assert digest(name) in before
    monkeypatch.setattr(kernel_text, "_digest", lambda x: "edited" if x == name else digest(x))
    assert text_of(analog_sgd, linear(tau=1)) == before.replace(digest(name), "edited")


@pytest.mark.parametrize("name", ["d", "lambda", "where", "t1", "up"])
def test_a_parameter_may_have_any_name(name):
    width = positive(name)
    cell = Response(up=1 - w / width, down=1 + w / width)(**{name: 1.5})
    with uncompiled():
        options = {"hyper": {"learning_rate": 0.05}, "noise": gaussian(0.5), "steps": 9, "rng": 1}
        assert differing(*both(analog_sgd, cell, BOWL, **options)) == []


# -- an algorithm that uses everything ------------------------------------------------------------


def everything(state, hyper, gradient, ops):
    sign = ops.sign(gradient)
    q = ops.response.W(state.W, -gradient)
    due = (ops.k % hyper.period == 0.0) & (ops.row >= 1.0) | (state.H > 0.1)
    lines = ops.noise("lines", per="column")
    drift = ops.noise("drift", per="row")
    size = ops.exp(-abs(state.H)) + ops.log(1.0 + state.H * state.H) + ops.sqrt(abs(gradient))
    H = 0.9 * state.H + 0.1 * (gradient + drift)
    d = ops.where(due, 0.05 * H * size, 0.01 * sign / q)
    place = 1.0 + 0.1 * ops.column / ops.columns + ops.row / ops.rows
    cap = ops.where(ops.k != 3, float("inf"), 0.02)
    d = ops.where(abs(d) < cap, d, -cap * place)
    return {"W": ops.pulse.W(state.W, d + 0.01 * lines), "H": H, "N": drift, "M": lines}


all_ops = Algorithm(
    id="all-ops", title="All operations", source=Source("RF25", "none"), arrays={"W": 0.0},
    buffers={"H": 0.0, "N": 0.0, "M": 0.0}, noises=("drift", "lines", "unused"),
    hyper=(Parameter("period", sympy.Symbol("T"), REALS, (2, 5), "steps between transfers"),),
    query=weight, step=everything, readout=weight,
)  # fmt: skip
LAYER = replace(quadratic(np.linspace(0.5, 2, 6), 0.3), shape=(2, 3))


def run_everything(**changes):
    given = {"hyper": {"period": 3.0}, "steps": 23, "replicates": 5, "rng": 4, "record_every": 1}
    given["noise"] = {"gradient": gaussian(0.6), "drift": uniform(0.3), "lines": gaussian(0.2)}
    return both(all_ops, linear(tau=1, c=0.2), LAYER, **(given | changes))


def test_every_operation_is_printed_with_the_meaning_it_has():
    with uncompiled():
        runs = run_everything()
    assert differing(*runs) == []
    assert np.ptp(runs[0].readout) > 0.01


def test_every_operation_is_compiled_to_the_same_bits():
    assert differing(*run_everything(replicates=50, steps=60)) == []


@pytest.mark.parametrize(("state", "axis"), [("N", 3), ("M", 2)])
def test_noise_per_row_or_column_is_shared_along_it_and_drawn_anew_elsewhere(state, axis):
    with uncompiled():
        drawn = run_everything()[1].states[state][:, 1:].reshape(5, 23, 2, 3)
    assert (drawn == drawn.take([0], axis=axis)).all()
    apart = drawn.take(0, axis=axis)
    assert np.unique(apart).size == apart.size


# -- the compiled code ----------------------------------------------------------------------------


WIDE = ("power-2", "power-5/2", "power", "exponential", "linear")


@pytest.fixture
def assembly_of(monkeypatch, tmp_path):
    """The machine code of a lane loop; compiled here and now, for it is not kept with the code."""
    monkeypatch.setenv("AIMCTHEORY_CACHE", str(tmp_path))

    def compile_anew(algorithm, device):
        text = f"# {tmp_path}\n{text_of(algorithm, device, averages=AVERAGES)}"
        library = compiled.entry(kernels._prepared(text).steps)._library
        functions = re.split(r"\n\t\.type\t", library.get_asm_str())
        (loop,) = [f for f in functions if f.startswith("_ZN") and "NumbaEnv" not in f[:20]]
        return loop

    return compile_anew


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86 assembly")
@pytest.mark.parametrize("cell", WIDE)
@pytest.mark.parametrize("algorithm", ["analog-sgd", "residual-learning-v2"])
def test_the_lane_loop_holds_packed_doubles_and_calls_nothing(assembly_of, algorithm, cell):
    assembly = assembly_of(ALGORITHMS[algorithm], CELLS[cell])
    packed, single = (
        len(re.findall(rf"\bv?(?:mul|add|sub){kind}\b", assembly)) for kind in ("pd", "sd")
    )
    assert packed > 10
    assert packed > 0.5 * single  # those of the last lanes, fewer than a vector
    assert not re.findall(r"\bcall\w*\b.*", assembly)
    assert not re.findall(r"\bvfn?m(?:add|sub)\w+", assembly)


# -- kept across processes, never stale -----------------------------------------------------------

SCRIPT = """
import json, sys
from aimctheory import compiled, kernels
from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.catalogue import exponential, linear
from aimctheory.laws import gaussian
from aimctheory.objectives.quadratic import quadratic
from aimctheory.simulate import simulate

cell = {"linear": linear(tau=1), "exponential": exponential(tau=1, gamma=2)}[sys.argv[1]]
load, loaded = kernels.load, {}
kernels.load = lambda text: loaded.setdefault(text, load(text))
entry, entries = compiled.entry, []
compiled.entry = lambda *given: entries.append(entry(*given)) or entries[-1]

def final(engine):
    run = simulate(analog_sgd, cell, quadratic(minimiser=0.3), hyper={"learning_rate": 0.05},
                   noise=gaussian(0.5), steps=50, replicates=3, rng=1, engine=engine)
    return run.readout[:, -1, 0].tolist()

def kept():
    driver = kernels.driver("run").stats
    hits = entries[0].cache_hits + sum(driver.cache_hits.values())
    return {"name": sorted(module.__name__ for module in loaded.values()), "hits": hits,
            "misses": len(entries) + 1 - hits}

print(json.dumps({"kernel": final("kernel"), "reference": final("reference")} | kept()))
"""


def start(root, cache, cell="linear"):
    """The script of above in a process of its own, with the package found in `root`."""
    settings = {"AIMCTHEORY_CACHE": str(cache), "PYTHONPATH": str(root)}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, cell], env=os.environ | settings, cwd=root, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def finish(process):
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return json.loads(output)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A cache that one process has filled, and what it computed."""
    cache = tmp_path_factory.mktemp("kernels")
    return cache, finish(start(PACKAGE.parent, cache))


def test_a_first_process_compiles_and_the_next_one_does_not(first):
    cache, before = first
    assert (before["hits"], before["misses"]) == (0, 2)
    after = finish(start(PACKAGE.parent, cache))
    assert (after["hits"], after["misses"]) == (2, 0)
    assert after["kernel"] == before["kernel"] == before["reference"]


EDITS = {
    "compiled": (
        "builder.select(*(target.cast(builder, *value) for value in wanted))",
        "(lambda c, a, b: builder.select(c, b, a))("
        "*(target.cast(builder, *value) for value in wanted))",
    ),
    "noise": ("np.float32(1.3862944)", "np.float32(1.5)"),
    "lanes": ("np.float32(first).view", "np.float32(-first).view"),
}


def edited(folder, file, old, new):
    """A copy of the package with one edit."""
    shutil.copytree(PACKAGE, folder / "aimctheory", ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / "aimctheory" / f"{file}.py"
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))
    return folder


@pytest.mark.parametrize(
    "file", ["noise", *(pytest.param(f, marks=pytest.mark.slow) for f in EDITS if f != "noise")]
)
def test_an_edit_gives_fresh_numbers_under_a_new_name(first, tmp_path, file):
    cache, before = first
    after = finish(start(edited(tmp_path, file, *EDITS[file]), cache))
    assert after["name"] != before["name"]
    assert after["misses"] >= 1
    assert after["kernel"] != before["kernel"]
    assert (after["kernel"] == after["reference"]) == (file == "noise")


@pytest.mark.slow
def test_an_edit_of_our_exponential_gives_fresh_numbers_in_both_engines(tmp_path):
    before = finish(start(PACKAGE.parent, tmp_path, "exponential"))
    copy = edited(tmp_path, "elementary", "0.1666666666666641", "0.1666")
    after = finish(start(copy, tmp_path, "exponential"))
    assert after["name"] != before["name"]
    assert after["kernel"] == after["reference"] != before["kernel"] == before["reference"]


@pytest.mark.slow
def test_four_processes_may_build_the_same_kernel_at_once(tmp_path):
    results = [finish(p) for p in [start(PACKAGE.parent, tmp_path) for _ in range(4)]]
    assert all(r["kernel"] == results[0]["reference"] for r in results)
    assert len(list(tmp_path.glob("kernel_*.py"))) == 2
    assert not list(tmp_path.glob("*.part"))
    assert finish(start(PACKAGE.parent, tmp_path))["hits"] == 2


def test_an_unwritable_cache_folder_is_said_with_the_way_out(monkeypatch, tmp_path):
    file = tmp_path / "file"
    file.write_text("in the way")
    monkeypatch.setenv("AIMCTHEORY_CACHE", str(file / "kernels"))
    with pytest.raises(ValueError, match="cannot be written") as raised:
        kernels.load("# a module that was never loaded before\n")
    said = str(raised.value)
    assert str(file) in said
    assert "set AIMCTHEORY_CACHE" in said
    assert "engine='reference'" in said


def test_the_cache_lies_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.delenv("AIMCTHEORY_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert kernels.cache_folder() == tmp_path / "aimctheory"
    monkeypatch.setenv("AIMCTHEORY_CACHE", str(tmp_path / "mine"))
    assert kernels.cache_folder() == tmp_path / "mine"


def test_a_module_whose_import_was_interrupted_is_imported_anew(monkeypatch, tmp_path):
    monkeypatch.setenv("AIMCTHEORY_CACHE", str(tmp_path))
    text = "import os\nif os.environ.pop('STOP', ''):\n    raise KeyboardInterrupt\nvalue = 3\n"
    monkeypatch.setenv("STOP", "now")
    with pytest.raises(KeyboardInterrupt):
        kernels.load(text)
    assert kernels.load(text).value == 3
