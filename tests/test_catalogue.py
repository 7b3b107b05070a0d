"""The catalogue's responses against the papers' numbers, quadrature, and each other's limits."""

import mpmath
import numpy as np
import pytest
import sympy
from scipy.integrate import tanhsinh
from sympy import Rational, exp

from aimctheory.catalogue import exponential, ideal, linear, power, soft_bounds
from aimctheory.device import Device
from aimctheory.notation import positive, real, w
from aimctheory.response import Response
from tests.formulas import q_max

tau = positive("tau")

# ---- the reference table at τ = 1, w = 1/2 ---------------------------------------------------
# From an independent measurement of each formula.  Columns: w⋄, R′(w⋄), q₊, q₋, F, G, R, G/√F,
# R_c(½) − R_c(w⋄), F_max, q_max, to the digits printed; last the Lipschitz constant of G/√F on the
# whole range.  An earlier note had 10.4 for exp 4.  By hand: at w = 1, q₊ = 0 and F = G = (e⁴+1)/2,
# F′ = 4G, G′ = 4(F + 1/(e⁴−1)), so the slope G′/√F − GF′/(2F^{3/2}) is 10.559 there.
TABLE = """
linear 0  0  1       .5     1.5     1       .5      .5     .5      .125    1      2      1
linear .1 .1 1.0101  .55    1.35    .95     .40     .42105 .41039  .083053 1.1    2.2    1.11
linear .3 .3 1.0989  .65    1.05    .85     .20     .23529 .21693  .022995 1.3    2.6    1.37
power  .2 0  .2      .87055 1.08447 .97751  .10696  .10942 .10818  .026112 1      1.1487 inf
power  .5 0  .5      .70711 1.22474 .96593  .25882  .26795 .26334  .064638 1      1.4142 inf
power  2  0  2       .25    2.25    1.25    1.0     .8     .89443  .223144 2      4      2
power  3  0  3       .125   3.375   1.75    1.625   .92857 1.22838 .290385 4      8      3
power  4  0  4       .0625  5.0625  2.5625  2.5     .97561 1.56174 .335003 8      16     4
exp    .2 0  1.10333 .47502 1.58019 1.02761 .55259  .53774 .54511  .136160 1.1107 2.2214 -
exp    .5 0  1.27075 .43782 1.72185 1.07984 .64201  .59455 .61782  .153619 1.3244 2.6487 -
exp    1  0  1.58198 .37754 2.02626 1.20190 .82436  .68588 .75194  .183905 1.8591 3.7183 1.58
exp    2  0  2.31304 .26894 2.98722 1.62808 1.35914 .83481 1.06519 .243701 4.1945 8.3891 2.31
exp    4  0  4.07463 .11920 7.50826 3.81373 3.69453 .96874 1.89184 .334652 27.799 55.598 10.56
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()]


def row_device(row: list[str]) -> Device:
    if row[0] == "linear":
        return linear(tau=1, c=float(row[1]))
    return {"power": power, "exp": exponential}[row[0]](tau=1, gamma=float(row[1]))


def agrees(value: float, printed: str) -> bool:
    """Whether `value` rounds to the printed digits."""
    digits = len(printed.partition(".")[2])
    return abs(value - float(printed)) <= 0.5000001 * 10.0**-digits


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}({row[1]})")
def test_the_reference_table_holds_to_the_digits_printed(row):
    cell = row_device(row)
    center = sympy.Rational(repr(cell.symmetric_point()))
    values = {
        "symmetric point": cell.symmetric_point(),
        "slope of R": float(sympy.diff(cell.fixed.ratio, w).subs(w, center)),
        "q_up": float(cell.q_up(0.5)),
        "q_down": float(cell.q_down(0.5)),
        "F": float(cell.mean_response(0.5)),
        "G": float(cell.asymmetry(0.5)),
        "R": float(cell.ratio(0.5)),
        "G/sqrt(F)": float(cell.asymmetry(0.5) / np.sqrt(cell.mean_response(0.5))),
        "R_c": float(cell.penalty(0.5)),
        "F_max": cell.F_max,
        "q_max": q_max(cell),
    }
    printed = dict(zip(values, row[2:13], strict=True))
    wrong = {k: (v, printed[k]) for k, v in values.items() if not agrees(v, printed[k])}
    assert not wrong


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row[13] != "-"], ids=lambda row: f"{row[0]}({row[1]})"
)
def test_the_lipschitz_constants_of_the_normalised_asymmetry_hold_to_the_digits_printed(row):
    constant = row_device(row).lipschitz("G/sqrt(F)")
    assert constant == float("inf") if row[13] == "inf" else agrees(constant, row[13])


# ---- the penalty -----------------------------------------------------------------------------

FORMS = [linear.penalty().args[1][0], soft_bounds.penalty().args[1][0], exponential.penalty()]


@pytest.mark.parametrize(
    ("form", "response"),
    list(zip(FORMS, (linear, soft_bounds, exponential), strict=True)),
    ids=("linear", "soft-bounds", "exponential"),
)
def test_the_slope_of_the_closed_penalty_is_the_ratio(form, response):
    difference = sympy.diff(form, w) - response.ratio
    assert sympy.cancel(difference.rewrite(exp)) == 0


@pytest.mark.parametrize("exponent", [Rational(1, 2), 1, 2, 3, 4], ids=str)
def test_each_closed_penalty_of_the_power_response_has_the_ratio_as_slope(exponent):
    fixed = power.substituted({power.parameters[1].symbol: sympy.sympify(exponent)})
    slope, ratio = sympy.diff(fixed.penalty(), w), fixed.ratio
    # 50 digits at a rational point: SymPy does not simplify the nested roots at exponent 4
    point = {w: Rational(3, 7), tau: Rational(8, 5)}
    assert abs(slope.subs(point).evalf(50) - ratio.subs(point).evalf(50)) < Rational(1, 10**45)


CELLS = [
    ideal(),
    linear(tau=1),
    linear(tau=1.3, c=0.1),
    linear(tau=0.6, c=-0.9),
    linear(tau=1, c=1e-7),
    soft_bounds(tau_max=4, tau_min=-3),
    soft_bounds(w_0=0.3, tau_max=1, tau_min=-1),
    soft_bounds(w_0=-0.2, tau_max=0.5, tau_min=-0.5000001),
    *(power(tau=1.2, gamma=g) for g in (0.2, 0.5, 1, 1.5, 2, 2.7, 3, 4, 5)),
    *(exponential(tau=0.9, gamma=g) for g in (0.01, 0.5, 1, 2, 4, -0.01, -0.5, -1, -2, -4)),
]
QUADRATURE = {f"power(tau=1.2, gamma={gamma})" for gamma in (0.2, 1.5, 2.7)}


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_the_penalty_is_the_integral_of_the_ratio_to_1e_10(cell):
    low, high = (-1.0, 1.0) if cell is CELLS[0] else cell.dynamic_range
    weights = low + (high - low) * np.array([0.02, 0.2, 0.47, 0.77, 0.98])
    center = 0.0 if cell is CELLS[0] else cell.symmetric_point()
    expected = tanhsinh(cell.ratio, center, weights, atol=1e-13).integral
    np.testing.assert_allclose(cell.penalty(weights), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_the_form_of_the_penalty_is_labelled(cell):
    expected = "quadrature" if repr(cell) in QUADRATURE else "closed form"
    assert cell.penalty_form() == expected


@pytest.mark.parametrize("cell", CELLS[1:], ids=repr)
def test_the_penalty_is_zero_at_the_symmetric_point_and_positive_elsewhere(cell):
    center = cell.symmetric_point()
    assert cell.penalty(center) == pytest.approx(0.0, abs=1e-25)
    assert (cell.penalty(center + np.array([-0.05, -1e-6, 1e-6, 0.05])) > 0).all()


# ---- limits ----------------------------------------------------------------------------------


def test_the_linear_penalty_tends_to_the_symmetric_one():
    c = linear.parameters[1].symbol
    symmetric, bent = (branch[0] for branch in linear.penalty().args)
    assert sympy.simplify(sympy.limit(bent, c, 0) - symmetric) == 0


def test_the_soft_bounds_penalty_tends_to_the_symmetric_one():
    # with 1/τ_max = b + a and 1/τ_min = a − b the two widths become equal as a → 0
    a, b = real("a"), positive("b")
    tau_max, tau_min = (p.symbol for p in soft_bounds.parameters[1:])
    symmetric, bent = (branch[0] for branch in soft_bounds.penalty().args)
    bent = sympy.simplify(bent.subs({tau_max: 1 / (b + a), tau_min: 1 / (a - b)}))
    symmetric = symmetric.subs({tau_max: 1 / b, tau_min: -1 / b})
    assert sympy.expand(sympy.limit(bent, a, 0) - symmetric) == 0


@pytest.mark.parametrize("c", [1e-3, 1e-8, 1e-12, 1e-100, 5e-324, -1e-12])
def test_a_small_asymmetry_does_not_cancel_in_the_penalty(c):
    # to first order in c: R = x − c + cx², R_c = (x−c)²/2 + c(x³ − c³)/3 with τ = 1
    value = linear(tau=1, c=c).penalty(0.5)
    assert value == pytest.approx((0.5 - c) ** 2 / 2 + c * 0.125 / 3, rel=1e-15, abs=2 * c * c)


def test_the_exponential_response_is_the_linear_one_for_a_small_bend():
    bent, straight = exponential(tau=2, gamma=1e-6), linear(tau=2)
    weights = np.linspace(-1.9, 1.9, 7)
    np.testing.assert_allclose(bent.q_up(weights), straight.q_up(weights), atol=1e-6)
    np.testing.assert_allclose(bent.penalty(weights), straight.penalty(weights), atol=1e-6)


def test_the_power_response_with_exponent_one_is_the_linear_one():
    gamma = power.parameters[1].symbol
    assert power.substituted({gamma: sympy.S.One}).up == linear.up.subs(
        linear.parameters[1].symbol, 0
    )


def test_soft_bounds_of_equal_widths_are_the_shifted_linear_response():
    cell, straight = soft_bounds(w_0=0.25, tau_max=1.5, tau_min=-1.5), linear(tau=1.5)
    weights = np.linspace(-1, 1, 5)
    np.testing.assert_allclose(cell.q_up(weights + 0.25), straight.q_up(weights), rtol=1e-14)
    np.testing.assert_allclose(cell.q_down(weights + 0.25), straight.q_down(weights), rtol=1e-14)


@pytest.mark.parametrize("cell", CELLS[1:], ids=repr)
def test_the_ratio_is_the_tanh_of_half_the_log_of_the_responses(cell):
    low, high = cell.dynamic_range
    weights = low + (high - low) * np.linspace(0.05, 0.95, 7)
    expected = np.tanh(np.log(cell.q_down(weights) / cell.q_up(weights)) / 2)
    np.testing.assert_allclose(cell.ratio(weights), expected, rtol=0, atol=1e-14)


# ---- formulas of the papers that are not in the catalogue ------------------------------------


def ex24_power(tau_max: float, tau_min: float, up: float, down: float) -> Response:
    """EX24 C.2: both responses are powers of the distance from saturation over the width."""
    width = sympy.Rational(tau_max) - sympy.Rational(tau_min)
    return Response(
        up=((tau_max - w) / width) ** Rational(up), down=((w - tau_min) / width) ** Rational(down)
    )


def ex24_exponential(tau_max: int, tau_min: int, gamma: str) -> Response:
    """EX24 C.3 with γ⁺ = γ⁻ = gamma."""
    rate = sympy.Rational(gamma) / (tau_max - tau_min)
    return Response(
        up=1 - exp(-rate * (tau_max - w)),
        down=1 - exp(-rate * (w - tau_min)),
        dynamic_range=(tau_min, tau_max),
    )


def test_the_power_device_of_ex24_figure_6_is_symmetric_where_it_is_drawn():
    # read off EX24 Fig. 6, middle: τ_max = 4, τ_min = −3, γ⁺ = 4, γ⁻ = 1/2
    cell = ex24_power(4, -3, 4, 0.5)()
    assert agrees(cell.symmetric_point(), "-1.6816")
    assert agrees(float(cell.q_up(0)), ".1066")
    assert agrees(float(cell.q_down(0)), ".6547")
    assert agrees(float(cell.mean_response(0)), ".3806")


def test_the_exponential_device_of_ex24_figure_6_is_symmetric_in_the_middle():
    # read off EX24 Fig. 6, right: τ_max = 4, τ_min = −3, γ⁺ = γ⁻ ≈ 6.5
    cell = ex24_exponential(4, -3, "6.5")()
    assert cell.symmetric_point() == 0.5
    assert agrees(float(cell.mean_response(0.5)), ".961")


def test_the_soft_bounds_device_of_ex24_figure_6_is_symmetric_at_zero():
    assert soft_bounds(tau_max=4, tau_min=-3).symmetric_point() == 0.0


def test_the_power_response_of_ex24_is_rf25s_over_two_to_the_gamma():
    theirs, ours = ex24_power(1, -1, 3, 3)(), power(tau=1, gamma=3)
    weights = np.linspace(-1, 1, 9)
    np.testing.assert_allclose(8 * theirs.q_up(weights), ours.q_up(weights), rtol=1e-14)


def test_the_exponential_response_of_ex24_is_rf25s_at_negative_gamma():
    theirs, ours = ex24_exponential(1, -1, "4")(), exponential(tau=1, gamma=-2)
    weights = np.linspace(-0.9, 0.9, 9)
    scale = 1 - np.exp(-2)
    np.testing.assert_allclose(theirs.q_up(weights), scale * ours.q_up(weights), rtol=1e-14)


@pytest.fixture(scope="module")
def non_monotone() -> Device:
    """A pair with the shape sketched in RF25 Fig. 3, third panel."""
    return Response(
        up=(1 - w) * (1 + 1.5 * exp(-(((w + Rational("0.3")) / Rational("0.35")) ** 2))),
        down=(1 + w) * (0.6 + 1.2 * exp(-(((w + Rational("0.6")) / Rational("0.22")) ** 2))),
        dynamic_range=(-1, 1),
    )()


def test_the_non_monotone_response_has_one_simple_symmetric_point(non_monotone):
    # mpmath.findroot of the same two formulas, 30 digits; an earlier note had 0.2895
    (root,) = non_monotone.symmetric_points()
    assert root.multiplicity == 1
    assert root.value == pytest.approx(0.289179259838649522853414637706, abs=1e-15)


def test_the_ratio_of_the_non_monotone_response_is_not_monotone(non_monotone):
    printed = ["-.585", "-.710", "-.482", ".016", ".411"]
    values = non_monotone.ratio([-0.6, -0.3, 0, 0.3, 0.6])
    assert all(agrees(value, text) for value, text in zip(values, printed, strict=True))


def test_the_non_monotone_response_has_its_penalty_by_quadrature(non_monotone):
    def ratio(x: mpmath.mpf) -> mpmath.mpf:
        up = (1 - x) * (1 + 1.5 * mpmath.exp(-(((x + 0.3) / 0.35) ** 2)))
        down = (1 + x) * (0.6 + 1.2 * mpmath.exp(-(((x + 0.6) / 0.22) ** 2)))
        return (down - up) / (down + up)

    center = non_monotone.symmetric_point()
    expected = float(mpmath.quad(ratio, [center, 0, -0.3, -0.6, -1]))
    assert non_monotone.penalty_form() == "quadrature"
    assert non_monotone.penalty(-1.0) == pytest.approx(expected, abs=1e-13)


def test_a_new_response_declares_its_own_symbols():
    w_0 = real("w_0")
    y = (w - w_0) / tau
    cell = Response(up=(1 - y) * (1 + y / 2), down=(1 + y) * (1 - y / 2))(tau=1, w_0=0.1)
    # −ln(1 − y²/2)/2 at y = 0.4, by hand: −ln(0.92)/2
    assert cell.penalty(0.5) == pytest.approx(0.04169080446, abs=1e-11)
