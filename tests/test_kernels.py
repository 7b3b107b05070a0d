"""Generated modules: what stands in them and what they compile to."""

from __future__ import annotations

import ast
import platform
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import sympy

from aimctheory.algorithms.analog_sgd import analog_sgd, weight
from aimctheory.algorithms.record import Algorithm
from aimctheory.algorithms.residual_learning import residual_learning_v2
from aimctheory.catalogue import linear, power
from aimctheory.laws import gaussian, uniform
from aimctheory.notation import REALS, Parameter, Source, positive, w
from aimctheory.objectives.quadratic import quadratic
from aimctheory.response import Response
from aimctheory.simulator import kernel_cache, kernel_text, numba_rules
from aimctheory.simulator.plan import plan
from aimctheory.simulator.problem import pose
from aimctheory.simulator.simulate import simulate
from tests.comparison import (
    ALGORITHMS,
    AVERAGES,
    CELLS,
    LAWS,
    both,
    differing,
    hyper_of,
    plain_module,
    uncompiled,
)

ROOT = Path(__file__).resolve().parents[1]
BOWL = quadratic([1.0, 2.0], [0.1, 0.2])
COUPLED = quadratic([[1.0, 0.5], [0.5, 2.0]], 0.2)


def text_of(algorithm, device, objective=BOWL, law=LAWS["gaussian"], averages=None):
    """The module of a problem with typical numbers."""
    noise = {"gradient": law} | dict.fromkeys(algorithm.noises, uniform(0.05))
    problem = pose(
        algorithm,
        device,
        objective,
        hyper=hyper_of(algorithm),
        noise=noise,
        start=None,
        replicates=3,
        averages=averages,
    )
    return kernel_text.module_text(plan(problem))


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
    for called in kernel_text.CALLED:
        assert re.search(rf"^aimctheory\.{re.escape(called)} [0-9a-f]{{16}}$", head, re.MULTILINE)


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


@pytest.mark.parametrize("name", kernel_text.DIGESTS)
def test_an_edit_of_a_called_file_changes_the_text(monkeypatch, name):
    texts = {
        lambda: text_of(analog_sgd, linear(tau=1)): kernel_text.CALLED,
        kernel_text.driver_text: kernel_text.DRIVER_CALLED,
    }
    texts = {text: text() for text, called in texts.items() if name in called}
    assert texts
    digest = kernel_text.DIGESTS[name]
    assert all(digest in before for before in texts.values())
    monkeypatch.setitem(kernel_text.DIGESTS, name, "edited")
    assert all(text() == before.replace(digest, "edited") for text, before in texts.items())


def imported(source):
    """The modules of the package that a text imports, below the package's name."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("aimctheory."):
            found.add(node.module.removeprefix("aimctheory."))
    return found


def test_the_text_of_a_kernel_imports_only_what_it_names_by_digest():
    text = text_of(analog_sgd, linear(tau=1))
    assert imported(text) | {kernel_text.RULES} == set(kernel_text.CALLED)


def test_the_driver_names_every_file_that_its_functions_reach():
    reached, found = set(), imported(kernel_text.driver_text()) - {kernel_text.RULES}
    while found - reached:
        name = (found - reached).pop()
        reached.add(name)
        found |= imported((ROOT / "aimctheory" / f"{name.replace('.', '/')}.py").read_text())
    # Of the elementary functions there is only a name for annotations.
    assert reached - {"tree.elementary"} | {kernel_text.RULES} == set(kernel_text.DRIVER_CALLED)


@pytest.mark.parametrize("name", ["d", "lambda", "where", "t1", "up"])
def test_a_parameter_may_have_any_name(name):
    width = positive(name)
    cell = Response(up=1 - w / width, down=1 + w / width)(**{name: 1.5})
    with uncompiled():
        options = {"hyper": {"learning_rate": 0.05}, "noise": gaussian(0.5), "steps": 9, "rng": 1}
        assert differing(*both(analog_sgd, cell, BOWL, **options)) == []


def test_products_of_averages_are_kept_apart_whatever_their_names():
    scaled = {"a": 1.0, "a_b": 2.0, "c": 3.0, "b_c": 5.0}
    averages = {n: (lambda state, hyper, g, ops, s=s: s * state.W) for n, s in scaled.items()}
    with uncompiled():
        options = {"hyper": {"learning_rate": 0.05}, "noise": gaussian(0.5), "steps": 200, "rng": 1}
        found = simulate(analog_sgd, linear(tau=1), BOWL, averages=averages, **options).averages
    plain = found["a"].variance
    np.testing.assert_allclose(found["a"].covariance["b_c"], 5 * plain, atol=1e-13)
    np.testing.assert_allclose(found["a_b"].covariance["c"], 6 * plain, atol=1e-13)


def test_a_local_variable_named_like_a_number_of_a_device_is_renamed():
    def step(state, hyper, gradient, ops):
        W_tau = -0.05 * gradient
        again = W_tau * 0.5
        return {"W": ops.pulse.W(ops.pulse.W(state.W, W_tau), again)}

    with uncompiled():
        twice = replace(analog_sgd, step=step)
        options = {"hyper": {"learning_rate": 0.05}, "noise": gaussian(0.5), "steps": 9, "rng": 1}
        assert differing(*both(twice, linear(tau=1.3, c=0.2), BOWL, **options)) == []


def test_a_parameter_called_like_a_settled_number_keeps_its_own():
    tau, own = positive("tau"), positive("fixed1")
    cell = Response(up=own - w / tau, down=own + w / tau)(tau=[1.0, 2.0], fixed1=1.5)
    with uncompiled():
        options = {"hyper": {"learning_rate": 0.05}, "noise": gaussian(0.5), "steps": 9, "rng": 1}
        assert differing(*both(analog_sgd, cell, BOWL, **options)) == []


def test_a_device_does_not_follow_an_array_that_is_changed_afterwards():
    tau = np.array([1.0, 2.0])
    cell = linear(tau=tau)
    options = {"hyper": {"learning_rate": 0.05}, "noise": gaussian(0.5), "steps": 9, "rng": 1}
    with uncompiled():
        before = both(analog_sgd, cell, BOWL, **options)
        tau *= 0.5
        assert differing(*both(analog_sgd, cell, BOWL, **options)) == []
        assert differing(before[0], both(analog_sgd, cell, BOWL, **options)[0]) == []


def test_a_weight_that_was_not_finite_for_one_step_is_noticed_at_any_record_every():
    def step(state, hyper, gradient, ops):
        broken = ops.where(ops.k == 50.0, ops.log(-1.0 - 0.0 * state.W), state.W)
        return {"W": ops.where(ops.k == 51.0, 0.3, broken)}

    with uncompiled():
        options = {"hyper": {"learning_rate": 0.05}, "steps": 90, "record_every": 90, "rng": 1}
        runs = both(replace(analog_sgd, step=step), linear(tau=1), BOWL, **options)
    assert (runs[0].outcomes.broke == 51).all()
    assert differing(*runs) == []


@pytest.mark.parametrize("title", [r"$\xi$ cell", 'x"""\nraise SystemExit\n"""'])
def test_a_title_cannot_break_a_module(title):
    cell = Response(up=1 - w, down=1 + w, title=title)()
    compile(text_of(analog_sgd, cell), "<generated>", "exec")
    plain_module(text_of(analog_sgd, cell))


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
    id="all-ops",
    title="All operations",
    source=Source("RF25", "none"),
    arrays={"W": 0.0},
    buffers={"H": 0.0, "N": 0.0, "M": 0.0},
    noises=("drift", "lines", "unused"),
    hyper=(Parameter("period", sympy.Symbol("T"), REALS, (2, 5), "steps between transfers"),),
    query=weight,
    step=everything,
    readout=weight,
)
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


# -- the version of the compiler ------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.62.0", "0.62.0rc1", "0.68.1", "0.68.9dev0+3.gabc"])
def test_known_versions_of_numba_are_accepted(version):
    numba_rules.require_known(version)


@pytest.mark.parametrize("version", ["0.61.2", "0.69.0", "0.69.0rc1", "0.100.0", "1.0"])
def test_another_version_of_numba_is_refused_in_one_sentence_with_the_way_out(version):
    with pytest.raises(ValueError, match=rf"^Numba {re.escape(version)} is installed") as raised:
        numba_rules.require_known(version)
    said = str(raised.value)
    assert "from 0.62 up to, not including, 0.69" in said
    assert "pip install 'numba>=0.62,<0.69'" in said
    assert "or use engine='reference'" in said


def test_the_known_versions_of_numba_are_those_that_the_project_asks_for():
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    first, beyond = numba_rules.KNOWN
    assert f"numba>={first},<{beyond}" in asked


REFUSED = """
import numba.extending
numba.__version__ = "0.99.0"
del numba.extending.type_callable  # as another version may lack it
import aimctheory as at
from aimctheory.command import discover, doctor
given = dict(hyper={"learning_rate": 0.1}, steps=9, rng=1)
run = at.simulate(at.digital_sgd, None, at.quadratic(), engine="reference", **given)
for _ in range(2):
    try:
        at.simulate(at.digital_sgd, None, at.quadratic(), **given)
    except ValueError as error:
        print(error)
(found,) = [f for f in doctor.examine(discover.here()) if f.what == "self-test"]
print(found.found, found.ok)
"""


def test_simulate_and_doctor_say_that_a_version_of_numba_is_unknown():
    ran = subprocess.run(
        [sys.executable, "-c", REFUSED], capture_output=True, text=True, cwd=ROOT, timeout=100
    )
    assert ran.returncode == 0, ran.stderr
    first, again, found = ran.stdout.splitlines()
    assert first.startswith("Numba 0.99.0 is installed, and kernels are known to work with")
    assert first == again == found.removesuffix(" False")


# -- the compiled code ----------------------------------------------------------------------------


WIDE = ("power-2", "power-5/2", "power", "exponential", "linear")


@pytest.fixture
def assembly_of(monkeypatch, tmp_path):
    """The machine code of a lane loop; compiled here and now, for it is not kept with the code."""
    monkeypatch.setenv("AIMCTHEORY_CACHE", str(tmp_path))

    def compile_anew(algorithm, device):
        text = f"# {tmp_path}\n{text_of(algorithm, device, averages=AVERAGES)}"
        library = numba_rules.entry(kernel_cache.load(text), "steps")._library
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
