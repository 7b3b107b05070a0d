"""What a simulation refuses, each in one sentence: the value, the allowed set, the way out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aimctheory.algorithms.analog_sgd import analog_sgd, weight
from aimctheory.algorithms.digital_sgd import digital_sgd
from aimctheory.algorithms.residual_learning import residual_learning, residual_learning_v2
from aimctheory.catalogue import ideal, linear, power, soft_bounds
from aimctheory.laws import gaussian, rademacher, two_point, two_point_frozen, uniform
from aimctheory.notation import positive, w
from aimctheory.objectives.quadratic import quadratic
from aimctheory.response import Response
from aimctheory.simulator.simulate import simulate
from tests.comparison import AVERAGES, BOWL, RATE, run

sigma = positive("sigma")


def branching(state, hyper, gradient, ops):
    return {"W": state.W - gradient if gradient > 0 else state.W}


BRANCH = replace(digital_sgd, step=branching)
FORGETFUL = replace(residual_learning, step=lambda s, h, g, ops: {"W": s.W})
SPILLING = replace(digital_sgd, step=lambda s, h, g, ops: {"W": s.W, "V": g})
MISREAD = replace(digital_sgd, query=lambda s, h, ops: s.V)
RUSHED = replace(digital_sgd, query=lambda s, h, ops: s.W * ops.k)
WHOLE = replace(digital_sgd, step=lambda s, h, g, ops: {"W": s.W // 2})
NOT = replace(digital_sgd, step=lambda s, h, g, ops: {"W": ops.where(~(g > 0), 0.0, s.W)})
RESIDUAL = {"learning_rate": 0.1, "transfer_rate": 0.05, "mixing": 0.3}

REFUSED = {
    "a negative device parameter": (lambda: linear(tau=-1), ["tau = -1", "(0, ∞)", "half-width"]),
    "a device parameter that is no number": (lambda: linear(tau=np.nan), ["tau = nan", "(0, ∞)"]),
    "one bad cell of many": (lambda: power(tau=[1.0, 0.0], gamma=2), ["tau = 0", "(0, ∞)"]),
    "a device parameter that is text": (
        lambda: linear(tau="wide"),
        ["tau = 'wide'", "not a number"],
    ),
    "an asymmetry at its limit": (lambda: linear(tau=1, c=1), ["c = 1", "(-1, 1)"]),
    "an unknown device parameter": (lambda: linear(tau=1, gamma=2), ["'gamma'", "tau, c"]),
    "a missing device parameter": (lambda: power(tau=1), ["power needs gamma", "(0, ∞)"]),
    "a lower bound above": (lambda: soft_bounds(tau_max=1, tau_min=1), ["tau_min = 1", "(-∞, 0)"]),
    "no symmetric point": (
        lambda: ideal().symmetric_point(),
        ["ideal", "every weight is symmetric"],
    ),
    "a negative noise": (lambda: gaussian(-0.5), ["sigma = -0.5", "[0, ∞)", "standard deviation"]),
    "a noise that is no number": (lambda: uniform([0.1, np.nan]), ["sigma = nan", "[0, ∞)"]),
    "a probability of one": (lambda: two_point_frozen(0.5, p=1.0), ["p = 1", "(0, 1)"]),
    "the density of a discrete law": (lambda: rademacher(1).density(0), ["discrete", "atoms"]),
    "a negative rate": (
        lambda: run(hyper={"learning_rate": -0.1}),
        ["learning_rate = -0.1", "(0, ∞)"],
    ),
    "a rate that is no number": (
        lambda: run(hyper={"learning_rate": np.nan}),
        ["learning_rate = nan"],
    ),
    "a missing rate": (lambda: run(hyper={}), ["analog-sgd needs", "learning_rate", "(0, ∞)"]),
    "an unknown rate": (lambda: run(hyper=RATE | {"beta": 1}), ["'beta'", "it has: learning_rate"]),
    "an array without a device": (
        lambda: run(residual_learning, {"P": ideal()}, hyper=RESIDUAL),
        ["array 'W' of residual-learning has no device", "one Device for all", "P, W"],
    ),
    "no device at all": (
        lambda: simulate(analog_sgd, None, BOWL, hyper=RATE, steps=1),
        ["array 'W'", "no device"],
    ),
    "a response without numbers": (
        lambda: run(device=linear),
        ["array 'W'", "linear", "call it with numbers"],
    ),
    "an array that is not there": (
        lambda: run(device={"W": ideal(), "P": ideal()}),
        ["no array 'P'", "it has: W"],
    ),
    "a device that is a number": (lambda: run(device=3.0), ["array 'W'", "3.0", "Device"]),
    "a start outside the range": (
        lambda: run(start={"W": 1.5}),
        ["start W = 1.5", "[-1, 1]", "start inside"],
    ),
    "one start of many outside its own range": (
        lambda: run(device=linear(tau=[1.0, 0.5, 1.0]), start={"W": 0.7}),
        ["start W = 0.7", "0.5"],
    ),
    "a start that is not finite": (
        lambda: run(start={"W": np.inf}),
        ["start W = inf", "not finite"],
    ),
    "a start that is text": (lambda: run(start={"W": "high"}), ["start W", "'high'", "number"]),
    "a start for no state": (lambda: run(start={"V": 0.0}), ["no state 'V'", "it has: W"]),
    "a rate of a wrong shape": (
        lambda: run(hyper={"learning_rate": np.full(7, 0.1)}),
        ["learning_rate has shape (7,)", "(4, 3)"],
    ),
    "a device of a wrong shape": (
        lambda: run(device=linear(tau=np.ones((2, 3)))),
        ["W_tau has shape (2, 3)", "(4, 3)"],
    ),
    "a noise of a wrong shape": (
        lambda: run(noise=gaussian(np.ones(5))),
        ["gradient_sigma has shape (5,)", "(4, 1)"],
    ),
    "an objective of a wrong shape": (
        lambda: run(objective=quadratic(np.ones((7, 1)))),
        ["curvature has shape (7, 1)", "(4, 1)"],
    ),
    "a start of a wrong shape": (
        lambda: run(start={"W": np.zeros((3, 3))}),
        ["start W has shape (3, 3)", "(4, 3)"],
    ),
    "noise of an unknown stream": (
        lambda: run(noise={"write": gaussian(1)}),
        ["no noise stream 'write'", "it has: gradient"],
    ),
    "a noise that is a number": (lambda: run(noise=0.5), ["0.5", "a law such as gaussian(0.5)"]),
    "a stream whose noise is a number": (
        lambda: run(noise={"gradient": 0.5}),
        ["stream 'gradient'", "0.5", "a law such as gaussian(0.5)"],
    ),
    "a law of the weight where there is none": (
        lambda: run(residual_learning_v2, hyper=RESIDUAL, noise={"read": two_point(0.5, 1.0)}),
        ["two-point", "only stream 'gradient' has", "'read'"],
    ),
    "a step that branches": (lambda: run(BRANCH), ["cannot branch", "ops.where"]),
    "a branch on a single number": (
        lambda: run(BRANCH, objective=quadratic(1.0), replicates=1),
        ["cannot branch", "ops.where"],
    ),
    "a step that forgets a state": (
        lambda: run(FORGETFUL, hyper=RESIDUAL),
        ["returns W;", "every state once: P, W"],
    ),
    "a step with a state too many": (
        lambda: run(SPILLING),
        ["returns W, V;", "every state once: W"],
    ),
    "a step that returns no dict": (
        lambda: run(replace(digital_sgd, step=weight_step)),
        ["digital-sgd", "dict", "W"],
    ),
    "a query of an unknown state": (lambda: run(MISREAD), ["no state 'V'", "has: W"]),
    "a query that is not settled before the step": (
        lambda: run(RUSHED, objective=quadratic([[2.0, 0.5], [0.5, 1.0]])),
        ["the query uses k", "states and numbers only"],
    ),
    "whole division": (lambda: run(WHOLE), ["no // operator", "%"]),
    "a logical not": (lambda: run(NOT), ["no ~ operator", "opposite comparison"]),
    "an average that branches": (
        lambda: run(averages={"a": lambda s, h, g, ops: 1.0 if g > 0 else 0.0}),
        ["cannot branch"],
    ),
    "an average of an unknown state": (
        lambda: run(averages={"a": lambda s, h, g, ops: s.P}),
        ["no state 'P'", "has: W"],
    ),
    "an average whose name is no name": (
        lambda: run(averages={"E|g|": AVERAGES["W"]}),
        ["'E|g|'", "name"],
    ),
    "no steps": (lambda: run(steps=0), ["steps = 0", "[1, 2^34)"]),
    "half a step": (lambda: run(steps=1.5), ["steps = 1.5", "integer"]),
    "records never": (lambda: run(record_every=0), ["record_every = 0", "[1, 2^34)"]),
    "no replicates": (lambda: run(replicates=0), ["replicates = 0", "positive integer"]),
    "a seed that is text": (lambda: run(rng="one"), ["rng = 'one'", "integer"]),
    "an unknown engine": (lambda: run(engine="gpu"), ["'gpu'", "'kernel' or 'reference'"]),
}


def weight_step(state, hyper, gradient, ops):
    return weight(state, hyper, ops)


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_in_one_sentence_with_value_and_way_out(case):
    attempt, contents = REFUSED[case]
    with pytest.raises(ValueError, match=r"\w") as raised:
        attempt()
    said = str(raised.value)
    assert [part for part in contents if part not in said] == []
    assert "\n" not in said
    assert len(said) < 300


def test_threads_that_are_no_number_are_refused(monkeypatch):
    monkeypatch.setenv("AIMCTHEORY_THREADS", "many")
    with pytest.raises(ValueError, match="AIMCTHEORY_THREADS = 'many' is not a positive integer"):
        run(engine="printed")


@pytest.mark.parametrize("engine", ["reference", "printed"])
def test_a_gradient_of_another_shape_than_the_weights_is_refused(engine):
    flat = replace(quadratic([[2.0, 0.5], [0.5, 1.0]]), gradient=lambda weights, rows: weights[0])
    with pytest.raises(ValueError, match=r"gradient at weights \(4, 2\) has shape \(2,\)"):
        run(objective=flat, engine=engine)


def test_a_gradient_cannot_change_the_states_it_is_shown():
    def spoiling(weights, rows):
        weights -= 0.1
        return weights

    spoilt = replace(quadratic([[2.0, 0.5], [0.5, 1.0]]), gradient=spoiling)
    with pytest.raises(ValueError, match="read-only"):
        run(objective=spoilt, engine="printed")


COUNTS = {"a + b": lambda a, b: a + b, "a - b": lambda a, b: a - b, "-a": lambda a, b: 1.0 * -a}


@pytest.mark.parametrize("engine", ["reference", "printed"])
@pytest.mark.parametrize("count", COUNTS)
def test_sums_of_conditions_are_refused_alike(engine, count):
    seen = {"n": lambda state, hyper, g, ops: COUNTS[count](g > 0.0, state.W > 0.1)}
    with pytest.raises(ValueError, match="condition"):
        run(averages=seen, engine=engine)


NAMES = {
    "a stream that is no Python name": (
        lambda: run(replace(digital_sgd, noises=("read-out",)), {}),
        "cannot be called 'read-out'",
    ),
    "a stream that mini-batches are drawn from": (
        lambda: run(replace(digital_sgd, noises=("sample",)), {}),
        "cannot be called 'sample'",
    ),
    "an array named like a part of a kernel": (
        lambda: run(replace(analog_sgd, arrays={"raw": 0.0}, buffers={}), linear(tau=1)),
        "cannot be called 'raw'",
    ),
    "two numbers of one name": (
        lambda: run(
            replace(analog_sgd, arrays={"gradient": 0.0}, noises=()),
            Response(up=1 - w / sigma, down=1 + w / sigma)(sigma=1.0),
        ),
        "two numbers would be called gradient_sigma",
    ),
    "an average under a name that Python changes": (
        lambda: run(averages={"ﬁ": weight}),
        "'ﬁ' is not a Python name",
    ),
    "an average that is a number": (lambda: run(averages={"W": 3}), "'W' is 3; give a function"),
    "averages in a list": (lambda: run(averages=[weight]), "not a mapping of names to functions"),
    "an average that returns nothing": (
        lambda: run(averages={"W": lambda *_: None}),
        "'W' returns None",
    ),
}


@pytest.mark.parametrize("case", NAMES)
def test_names_and_averages_that_cannot_be_are_refused(case):
    attempt, said = NAMES[case]
    with pytest.raises(ValueError, match=said):
        attempt()


AVERAGED = run(steps=40, averages=AVERAGES)


@pytest.mark.parametrize("after", [-1, 2.5, "20", None], ids=repr)
def test_an_average_begins_at_a_step(after):
    with pytest.raises(ValueError, match=rf"after = {after!r} is not a step of the run"):
        AVERAGED.mean("W", after=after)


@pytest.mark.parametrize("level", [0, 1, np.nan, "0.05", None], ids=repr)
def test_a_level_is_a_probability(level):
    with pytest.raises(ValueError, match=rf"level = {level!r} is outside \(0, 1\)"):
        AVERAGED.mean("W", level=level)


def test_an_unknown_name_is_told_each_known_one_once():
    with pytest.raises(ValueError, match=r"there is no 'Q' in this run; it has: ") as error:
        AVERAGED.mean("Q")
    known = str(error.value).split("it has: ")[1].split(", ")
    assert sorted(known) == sorted({*AVERAGES, "W", "readout"})


@pytest.mark.parametrize("ends", [(np.nan, 1), (-1, np.nan), (1, -1), (-np.inf, 1)], ids=repr)
def test_a_lipschitz_constant_needs_two_ends_in_order(ends):
    with pytest.raises(ValueError, match=r"bounded interval from low up to high.*give low < high"):
        linear(tau=1).lipschitz("F", *ends)
