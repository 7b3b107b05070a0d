"""A response in symbols: what follows from the pair of formulas, and what is refused."""

import re

import pytest
import sympy
from sympy import Rational, exp, log, sqrt

from aimctheory.catalogue import exponential, ideal, linear, power, soft_bounds
from aimctheory.certified.closed_form import integral_from_zero
from aimctheory.certified.solutions import real_zeros
from aimctheory.notation import NONNEGATIVE, POSITIVE, REALS, Parameter, positive, real, w
from aimctheory.response import Response

CATALOGUE = [ideal, linear, power, exponential, soft_bounds]
tau, w_0, c = positive("tau"), real("w_0"), real("c")
x, y = w / tau, (w - w_0) / tau


@pytest.fixture(scope="module")
def readme() -> Response:
    """The new response of the README."""
    return Response(up=(1 - y) * (1 + y / 2), down=(1 + y) * (1 - y / 2))


# ---- the README's formula, by hand: F = 1 − y²/2, G = y/2, R = y/(2 − y²), R_c = −τ ln(1 − y²/2)/2


def test_the_readme_formula_has_the_symmetric_point_w_0(readme):
    assert readme.symmetric_point() == w_0


def test_the_readme_formula_has_its_penalty_in_one_logarithm(readme):
    assert str(readme.penalty()) == "-tau*log(1 - (w - w_0)**2/(2*tau**2))/2"


def test_the_readme_formula_prints_in_powers_of_the_distance_from_its_symmetric_point(readme):
    assert str(readme.mean_response) == "1 - (w - w_0)**2/(2*tau**2)"
    assert str(readme.asymmetry) == "(w - w_0)/(2*tau)"
    assert str(readme.ratio) == "tau*(w - w_0)/(2*tau**2 - (w - w_0)**2)"


def test_the_readme_formula_saturates_at_w_0_plus_minus_tau(readme):
    assert readme.dynamic_range == (w_0 - tau, w_0 + tau)


# ---- identities ------------------------------------------------------------------------------


@pytest.mark.parametrize("response", CATALOGUE, ids=lambda r: r.id)
def test_the_responses_are_mean_minus_plus_asymmetry(response):
    assert sympy.simplify(response.mean_response - response.asymmetry - response.up) == 0
    assert sympy.simplify(response.mean_response + response.asymmetry - response.down) == 0


@pytest.mark.parametrize("response", CATALOGUE, ids=lambda r: r.id)
def test_the_saturation_product_is_the_difference_of_squares(response):
    difference = response.mean_response**2 - response.asymmetry**2 - response.saturation_product
    assert sympy.simplify(difference) == 0


@pytest.mark.parametrize("response", CATALOGUE, ids=lambda r: r.id)
def test_the_ratio_is_asymmetry_over_mean(response):
    difference = response.ratio * response.mean_response - response.asymmetry
    assert sympy.simplify(difference) == 0


# ---- reading a formula -----------------------------------------------------------------------


def test_parameters_are_the_free_symbols_with_the_domain_of_their_assumptions(readme):
    assert [(p.name, p.domain) for p in readme.parameters] == [("tau", POSITIVE), ("w_0", REALS)]


def test_a_decimal_means_the_rational_it_says():
    cell = Response(up=1 - 0.3 * w, down=1 + 0.1 * w)
    assert cell.up == 1 - 3 * w / 10
    assert cell.dynamic_range == (-10, Rational(10, 3))


@pytest.mark.parametrize(
    ("up", "down", "expected"),
    [
        (1 - x**2 / 2, 1 + x, (-tau, sqrt(2) * tau)),
        (1 - w / 100, 1 + w / 100, (-100, 100)),
        (exp(1 - x) - 1, 1 + x, (-tau, tau)),
        (1 - x, sympy.Integer(1), (-sympy.oo, tau)),
        ((1 - x) ** Rational(1, 3), sqrt(1 + 2 * x), (-tau / 2, tau)),
    ],
    ids=str,
)
def test_the_dynamic_range_is_found_from_the_zeros(up, down, expected):
    assert Response(up=up, down=down).dynamic_range == expected


def test_fixing_some_parameters_keeps_the_others():
    half = soft_bounds.substituted({soft_bounds.parameters[0].symbol: sympy.S.Zero})
    assert [p.name for p in half.parameters] == ["tau_max", "tau_min"]
    assert half.symmetric_point() == 0


def test_fixing_the_exponent_of_the_power_response_picks_its_closed_form():
    gamma = power.parameters[1].symbol
    assert power.substituted({gamma: sympy.Integer(2)}).penalty() == tau * log(1 + x**2)


# ---- the penalty of a rational ratio ---------------------------------------------------------

RATIONAL = [
    ((1 - x) ** 2 / (2 + x), (1 + x) ** 2 / (2 - x)),  # a quadratic under the fraction bar
    ((1 - x) * (1 + x / 5), (1 + x) * (1 - x / 4)),  # … with two real zeros and a linear term
    ((1 - x) * (1 - x / 2), (1 + x) * (2 + x)),  # … without real zeros: an arc tangent
    ((1 - x) * (2 - x) * (1 + x / 3), (1 + x) * (2 + x) * (1 - x / 3)),  # a polynomial
    ((1 - x) / 2, 1 + x),  # linear under the fraction bar
]


@pytest.mark.parametrize(("up", "down"), RATIONAL, ids=str)
def test_a_rational_penalty_has_the_ratio_as_slope_and_is_zero_at_the_symmetric_point(up, down):
    cell = Response(up=up, down=down)
    difference = sympy.diff(cell.penalty(), w) - cell.ratio
    assert sympy.cancel(difference) == 0
    assert sympy.cancel(cell.penalty().subs(w, cell.symmetric_point())) == 0


def test_a_cubic_under_the_fraction_bar_is_left_to_quadrature():
    a, b = positive("a"), positive("b")
    cell = Response(up=(1 - x) * (1 + a * x**2), down=(1 + x) * (1 + b * x**2))
    assert cell.known_penalty() is None


def test_a_penalty_is_not_guessed_where_the_ratio_is_no_rational_function():
    assert Response(up=(1 - x) * exp(-x), down=(1 + x) * exp(x)).known_penalty() is None


def test_equal_responses_have_no_penalty():
    assert ideal.penalty() == 0


def test_an_integral_with_symbols_keeps_every_term():
    # SymPy 1.14's ratint(w/(a + b*w + w**2), w, real=True) is 0: the reason for our own
    a, b = positive("a"), positive("b")
    formula = w / (a + b * w + w**2)
    for sign in (True, False):
        integral = integral_from_zero(formula, lambda discriminant, sign=sign: sign)
        assert sympy.simplify(sympy.diff(integral, w) - formula) == 0


def test_numbers_with_many_digits_are_not_factored():
    # together() of this pair factors 50-digit integers for minutes
    values = dict(zip(power.parameters, (0.7391847562091837, 1.2345678901234567), strict=True))
    fixed = power.substituted({p.symbol: Rational(repr(v)) for p, v in values.items()})
    assert fixed.known_penalty() is None
    assert fixed.ratio.subs(w, 0) == 0


def test_zeros_behind_a_fraction_bar_are_no_zeros():
    assert list(real_zeros((1 - w) / (2 - w))) == [1]


# ---- what is refused, in one sentence --------------------------------------------------------


def refused(message: str, **formulas) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Response(**formulas)
    assert "\n" not in str(caught.value)


def test_a_formula_outside_the_grammar_is_refused_by_name():
    refused(
        r"mine: q_up = sin\(w\) \+ 1: the formula contains sin in sin\(w\); allowed are numbers",
        up=1 + sympy.sin(w),
        down=1 + w,
        id="mine",
    )


def test_a_pair_that_is_nowhere_positive_is_refused():
    refused(
        r"q_up = -w\*\*2 - 1 and q_down = w \+ 1 are nowhere both positive .* or give "
        r"dynamic_range=\(low, high\)",
        up=-1 - w**2,
        down=1 + w,
    )


def test_a_width_that_may_be_negative_is_refused_with_the_way_out():
    t = real("t")
    refused("tried at t = -0.13; .* declare widths as positive", up=1 - w / t, down=1 + w / t)


def test_a_weight_symbol_of_ones_own_is_refused():
    own = sympy.Symbol("w")
    refused("a symbol w that is not aimctheory.w", up=1 - own, down=1 + own)


@pytest.mark.parametrize("formula", ["1 - w", None, sympy.Lt(w, 1)], ids=str)
def test_what_is_no_expression_is_refused(formula):
    refused("is not a formula; write a SymPy expression in aimctheory.w", up=formula, down=1 + w)


def test_a_symbol_missing_from_the_declared_parameters_is_refused():
    declared = (Parameter("tau", tau, NONNEGATIVE, (1, 2), "width"),)
    message = "the symbol c is not among the parameters tau; declare it"
    refused(message, up=1 - c * x, down=1 + x, parameters=declared)


def test_a_response_of_equal_halves_has_no_single_symmetric_point():
    with pytest.raises(
        ValueError, match=re.escape("every weight is symmetric (q_up = q_down = 1)")
    ):
        ideal.symmetric_point()


def test_a_response_without_a_closed_symmetric_point_sends_to_the_device():
    cell = Response(up=(1 - x) * exp(-x), down=(1 + x) * (2 + x))
    with pytest.raises(ValueError, match=r"0 symmetric points in closed form .* ask the device"):
        cell.symmetric_point()


def test_a_response_with_several_symmetric_points_lists_them():
    # q₋ − q₊ = 2x(x² − 1/4): zeros at 0 and ±τ/2
    cell = Response(up=1 - x**3 + x / 4, down=1 + x**3 - x / 4, dynamic_range=(-tau, tau))
    with pytest.raises(ValueError, match="3 symmetric points in closed form"):
        cell.symmetric_point()
    assert set(cell.symmetric_points()) == {sympy.S.Zero, tau / 2, -tau / 2}
