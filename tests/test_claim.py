"""What a case may carry and what a claim may say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import mpmath
import numpy as np
import pytest

from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import at_most, equal
from aimctheory.notation import Source

SOURCE = Source("RF25", "Theorem 5, p. 24")


def squares(scale):
    """x = 1, 2 (quick), up to 3, up to 4."""
    for x in range(1, scale.pick(3, 4, 5)):
        yield {"x": float(x)}


def observe_square(x):
    return Case(x=x, square=x * x, measured=x * x, half_width=0.01)


CUBE = Mutant("the cube, which differs beyond x = 1", stated=lambda c: c.x**3)


def claim(**changes):
    """The claim that the square of x is x·x, with `changes`."""
    parts = {
        "relation": equal(within=1e-9),
        "expected": "holds",
        "instances": squares,
        "observe": observe_square,
        "computed": lambda c: c.square,
        "stated": lambda c: c.x * c.x,
        "mutants": [CUBE],
    }
    return Claim("square", "A square", "$x^2 = x x$", SOURCE, **(parts | changes))


# -- the case -------------------------------------------------------------------------------------


def test_a_case_gives_its_values_by_name():
    case = Case(x=1.5, name="linear", distance=np.arange(3), q=np.cos)
    assert (case.x, case.name, case.distance[2], case.q(0.0)) == (1.5, "linear", 2, 1.0)


@dataclass
class Cell:
    tau: float

    def q_up(self, w):
        return 1 - w / self.tau


@pytest.mark.parametrize(
    "value", [Cell(1.0), [1.0, 2.0], {"a": 1}, None, Cell, np.array([object()]), (0.1, 0.2)]
)
def test_a_case_takes_nothing_but_numbers_arrays_strings_and_functions(value):
    with pytest.raises(TypeError, match=r"thing is a .*carries only numbers, arrays, strings"):
        Case(thing=value)


@pytest.mark.parametrize("value", [True, 1, 1.0, 1j, np.float32(1), np.bool_(1), mpmath.mpf(1)])
def test_a_case_takes_every_kind_of_number(value):
    assert Case(thing=value).thing == value


def test_a_method_does_not_lead_back_to_its_object():
    case = Case(q_up=Cell(2.0).q_up)
    assert case.q_up(1.0) == 0.5
    assert not hasattr(case.q_up, "__self__")


@pytest.mark.parametrize(
    "function",
    [lambda w: Cell(w), lambda w: "1", lambda w: [w]],
    ids=["an object", "a string", "a list"],
)
def test_a_function_in_a_case_returns_plain_numbers(function):
    with pytest.raises(TypeError, match="f is a function of plain numbers"):
        Case(f=function).f(1.0)


def test_a_function_in_a_case_takes_plain_numbers():
    with pytest.raises(TypeError, match="a Cell is none"):
        Case(f=lambda cell: cell.tau).f(Cell(1.0))


def test_functions_of_a_case_work_inside_mpmath():
    case = Case(q_up=Cell(2.0).q_up)
    assert float(mpmath.diff(case.q_up, 0.3)) == -0.5


def test_a_function_in_doubles_is_not_differentiated_to_zero():
    case = Case(q_up=lambda w: 1 - float(w) / 2)
    with pytest.raises(TypeError, match="q_up rounds mpmath's numbers to double precision"):
        mpmath.diff(case.q_up, 0.3)
    assert case.q_up(mpmath.mpf(0.5)) == 0.75


def test_arrays_in_a_case_are_copies_that_cannot_be_written():
    given = np.ones(3)
    case = Case(x=given)
    given[0] = 7
    assert case.x[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        case.x[0] = 2


def test_a_missing_name_lists_the_known():
    with pytest.raises(AttributeError, match="carries no 'sigma'; it carries x, tau"):
        _ = Case(x=1, tau=2).sigma


def test_a_case_cannot_be_changed():
    with pytest.raises(AttributeError, match="cannot be changed"):
        Case(x=1).x = 2


def test_a_partial_is_a_function():
    assert Case(f=partial(pow, 2)).f(3) == 8


# -- what a claim may say -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"expected": "true"}, "expected = 'true' is not one of holds, holds as corrected"),
        ({"expected": "undecided"}, "expected = 'undecided' is not one of"),
        ({"level": "sure"}, "level = 'sure' is not one of proved, certified"),
        ({"stated": None}, "stated missing"),
        ({"computed": None}, r"computed \(or error= in its relation\) missing"),
        ({"observe": None, "instances": None}, "instances and observe missing"),
        ({"corrected": lambda c: c.x}, "go together"),
        ({"expected": "holds as corrected"}, "go together"),
        ({"unprinted": {"x > 1": lambda c: c.x > 1}}, "go together"),
        (
            {
                "expected": "holds as corrected",
                "hypotheses": {"x > 1": lambda c: c.x > 1},
                "unprinted": {"x > 1": lambda c: c.x > 1},
            },
            "x > 1 in hypotheses= and in unprinted=",
        ),
        ({"expected": "not testable", "note": "hidden"}, "has no sides"),
    ],
)
def test_a_claim_that_makes_no_sense_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        claim(**changes)


@pytest.mark.parametrize("name", ["RF25", "a b", "a--b", "", "rf25_theorem"])
def test_an_id_is_words_joined_by_hyphens(name):
    with pytest.raises(ValueError, match="joined by hyphens"):
        replace(claim(), id=name)


def test_an_untestable_claim_needs_its_reason():
    with pytest.raises(ValueError, match="needs a note"):
        Claim("c", "t", "s", SOURCE, relation=at_most(), expected="not testable")


def test_a_mutant_that_changes_nothing_is_refused():
    with pytest.raises(ValueError, match="'idle' changes nothing"):
        Mutant("idle")
