"""What is no real number is refused wherever a number is asked for, in a sentence that names it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import sympy

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.catalogue import linear, power
from aimctheory.laws import GAUSSIAN, Law, LawForm, gaussian, rademacher, two_point
from aimctheory.notation import positive, real_numbers, w
from aimctheory.objectives.quadratic import quadratic
from aimctheory.objectives.softmax import softmax
from aimctheory.response import Response
from tests.comparison import run

NO_NUMBERS = {
    "text": "1.5",
    "texts": ["1.5"],
    "nothing": [None],
    "a truth value": True,
    "a complex number": 1 + 1j,
    "complex numbers": np.array([1 + 1j]),
    "an infinite complex number": sympy.zoo,
    "a symbol": w,
    "a date": np.datetime64("2020"),
    "rows of unequal length": [[1.0, 2.0], [3.0]],
    "no elements": [],
    "a number too large": 10**400,
}
ASKED = {
    "a device": lambda x: linear(tau=x),
    "a law": lambda x: gaussian(x),
    "a curvature": lambda x: quadratic(x),
    "a minimiser": lambda x: quadratic(1.0, x),
    "a rate": lambda x: run(hyper={"learning_rate": x}),
    "a start": lambda x: run(start={"W": x}),
    "an objective of one's own": lambda x: run(
        objective=replace(quadratic(), numbers={"curvature": x, "minimiser": 0.0})
    ),
}


@pytest.mark.parametrize("value", NO_NUMBERS)
@pytest.mark.parametrize("where", ASKED)
def test_what_is_no_number_is_refused_everywhere(where, value):
    with pytest.raises(ValueError, match="is not a number or an array of numbers"):
        ASKED[where](NO_NUMBERS[value])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, sympy.oo, sympy.nan, [1.0, np.nan]])
@pytest.mark.parametrize("where", ASKED)
def test_what_is_not_finite_is_refused_everywhere(where, value):
    with pytest.raises(ValueError, match=r"(nan|inf|oo).*is (outside|not finite)"):
        ASKED[where](value)


NUMBERS = [2, np.float32(2), np.uint8(2), Fraction(2), Decimal(2), sympy.Integer(2), [[2.0]]]


@pytest.mark.parametrize("value", NUMBERS, ids=lambda x: type(x).__name__)
def test_every_kind_of_real_number_is_taken(value):
    assert np.all(linear(tau=value).numbers["tau"] == 2.0)
    assert np.all(gaussian(value).sigma == 2.0)
    assert quadratic(value).smoothness.value == 2.0


def test_numbers_are_copied():
    given = np.array([1.0, 2.0])
    kept = real_numbers(given)
    given[0] = 5.0
    assert kept.tolist() == [1.0, 2.0]


# -- formulas -------------------------------------------------------------------------------------

NO_FORMULAS = {
    "an infinite slope": ({"up": 1 - np.inf * w}, ["q_up", "-oo"]),
    "a slope that is no number": ({"down": 1 + np.nan * w}, ["q_down", "nan"]),
    "an infinite response": ({"up": sympy.oo}, ["q_up", "oo"]),
    "a complex infinity": ({"down": 1 + sympy.zoo * w}, ["q_down", "zoo"]),
    "a complex slope": ({"up": 1 - 1j * w}, ["q_up", "I"]),
    "the root of a negative number": ({"up": 1 - sympy.sqrt(-2) * w}, ["q_up", "I"]),
    "a decimal beyond every float": ({"up": 1 - sympy.Float("1e400") * w}, ["1.00000E+400"]),
    "an integer beyond every float": ({"up": 1 - 10**400 * w}, ["q_up", "1.00000E+400"]),
    "a range that is no number": ({"dynamic_range": (sympy.nan, 1)}, ["dynamic_range", "nan"]),
    "a range to complex infinity": ({"dynamic_range": (-1, sympy.zoo)}, ["dynamic_range", "zoo"]),
    "a complex range": ({"dynamic_range": (-1, sympy.I)}, ["dynamic_range", "I"]),
    "a range above infinity": (
        {"dynamic_range": (sympy.oo, sympy.oo)},
        ["dynamic_range", "oo"],
    ),
    "a range beyond every float": (
        {"dynamic_range": (-1, sympy.Float("1e400"))},
        ["dynamic_range", "1.00000E+400"],
    ),
    "a range up to the weight": ({"dynamic_range": (-1, w)}, ["contains the weight w"]),
    "a range of an unknown width": (
        {"dynamic_range": (-1, positive("t"))},
        ["symbol t", "declare it"],
    ),
    "a range of one end": ({"dynamic_range": (1,)}, ["(1,)", "give (low, high)"]),
    "a range that is a number": ({"dynamic_range": 3}, ["3 is not a pair", "give (low, high)"]),
    "a penalty that is text": ({"closed_penalty": "w"}, ["closed_penalty", "formula"]),
    "a penalty that is no number": ({"closed_penalty": sympy.nan}, ["closed_penalty", "nan"]),
    "a penalty of an unknown symbol": ({"closed_penalty": positive("t") * w}, ["symbol t"]),
}


@pytest.mark.parametrize("case", NO_FORMULAS)
def test_a_formula_that_no_float_follows_is_refused_in_a_sentence(case):
    changes, contents = NO_FORMULAS[case]
    with pytest.raises(ValueError, match=r"\w") as raised:
        Response(**({"up": 1 - w, "down": 1 + w} | changes))
    said = str(raised.value)
    assert [part for part in ("response: ", *contents) if part not in said] == []
    assert len(said) < 300


def test_a_range_may_end_at_infinity():
    cell = Response(up=sympy.exp(-w), down=sympy.exp(w), dynamic_range=(-np.inf, sympy.oo))
    assert cell().dynamic_range == (-np.inf, np.inf)


def test_a_range_as_wide_as_floats_go_is_a_range():
    assert linear(tau=1e308).dynamic_range == (-1e308, 1e308)


# -- records made by hand -------------------------------------------------------------------------

MADE_BY_HAND = {
    "a negative number of a law": (
        lambda: Law(GAUSSIAN, {"sigma": -1.0}),
        r"gaussian: sigma = -1 is outside \[0, ∞\)",
    ),
    "a law without its number": (lambda: Law(GAUSSIAN, {}), "gaussian needs sigma"),
    "a law with another's number": (
        lambda: Law(GAUSSIAN, {"sigma": 1.0, "tau": 1.0}),
        "gaussian has no parameter 'tau'",
    ),
    "a law drawn from another raw number": (
        lambda: LawForm(
            id="odd",
            parameters=GAUSSIAN.parameters,
            raw="normals",
            draw=GAUSSIAN.draw,
            absolute_moment=GAUSSIAN.absolute_moment,
            signed_square=GAUSSIAN.signed_square,
        ),
        "odd: raw = 'normals' is not a raw number; use normal or uniform",
    ),
    "a half-width of 0": (lambda: two_point(0.5, tau=0.0), r"tau = 0 is outside \(0, ∞\)"),
    "numbers in a list": (lambda: run(hyper=[0.1]), r"\[0.1\] does not give each hyper-parameter"),
    "no numbers": (lambda: run(hyper=None), "None does not give each hyper-parameter by name"),
    "starts in a list": (lambda: run(start=[0.1]), r"start = \[0.1\] does not give each state"),
    "a start without a name": (lambda: run(start=0.1), "start = 0.1 does not give each state"),
    "no objective": (lambda: run(objective=None), "objective = None is not an Objective"),
    "a device as objective": (
        lambda: run(objective=linear(tau=1)),
        "objective = linear.* is not an Objective",
    ),
    "a text as algorithm": (lambda: run("sgd"), "algorithm = 'sgd' is not an Algorithm"),
    "a form as noise": (lambda: run(noise=GAUSSIAN), "the form gaussian without numbers"),
    "a truth value of replicates": (lambda: run(replicates=True), "replicates = True"),
    "a truth value of steps": (lambda: run(steps=True), "steps = True"),
    "features that are text": (lambda: softmax([["a"]], [0]), "features or labels are not arrays"),
    "complex features": (lambda: softmax([[1j]], [0]), "features or labels are not arrays"),
    "a penalty that is text": (lambda: softmax([[1.0], [2.0]], [0, 1], l2="1"), "l2 = '1'"),
    "a complex penalty": (lambda: softmax([[1.0], [2.0]], [0, 1], l2=1j), "l2 = 1j"),
    "a start of an algorithm that is not finite": (
        lambda: run(replace(analog_sgd, arrays={"W": np.nan})),
        "start W = nan is not finite",
    ),
}


@pytest.mark.parametrize("case", MADE_BY_HAND)
def test_a_record_made_by_hand_is_checked_as_any_other(case):
    attempt, said = MADE_BY_HAND[case]
    with pytest.raises(ValueError, match=said):
        attempt()


def test_the_numbers_of_a_law_cannot_be_changed_afterwards():
    widths = np.array([0.5, 1.0])
    law = Law(GAUSSIAN, {"sigma": widths})
    widths[0] = 9.0
    assert law.sigma.tolist() == [0.5, 1.0]
    assert not law.sigma.flags.writeable
    assert rademacher(np.float32(0.5)) == rademacher(0.5)
    assert power(tau=1, gamma=2).numbers == {"tau": 1.0, "gamma": 2.0}
