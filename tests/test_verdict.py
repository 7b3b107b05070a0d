"""Every verdict a claim can end in, on small statements whose truth is known by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import at_least, at_most, equal, exists
from aimctheory.judge.verdict import check
from aimctheory.notation import Source
from aimctheory.scale import QUICK

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


# -- the verdicts ---------------------------------------------------------------------------------


def test_a_true_statement_holds():
    verdict = check(claim())
    assert (verdict.verdict, verdict.ok, verdict.reason) == ("holds", True, "")
    assert (verdict.cases, verdict.witness) == (3, None)


def test_a_false_statement_fails_with_its_worst_witness():
    verdict = check(claim(stated=lambda c: 2 * c.x, expected="fails"))
    assert (verdict.verdict, verdict.ok) == ("fails", True)
    assert verdict.witness.instance == "x=3"
    assert (verdict.witness.finding.stated, verdict.witness.finding.computed) == (6.0, 9.0)


def test_an_unexpected_failure_is_not_ok():
    assert not check(claim(stated=lambda c: 2 * c.x)).ok


def test_an_unexpected_success_is_not_ok():
    verdict = check(claim(expected="fails"))
    assert (verdict.verdict, verdict.ok) == ("holds", False)


def test_a_wrong_print_with_a_right_correction_holds_as_corrected():
    verdict = check(
        claim(stated=lambda c: 2 * c.x, corrected=lambda c: c.x**2, expected="holds as corrected")
    )
    assert (verdict.verdict, verdict.ok) == ("holds as corrected", True)
    assert verdict.witness.instance == "x=3"
    assert verdict.worst.finding.error == 0
    assert [(m.why, m.killed) for m in verdict.mutants] == [
        ("the printed form", True),
        (CUBE.why, True),
    ]


def test_the_printed_form_is_the_first_mutant():
    verdict = check(
        claim(stated=lambda c: c.x * c.x, corrected=lambda c: c.x**2, expected="holds as corrected")
    )
    assert verdict.verdict == "error"
    assert "a mutant survives (the printed form)" in verdict.reason


def test_a_wrong_correction_fails():
    verdict = check(
        claim(stated=lambda c: 2 * c.x, corrected=lambda c: 3 * c.x, expected="holds as corrected")
    )
    assert (verdict.verdict, verdict.ok) == ("fails", False)


def test_a_right_print_with_a_wrong_correction_is_told_apart():
    verdict = check(claim(corrected=lambda c: 2 * c.x, expected="holds as corrected"))
    assert (verdict.verdict, verdict.ok) == ("holds", False)
    assert verdict.reason.startswith("the printed form holds, and its correction fails at x=3")


def test_an_argument_for_vacuity_that_holds_makes_a_claim_vacuous():
    verdict = check(
        claim(
            relation=at_most(),
            expected="vacuous",
            computed=lambda c: 1 - 128 * c.square,
            stated=lambda c: 0.0,
            mutants=[Mutant("a bracket that must reach -10⁴", stated=lambda c: -1e4)],
            note="the bracket is never positive",
        )
    )
    assert (verdict.verdict, verdict.ok) == ("vacuous", True)
    assert verdict.reason == "the bracket is never positive"


def test_an_argument_for_vacuity_that_fails_is_an_error():
    verdict = check(claim(expected="vacuous", stated=lambda c: 0.0))
    assert (verdict.verdict, verdict.ok) == ("error", False)
    assert verdict.reason.startswith("the argument for vacuity fails at x=3")


def test_an_untestable_claim_says_why():
    note = "the constant hides in O(·)"
    verdict = check(
        Claim("c", "t", "s", SOURCE, relation=at_most(), expected="not testable", note=note)
    )
    assert (verdict.verdict, verdict.ok, verdict.reason) == ("not testable", True, note)
    assert (verdict.level, verdict.to_json()["margin"]) == ("none", None)


def straddling(**changes):
    return claim(
        relation=at_most(),
        computed=lambda c: (c.measured, c.half_width),
        stated=lambda c: c.square + 0.005,
        mutants=[Mutant("half", stated=lambda c: c.square / 2)],
        level="statistical",
        **changes,
    )


def test_an_interval_across_the_bound_is_undecided():
    verdict = check(straddling())
    assert (verdict.verdict, verdict.ok) == ("undecided", False)
    assert "straddles 0" in verdict.reason


def test_one_failing_case_outweighs_a_doubtful_one():
    # x = 1 is in doubt, with a margin far below that of x = 2, which fails.
    verdict = check(
        claim(
            relation=equal(within=0.1),
            computed=lambda c: (c.x, 50.0 if c.x == 1 else 0.0),
            stated=lambda c: 40.0 if c.x == 1 else c.x + 0.2,
            level="statistical",
            mutants=[Mutant("far off", stated=lambda c: 99.0)],
        )
    )
    assert verdict.verdict == "fails"
    assert verdict.worst.finding.margin.value > -2


def test_undecided_is_no_failure_on_a_quick_run():
    assert check(straddling(), QUICK).ok


def test_a_note_on_the_proof_is_kept_apart():
    verdict = check(claim(note="the proof divides by zero"))
    assert (verdict.verdict, verdict.note) == ("holds", "the proof divides by zero")


def test_exists_needs_one_case():
    verdict = check(
        claim(
            relation=exists(),
            stated=lambda c: 4.0,
            mutants=[Mutant("a square that is 5", stated=lambda c: 5.0)],
        )
    )
    assert (verdict.verdict, verdict.worst.instance) == ("holds", "x=2")


def test_exists_fails_only_where_every_case_does():
    seven = Mutant("a square that is 7", stated=lambda c: 7.0)
    verdict = check(
        claim(relation=exists(), stated=lambda c: 5.0, expected="fails", mutants=[seven])
    )
    assert (verdict.verdict, verdict.reason.split(":")[0]) == ("fails", "at x=2")


def test_exists_takes_its_error_in_one_place_only():
    with pytest.raises(ValueError, match="not to both"):
        exists(at_least(), error=lambda c, s: s)


def test_exists_takes_another_relation():
    relation = exists(at_least())
    assert (relation.kind, relation.phrase) == ("exists", "in some case at least")
    found = check(
        claim(
            relation=relation,
            stated=lambda c: 8.5,
            mutants=[Mutant("beyond them all", stated=lambda c: 10.0)],
        )
    )
    assert (found.verdict, found.worst.instance) == ("holds", "x=3")


# -- statistics and the report --------------------------------------------------------------------


def measured(**changes):
    return claim(
        **{
            "relation": equal(within=0.1),
            "computed": lambda c: (c.measured, c.half_width),
            "level": "statistical",
        }
        | changes
    )


def test_each_statistical_comparison_costs_one_in_a_million():
    verdict = check(measured())
    assert (verdict.comparisons, verdict.false_alarm) == (3, pytest.approx(3e-6))


def test_a_printed_form_compared_counts_too():
    verdict = check(
        measured(
            stated=lambda c: 2 * c.x, corrected=lambda c: c.x**2, expected="holds as corrected"
        )
    )
    assert (verdict.verdict, verdict.comparisons) == ("holds as corrected", 6)


def test_a_numerical_error_estimate_is_no_statistical_comparison():
    assert check(measured(level="deterministic")).false_alarm == 0


def test_a_statistical_claim_without_a_half_width_is_an_error():
    verdict = check(claim(level="statistical"))
    assert (verdict.verdict, verdict.reason) == (
        "error",
        "a statistical claim measures nothing; return pairs",
    )


def test_json_has_the_documented_keys_and_plain_numbers():
    third = Mutant("a third", stated=lambda c: c.square / 3)
    found = check(claim(relation=at_most(), stated=lambda c: 3 * c.square, mutants=[third]))
    data = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert " ".join(data) == (
        "id title paper locator relation verdict expected level stated computed margin error "
        "tightness mutants seconds"
    )
    assert (data["paper"], data["locator"]) == ("RF25", "Theorem 5, p. 24")
    assert (data["relation"], data["mutants"]) == ("at_most", {"total": 1, "killed": 1})
    assert data["margin"] == 0.6666666667
    assert (data["stated"], data["computed"], data["error"]) == (3, 1, 2)
    assert data["tightness"] == 3


def test_a_finding_reads_as_a_sentence():
    verdict = check(claim(stated=lambda c: 2 * c.x, expected="fails"))
    assert str(verdict) == ("square: fails (at x=3: stated 6, computed 9, error 3, margin -3e+09)")


def test_long_instances_are_shortened():
    label = check(
        claim(
            instances=lambda s: [{"x": 2.0, "d": np.arange(5.0), "name": "n" * 80}],
            observe=lambda x, d, name: observe_square(x),
        )
    ).worst.instance
    assert label == "x=2, d=[0 … 4], name=" + "n" * 59 + "…"


def test_the_tightness_of_a_claim_is_that_of_its_tightest_case():
    half = Mutant("half", stated=lambda c: c.square / 2)
    verdict = check(claim(relation=at_most(), stated=lambda c: c.square + 1, mutants=[half]))
    assert verdict.tightness == pytest.approx(10 / 9)


def test_an_equality_has_no_tightness():
    assert check(claim()).tightness is None
