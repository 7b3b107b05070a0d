"""The algorithms against their recursions as printed, typed here line by line from the papers.

Theory and simulation share one definition of each step, so a mistyped one would pass every
cross-check between them; these transcriptions share nothing with it but the random numbers.
"""

from __future__ import annotations

import ast
import importlib.util
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.algorithms.digital_sgd import digital_sgd
from aimctheory.algorithms.residual_learning import residual_learning, residual_learning_v2
from aimctheory.catalogue import linear, power
from aimctheory.laws import gaussian
from aimctheory.objectives.quadratic import quadratic
from aimctheory.simulator.draw_counter import key_from
from aimctheory.simulator.noise import raw_draws
from aimctheory.simulator.simulate import simulate
from aimctheory.tree import pulse
from tests.comparison import ALGORITHMS

FOLDER = Path(__file__).with_name("transcriptions")
STEPS, REPLICATES, SEED = 60, 5, 11


def transcription(id):
    """The module of an algorithm's transcription."""
    path = FOLDER / f"{id.replace('-', '_')}.py"
    spec = importlib.util.spec_from_file_location(f"transcription_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# -- the printed responses ------------------------------------------------------------------------

TAU, C = 1.25, 0.2


def F_linear(w):  # (q_- + q_+)/2 with q_+ = (1+c)(1-w/tau), q_- = (1-c)(1+w/tau): RF25 p. 3
    return 1 - C * w / TAU


def G_linear(w):  # (q_- - q_+)/2
    return w / TAU - C


def F_power(w):  # RF25 (144), p. 42, at gamma_res = 2
    return 1 + w**2


def G_power(w):
    return 2 * w


H = np.array([1.0, 2.0, 0.5])
W_STAR = np.array([0.1, 0.2, -0.3])


def grad_f(w):
    return H * (w - W_STAR)


def given(stream, sigma):
    """The noise of a run, drawn from nothing but its seed."""
    key = key_from(SEED)
    names = range(REPLICATES), range(3)
    return [sigma * raw_draws("normal", key, stream, *names, k) for k in range(STEPS)]


def run(algorithm, device, hyper, noise):
    return simulate(
        algorithm,
        device,
        quadratic(H, W_STAR),
        hyper=hyper,
        noise=noise,
        steps=STEPS,
        replicates=REPLICATES,
        rng=SEED,
        record_every=1,
        start={"W": 0.05},
        engine="reference",
    )


def assert_equal(run, names, states):
    """Every state of the run equals the transcription's, to 1e-13."""
    for name, values in zip(names, zip(*states, strict=True), strict=True):
        found = run.states[name].transpose(1, 0, 2)
        np.testing.assert_allclose(found, np.array(values), rtol=0, atol=1e-13)
        assert np.ptp(found) > 0.01


W_0 = np.full((REPLICATES, 3), 0.05)
ZERO = np.zeros((REPLICATES, 3))


def test_digital_sgd_is_ex24_2():
    ours = run(digital_sgd, None, {"learning_rate": 0.1}, gaussian(0.5))
    printed = transcription("digital-sgd").trajectory(
        W_0, grad_f, given("gradient", 0.5), alpha=0.1
    )
    assert_equal(ours, ["W"], [(w,) for w in printed])


@pytest.mark.parametrize(
    ("device", "F", "G"),
    [(linear(tau=TAU, c=C), F_linear, G_linear), (power(tau=1, gamma=2), F_power, G_power)],
    ids=["linear", "power"],
)
def test_analog_sgd_is_rf25_2(device, F, G):
    ours = run(analog_sgd, device, {"learning_rate": 0.1}, gaussian(0.5))
    printed = transcription("analog-sgd").trajectory(
        W_0, grad_f, given("gradient", 0.5), F, G, alpha=0.1
    )
    assert_equal(ours, ["W"], [(w,) for w in printed])


def test_analog_sgd_on_the_linear_response_is_ex24_3():
    ours = run(analog_sgd, linear(tau=TAU), {"learning_rate": 0.1}, gaussian(0.5))
    noises = given("gradient", 0.5)
    printed = transcription("analog-sgd").trajectory_ex24(W_0, grad_f, noises, alpha=0.1, tau=TAU)
    assert_equal(ours, ["W"], [(w,) for w in printed])


def residual(**changes):
    numbers = {"F_P": F_power, "G_P": G_power, "F": F_linear, "G": G_linear}
    return numbers | {"alpha": 0.1, "beta": 0.05, "gamma": 0.3} | changes


PAIR = {"P": power(tau=1, gamma=2), "W": linear(tau=TAU, c=C)}
RATES = {"learning_rate": 0.1, "transfer_rate": 0.05, "mixing": 0.3}


def test_residual_learning_is_rf25_10_and_11():
    ours = run(residual_learning, PAIR, RATES, gaussian(0.5))
    printed = transcription("residual-learning").trajectory(
        ZERO, W_0, grad_f, given("gradient", 0.5), **residual()
    )
    assert_equal(ours, ["P", "W"], list(printed))


@pytest.mark.parametrize("threshold", [0.0, 0.04])
def test_residual_learning_v2_is_rf25_10_14_and_15(threshold):
    laws = {"gradient": gaussian(0.5), "read": gaussian(0.1)}
    ours = run(residual_learning_v2, PAIR, RATES | {"threshold": threshold}, laws)
    noises = zip(given("gradient", 0.5), given("read", 0.1), strict=True)
    printed = list(
        transcription("residual-learning-v2").trajectory(
            ZERO, W_0, ZERO, grad_f, noises, **residual(dw_min=threshold)
        )
    )
    assert_equal(ours, ["P", "W", "H"], printed)
    waited = np.mean([np.mean(after[1] == before[1]) for before, after in pairwise(printed)])
    assert 0.2 < waited < 0.8 if threshold else waited == 0


def test_the_order_of_the_two_arrays_is_seen():
    # RF25 (11) transfers the new P; transferring the old one is another algorithm
    def old_first(state, hyper, gradient, ops):
        new = residual_learning.step(state, hyper, gradient, ops)
        return {"P": new["P"], "W": ops.pulse.W(state.W, hyper.transfer_rate * state.P)}

    ours = run(replace(residual_learning, step=old_first), PAIR, RATES, gaussian(0.5))
    printed = transcription("residual-learning").trajectory(
        ZERO, W_0, grad_f, given("gradient", 0.5), **residual()
    )
    with pytest.raises(AssertionError):
        assert_equal(ours, ["P", "W"], list(printed))


RULE_BUGS = {
    "q_up and q_down swapped": lambda d, q, ops: ops.where(d >= 0.0, q.down, q.up),
    "upwards at d = 0 only": lambda d, q, ops: ops.where(d == 0.0, q.up, q.down),
    "their mean": lambda d, q, ops: (q.up + q.down) / 2.0,
}


@pytest.mark.parametrize("bug", RULE_BUGS)
def test_a_mistyped_pulse_rule_is_noticed_although_every_reading_shares_it(monkeypatch, bug):
    monkeypatch.setattr(pulse, "response", RULE_BUGS[bug])
    ours = run(analog_sgd, linear(tau=TAU, c=C), {"learning_rate": 0.1}, gaussian(0.5))
    printed = transcription("analog-sgd").trajectory(
        W_0, grad_f, given("gradient", 0.5), F_linear, G_linear, alpha=0.1
    )
    with pytest.raises(AssertionError):
        assert_equal(ours, ["W"], [(w,) for w in printed])


def test_every_algorithm_has_a_transcription():
    # not a rule (the report says which are unchecked), but true of those that stand here
    assert [id for id in ALGORITHMS if not (FOLDER / f"{id.replace('-', '_')}.py").exists()] == []


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.py")), ids=lambda file: file.stem)
def test_a_transcription_shares_no_code_of_ours(file):
    tree = ast.parse(file.read_text())
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert imported <= {"numpy"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
