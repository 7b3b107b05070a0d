"""Mutants must die of the evidence, and evidence that breaks becomes one sentence."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import at_most, equal
from aimctheory.judge.verdict import check
from aimctheory.notation import Source
from aimctheory.scale import DEFAULT, FULL, QUICK

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


# -- mutants --------------------------------------------------------------------------------------


def test_a_surviving_mutant_is_an_error():
    verdict = check(claim(mutants=[CUBE, Mutant("x·x again", stated=lambda c: c.x * c.x)]))
    assert (verdict.verdict, verdict.ok) == ("error", False)
    assert "a mutant survives (x·x again)" in verdict.reason


def test_a_claim_without_mutants_is_an_error():
    verdict = check(claim(mutants=[]))
    assert verdict.verdict == "error"
    assert "no mutant" in verdict.reason


def test_an_error_still_says_what_the_verdict_would_be():
    verdict = check(claim(stated=lambda c: 2 * c.x, mutants=[]))
    assert verdict.reason.endswith("; apart from that, the verdict would be 'fails'")


def test_a_killed_mutant_names_the_case_that_did_it():
    (trial,) = check(claim()).mutants
    assert (trial.killed, trial.by.instance) == (True, "x=3")


def test_a_mutant_within_the_noise_is_not_killed():
    near = Mutant("a thousandth more", stated=lambda c: c.square * 1.001)
    noisy = claim(
        relation=equal(within=0.1),
        computed=lambda c: (c.measured, c.half_width),
        level="statistical",
        mutants=[near],
    )
    assert check(noisy).verdict == "error"


def test_a_doubtful_mutant_is_forgiven_on_a_quick_run_only():
    doubtful = claim(
        relation=equal(within=0.1),
        computed=lambda c: (c.measured, c.half_width),
        level="statistical",
        mutants=[Mutant("a tenth more", stated=lambda c: c.square + 0.1)],
    )
    assert check(doubtful, QUICK).ok
    assert not check(doubtful, FULL).ok


def test_a_surviving_mutant_is_not_forgiven_on_a_quick_run():
    assert not check(claim(mutants=[Mutant("same", stated=lambda c: c.x**2)]), QUICK).ok


def test_a_mutant_with_its_own_instances_drops_the_hypotheses():
    dropped = Mutant("x < 0, where the root is not x", instances=lambda s: [{"x": -1.0}])
    root = claim(
        hypotheses={"x > 0": lambda c: c.x > 0},
        computed=lambda c: c.square**0.5,
        stated=lambda c: c.x,
        mutants=[dropped],
    )
    verdict = check(root)
    assert (verdict.verdict, verdict.mutants[0].by.instance) == ("holds", "x=-1")


def test_a_mutant_with_its_own_observation_keeps_the_hypotheses():
    seen = []

    def observe_cube(x):
        seen.append(x)
        return Case(x=x, square=x**3)

    verdict = check(
        claim(
            hypotheses={"x > 1": lambda c: c.x > 1},
            mutants=[Mutant("the cube observed", observe=observe_cube)],
        )
    )
    assert verdict.mutants[0].killed
    assert (verdict.dropped, seen) == ({"x > 1": 1}, [1.0, 2.0, 3.0])


def test_hypotheses_guard_the_observation_of_a_mutant():
    # At x = 1 alone the cube is the square: observed there, the mutant must survive.
    cube = Mutant("the cube observed", observe=lambda x: Case(x=x, square=x**3))
    verdict = check(claim(hypotheses={"x = 1": lambda c: c.x == 1}, mutants=[cube]))
    assert (verdict.verdict, verdict.mutants[0].killed) == ("error", False)


def test_a_mutant_of_a_corrected_claim_acts_on_the_correction():
    # With the printed form in its place it would die; with the correction it must survive.
    same = Mutant("the same again", observe=observe_square)
    verdict = check(
        claim(
            stated=lambda c: 2 * c.x,
            corrected=lambda c: c.x**2,
            expected="holds as corrected",
            mutants=[same],
        )
    )
    assert (verdict.verdict, verdict.mutants[1].killed) == ("error", False)


def test_a_mutant_that_breaks_is_an_error_not_a_kill():
    verdict = check(claim(mutants=[Mutant("broken", stated=lambda c: c.nothing)]))
    assert verdict.verdict == "error"
    assert verdict.reason.startswith("mutant 'broken' at x=1 raised AttributeError: the case")


def test_a_mutants_own_evidence_that_breaks_names_the_mutant():
    lost = Mutant("lost", instances=lambda scale: [{"y": 1.0}])
    verdict = check(claim(mutants=[lost]))
    assert verdict.verdict == "error"
    assert verdict.reason.startswith("mutant 'lost': observe(y=1) raised TypeError")


def test_a_mutant_that_is_not_finite_is_an_error_not_a_kill():
    verdict = check(claim(mutants=[Mutant("divergent", stated=lambda c: math.nan)]))
    assert verdict.verdict == "error"
    assert "must be finite" in verdict.reason


def smaller_than_its_square(**changes):
    """The claim that x ≤ x², printed without the x ≥ 1 that it needs."""
    parts = {
        "relation": at_most(),
        "expected": "holds as corrected",
        "instances": lambda scale: [{"x": x} for x in (0.5, 1.0, 2.0)],
        "computed": lambda c: c.x,
        "stated": lambda c: c.square,
        "unprinted": {"x ≥ 1": lambda c: c.x >= 1},
        "mutants": [Mutant("half the square", stated=lambda c: c.square / 2)],
    }
    return claim(**(parts | changes))


def test_an_unprinted_assumption_spares_the_corrected_form_only():
    verdict = check(smaller_than_its_square())
    assert (verdict.verdict, verdict.ok) == ("holds as corrected", True)
    assert verdict.witness.instance == "x=0.5"
    assert [each.instance for each in verdict.findings] == ["x=1", "x=2"]
    assert dict(verdict.dropped) == {"x ≥ 1": 1}
    assert [(m.why, m.killed) for m in verdict.mutants] == [
        ("the printed form", True),
        ("half the square", True),
    ]


def test_an_unprinted_assumption_that_is_not_needed_is_an_error():
    verdict = check(smaller_than_its_square(instances=lambda scale: [{"x": 1.0}, {"x": 2.0}]))
    assert (verdict.verdict, verdict.mutants[0].killed) == ("error", False)


def test_an_unprinted_assumption_that_is_too_weak_fails():
    weak = {"x > 0": lambda c: c.x > 0}
    assert check(smaller_than_its_square(unprinted=weak)).verdict == "fails"


def test_an_unprinted_assumption_guards_the_observation_of_a_mutant():
    # At x = 0.5 alone the cube is below x; with that case dropped the mutant must survive.
    cube = Mutant("the cube observed", observe=lambda x: Case(x=x, square=x**3))
    verdict = check(smaller_than_its_square(mutants=[cube]))
    assert (verdict.verdict, verdict.mutants[1].killed) == ("error", False)


def test_no_case_left_by_an_unprinted_assumption_is_an_error():
    verdict = check(smaller_than_its_square(unprinted={"x > 9": lambda c: c.x > 9}))
    assert verdict.reason.startswith("no case of 3 is left to judge ('x > 9' drops 3)")


# -- evidence -------------------------------------------------------------------------------------


def test_each_instance_is_observed_once():
    seen = []

    def observe(x):
        seen.append(x)
        return observe_square(x)

    check(
        claim(
            observe=observe,
            stated=lambda c: 2 * c.x,
            corrected=lambda c: c.x**2,
            expected="holds as corrected",
        )
    )
    assert seen == [1.0, 2.0, 3.0]


def test_the_scale_reaches_the_instances():
    assert [check(claim(), scale).cases for scale in (QUICK, DEFAULT, FULL)] == [2, 3, 4]


def test_cases_that_fail_a_hypothesis_are_dropped_and_counted():
    verdict = check(
        claim(hypotheses={"x > 1": lambda c: c.x > 1, "all": lambda c: np.array([c.x > 2, True])})
    )
    assert (verdict.cases, dict(verdict.dropped)) == (1, {"x > 1": 1, "all": 2})


def test_no_case_left_is_an_error():
    verdict = check(claim(hypotheses={"x > 9": lambda c: c.x > 9}))
    assert verdict.verdict == "error"
    assert verdict.reason == (
        "no case of 3 is left to judge ('x > 9' drops 3); widen the instances"
    )


def test_no_instance_at_all_is_an_error():
    verdict = check(claim(instances=lambda scale: ()))
    assert verdict.reason == "no case of 0 is left to judge; instances yielded nothing"


def broken(*_, **__):
    raise RuntimeError("out of range\nsecond line")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"instances": broken}, "instances raised RuntimeError: out of range"),
        ({"observe": broken}, "observe(x=1) raised RuntimeError: out of range"),
        ({"stated": broken}, "stated at x=1 raised RuntimeError: out of range"),
        ({"computed": broken}, "computed at x=1 raised RuntimeError: out of range"),
        (
            {"hypotheses": {"A2": broken}},
            "hypothesis 'A2' of x=1 raised RuntimeError: out of range",
        ),
        ({"observe": lambda x: {"x": x}}, "observe(x=1) returned a dict; return a Case"),
        (
            {"stated": lambda c: "four"},
            "stated at x=1 raised ValueError: stated returned str; return a number, an array of "
            "numbers or the pair (value, half_width)",
        ),
        (
            {"computed": lambda c: (1.0, -0.1)},
            "computed at x=1 raised ValueError: computed returned 1. ± -0.1; every value must be "
            "finite, every half-width 0 or more, and there must be at least one",
        ),
        (
            {"computed": lambda c: np.ones(2), "stated": lambda c: np.ones((2, 1))},
            "stated at x=1 raised ValueError: computed has shape (2,) and stated has shape "
            "(2, 1); return the same shape from both, or a single number from one",
        ),
    ],
)
def test_whatever_breaks_becomes_one_sentence(changes, sentence):
    verdict = check(claim(**changes))
    assert (verdict.verdict, verdict.ok, verdict.reason) == ("error", False, sentence)


def test_ctrl_c_is_not_swallowed():
    def interrupted(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(claim(observe=interrupted))
