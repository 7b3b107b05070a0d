"""What each relation makes of two numbers, and what a rate makes of a family of errors."""

from __future__ import annotations

import numpy as np
import pytest

from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import at_least, at_most, definition, equal, quantity, rate
from aimctheory.judge.verdict import check
from aimctheory.notation import Source

SOURCE = Source("RF25", "Theorem 5, p. 24")
DISTANCES = 0.2 / 2.0 ** np.arange(7)


def verdict_of(relation, computed, stated, mutant=None):
    """The verdict on one case, against a mutant that is certainly killed."""
    return check(
        Claim(
            "c",
            "t",
            "s",
            SOURCE,
            relation=relation,
            expected="holds",
            instances=lambda scale: [{}],
            observe=lambda: Case(d=DISTANCES),
            computed=computed,
            stated=stated,
            mutants=[Mutant("far off", stated=mutant or (lambda c: -1e9))],
        )
    )


@pytest.mark.parametrize(
    ("relation", "computed", "stated", "verdict", "margin"),
    [
        (equal(within=0.1), 1.05, 1.0, "holds", 0.5),
        (equal(within=0.1), 1.2, 1.0, "fails", -1.0),
        (equal(within=lambda c: len(c.d) / 10), 1.35, 1.0, "holds", 0.5),
        (equal(within=0.1), (1.05, 0.06), 1.0, "undecided", 0.5),
        (equal(within=0.1), (1.05, 0.02), (1.0, 0.02), "holds", 0.5),
        (equal(within=0.1), (1.05, 0.03), (1.0, 0.03), "undecided", 0.5),
        (equal(within=0.0), True, True, "holds", 0.0),
        (equal(within=0.1, error=lambda c, s: s - 4), 0.0, 3.95, "holds", 0.5),
        (definition(), np.array([True, False]), np.array([1, 0]), "holds", 1.0),
    ],
)
def test_equal(relation, computed, stated, verdict, margin):
    found = verdict_of(relation, lambda c: computed, lambda c: stated)
    assert found.verdict == verdict
    assert found.worst.finding.margin.value == pytest.approx(margin, abs=1e-9)


@pytest.mark.parametrize(
    ("computed", "stated", "verdict", "margin"),
    [
        (1.0, 4.0, "holds", 0.75),
        (4.0, 4.0, "holds", 0.0),
        (1 + 1e-15, 1.0, "holds", 0.0),
        (1 + 1e-11, 1.0, "fails", -1e-11),
        (4.0, 1.0, "fails", -0.75),
        (0.0, 0.0, "holds", 0.0),
        (-1.0, 0.0, "holds", 1.0),
        (-1.0, 2.0, "holds", 1.0),
        (3.0, -3.0, "fails", -1.0),
        ((3.0, 2.0), 4.0, "undecided", 0.25),
        (np.array([1.0, 3.0]), 4.0, "holds", 0.25),
    ],
)
def test_at_most(computed, stated, verdict, margin):
    found = verdict_of(at_most(), lambda c: computed, lambda c: stated)
    assert found.verdict == verdict
    assert found.worst.finding.margin.value == pytest.approx(margin, abs=1e-9)


@pytest.mark.parametrize(
    ("computed", "stated", "verdict"), [(4.0, 1.0, "holds"), (1.0, 4.0, "fails")]
)
def test_at_least(computed, stated, verdict):
    found = verdict_of(at_least(), lambda c: computed, lambda c: stated, lambda c: 1e9)
    assert found.verdict == verdict


def test_the_excess_over_a_bound_may_be_given_as_an_error():
    relation = at_most(error=lambda c, s: -s / 4)
    found = verdict_of(relation, None, lambda c: 2.0, lambda c: -2.0)
    assert (found.verdict, found.worst.finding.margin.value) == ("holds", pytest.approx(0.25))


def test_tightness_is_the_smallest_ratio_of_a_bound():
    found = verdict_of(at_most(), lambda c: np.array([1.0, 2.0, 0.0]), lambda c: 5.0)
    assert found.tightness == 2.5
    found = verdict_of(at_least(), lambda c: np.array([6.0, 9.0]), lambda c: 2.0, lambda c: 7.0)
    assert found.tightness == 3.0


def rate_of(error, order, **options):
    """What a rate finds in the errors `error(d)`, which may come with half-widths."""
    relation = rate("d", order, **options)
    return relation.judge(Case(d=DISTANCES), quantity(error(DISTANCES), "computed"), 0.0)


@pytest.mark.parametrize(
    ("error", "order", "options", "state"),
    [
        (lambda d: d**2 + d**3, 2, {}, "holds"),
        (lambda d: -(d**3), 2, {}, "holds"),
        (lambda d: d**2 + 3e-3 * d, 2, {}, "fails"),
        (lambda d: d**2 + 3e-4 * d, 2, {}, "fails"),
        (lambda d: d**2 + d, 2, {}, "fails"),
        (lambda d: 0 * d + 1e-14, 2, {}, "holds"),
        (lambda d: d**1.99, 2, {}, "fails"),
        (lambda d: d**2.08, 2, {}, "holds"),
        (lambda d: d**2.01 - d**3, 2, {}, "holds"),
        (lambda d: d**2, 2, {"kind": "exactly"}, "holds"),
        (lambda d: d**2.08, 2, {"kind": "exactly"}, "fails"),
        (lambda d: d**1.99, 2, {"kind": "exactly"}, "fails"),
        (lambda d: d**2.01 - d**3, 2, {"kind": "exactly"}, "fails"),
        (lambda d: d**2 * (1 + 0.3 * d**0.5), 2, {"kind": "exactly"}, "holds"),
        (lambda d: d**2 * (1 + 20 * d), 2, {"kind": "exactly"}, "undecided"),
        (lambda d: d**2 * (1 + 8 * d**0.5), 2, {"kind": "exactly"}, "undecided"),
        (lambda d: d**3, 2, {"kind": "exactly"}, "fails"),
        (lambda d: d**1.5, 2, {"kind": "exactly"}, "fails"),
        (lambda d: 0 * d, 2, {"kind": "exactly"}, "undecided"),
        (lambda d: d**2, 2, {"floor": 1e-3}, "undecided"),
        (lambda d: (d, 0.01 * d), 1, {"within": 0.3}, "holds"),
        (lambda d: (d, 0.05 * d), 1, {}, "undecided"),
        (lambda d: (d**0.5, 0.01 * d), 2, {}, "fails"),
        (lambda d: (d**1.95, 0.005 * d**1.95), 2, {"kind": "exactly"}, "undecided"),
        (lambda d: (d**0.55, 0.001 * d**0.55), 0.5, {"kind": "exactly"}, "fails"),
        (lambda d: (d**0.5, 0.001 * d**0.5), 0.5, {"kind": "exactly"}, "holds"),
    ],
)
def test_a_rate_reads_settled_slopes(error, order, options, state):
    assert rate_of(error, order, **options).margin.state == state


def test_a_rate_reports_its_order_and_its_slopes():
    found = rate_of(lambda d: d**3, 2)
    assert (found.stated, found.computed) == (2, pytest.approx(3.0))
    assert found.slopes == pytest.approx((3.0, 3.0, 3.0))
    assert found.margin.value == 1.0


@pytest.mark.parametrize(
    ("slope", "kind", "margin"),
    [
        # The interval of a pure power is its exponent ± 0.002; the tolerance is 0.1.
        (2.0, "at least", 0.98),
        (2.0, "exactly", 0.98),
        (2.5, "at least", 1.0),
        (2.5, "exactly", -4.98),
        (1.5, "at least", -4.98),
        (1.5, "exactly", -4.98),
    ],
)
def test_the_margin_of_a_rate_is_what_doubt_leaves_of_the_tolerance(slope, kind, margin):
    found = rate_of(lambda d: d**slope, 2, kind=kind).margin
    assert found.value == pytest.approx(margin, abs=1e-4)
    assert found.low == found.value
    assert found.high == (1.0 if margin > 0 else found.value)


def test_errors_below_the_floor_are_called_exact():
    found = rate_of(lambda d: 1e-15 * d, 2)
    assert (found.exact, found.computed, found.slopes) == (True, None, ())
    assert found.margin.value == 1.0
    assert str(found).startswith("exact, every error below")


def test_a_rate_needs_one_error_for_each_distance():
    with pytest.raises(ValueError, match=r"an error of shape \(\)"):
        rate_of(lambda d: 1.0, 2)


def test_a_rate_of_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="kind = 'about' is neither 'at least' nor 'exactly'"):
        rate("d", 2, kind="about")
