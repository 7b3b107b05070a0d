"""Fixed points and stability: the published tables, exact identities and numerical roots."""

from __future__ import annotations

import random

import numpy as np
import pytest
import sympy
from sympy import Rational, sqrt

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.algorithms.digital_sgd import digital_sgd
from aimctheory.algorithms.residual_learning import residual_learning, residual_learning_v2
from aimctheory.catalogue import exponential, ideal, linear, power
from aimctheory.derive import (
    always,
    exact,
    fixed_point_equations,
    folded_normal,
    jacobian,
    mean_drift,
    noise_floor,
    stability,
)
from aimctheory.derive.drift import MeanDrift
from aimctheory.derive.fixed_points import inside_unit_circle
from aimctheory.laws import GAUSSIAN, RADEMACHER, UNIFORM, gaussian
from aimctheory.notation import Sigma, positive, real, sigma, w
from aimctheory.response import Response
from tests.formulas import BOWL, H, P, W, alpha, beta, c, gamma, h, m_W, same, tau, w_star


def drift_root(cell, law, minimiser, start):
    drift = mean_drift(analog_sgd, cell, (w - minimiser) ** 2 / 2, closures={"m_W": exact(law)})
    return float(sympy.nsolve(fixed_point_equations(drift)["W"].lhs, W, start))


@pytest.mark.parametrize(
    ("cell", "deviation", "minimiser", "root"),
    [  # roots of an independent prototype, h = τ = 1
        (linear(tau=1), 0.5, 0.5, 0.35310),
        (linear(tau=1), 8.0, 0.5, 0.06764),
        (linear(tau=1, c=0.3), 0.2, 0.9, 0.78250),
        (power(tau=1, gamma=0.5), 0.2, 0.5, 0.46032),
        (power(tau=1, gamma=3), 0.2, 0.9, 0.59142),
        (exponential(tau=1, gamma=2), 1.0, 0.9, 0.31497),
    ],
)
def test_the_mean_drift_vanishes_at_the_tabulated_roots(cell, deviation, minimiser, root):
    found = drift_root(cell, gaussian(deviation), Rational(str(minimiser)), 0.8 * minimiser)
    assert abs(found - root) < 6e-6


def test_the_fixed_point_is_slope_plus_moment_times_ratio():
    drift = mean_drift(analog_sgd, linear, BOWL, closures={"m_W": exact()})
    M = sympy.Function("M", real=True)(h * (W - w_star))
    by_hand = h * (W - w_star) + M * (W / tau - c) / (1 - c * W / tau)
    ratio = sympy.simplify(fixed_point_equations(drift)["W"].lhs / by_hand)
    assert not ratio.has(M, w_star)


def test_at_rest_the_transfer_balances_the_mean_absolute_transfer():
    W_equation = fixed_point_equations(mean_drift(residual_learning, linear))["W"].lhs
    solution = sympy.solve(W_equation, P)[0]
    assert same(solution, m_W / beta * (W / tau - c) / (1 - c * W / tau))


def test_an_equation_keeps_the_signs_of_the_pulse_rule():
    equation = fixed_point_equations(mean_drift(residual_learning, linear))["W"]
    assert str(equation) == "Eq(P*beta*(-W*c/tau + 1) - m_W*(W/tau - c), 0)"


@pytest.mark.parametrize(
    ("read", "weight", "mixed"),
    [
        (0.0, 0.4851, -0.0074),
        (0.1, 0.4650, -0.0175),
        (0.3, 0.4148, -0.0426),
        (1.0, 0.3005, -0.1006),
    ],
)
def test_the_two_arrays_have_the_tabulated_mean_field_of_noisy_reads(read, weight, mixed):
    # an independent prototype: linear cells, τ = h = 1, w* = σ = 1/2; the rates as below
    rates = {"learning_rate": 0.0125, "transfer_rate": 5e-4, "mixing": 0.4, "filter_rate": 1}
    variance = 0.0125 * 0.25 / (2 * (0.4 + 0.5 * np.sqrt(2 / np.pi)))
    drift = mean_drift(
        residual_learning_v2,
        linear(tau=1),
        (w - Rational(1, 2)) ** 2 / 2,
        closures={
            "m_P": exact(gaussian(0.5)),
            "d": always,
            "m_W": folded_normal(5e-4 * np.sqrt(variance + read**2)),
        },
        hyper=rates,
    )
    equations = [equation.lhs for equation in fixed_point_equations(drift)]
    found_P, found_W, _ = sympy.nsolve(equations, [P, W, H], [0.05, 0.4, 0.05])
    assert abs(found_W - weight) < 6e-5
    assert abs(found_W + 0.4 * found_P - 0.5 - mixed) < 6e-5


def test_without_noise_every_response_rests_at_the_minimiser():
    for cell in (linear, exponential, power(tau=1, gamma=2)):
        drift = mean_drift(analog_sgd, cell, BOWL, closures={"m_W": exact(gaussian(0.0))})
        assert drift.increments["W"].subs(W, w_star) == 0


def test_a_minimiser_at_the_symmetric_point_is_at_rest_under_every_law():
    for law in (GAUSSIAN, UNIFORM, RADEMACHER):
        drift = mean_drift(
            analog_sgd, linear, h * (w - c * tau) ** 2 / 2, closures={"m_W": exact(law)}
        )
        assert sympy.simplify(drift.increments["W"].subs(W, c * tau)) == 0


def test_I1_rademacher_noise_on_the_linear_cell_drifts_affinely_to_the_weighted_mean():
    """An affine drift has E_π w at its root for every step size."""
    shifted = Response(1 - (w - c) / tau, 1 + (w - c) / tau)
    drift = mean_drift(analog_sgd, shifted, BOWL, closures={"m_W": exact(RADEMACHER)})
    inside = drift.increments["W"].replace(sympy.Max, lambda *_: sigma)  # |f′| < σ
    assert sympy.simplify(inside.diff(W, 2)) == 0
    root = (h * w_star + sigma / tau * c) / (h + sigma / tau)
    assert sympy.simplify(inside.subs(W, root)) == 0


def test_I2_uniform_noise_on_the_quadratic_power_response_has_a_closed_root():
    bent = power.substituted({power.parameters[1].symbol: sympy.Integer(2)})
    drift = mean_drift(analog_sgd, bent, BOWL, closures={"m_W": exact(UNIFORM)})
    inside = drift.increments["W"].replace(sympy.Piecewise, lambda *cases: cases[0][0])  # |f′| ≤ b
    root = h * w_star / (h + sqrt(3) * sigma / tau)
    assert sympy.simplify(inside.subs(W, root)) == 0


# ---- stability -------------------------------------------------------------------------------


def test_digital_sgd_is_stable_below_two_over_the_curvature():
    condition = stability(mean_drift(digital_sgd, objective=BOWL)).stable
    assert condition.subs({alpha: Rational(19, 10), h: 1}) == sympy.true
    assert condition.subs({alpha: Rational(21, 10), h: 1}) == sympy.false


def test_residual_learning_is_overdamped_below_the_published_transfer_rate():
    """β < α(hγ + Σ/τ)²/(4h), the leading order of the condition on the iteration."""
    plain = linear.substituted({c: sympy.S.Zero})
    closures = {"m_P": noise_floor}
    drift = mean_drift(residual_learning, {"P": plain, "W": ideal}, BOWL, closures=closures)
    condition = stability(drift, {"P": 0, "W": w_star}).overdamped
    step = positive("step")
    small = sympy.expand(condition.lhs.subs({alpha: step * alpha, beta: step * beta}) / step)
    (limit,) = sympy.solve(small.subs(step, 0), beta)
    assert same(limit, alpha * (h * gamma + Sigma / positive("tau_P")) ** 2 / (4 * h))


def test_the_jacobian_is_the_derivative_of_the_mean_step():
    # the elements of J by central differences of the means at 50 digits
    drift = mean_drift(
        residual_learning,
        {"P": linear(tau=2, c=0.25), "W": exponential(tau=1, gamma=2)},
        (w - Rational(1, 3)) ** 4 / 4,
        closures={"m_P": exact(gaussian(0.5)), "m_W": folded_normal(0.1)},
        hyper={"learning_rate": 0.1, "transfer_rate": 0.2, "mixing": 0.4},
    )
    point = {P: Rational(1, 7), W: Rational(2, 9)}
    step = Rational(1, 10**15)
    found = jacobian(drift).subs(point).evalf(40)
    for i, mean in enumerate(drift.means.values()):
        for j, state in enumerate(point):
            up, down = ({**point, state: point[state] + side * step} for side in (1, -1))
            difference = (mean.subs(up).evalf(60) - mean.subs(down).evalf(60)) / (2 * step)
            assert abs(difference - found[i, j]) < 1e-25


def test_the_unit_circle_condition_agrees_with_numerical_roots():
    draw = random.Random(1)
    z = sympy.Symbol("z")
    for degree in (1, 2, 3, 4):
        for _ in range(20):
            coefficients = [1, *(Rational(draw.randrange(-11, 12), 8) for _ in range(degree))]
            largest = max(abs(np.roots([float(a) for a in coefficients])))
            if abs(largest - 1) > 1e-6:
                assert bool(inside_unit_circle(sympy.Poly(coefficients, z))) == (largest < 1)


def test_numbers_give_numerical_eigenvalues():
    rates = {"learning_rate": 0.1, "transfer_rate": 0.05, "mixing": 0.5, "filter_rate": 0.5}
    drift = mean_drift(
        residual_learning_v2, ideal, (w - 1) ** 2, closures={"d": always}, hyper=rates
    )
    found = stability(drift)
    numerical = np.sort_complex(np.array(found.eigenvalues, dtype=complex))
    expected = np.linalg.eigvals(np.array(found.jacobian.tolist(), dtype=float))
    assert np.allclose(numerical, np.sort_complex(expected), atol=1e-7)


def linear_map(matrix):
    """A drift whose new states are `matrix` times the states, in the symbols x0, x1 …"""
    states = {f"x{i}": real(f"x{i}") for i in range(len(matrix))}
    new = sympy.Matrix(matrix) * sympy.Matrix(list(states.values()))
    means = dict(zip(states, new, strict=True))
    return MeanDrift(algorithm="made-up", states=states, means=means, balanced=means, spots={})


@pytest.mark.parametrize(
    ("matrix", "overdamped"),
    [
        ([[Rational(-3, 2)]], True),
        ([[0, 1], [-1, 0]], False),
        ([[1, 1], [0, 1]], True),  # a double root is real
        ([[0, 1, 0], [0, 0, 1], [Rational(1, 8), 0, 0]], False),
        ([[1, 2, 3], [0, 4, 5], [0, 0, 6]], True),
        ([[1, 0, 0], [0, 0, 1], [0, -1, 0]], False),
    ],
)
def test_overdamped_means_that_all_eigenvalues_are_real(matrix, overdamped):
    assert all(abs(x.imag) < 1e-9 for x in np.linalg.eigvals(np.array(matrix, float))) == overdamped
    assert stability(linear_map(matrix)).overdamped == sympy.sympify(overdamped)


def test_beyond_three_states_nothing_is_said_about_damping():
    assert stability(linear_map(sympy.diag(1, 2, 3, 4).tolist())).overdamped is None


@pytest.mark.parametrize("edge", [[[1]], [[-1]], [[0, 1], [-1, 0]], [[0, 1], [1, 0]]])
def test_an_eigenvalue_on_the_unit_circle_is_not_stable(edge):
    assert stability(linear_map(edge)).stable == sympy.false


def test_a_repeated_eigenvalue_is_listed_as_often_as_it_occurs():
    a, b = positive("a"), positive("b")
    drift = linear_map([[a, 1, 0], [0, a, 0], [0, 0, b]])
    assert sorted(stability(drift).eigenvalues, key=str) == [a, a, b]


def test_eigenvalues_without_a_short_formula_are_not_listed():
    a, b = positive("a"), positive("b")
    cubic = [[0, 1, 0], [0, 0, 1], [a, 1, 0]]
    assert stability(linear_map(cubic)).eigenvalues == ()
    assert stability(linear_map(sympy.diag(sympy.Matrix(cubic), b).tolist())).eigenvalues == ()


@pytest.mark.parametrize("factor", [alpha, -alpha, 1 + h**2])
def test_factors_that_cannot_vanish_leave_the_equation_of_a_state_and_others_stay(factor):
    state = real("x0")
    (equation,) = fixed_point_equations(linear_map([[1 + factor * c * (1 - tau)]]))
    assert equation.rhs == 0
    assert sympy.expand(equation.lhs**2 - (state * c * (1 - tau)) ** 2) == 0
