"""Certificates against formulas made to mislead them; what is true is known by construction.

A verdict may be None where a question is hard, and never the opposite of the truth.
"""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy
from flint import arb, ctx
from sympy import Rational, atan, cosh, exp, log, sinh, sqrt, tanh

from aimctheory.certified import zeros as zeros_module
from aimctheory.certified.balls import at, enclosure, shown
from aimctheory.certified.conditions import _differentiable, _saturates, prove_positive
from aimctheory.certified.extremes import extremes, level_places
from aimctheory.certified.lipschitz import steepest
from aimctheory.certified.points import is_undefined_at, vanishes_at
from aimctheory.certified.response_pair import Pair, symmetric_points
from aimctheory.certified.zeros import enclosed_zeros, has_real_powers, zeros
from aimctheory.notation import w
from aimctheory.response import Response

ZERO, ONE = sympy.Integer(0), sympy.Integer(1)
ODD = Rational(1, 3) + Rational(1, 777)  # on no grid and no split
OPEN = (None,)  # answers that leave the question open


def tiny(power: int) -> sympy.Rational:
    return Rational(1, 10**power)


def bump(width: sympy.Rational) -> sympy.Expr:
    """A peak of height 1 at an odd place."""
    return exp(-(((w - ODD) / width) ** 2))


# ---- positivity ------------------------------------------------------------------------------

SQUARE = sympy.expand((exp(w) - 2) ** 2)  # touches 0 at log 2
TAYLOR = sum(w**k / sympy.factorial(k) for k in range(8))
CHEBYSHEV = sympy.chebyshevt(40, w)  # between −1 and 1, both reached twenty times
HOLE = ((w - ODD) ** 2 - tiny(10)) ** Rational(3, 2)  # not real within 1e-5 of the odd place

# formula, from, to, whether it is positive, whether the question has to be settled
POSITIVE = {
    "touches 0": (SQUARE, -1, 1, False, False),
    "just above 0": (SQUARE + tiny(13), -1, 1, True, True),
    "just below 0": (SQUARE - tiny(13), -1, 1, False, True),
    "above 0 by less than a box": (SQUARE + tiny(30), -1, 1, True, False),
    "below 0 by less than a box": (SQUARE - tiny(30), -1, 1, False, False),
    "a narrow dip that reaches 0": (3 - 3 * bump(tiny(6)), -1, 1, False, False),
    "a narrow dip below 0": (2 - 3 * bump(tiny(6)), -1, 1, False, True),
    "a narrow dip above 0": (4 - 3 * bump(tiny(6)), -1, 1, True, True),
    "a pole where the sign changes": (10 + 1 / (exp(w) - Rational(3, 2)), -1, 1, False, False),
    "a pole between equal signs": (exp(w) / (w - ODD) ** 2, -1, 1, False, True),
    "a pole under a root": (2 + sqrt((w + 2) / (w - ODD) ** 2), -1, 1, False, False),
    "an exponent with a pole": (2 ** (1 / (w - ODD)), -1, 1, False, False),
    "a hole that is not real": (2 + HOLE, -1, 1, False, False),
    "oscillations that touch 0": (CHEBYSHEV + 1, -1, 1, False, True),
    "oscillations just above 0": (CHEBYSHEV + 1 + tiny(13), -1, 1, True, True),
    # eʷ less seven terms of its series lies between w⁸/8! = 2.48e-29 and 2.49e-29 at 1/1000
    "a difference of equals": (exp(w) - TAYLOR - 250 * tiny(31), tiny(3), tiny(2), False, True),
    "0 in disguise": (cosh(w) ** 2 - sinh(w) ** 2 - 1, -1, 1, False, False),
    "a tail that turns negative": (exp(-w) - tiny(9), -sympy.oo, sympy.oo, False, True),
    "a zero far out": ((3000 - w) * exp(w) + exp(-w), -sympy.oo, sympy.oo, False, False),
}


@pytest.mark.parametrize("name", POSITIVE)
def test_positivity_is_never_misjudged(name):
    formula, low, high, truth, settled = POSITIVE[name]
    found = prove_positive(formula, sympy.sympify(low), sympy.sympify(high))
    assert found.verdict in ((truth,) if settled else (truth, *OPEN))


def test_a_zero_next_to_an_irrational_open_end_is_not_taken_for_the_end():
    near = (2 - w**2) * (2 - tiny(33) - w**2)  # the zeros lie 4e-34 apart
    assert prove_positive(near, -ONE, sqrt(2), open_high=True).verdict is False
    assert prove_positive(2 - w**2, -ONE, sqrt(2), open_high=True).verdict is True


# ---- zeros -----------------------------------------------------------------------------------


def test_a_zero_of_high_order_is_left_undecided_and_not_given_an_order():
    ((place, order),) = [
        (root.value, root.multiplicity) for root in zeros((exp(w) - 1) ** 10, -sympy.oo, sympy.oo)
    ]
    assert (place, order) == (0.0, None)


def test_a_listed_place_that_is_not_proved_to_be_a_zero_is_undecided():
    at_0, at_1 = zeros(w * log(w), -sympy.oo, sympy.oo)  # 0·log 0 is no number
    assert (at_0.value, at_0.multiplicity, at_1.multiplicity) == (0.0, None, 1)


def test_a_listed_zero_that_may_not_be_real_is_searched_for_and_not_dropped(monkeypatch):
    monkeypatch.setattr(zeros_module, "real_zeros", lambda formula: (sympy.Dummy("unknown"),))
    assert [root.multiplicity for root in zeros(exp(w) - 2, -sympy.oo, sympy.oo)] == [None, 1, None]


def test_a_pole_or_a_hole_is_no_stretch_where_powers_are_real():
    third = Rational(1, 3)
    assert not has_real_powers(sqrt((w + 2) / (third - w)), -ONE, ONE)
    assert not has_real_powers(HOLE, -ONE, ONE)
    assert not has_real_powers(sqrt(SQUARE - tiny(30)), -ONE, ONE)
    assert has_real_powers(sqrt((w + 1) / (1 - w)), -ONE, ONE)  # the pole is an end


def test_a_zero_at_the_end_of_a_half_line_belongs_to_it():
    for formula, low, high in ((exp(w) - 1, ZERO, sympy.oo), (exp(w) - 1, -sympy.oo, ZERO)):
        assert [(root.value, root.multiplicity) for root in zeros(formula, low, high)] == [(0, 1)]
    assert zeros(exp(w) - 1, ONE, sympy.oo) == zeros(exp(w) - 1, -sympy.oo, -ONE) == ()


def test_0_in_disguise_is_one_undecided_spot_as_wide_as_the_range(monkeypatch):
    monkeypatch.setattr(zeros_module, "MOST_BOXES", 60)  # it is undecided after any number
    nothing = cosh(w) ** 2 - sinh(w) ** 2 - 1
    (spot,) = enclosed_zeros(nothing, -ONE, ONE, ())
    assert (spot.low, spot.high, spot.multiplicity) == (-1, 1, None)


UNDEFINED = {1 / w: [0], w**2: [], log(w): [-1, 0], sqrt(w): [-1], w ** Rational(-1, 2): [-1, 0]}


@pytest.mark.parametrize("formula", UNDEFINED, ids=str)
def test_a_formula_is_undefined_at_a_pole_and_where_it_is_not_real(formula):
    places = [place for place in (-1, 0, 1) if is_undefined_at(formula, sympy.Integer(place))]
    assert places == UNDEFINED[formula]


# ---- enclosures ------------------------------------------------------------------------------


@pytest.mark.parametrize("formula", [w**2, w**4, w**3, exp(-(w**2)), 1 / (1 + w**2)], ids=str)
@pytest.mark.parametrize(("low", "high"), [(-1, 3), (-2, 1), (0, 2), (-3, 0), (-1, 1)])
def test_a_ball_around_0_holds_every_value_and_little_more(formula, low, high):
    box = enclosure(formula)(arb(low).union(arb(high)))
    values = sympy.lambdify(w, formula, "numpy")(np.linspace(low, high, 101))
    assert float(box.lower()) <= values.min()
    assert float(box.upper()) >= values.max()
    if formula in (w**2, w**4):
        assert float(box.lower()) >= -1e-6 * values.max()


@pytest.mark.parametrize("place", range(3))
def test_the_ball_of_an_algebraic_number_holds_it(place):
    cubic = w**3 - 3 * w + 1  # three real zeros
    root = sympy.CRootOf(cubic, place)
    with ctx.workprec(128):
        assert at(cubic, root).contains(0)
        assert at(root).rad() < 2.0**-120
        assert abs(at(root) - arb(str(root.evalf(50)))) < 2.0**-120


@pytest.mark.parametrize("formula", [1 / w, w**-2, w ** Rational(-1, 2), log(w)], ids=str)
def test_a_ball_around_a_pole_is_not_finite(formula):
    for clip in (False, True):
        assert not enclosure(formula, clip=clip)(arb(0).union(arb(1))).is_finite()


# ---- slopes ----------------------------------------------------------------------------------

SLOPES = {
    "a narrow bump": (bump(tiny(6)), -1, 1, 1e6 * np.sqrt(2 / np.e)),
    "a bump on a line": ((1 - w) * (1 + 5 * bump(tiny(3))), -1, 1, None),
    "a root at an end": (sqrt(1 - w), -1, 1, np.inf),
    "a pole inside": (1 / (w - ODD), -1, 1, np.inf),
    "a double pole inside": (1 / (exp(w) - Rational(3, 2)) ** 2, -1, 1, np.inf),
    "a logarithm at an end": ((1 - w) * log(1 - w), -1, 1, np.inf),
    "oscillations": (sympy.chebyshevt(10, w), -1, 1, 100.0),  # T'ₙ(1) = n²
}


@pytest.mark.parametrize("name", SLOPES)
def test_a_lipschitz_constant_is_never_too_small(name):
    formula, low, high, exact = SLOPES[name]
    bound = steepest(formula, sympy.sympify(low), sympy.sympify(high))
    if exact is not None:
        assert bound == np.inf if exact == np.inf else exact <= bound * (1 + 1e-15)
    else:
        slope = sympy.lambdify(w, sympy.diff(formula, w), "mpmath")
        odd = mpmath.mpf(ODD.p) / ODD.q
        near = [odd + sign * mpmath.mpf(10) ** -k for k in range(1, 10) for sign in (-1, 1)]
        assert max(abs(slope(x)) for x in near) <= bound < np.inf


def test_a_lipschitz_constant_of_a_bump_is_its_closed_form():
    assert steepest(bump(tiny(6)), -ONE, ONE) == pytest.approx(1e6 * np.sqrt(2 / np.e), rel=1e-13)


@pytest.mark.parametrize("number", [Rational(1, 3), sqrt(2), Rational(1, 10)], ids=str)
def test_a_certified_bound_is_rounded_away_from_what_it_bounds(number):
    for formula, large in ((number * w, number), (-number * w - tiny(330), number + tiny(330))):
        bound = steepest(formula * w, ZERO, ONE / 2)
        assert 0 <= Rational(bound) - number < 3e-16
        low, high = extremes(formula, -ONE, ONE)
        assert Rational(low) <= -large
        assert Rational(high) >= number - tiny(330)
        assert high + low < 1e-15


@pytest.mark.parametrize("number", [Fraction(2, 3), Fraction(-2, 3), 1.3, 1234567.8, 1e-7 / 3])
def test_printed_digits_enclose_what_is_certified(number):
    below, above = shown(number, down=True), shown(number, down=False)
    assert float(below) <= number <= float(above)
    assert float(above) - float(below) <= 1.1e-5 * abs(number)
    assert shown(math.inf, down=True) == "inf"


def test_extremes_see_a_peak_that_no_grid_sees():
    assert extremes(bump(tiny(6)), -ONE, ONE)[1] >= 1.0
    assert level_places(1 + bump(tiny(6)), -ONE, ONE) == [pytest.approx(float(ODD), rel=1e-15)]


# ---- what is said about a cell ---------------------------------------------------------------


def said(up, down, low=-1, high=1) -> dict[str, bool | None]:
    cell = Response(up=up, down=down, dynamic_range=(low, high))()
    return {c.name: c.verdict for c in cell.conditions()}


UP, DOWN = "q_up = 0 at saturation", "q_down = 0 at saturation"


@pytest.mark.parametrize("power", [13, 60])
def test_a_response_that_nearly_saturates_does_not(power):
    found = said(1 - w + tiny(power) * exp(w), 1 + w)
    assert (found[UP], found[DOWN]) == (False, True)


def test_a_response_that_saturates_at_infinity_does_not_at_20():
    assert said(1 - tanh(w), 1 + tanh(w), -18, 18)[UP] is False


@pytest.mark.parametrize("power", [20, 60])
def test_a_residue_that_a_double_cannot_see_is_no_saturation(power):
    almost = Rational(str(sympy.E.evalf(80))) + tiny(power)
    assert said(almost - exp(w), 1 + w)[UP] is False


def test_a_residue_below_all_digits_leaves_saturation_open():
    almost = Rational(str(sympy.E.evalf(400)))  # not e, which is irrational
    assert _saturates("", almost - exp(w), ONE).verdict in (False, None)


def test_an_end_that_is_the_zero_of_another_formula_is_no_saturation():
    up = 1 - w * exp(w / 3)
    end = Response(up=up, down=1 + w).dynamic_range[1]  # a number without a closed form
    assert vanishes_at(up, end)
    assert not any(vanishes_at(q, end) for q in (2 - w, up + tiny(60), up + 1 - w))
    assert end.is_zero_of(up)
    assert not end.is_zero_of(up + tiny(60))


def test_a_slope_that_is_infinite_in_writing_only_is_not_called_infinite():
    nothing = cosh(w) ** 2 - sinh(w) ** 2 - 1
    assert _differentiable("", 2 - w + nothing * log(1 - w), -ONE, ONE).verdict is not False
    assert _differentiable("", 2 - w + (1 - w) * log(1 - w), -ONE, ONE).verdict is False


@pytest.mark.parametrize(
    ("gap", "points"),
    [
        ((w - ODD) ** 2 - tiny(13), 2),
        ((w - ODD) ** 2 + tiny(13), 0),
        (w * ((w - ODD) ** 2 - tiny(30)), 3),
        (w * (w - tiny(13)), 2),
        (w * (w - ODD) ** 2, 2),
    ],
    ids=str,
)
def test_symmetric_points_are_never_miscounted(gap, points):
    rational, bent = (symmetric_points(Pair(2 - q, 2 + q, -ONE, ONE)) for q in (gap, gap * exp(w)))
    assert len(rational) == points
    assert all(root.multiplicity is not None for root in rational)
    assert len(bent) == points or any(root.multiplicity is None for root in bent)


def test_a_symmetric_point_is_not_taken_to_be_0_because_it_is_near():
    response = Response(up=1 - w + tiny(12) * exp(w), down=1 + w, dynamic_range=(-1, 1))
    assert response.symmetric_points() == ()
    assert response().symmetric_point() == pytest.approx(5e-13, rel=1e-9)


def test_the_largest_mean_response_of_a_narrow_peak_is_found():
    cell = Response(up=(1 - w) * (1 + 5 * bump(tiny(6))), down=1 + w)()
    # F = 1 + 5(1 − w)/2·bump, largest within 1e-12 of the odd place
    assert cell.F_max == pytest.approx(float(1 + 5 * (1 - ODD) / 2), rel=1e-11)


# ---- the dynamic range -----------------------------------------------------------------------

FLAT = Rational(3, 2) - (1 + w) * exp(w)  # one zero, near 0.2, without a closed form
BROKEN = {
    "a pole": (1 - w) / (w - ODD) ** 2,
    "a pole without a closed form": (1 - w) / FLAT**2,
    "a pole under a root": (1 - w) / sqrt((w - ODD) ** 2 * (2 - w) + (w - ODD) ** 4),
    "a hole that is not real": 1 - w + HOLE,
}


@pytest.mark.parametrize("name", BROKEN)
def test_no_dynamic_range_reaches_across(name):
    with pytest.raises(ValueError, match=r"nowhere both positive .* give dynamic_range=\(low"):
        Response(up=BROKEN[name], down=1 + w)


def test_a_pole_with_symbols_breaks_the_range_at_typical_numbers():
    a = sympy.Symbol("a", positive=True)  # typically 1.055
    with pytest.raises(ValueError, match="nowhere both positive"):
        Response(up=(1 - w) / (a * exp(w) + w - 1) ** 2, down=1 + w)
    assert Response(up=(1 - w) / (a * exp(w) + w + 9) ** 2, down=1 + w).dynamic_range == (-1, 1)


@pytest.mark.parametrize("mirrored", [False, True])
def test_of_several_ranges_the_widest_is_taken(mirrored):
    # both are positive on (0, 1) and on (10, 13)
    up, down = -(w - 1) * (w - 9) * (w - 13), w * (w - 5) * (w - 10)
    if mirrored:
        up, down = (q.subs(w, -w) for q in (down, up))
    assert Response(up=up, down=down).dynamic_range == ((-13, -10) if mirrored else (10, 13))


def test_a_zero_too_close_to_a_logarithms_end_is_left_open():
    # near 1 − e^(−40), closer to 1 than any box of the search
    with pytest.raises(ValueError, match=r"has a zero at w = .* stays open; give dynamic_range"):
        Response(up=40 + log(1 - w) + w**2, down=1 + w)
    # without it the logarithm tends to −∞, and the zero near 0.71 is the only one
    up = 1 + log(1 - w) + w**2 / 2
    assert Response(up=up, down=1 + w).dynamic_range[0] == -1


# ---- the penalty -----------------------------------------------------------------------------


def test_a_declared_penalty_that_jumps_between_poles_of_its_own_is_refused():
    # atan(w²)/4 = atan(2w²/(1 − w⁴))/8 for |w| < 1; beyond, the second one has jumped by π/8
    small = w / (2 * (1 + w**4))
    pair = {"up": 1 - small, "down": 1 + small, "dynamic_range": (-Rational(3, 2), Rational(3, 2))}
    right = Response(**pair, closed_penalty=atan(w**2) / 4)()
    assert right.penalty_form() == "closed form"
    assert right.penalty(1.2) == pytest.approx(float(mpmath.atan(1.44) / 4), rel=1e-15)
    with pytest.raises(ValueError, match=r"closed_penalty jumps by -0\.39.* leave it out"):
        Response(**pair, closed_penalty=atan(2 * w**2 / (1 - w**4)) / 8)().penalty(1.2)


def test_a_declared_penalty_with_a_small_jump_is_refused():
    u = w - Rational(3, 10)  # atan u + atan 1/u is ∓π/2 below and above u = 0
    step = tiny(9) * (atan(u) + atan(1 / u) + sympy.pi / 2)
    cell = Response(up=1 - w, down=1 + w, closed_penalty=w**2 / 2 + step)()
    with pytest.raises(ValueError, match=r"closed_penalty jumps by 3\.14159e-09 between"):
        cell.penalty(0.5)


def test_a_penalty_with_logarithms_of_negative_numbers_is_written_with_positive_ones():
    # R = 2w/((4 − w²)(1 + w²)), whose antiderivative SymPy writes with log(w² − 4)
    mean, half = (4 - w**2) * (1 + w**2) / 4, w / 2
    cell = Response(up=mean - half, down=mean + half, dynamic_range=(-1, 1))()
    assert cell.penalty_form() == "closed form"
    expected = [float(mpmath.log((1 + x**2) / (1 - x**2 / 4)) / 5) for x in (0.3, -0.8)]
    np.testing.assert_allclose(cell.penalty([0.3, -0.8]), expected, rtol=1e-14)
