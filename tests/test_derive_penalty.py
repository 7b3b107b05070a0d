"""Implicit objective, linearised point, second moment and first-order law of Analog SGD."""

from __future__ import annotations

import mpmath
import pytest
import sympy
from sympy import Rational, sqrt

from aimctheory.algorithms.digital_sgd import digital_sgd
from aimctheory.algorithms.residual_learning import residual_learning
from aimctheory.catalogue import exponential, ideal, linear, power, soft_bounds
from aimctheory.derive import (
    first_order,
    implicit_objective,
    linearised_stationary_point,
    second_moment,
)
from aimctheory.laws import UNIFORM, gaussian, rademacher, uniform
from aimctheory.notation import Sigma, real, sigma, w
from aimctheory.objectives.quadratic import quadratic
from aimctheory.response import Response
from tests.formulas import BOWL, W, alpha, c, h, made, normal_mean, same, tau, w_star

# ---- the implicit objective ------------------------------------------------------------------

CELLS = (
    linear(tau=1),
    linear(tau=2, c=0.3),
    power(tau=1, gamma=0.5),
    power(tau=1, gamma=2),
    power(tau=1, gamma=3),
    power(tau=1, gamma=4),
    exponential(tau=1, gamma=2),
    exponential(tau=1, gamma=-2),
    soft_bounds(tau_max=4, tau_min=-3),
)


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_the_slope_of_the_implicit_objective_is_slope_plus_Sigma_ratio(cell):
    implicit = implicit_objective(cell, BOWL)
    F, G = cell.fixed.mean_response, cell.fixed.asymmetry
    assert implicit.closed
    assert same(implicit.value.diff(w), implicit.slope)
    assert same(implicit.slope, h * (w - w_star) + Sigma * G / F)


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_the_penalty_vanishes_at_the_symmetric_point(cell):
    center = cell.fixed.symmetric_point()
    assert sympy.simplify(implicit_objective(cell, sympy.S.Zero).value.subs(w, center)) == 0


def test_the_linear_cell_penalises_the_square_of_the_weight():
    """RF25 (45) with W⋄ = 0."""
    found = implicit_objective(linear.substituted({c: sympy.S.Zero})).value
    f = sympy.Function("f", real=True)(w)
    assert sympy.expand(found - f - Sigma * w**2 / (2 * tau)) == 0


def test_a_penalty_without_closed_form_is_a_labelled_integral_of_the_ratio():
    found = implicit_objective(power(tau=1, gamma=2.5), sympy.S.Zero)
    assert not found.closed
    assert found.value.has(sympy.Integral)
    assert "no closed form" in found.latex()
    by_hand = mpmath.quad(lambda x: mpmath.tanh(2.5 * mpmath.atanh(x)), [0, 0.5])
    assert abs(found.value.subs({w: Rational(1, 2), Sigma: 1}).evalf(20) - by_hand) < 1e-14


def test_a_declared_penalty_that_is_no_integral_of_the_ratio_is_refused():
    wrong = Response(1 - w / tau, 1 + w / tau, closed_penalty=w**2 / tau)
    with pytest.raises(ValueError, match="the declared penalty"):
        implicit_objective(wrong)


@pytest.mark.parametrize("error", [(w - 1) ** 2, (w + 1) ** 2, w**3, -w / 10**18, w / 10**18])
def test_a_declared_penalty_that_is_wrong_by_little_or_right_in_one_place_is_refused(error):
    right = sympy.log(sympy.cosh(w)) / 2

    def cell(penalty):
        return Response(2 - sympy.tanh(w), 2 + sympy.tanh(w), closed_penalty=penalty)

    assert implicit_objective(cell(right), sympy.S.Zero).value == Sigma * right
    with pytest.raises(ValueError, match="the declared penalty"):
        implicit_objective(cell(right + error))


@pytest.mark.parametrize(
    ("cell", "minimiser", "point"),
    [  # an independent prototype, h = τ = 1, σ = 0.5 in the first line and 0.2 below
        (linear(tau=1), None, 0.35741),
        (linear(tau=1, c=0.3), "0.9", 0.81048),
        (power(tau=1, gamma=0.5), "0.5", 0.46305),
        (power(tau=1, gamma=2), "0.9", 0.68226),
        (power(tau=1, gamma=3), "0.5", 0.33813),
        (exponential(tau=1, gamma=2), "0.9", 0.65736),
    ],
)
def test_the_linearised_stationary_point_has_the_tabulated_values(cell, minimiser, point):
    deviation = "0.5" if minimiser is None else "0.2"
    found = linearised_stationary_point(cell, 1, Rational(minimiser or "0.5"))
    level = Rational(deviation) * sqrt(2 / sympy.pi)
    assert abs(float(found.subs(Sigma, level)) - point) < 6e-6


def test_the_linearised_stationary_point_weighs_minimiser_and_symmetric_point():
    found = linearised_stationary_point(linear)
    slope = 1 / (tau * (1 - c**2))  # R′ at w⋄ = cτ
    assert same(found, (h * w_star + slope * Sigma * c * tau) / (h + slope * Sigma))


def test_without_a_cell_the_stationary_point_is_the_corrected_formula_of_rf25():
    slope, center = real("R'"), real(r"w^\diamond")
    found = linearised_stationary_point()
    assert same(found, (h * w_star + slope * Sigma * center) / (h + slope * Sigma))


def test_on_a_quadratic_and_the_linear_cell_linearisation_is_exact():
    plain = linear.substituted({c: sympy.S.Zero})
    slope = implicit_objective(plain, BOWL).slope
    assert sympy.simplify(slope.subs(w, linearised_stationary_point(plain))) == 0


def test_the_ideal_cell_has_no_penalty_and_no_stationary_point_of_its_own():
    assert implicit_objective(ideal, BOWL).value == BOWL
    with pytest.raises(ValueError, match="every weight is symmetric"):
        linearised_stationary_point(ideal)


# ---- moments and the first-order law ---------------------------------------------------------


def test_the_second_moment_is_the_mean_square_increment():
    # by quadrature of U(w, −α(g + ξ)) − w with q₊ and q₋ themselves, split at the kink
    bowl = (w - Rational(1, 10)) ** 2 / 2
    found = second_moment(exponential(tau=1, gamma=2), bowl, gaussian(0.5))
    value = found.subs({W: Rational(2, 5), alpha: Rational(1, 4)}).evalf(25)

    def squared(x):
        share = mpmath.mpf(2 + 5) / 5 if x > 0 else mpmath.mpf(5 - 2) / 5  # 1 ± W
        return (x / 4 * mpmath.expm1(2 * share) / mpmath.expm1(2)) ** 2

    by_hand = normal_mean(squared, Rational(3, 10), Rational(1, 2))
    assert abs(value - by_hand) < 1e-20


def test_the_second_moment_has_the_form_of_the_first_order_law():
    F, G, g_, S = (sympy.Function(name, real=True) for name in ("F", "G", "g", "S"))
    x = g_(W)
    by_hand = (F(W) ** 2 + G(W) ** 2) * (x**2 + sigma**2) + 2 * F(W) * G(W) * S(x)
    assert sympy.expand(second_moment() - alpha**2 * by_hand) == 0


def test_digital_sgd_has_the_second_moment_of_its_gradient():
    found = second_moment(algorithm=digital_sgd, objective=BOWL)
    assert same(found, alpha**2 * (h**2 * (W - w_star) ** 2 + sigma**2))


def test_every_moment_up_to_the_second_enters_the_second_moment():
    # −W/4 − αx + |x|/2: its square has a constant, x, |x|, x² and x|x|
    def step(state, hyper, gradient, ops):
        return {"W": 0.75 * state.W - hyper.learning_rate * gradient + 0.5 * abs(gradient)}

    bowl = (w - Rational(1, 10)) ** 2 / 2
    found = second_moment(
        algorithm=made(step, arrays=(), buffers=("W",)), objective=bowl, law=gaussian(0.5)
    )
    value = found.subs({W: Rational(2, 5), alpha: Rational(1, 4)}).evalf(25)
    by_hand = normal_mean(
        lambda x: (-mpmath.mpf(1) / 10 - x / 4 + abs(x) / 2) ** 2, Rational(3, 10), Rational(1, 2)
    )
    assert abs(value - by_hand) < 1e-20


def test_an_increment_that_bends_with_the_gradient_has_no_closed_second_moment():
    step = made(lambda s, p, x, ops: {"W": s.W - ops.exp(x)}, arrays=(), buffers=("W",))
    with pytest.raises(ValueError, match="not linear in the gradient"):
        second_moment(algorithm=step)


@pytest.mark.parametrize("derivation", [second_moment, first_order])
def test_two_states_have_no_scalar_law(derivation):
    with pytest.raises(ValueError, match="has the states P, W"):
        derivation(algorithm=residual_learning)


@pytest.mark.parametrize(
    ("cell", "deviation", "minimiser", "rate", "shift"),
    [  # 10⁴ × the shift, from an independent prototype
        (linear(tau=1), 0.2, "0.5", "0.08", -6.2),
        (linear(tau=1, c=0.3), 1.0, "0.5", "0.08", 35.2),
        (exponential(tau=1, gamma=2), 0.2, "0.9", "0.08", -37.0),
    ],
)
def test_the_first_order_shift_has_the_tabulated_values(cell, deviation, minimiser, rate, shift):
    law = first_order(cell, (w - Rational(minimiser)) ** 2 / 2, gaussian(deviation))
    root = sympy.nsolve(law.drift, W, float(minimiser) * 0.8)
    found = law.shift.subs({W: root, alpha: Rational(rate)}).evalf()
    assert abs(1e4 * found - shift) < max(0.06, 0.01 * abs(shift))


def test_digital_sgd_has_the_leading_order_of_its_exact_variance():
    """α²σ²/(1 − (1 − αh)²) = ασ²/(h(2 − αh))."""
    law = first_order(objective=BOWL, algorithm=digital_sgd)
    floor = alpha * sigma**2 / (h * (2 - alpha * h))
    leading = sympy.limit(floor / alpha, alpha, 0) * alpha
    assert sympy.simplify(law.variance.subs(W, w_star) - leading) == 0
    assert law.shift == 0


def test_rademacher_noise_on_the_linear_cell_shifts_nothing():
    law = first_order(linear(tau=1), quadratic(minimiser=0.5), rademacher(1.0))
    assert law.shift.subs(W, Rational(1, 4)) == 0
    assert law.drift.subs(W, Rational(1, 4)) == 0


def test_the_law_with_numbers_is_the_form_with_its_deviation():
    at = {sigma: Rational(1, 2)}
    form = second_moment(linear(tau=1), BOWL, UNIFORM)
    assert same(second_moment(linear(tau=1), BOWL, uniform(0.5)), form.subs(at))
