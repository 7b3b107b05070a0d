"""Zeros and extremes by ball arithmetic, held against polynomials, NumPy and mpmath."""

import math
from fractions import Fraction

import pytest
import sympy
from flint import acb, arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational, cosh, exp, log, sinh, sqrt, tanh

from aimctheory.certified.balls import at, enclosure
from aimctheory.certified.extremes import extremes
from aimctheory.certified.zeros import Root, has_real_powers, zeros
from aimctheory.notation import w

PROPERTY = settings(derandomize=True, deadline=None, max_examples=25)
ONE = sympy.Integer(1)


def found(formula, low=-1, high=1, hints=()) -> list[tuple[float, int | None]]:
    """The zeros as (place, multiplicity)."""
    low, high = sympy.sympify(low), sympy.sympify(high)
    return [(root.value, root.multiplicity) for root in zeros(formula, low, high, hints)]


# ---- enclosures ------------------------------------------------------------------------------

FORMULAS = [
    1 - w / 3,
    (1 + w) ** Rational(1, 5),
    exp(-w) * log(2 + w),
    sinh(w) / cosh(2 * w) + tanh(w),
    (w**2 - 2) ** -3,
    sympy.pi ** (w / 2) - sympy.E,
    sympy.atan(3 * w),
]


@pytest.mark.parametrize("formula", FORMULAS, ids=str)
def test_a_ball_contains_the_values_at_points_inside_it(formula):
    box = enclosure(formula)(arb(0.25, 0.125))
    values = [formula.subs(w, Rational(k, 16)).evalf(30) for k in (2, 3, 4, 5, 6)]
    assert all(float(box.lower()) <= float(value) <= float(box.upper()) for value in values)


@pytest.mark.parametrize("formula", FORMULAS, ids=str)
def test_the_ball_of_a_point_is_tight(formula):
    with ctx.workprec(200):
        ball = at(formula, Rational(1, 3))
    expected = formula.subs(w, Rational(1, 3)).evalf(50)
    assert abs(sympy.Float(ball.mid().str(50, radius=False), 50) - expected) < 1e-45
    assert float(ball.rad()) < 1e-50


def test_an_even_power_of_a_ball_around_zero_is_a_ball():
    # arb ** 2 of a ball with midpoint zero is NaN in python-flint 0.9
    assert enclosure(w**2)(arb(0, 1e-3)).is_finite()


def test_a_real_power_of_a_negative_base_has_no_value():
    assert not at(sqrt(w), Rational(-1, 2)).is_finite()


def test_a_base_that_may_be_negative_is_enclosed_only_on_request():
    touching = arb(1, 1)  # a ball reaches slightly below 0
    assert not enclosure(sqrt(w))(touching).is_finite()
    assert enclosure(sqrt(w), clip=True)(touching).contains(arb(2).sqrt())


def test_a_root_is_analytic_only_away_from_its_branch_cut():
    root = enclosure(sqrt(w))
    assert root(acb(2, 1), True).is_finite()
    assert not root(acb(arb(0, 1), arb(0, 1)), True).is_finite()
    assert root(acb(arb(0, 1), arb(0, 1)), False).is_finite()


def test_a_function_without_an_enclosure_is_named():
    with pytest.raises(ValueError, match=r"sin\(w\) has no enclosure"):
        enclosure(sympy.sin(w))


# ---- zeros -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (w - Rational("0.3"), [(0.3, 1)]),
        ((w - Rational("0.3")) ** 2 * (w - 2), [(0.3, 2)]),
        (w**3, [(0.0, 3)]),
        (w**2 + 1, []),
        (w**2 - 1, [(-1.0, 1), (1.0, 1)]),  # at the ends
        ((1 - w) ** 2 * (w + 3), [(1.0, 2)]),
        (w * (w**2 - Rational(1, 4)), [(-0.5, 1), (0.0, 1), (0.5, 1)]),
        (w / (w - 2), [(0.0, 1)]),
        (w**5 - w - Rational(1, 10), [(-0.1000100060100, 1), (-0.9736, 1)]),
        (sympy.Integer(3), []),
    ],
    ids=str,
)
def test_the_zeros_of_a_rational_function_are_exact_with_multiplicity(formula, expected):
    places = found(formula)
    assert [m for _, m in places] == [m for _, m in expected]
    assert [p for p, _ in places] == pytest.approx(sorted(p for p, _ in expected), abs=1e-3)


def test_a_rational_zero_is_the_nearest_float():
    (root,) = zeros(w - Rational("0.3"), -ONE, ONE)
    assert root.low == root.high == Fraction(3, 10)
    assert root.value == 0.3


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (exp(w) - 2, [(math.log(2), 1)]),
        (exp(w) + 1, []),
        (exp(w) - 1, [(0.0, 1)]),
        (cosh(3 * w) - 2, [(-math.acosh(2) / 3, 1), (math.acosh(2) / 3, 1)]),
        (tanh(20 * (w - Rational(1, 3))), [(1 / 3, 1)]),
        ((1 + w) ** Rational(1, 5) - (1 - w) ** Rational(1, 5), [(0.0, 1)]),
        (exp(w) - sympy.E, [(1.0, 1)]),  # at an end
        (sqrt(2) * w - 1, [(1 / math.sqrt(2), 1)]),
    ],
    ids=str,
)
def test_simple_zeros_of_other_formulas_are_isolated(formula, expected):
    places = found(formula)
    assert [m for _, m in places] == [m for _, m in expected]
    assert [p for p, _ in places] == pytest.approx([p for p, _ in expected], abs=1e-15)


@pytest.mark.parametrize("bend", range(1, 6))
def test_a_zero_on_the_first_split_of_the_search_is_found_once(bend):
    split = -1 + 2 * Rational(487, 1000)
    formula = exp(bend * w) - exp(bend * split) + cosh(w - split) - 1
    assert found(formula) == [(pytest.approx(float(split), abs=1e-15), 1)]


@pytest.mark.parametrize(
    ("formula", "multiplicity"),
    [(exp(w) - w - 1, 2), (sinh(w) - w, 3), ((exp(w) - 1) ** 4, 4), (exp(w**2) - 1, 2)],
    ids=str,
)
def test_a_multiple_zero_is_recognised_where_a_hint_names_it(formula, multiplicity):
    assert found(formula, hints=[sympy.S.Zero]) == [(0.0, multiplicity)]


def test_a_multiple_zero_at_an_end_needs_no_hint():
    assert found(sinh(w) - w, 0, 1) == [(0.0, 3)]


def test_an_irrational_hint_is_a_zero_too():
    assert found((exp(w) - 2) ** 2, hints=[log(2)]) == [(pytest.approx(math.log(2)), 2)]


def test_a_hint_that_is_no_zero_changes_nothing():
    assert found(exp(w) - 2, hints=[sympy.S.Zero, Rational(1, 2)]) == found(exp(w) - 2)


def test_a_double_zero_without_a_hint_is_undecided():
    ((place, multiplicity),) = found((exp(w) - 2) ** 2)
    assert multiplicity is None
    assert place == pytest.approx(math.log(2), abs=1e-11)


def test_a_near_miss_is_told_from_a_double_zero():
    assert found((exp(w) - 2) ** 2 + Rational(1, 10**20)) == []
    pair = found((exp(w) - 2) ** 2 - Rational(1, 10**16))
    assert [m for _, m in pair] == [1, 1]


def test_a_pole_is_never_passed_over_in_silence():
    ((place, multiplicity),) = found(exp(w) / (w - Rational(1, 3)))
    assert (place, multiplicity) == (pytest.approx(1 / 3, abs=1e-11), None)


def test_a_formula_that_is_zero_everywhere_in_disguise_is_undecided():
    disguised = exp(w) * (1 + w) - exp(w) - w * exp(w)
    assert found(disguised) == [(pytest.approx(0.0, abs=0.1), None)]


def test_an_unbounded_range_of_a_polynomial_is_settled():
    assert found(w**2 - 2, -sympy.oo, sympy.oo) == [(-math.sqrt(2), 1), (math.sqrt(2), 1)]


def test_an_unbounded_range_of_another_formula_is_undecided_far_out():
    roots = zeros(exp(w) - exp(-w) + w, -sympy.oo, sympy.oo)
    assert [root.multiplicity for root in roots] == [None, 1, None]
    assert (roots[0].low, roots[-1].high) == (-math.inf, math.inf)


def test_an_irrational_end_is_part_of_the_range():
    bent = (2 - w**2) ** Rational(3, 2) * exp(w) + w - 2
    expected = sympy.nsolve(bent, w, (0.3, 1.3), solver="bisect", prec=30)
    places = found(bent, -sqrt(2), sqrt(2))
    assert places[-1] == (pytest.approx(float(expected), abs=1e-15), 1)
    assert None not in [m for _, m in places]


def test_a_hole_in_the_domain_is_not_searched_as_if_the_formula_were_real_there():
    # real only where w² ≥ 1/100, and −1/2 at both edges of the hole: two zeros outside it
    formula = (w**2 - Rational(1, 100)) ** Rational(3, 2) + w - Rational(1, 2)
    assert not has_real_powers(formula, -ONE, ONE)
    assert any(m is None for _, m in found(formula))


@PROPERTY
@given(st.lists(st.integers(-9, 9), min_size=2, max_size=6).filter(any))
def test_bisection_agrees_with_exact_isolation(coefficients):
    # eʷp(w) has the zeros of p, which SymPy isolates exactly; the factor forces the search
    polynomial = sum(c * w**k for k, c in enumerate(coefficients))
    exact, searched = (zeros(f, -ONE, ONE) for f in (polynomial, polynomial * exp(w)))

    def meet(a: Root, b: Root) -> bool:
        return a.low <= b.high and b.low <= a.high

    assert all(any(meet(root, other) for other in searched) for root in exact)
    for root in searched:
        inside = [other.multiplicity for other in exact if meet(root, other)]
        assert root.multiplicity is None or inside == [root.multiplicity]


# ---- extremes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "smallest", "largest"),
    [
        (1 - w**2, 0.0, 1.0),
        (w, -1.0, 1.0),
        (sympy.Integer(2), 2.0, 2.0),
        (sqrt(1 - w**2), 0.0, 1.0),
        (exp(-((3 * w - 1) ** 2)), math.exp(-16), 1.0),
        (cosh(w) - w**4, math.cosh(1) - 1, 1.0652421846191016),  # mpmath.findmax
        ((w - Rational(1, 3)) ** 4, 0.0, (4 / 3) ** 4),
    ],
    ids=str,
)
def test_extremes_are_at_the_ends_or_where_the_slope_is_zero(formula, smallest, largest):
    low, high = extremes(formula, -ONE, ONE)
    assert (low, high) == (pytest.approx(smallest, abs=1e-14), pytest.approx(largest, rel=1e-13))


@pytest.mark.parametrize("formula", [1 / sqrt(1 - w), 1 / (w - Rational(1, 3))], ids=str)
def test_a_pole_has_no_extremes(formula):
    assert extremes(formula, -ONE, ONE) == (-math.inf, math.inf)


# ---- printing --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("root", "text"),
    [
        (Root(Fraction(0), Fraction(0), 1), "0 (simple)"),
        (Root(Fraction(1, 4), Fraction(1, 4), 3), "0.25 (multiplicity 3)"),
        (
            Root(Fraction(1, 3), Fraction(1, 3) + Fraction(2, 10**30), 1),
            "0.3333333333 ± 1e-30 (simple)",
        ),
        (Root(Fraction(1, 4), Fraction(1, 2), None), "between 0.25 and 0.5 (undecided)"),
        (Root(-math.inf, -1024.0, None), "between -inf and -1024 (undecided)"),
    ],
    ids=str,
)
def test_a_root_prints_its_place_and_kind(root, text):
    assert str(root) == text
