"""A response with numbers: its functions against 50 digits, and what is refused."""

import functools
import re
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from aimctheory.catalogue import exponential, ideal, linear, power, soft_bounds
from aimctheory.device import Device
from aimctheory.notation import NONNEGATIVE, Parameter, positive, w
from aimctheory.response import Response
from tests.formulas import q_max

PROPERTY = settings(derandomize=True, deadline=None, max_examples=25)
BENT = [linear, power, exponential, soft_bounds]


@st.composite
def cells(draw: st.DrawFn, response: Response) -> tuple[Device, float]:
    """A device with typical numbers (both signs of the exponential's bend) and a weight."""
    numbers = {p.name: draw(st.floats(*p.typical)) for p in response.parameters}
    if response is exponential:
        numbers["gamma"] *= draw(st.sampled_from([-1, 1]))
    cell = response(**numbers)
    low, high = cell.dynamic_range
    return cell, low + (high - low) * draw(st.floats(0.02, 0.98))


def fifty_digits(formula: sympy.Expr, cell: Device, weight: float) -> float:
    """`formula` at exactly the floats that the device holds."""
    function = as_function(formula, tuple(p.symbol for p in cell.response.parameters))
    with mpmath.workdps(50):
        return float(function(*map(mpmath.mpf, [weight, *cell.numbers.values()])))


@functools.cache
def as_function(formula: sympy.Expr, symbols: tuple[sympy.Symbol, ...]) -> Callable[..., object]:
    return sympy.lambdify([w, *symbols], formula, "mpmath")


@pytest.mark.parametrize("response", BENT, ids=lambda r: r.id)
def test_the_lowered_responses_agree_with_50_digits_to_1e_13(response):
    @PROPERTY
    @given(cells(response))
    def holds(drawn):
        cell, weight = drawn
        for q, formula in ((cell.q_up, response.up), (cell.q_down, response.down)):
            assert q(weight) == pytest.approx(fifty_digits(formula, cell, weight), rel=1e-13)

    holds()


@pytest.mark.parametrize("response", BENT, ids=lambda r: r.id)
def test_mean_asymmetry_ratio_and_product_follow_from_the_pair(response):
    @PROPERTY
    @given(cells(response))
    def holds(drawn):
        cell, weight = drawn
        f, g = cell.mean_response(weight), cell.asymmetry(weight)
        assert f - g == pytest.approx(cell.q_up(weight), abs=1e-14 * f)
        assert f + g == pytest.approx(cell.q_down(weight), abs=1e-14 * f)
        assert f**2 - g**2 == pytest.approx(cell.saturation_product(weight), abs=1e-14 * f**2)
        assert cell.ratio(weight) == pytest.approx(g / f, rel=1e-14)

    holds()


@pytest.mark.parametrize("response", BENT, ids=lambda r: r.id)
def test_the_slope_of_the_penalty_is_the_ratio(response):
    @settings(PROPERTY, max_examples=5)
    @given(cells(response))
    def holds(drawn):
        cell, weight = drawn
        h = 1e-4
        slope = np.diff(cell.penalty([weight - h, weight + h]))[0] / (2 * h)
        # the error of a central difference is h²R″/6
        assert slope == pytest.approx(cell.ratio(weight), abs=1e-4)

    holds()


# ---- arrays ----------------------------------------------------------------------------------


def test_arrays_of_numbers_evaluate_element_by_element():
    cell = linear(tau=np.array([1.0, 2.0]), c=np.array([[0.0], [0.5]]))
    expected = [[linear(tau=t, c=c).q_up(0.5) for t in (1.0, 2.0)] for c in (0.0, 0.5)]
    np.testing.assert_array_equal(cell.q_up(0.5), expected)


def test_an_array_exponent_agrees_with_the_scalar_one_to_1e_14():
    exponents = np.array([0.5, 1.0, 2.0, 2.5, 3.0])
    together = power(tau=1.3, gamma=exponents).q_up(0.4)
    np.testing.assert_allclose(
        together, [power(tau=1.3, gamma=g).q_up(0.4) for g in exponents], rtol=1e-14
    )


def test_the_largest_responses_are_those_of_the_largest_element():
    cell = power(tau=np.array([1.0, 2.0]), gamma=np.array([[1.5], [3.0]]))
    assert cell.F_max == pytest.approx(4.0, rel=1e-13)  # 2^(γ−1)


def test_certificates_of_an_array_device_are_refused():
    cell = linear(tau=np.array([1.0, 2.0]))
    message = re.escape(
        "linear(tau=array(2,), c=0): closed forms and certificates are for one cell"
    )
    with pytest.raises(ValueError, match=message + ".*give scalars"):
        cell.symmetric_point()


def test_arrays_that_do_not_broadcast_are_refused():
    with pytest.raises(ValueError, match=r"the shapes tau \(2,\), c \(3,\) do not broadcast"):
        linear(tau=np.ones(2), c=np.zeros(3))


# ---- numbers ---------------------------------------------------------------------------------


def test_numbers_are_exact_as_their_shortest_decimals():
    assert set(linear(tau=0.1, c=0.3).exact.values()) == {
        sympy.Rational(1, 10),
        sympy.Rational(3, 10),
    }


def test_a_default_may_name_another_parameter():
    up, down = positive("up"), positive("down")
    cell = Response(
        up=1 - w / up,
        down=1 + w / down,
        parameters=(
            Parameter("up", up, NONNEGATIVE, (1, 2), "the width above"),
            Parameter("down", down, NONNEGATIVE, (1, 2), "the width below", default="up"),
        ),
    )(up=2)
    assert cell.dynamic_range == (-2.0, 2.0)


def test_a_device_prints_as_the_call_that_makes_it():
    assert repr(linear(tau=1, c=0.25)) == "linear(tau=1, c=0.25)"


def test_the_ideal_device_answers_with_the_shape_of_the_weight():
    assert ideal().q_up(np.zeros((3, 2))).shape == (3, 2)


# ---- constants -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "mean", "largest"),
    [
        (linear(tau=2, c=-0.3), 1.3, 2.6),  # 1 + |c|, 2(1 + |c|)
        (power(tau=1, gamma=0.4), 1.0, 2**0.4),  # max(1, 2^(γ−1)), 2^γ
        (exponential(tau=1, gamma=3), (np.e**3 + 1) / 2, np.e**3 + 1),
        (exponential(tau=1, gamma=-3), 1.0, 1 + np.e**-3),
        (ideal(), 1.0, 1.0),
    ],
    ids=repr,
)
def test_the_largest_responses_have_their_closed_forms(cell, mean, largest):
    assert cell.F_max == pytest.approx(mean, rel=1e-13)
    assert q_max(cell) == pytest.approx(largest, rel=1e-13)


def test_a_maximum_inside_the_range_is_found():
    # by hand: q₊ = (1 − y)(1 + 0.7y) is largest at y = −3/14, between two points of any round grid
    y = (w - sympy.Rational(1, 7)) / 3
    cell = Response(up=(1 - y) * (1 + 0.7 * y), down=(1 + y) * (1 - 0.7 * y))()
    assert q_max(cell) == pytest.approx(1.7**2 / 2.8, rel=1e-13)
    assert cell.F_max == pytest.approx(1.0, rel=1e-13)


def test_the_lipschitz_constant_on_a_part_of_the_range_is_that_part_s():
    # q₊ = √(1−w): the slope is largest at the upper end, 1/(2√(1−w))
    assert power(tau=1, gamma=0.5).lipschitz("q_up", -1, 0.75) == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize(
    ("function", "expected"),
    [("q_up", 0.7 / 2), ("q_down", 1.3 / 2), ("q", 1.3 / 2), ("F", 0.3 / 2), ("G", 1 / 2)],
)
def test_the_lipschitz_constants_of_the_linear_response_are_its_slopes(function, expected):
    assert linear(tau=2, c=-0.3).lipschitz(function) == pytest.approx(expected, rel=1e-14)


def test_the_lipschitz_constant_of_the_ratio_is_found_at_the_end():
    # R′ = (1 − c²)/(τ(1 − cx)²), largest at x = 1: (1 + c)/(τ(1 − c))
    assert linear(tau=1, c=0.5).lipschitz("R") == pytest.approx(3.0, rel=1e-14)


def test_an_unknown_function_has_no_lipschitz_constant():
    with pytest.raises(ValueError, match="has no function 'S'; choose one of q, q_up"):
        linear(tau=1).lipschitz("S")


def test_an_unbounded_range_has_no_lipschitz_constant():
    with pytest.raises(ValueError, match=r"needs a bounded interval.*give low < high"):
        ideal().lipschitz("q")


# ---- the penalty -----------------------------------------------------------------------------


def test_the_penalty_reaches_the_saturation_points_that_rounding_misses():
    # 0.1 and 0.3 are no binary fractions: the float range ends beside the exact one
    for width in (0.1, 0.3, 1.7):
        cell = power(tau=width, gamma=2)
        np.testing.assert_allclose(cell.penalty(cell.dynamic_range), width * np.log(2), rtol=1e-15)


@pytest.mark.parametrize("width", [1.0, 0.3])  # an end that is a binary fraction, and one not
@pytest.mark.parametrize("gamma", [0.2, 0.7, 1.5])
def test_quadrature_reaches_the_saturation_points(gamma, width):
    # R = tanh(γ artanh x) has a branch point at x = 1; mpmath integrates it in t = artanh x
    def integrand(t: mpmath.mpf) -> mpmath.mpf:
        return (1 - mpmath.tanh(gamma * t)) / mpmath.cosh(t) ** 2

    expected = 1 - float(mpmath.quad(integrand, [0, 1, 5, 20, 60]))
    cell = power(tau=width, gamma=gamma)
    assert cell.penalty_form() == "quadrature"
    np.testing.assert_allclose(cell.penalty(cell.dynamic_range), width * expected, rtol=1e-13)


def test_the_penalty_is_nan_outside_the_dynamic_range():
    for gamma in (2, 2.5):  # a closed form, and quadrature
        cell = power(tau=1, gamma=gamma)
        assert np.isnan(cell.penalty([1 + 1e-13, -2, np.inf, np.nan])).all()
        assert np.isfinite(cell.penalty([-0.5, 0.5, 1.001])).tolist() == [True, True, False]
        assert cell.penalty(0.0) == 0


@pytest.mark.parametrize("cell", [power(tau=1, gamma=3), power(tau=1, gamma=2.5)], ids=repr)
def test_the_penalty_keeps_the_shape_and_the_order_of_its_argument(cell):
    weights = np.array([[0.5, -0.25, 0.0], [0.9, 0.5, -1.0]])
    values = cell.penalty(weights)
    assert values.shape == weights.shape
    np.testing.assert_array_equal(values, [[cell.penalty(x) for x in row] for row in weights])


def test_a_declared_penalty_with_a_wrong_slope_is_refused():
    tau = positive("tau")
    cell = Response(up=1 - w / tau, down=1 + w / tau, closed_penalty=w**2 / tau)(tau=1)
    with pytest.raises(
        ValueError, match=r"closed_penalty has a slope that misses R by .* leave it"
    ):
        cell.penalty(0.5)


def test_a_declared_penalty_that_is_not_zero_at_the_symmetric_point_is_refused():
    tau = positive("tau")
    closed = w**2 / (2 * tau) + 1
    cell = Response(up=1 - w / tau, down=1 + w / tau, closed_penalty=closed)(tau=1)
    with pytest.raises(ValueError, match="closed_penalty is 1 at the symmetric point, not 0"):
        cell.penalty(0.5)


def test_a_closed_form_that_is_not_real_gives_way_to_quadrature():
    # R = w/(1 + w²/2)… with a complex way to write its integral ln(1 + w²/2)
    up, down = 1 - w + w**2 / 2 - w**3 / 8, 1 + w + w**2 / 2 + w**3 / 8
    closed = sympy.log(-1 - w**2 / 2)
    cell = Response(up=up, down=down, closed_penalty=closed, dynamic_range=(-1, 1))()
    assert cell.penalty_form() == "quadrature"
    assert cell.penalty(0.5) > 0


# ---- what is refused, in one sentence --------------------------------------------------------

SEVERAL = Response(up=2 - w**2, down=2 + w**2 - w / 8, dynamic_range=(-1, 1))
REFUSALS = [
    (lambda: linear(tau=-1), "linear: tau = -1 is outside (0, ∞); tau is the half-width"),
    (lambda: linear(tau=float("nan")), "linear: tau = nan is outside (0, ∞)"),
    (lambda: linear(tau=[1, -3]), "linear: tau = -3 is outside (0, ∞)"),
    (lambda: linear(tau="wide"), "linear: tau = 'wide' is not a number or an array of numbers"),
    (lambda: linear(tau=1, c=1), "linear: c = 1 is outside (-1, 1); c is c_Lin"),
    (lambda: linear(), "linear needs tau, the half-width of the dynamic range; give a value in"),
    (lambda: linear(tau=1, taw=2), "linear has no parameter 'taw'; it has: tau, c (did you mean"),
    (lambda: power(tau=1, gamma=np.inf), "power: gamma = inf is outside (0, ∞)"),
    (lambda: exponential(tau=1, gamma=0), "exponential: gamma = 0 is not allowed; give gamma ≠ 0"),
    (lambda: exponential(tau=1, gamma=800), "exponential(tau=1, gamma=800): q_up = nan at w ="),
    (lambda: soft_bounds(tau_max=1, tau_min=1), "soft-bounds: tau_min = 1 is outside (-∞, 0)"),
    (
        lambda: Response(up=2 - w, down=2 + w, dynamic_range=(1, -1))(),
        "response(): the dynamic range [1.0, -1.0] is empty",
    ),
    (
        lambda: Response(up=1 - w, down=2 + w, dynamic_range=(-3, 1))(),
        "response(): q_down = -0.88 at w = -2.88 in its dynamic range, where a response has to be",
    ),
    (
        lambda: Response(up=3 - w, down=1 + w, dynamic_range=(-1, 0.5))().symmetric_point(),
        "response() has 0 symmetric points in [-1, 0.5] (none) and exactly one is needed",
    ),
    (
        lambda: SEVERAL().symmetric_point(),
        "(w = 0 (simple), w = 0.0625 (simple)) and exactly one is needed; use other numbers, or "
        "symmetric_points() to choose one",
    ),
    (lambda: ideal().symmetric_point(), "ideal(): every weight is symmetric (q_up = q_down)"),
    (lambda: ideal(tau=1), "ideal has no parameter 'tau'; it has: none"),
]


@pytest.mark.parametrize(("make", "message"), REFUSALS, ids=[r[1] for r in REFUSALS])
def test_bad_input_is_refused_in_one_sentence(make, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        make()
    assert "\n" not in str(caught.value)
