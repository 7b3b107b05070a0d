"""Drift roots, effective updates and one-step expectations against literal formulas and the table
of the dossier (theory.md §6.2, rounded to five digits there)."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from scipy.special import erf

from aimctheory import exact
from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.algorithms.digital_sgd import digital_sgd
from aimctheory.algorithms.residual_learning import residual_learning
from aimctheory.catalogue import exponential, ideal, linear, power, soft_bounds
from aimctheory.exact.update import EffectiveUpdate
from aimctheory.laws import gaussian, rademacher, two_point, two_point_frozen, uniform
from aimctheory.notation import w
from aimctheory.objectives.quadratic import quadratic
from aimctheory.objectives.record import Constant, Objective
from aimctheory.response import Response

CELLS = (
    linear(tau=1),
    linear(tau=1, c=0.3),
    power(tau=1, gamma=0.5),
    power(tau=1, gamma=2),
    exponential(tau=1, gamma=2),
    soft_bounds(w_0=0.1, tau_max=1.2, tau_min=-0.9),
)
LAWS = (gaussian(0.4), uniform(0.4), rademacher(0.4), two_point_frozen(0.4, 0.3))
TABLE = [  # theory.md §6.2: cell, sigma, w*, w_Sigma, w_T, W^S where printed
    (linear(tau=1), 0.1, 0.5, 0.46305, 0.46042, 0.46305),
    (linear(tau=1), 0.5, 0.5, 0.35741, 0.35310, 0.35741),
    (linear(tau=1), 2.0, 0.5, 0.19262, 0.19122, 0.19262),
    (linear(tau=1), 8.0, 0.5, 0.06772, 0.06764, 0.06772),
    (linear(tau=1), 0.2, 0.5, 0.43119, 0.42735, None),
    (linear(tau=1), 0.2, 0.9, 0.77615, 0.74766, None),
    (linear(tau=1, c=0.3), 0.2, 0.5, 0.46868, 0.46835, 0.47016),
    (linear(tau=1, c=0.3), 0.2, 0.9, 0.79602, 0.78250, 0.81048),
    (power(tau=1, gamma=0.5), 0.2, 0.5, 0.46102, 0.46032, 0.46305),
    (power(tau=1, gamma=0.5), 0.2, 0.9, 0.81726, 0.81041, 0.83350),
    (power(tau=1, gamma=2), 0.2, 0.5, 0.39163, 0.37523, 0.37903),
    (power(tau=1, gamma=2), 0.2, 0.9, 0.74698, 0.65700, 0.68226),
    (power(tau=1, gamma=3), 0.2, 0.5, 0.36890, 0.33552, 0.33813),
    (power(tau=1, gamma=3), 0.2, 0.9, 0.74146, 0.59142, 0.60863),
    (exponential(tau=1, gamma=2), 0.2, 0.5, 0.38490, 0.36432, 0.36520),
    (exponential(tau=1, gamma=2), 0.2, 0.9, 0.74688, 0.64991, 0.65736),
    (linear(tau=1), 1.0, 0.5, 0.27810, 0.27503, None),
    (linear(tau=1), 1.0, 0.9, 0.50059, 0.48218, None),
    (power(tau=1, gamma=2), 1.0, 0.5, 0.19716, 0.19142, 0.19262),
    (power(tau=1, gamma=2), 1.0, 0.9, 0.37518, 0.33967, 0.34672),
    (exponential(tau=1, gamma=2), 1.0, 0.5, 0.18174, 0.17551, 0.17571),
    (exponential(tau=1, gamma=2), 1.0, 0.9, 0.35464, 0.31497, 0.31628),
]


def folded_normal(g, sigma):
    """E|g + ξ| of Gaussian noise, typed here."""
    u = g / (sigma * np.sqrt(2))
    return sigma * np.sqrt(2 / np.pi) * np.exp(-(u**2)) + g * erf(u)


def coupled_problem():
    rng = np.random.default_rng(1)
    A = rng.normal(size=(5, 5))
    return A @ A.T / 5 + 0.3 * np.eye(5), rng.uniform(-0.7, 0.7, 5), np.linspace(0.1, 1.0, 5)


@pytest.mark.parametrize(("cell", "sigma", "minimiser", "penalised", "root", "line"), TABLE)
def test_the_table_is_reproduced_to_the_digits_printed(
    cell, sigma, minimiser, penalised, root, line
):
    bowl, law = quadratic(minimiser=minimiser), gaussian(sigma)
    assert abs(exact.penalised_minimiser(cell, bowl, law) - penalised) < 5.1e-6
    assert abs(exact.drift_root(analog_sgd, cell, bowl, law) - root) < 5.1e-6
    if line is not None:
        assert abs(exact.linearised(cell, bowl, law) - line) < 5.1e-6


@pytest.mark.parametrize("cell", CELLS, ids=repr)
@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_the_effective_update_is_gF_plus_mG(cell, law):
    x = np.linspace(-0.7, 0.9, 33)
    T = exact.effective_update(analog_sgd, cell, quadratic(2.0, 0.3), law)
    g = 2.0 * (x - 0.3)
    literal = g * cell.mean_response(x) + law.mean_abs(g) * cell.asymmetry(x)
    assert np.max(np.abs(T(x) - literal)) < 4e-15


def test_the_derivatives_of_the_effective_update_are_exact():
    cell, law = power(tau=1, gamma=2.5), gaussian(0.5)
    T = exact.effective_update(analog_sgd, cell, quadratic(1.0, 0.4), law).along(0.3)

    def literal(x):
        g, s = x - mpmath.mpf(2) / 5, mpmath.mpf(1) / 2
        up, down = (1 - x) ** mpmath.mpf("2.5"), (1 + x) ** mpmath.mpf("2.5")
        m = s * mpmath.sqrt(2 / mpmath.pi) * mpmath.exp(-(g**2) / (2 * s**2))
        m += g * mpmath.erf(g / (s * mpmath.sqrt(2)))
        return g * (down + up) / 2 + m * (down - up) / 2

    with mpmath.workdps(40):
        expected = [float(mpmath.diff(literal, mpmath.mpf("0.3"), n)) for n in (0, 1, 2)]
    assert np.allclose([T.value, T.first, T.second], expected, rtol=1e-13)


def test_the_jacobian_of_a_coupled_update_is_its_derivative():
    H, minimiser, sigma = coupled_problem()
    bowl, x = quadratic(H, minimiser), np.linspace(-0.6, 0.7, 5)
    T = exact.effective_update(analog_sgd, linear(tau=1, c=0.3), bowl, gaussian(sigma))
    reach = 1e-5 * np.eye(5)
    differences = ((T(x + reach) - T(x - reach)) / 2e-5).T
    assert np.max(np.abs(T.jacobian(x) - differences)) < 1e-8


def test_digital_sgd_feels_no_device():
    T = exact.effective_update(digital_sgd, power(tau=1, gamma=2), quadratic(2.0, 0.3), gaussian(1))
    assert T(0.9) == pytest.approx(1.2, abs=1e-15)
    assert exact.drift_root(digital_sgd, linear(tau=1), quadratic(2.0, 1.7), gaussian(1)) == 1.7


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_without_noise_the_root_is_the_minimiser(cell):  # identity I3
    assert exact.drift_root(analog_sgd, cell, quadratic(3.0, 0.6)) == pytest.approx(0.6, abs=1e-15)


@pytest.mark.parametrize("cell", CELLS, ids=repr)
@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_a_minimiser_at_the_symmetric_point_is_the_root(cell, law):  # identity I4
    bowl = quadratic(3.0, cell.symmetric_point())
    root = exact.drift_root(analog_sgd, cell, bowl, law)
    assert root == pytest.approx(cell.symmetric_point(), abs=1e-15)


def test_rademacher_noise_on_a_linear_cell_has_a_rational_root():  # identity I1, theory.md §6.1
    cell = soft_bounds(w_0=0.1, tau_max=2.0, tau_min=-2.0)
    root = exact.drift_root(analog_sgd, cell, quadratic(1.5, 0.5), rademacher(0.8))
    assert root == pytest.approx((1.5 * 0.5 + 0.4 * 0.1) / (1.5 + 0.4), abs=1e-15)


def test_uniform_noise_on_the_quadratic_power_cell_has_a_rational_root():  # identity I2
    b, tau = np.sqrt(3) * 0.5, 1.5
    root = exact.drift_root(analog_sgd, power(tau=tau, gamma=2), quadratic(2, 0.6), uniform(0.5))
    assert root == pytest.approx(2 * 0.6 / (2 + b / tau), abs=1e-15)


def test_ex24_theorem_3_has_its_root_where_the_gradient_is_sigma_x():
    # witness of theory.md §14 (E2): tau = 65, sigma = .63, w* = 16.16 has its fixed point at w = 16
    law, cell = two_point(0.63, 65.0), linear(tau=65)
    assert exact.drift_root(analog_sgd, cell, quadratic(1.0, 16.16), law) == pytest.approx(16.0)


def test_coupled_coordinates_satisfy_the_equation_of_each():
    H, minimiser, sigma = coupled_problem()
    for cell in (*CELLS, exponential(tau=np.linspace(0.9, 2, 5), gamma=2)):
        root = exact.drift_root(analog_sgd, cell, quadratic(H, minimiser), gaussian(sigma))
        g = H @ (root - minimiser)
        assert np.max(np.abs(g + folded_normal(g, sigma) * cell.ratio(root))) < 1e-14


def test_a_diagonal_hessian_gives_the_same_root_coupled_and_elementwise():
    h, minimiser, law = np.array([0.5, 1.0, 3.0]), np.array([0.6, -0.4, 0.8]), gaussian(0.5)
    coupled, single = quadratic(np.diag(h), minimiser), quadratic(h, minimiser)
    for cell in CELLS:
        ours = exact.drift_root(analog_sgd, cell, coupled, law)
        assert ours == pytest.approx(exact.drift_root(analog_sgd, cell, single, law), abs=1e-14)
        ours = exact.penalised_minimiser(cell, coupled, law)
        assert ours == pytest.approx(exact.penalised_minimiser(cell, single, law), abs=1e-14)
        ours = exact.linearised(cell, coupled, law)
        assert ours == pytest.approx(exact.linearised(cell, single, law), abs=1e-14)


def test_a_coupled_root_does_not_depend_on_the_start_or_on_a_given_hessian():
    H, minimiser, sigma = coupled_problem()
    bowl = quadratic(H, minimiser)
    bare = replace(bowl, hessian=None, minimiser=Constant(None, "unknown"))
    cell, law = power(tau=1, gamma=2), gaussian(sigma)
    root = exact.drift_root(analog_sgd, cell, bowl, law)
    far = exact.drift_root(analog_sgd, cell, bowl, law, start=np.full(5, -0.99))
    assert far == pytest.approx(root, abs=1e-14)
    assert exact.drift_root(analog_sgd, cell, bare, law) == pytest.approx(root, abs=1e-13)


def test_a_sweep_is_its_single_problems():
    c, sigma = np.array([[0.1], [0.3], [-0.4]]), np.array([0.2, 1.0])
    bowl = quadratic(1.0, 0.5)
    root = exact.drift_root(analog_sgd, linear(tau=1, c=c), bowl, gaussian(sigma))
    line = exact.linearised(linear(tau=1, c=c), bowl, gaussian(sigma))
    for i, j in np.ndindex(3, 2):
        cell, law = linear(tau=1, c=c[i, 0]), gaussian(sigma[j])
        assert exact.drift_root(analog_sgd, cell, bowl, law) == pytest.approx(root[i, j], abs=1e-15)
        assert exact.linearised(cell, bowl, law) == pytest.approx(line[i, j], abs=1e-15)


def test_a_measured_noise_level_stands_for_the_law():
    bowl, law = quadratic(minimiser=0.5), gaussian(0.5)
    assert exact.penalised_minimiser(
        linear(tau=1), bowl, 0.5 * np.sqrt(2 / np.pi)
    ) == pytest.approx(exact.penalised_minimiser(linear(tau=1), bowl, law))


# ---- one-step expectations -------------------------------------------------------------------


@pytest.mark.parametrize("law", [*LAWS, two_point(0.4, 1.0)], ids=repr)
@pytest.mark.parametrize("gradient", [0.0, 0.2, -0.7, 3.0])
def test_the_closed_moments_agree_with_quadrature(law, gradient):
    absolute = exact.one_step_expectation(np.abs, law, gradient, 0.3)
    assert abs(absolute.value - law.mean_abs(gradient, 0.3)) <= absolute.error < 1e-13
    signed = exact.one_step_expectation(lambda g: g * np.abs(g), law, gradient, 0.3)
    assert abs(signed.value - law.signed_square(gradient, 0.3)) <= signed.error < 1e-12
    plain = exact.one_step_expectation(lambda g: g, law, gradient, 0.3)
    assert plain.value == pytest.approx(gradient, abs=1e-14)
    square = exact.one_step_expectation(np.square, law, gradient, 0.3)
    assert square.value == pytest.approx(gradient**2 + 0.16, abs=1e-13)


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_the_mean_of_one_pulse_is_minus_alpha_T(cell):
    alpha, x, law = 0.05, np.linspace(-0.6, 0.8, 7), uniform(0.4)
    T = exact.effective_update(analog_sgd, cell, quadratic(1.0, 0.2), law)

    def moved(noisy):
        d = -alpha * noisy
        return d * np.where(d >= 0, cell.q_up(x), cell.q_down(x))

    found = exact.one_step_expectation(moved, law, x - 0.2)
    assert np.max(np.abs(found.value + alpha * T(x))) < 1e-15


@pytest.mark.parametrize("law", [*LAWS, two_point(0.4, 1.0)], ids=repr)
def test_the_mean_square_of_one_pulse_is_alpha_squared_D(law):
    cell, alpha, x = (
        soft_bounds(w_0=0.1, tau_max=1.2, tau_min=-0.9),
        0.05,
        np.linspace(-0.6, 0.8, 5),
    )

    def square(noisy):
        d = -alpha * noisy
        return np.square(d * np.where(d >= 0, cell.q_up(x), cell.q_down(x)))

    D = exact.effective_update(analog_sgd, cell, quadratic(1.0, 0.2), law).diffusion(x, x - 0.2)
    found = exact.one_step_expectation(square, law, x - 0.2, x)
    assert found.value == pytest.approx(alpha**2 * D, rel=1e-12)


def test_the_error_of_an_expectation_covers_a_kink_elsewhere():
    law = gaussian(1.0)
    found = exact.one_step_expectation(lambda g: np.abs(g - 0.3), law, 0.0)
    true = folded_normal(-0.3, 1.0)
    assert 1e-8 < abs(found.value - true) < found.error


def test_elements_without_noise_keep_their_gradient():
    found = exact.one_step_expectation(np.abs, gaussian(np.array([0.0, 0.5])), 0.2)
    assert found.value == pytest.approx([0.2, folded_normal(0.2, 0.5)], abs=1e-14)


# ---- the digital floor -----------------------------------------------------------------------


def test_the_digital_floor_is_the_fixed_point_of_the_covariance():
    H, minimiser, sigma = coupled_problem()
    C, step = np.zeros((5, 5)), np.eye(5) - 0.3 * H
    for _ in range(3000):  # exact second moments of w' = w − α(H(w − w*) + ξ)
        C = step @ C @ step.T + 0.3**2 * np.diag(sigma**2)
    floor = exact.digital_floor(quadratic(H, minimiser), sigma, 0.3)
    assert floor.excess == pytest.approx(np.trace(H @ C) / 2, rel=1e-12)
    assert floor.mean_square_gradient == pytest.approx(np.trace(H @ C @ H), rel=1e-12)


def test_the_digital_floor_sweeps():
    h, alpha = np.array([0.5, 2.0]), np.array([[0.1], [0.4]])
    floor = exact.digital_floor(quadratic(h, 0.0), 0.5, alpha)
    expected = [sum(a * 0.25 / (2 * (2 - a * x)) for x in h) for a in (0.1, 0.4)]
    assert floor.excess == pytest.approx(expected)
    assert floor.mean_square_gradient.shape == (2,)


# ---- what is refused -------------------------------------------------------------------------

TWO_WELLS = Response(up=(1 - w) * (1 + 3 * w**2 + 3 * w), down=(1 + w) * (1 + 3 * w**2 - 3 * w))


def test_several_roots_are_listed_and_start_chooses():
    bowl, law, cell = quadratic(0.1, 0.0), gaussian(1.0), TWO_WELLS()
    with pytest.raises(ValueError, match=r"several stable zeros \(-0\.\d+, 0\.\d+\); choose one"):
        exact.drift_root(analog_sgd, cell, bowl, law)
    low, high = (exact.drift_root(analog_sgd, cell, bowl, law, start=s) for s in (-0.2, 0.2))
    assert low == pytest.approx(-high, abs=1e-14)
    assert high > 0.1


def clipped(state, hyper, gradient, ops):
    bounded = ops.where(abs(gradient) > 1.0, ops.sign(gradient), gradient)
    return {"W": ops.pulse.W(state.W, -hyper.learning_rate * bounded)}


def decaying(state, hyper, gradient, ops):
    return {"W": ops.pulse.W(state.W, -hyper.learning_rate * gradient / (1.0 + ops.k))}


def test_other_algorithms_are_refused_with_the_names_of_those_served():
    bowl = quadratic(1.0, 0.5)
    others = [residual_learning]
    for step in (clipped, decaying):
        others.append(replace(analog_sgd, id="x", step=step))
    for algorithm in others:
        with pytest.raises(ValueError, match="as in analog-sgd and digital-sgd"):
            exact.drift_root(algorithm, linear(tau=1), bowl, gaussian(0.5))


def test_a_root_at_saturation_is_no_root():
    for law in (None, gaussian(0.01), rademacher(0.1)):
        with pytest.raises(
            ValueError, match=r"no stable zero inside \(-1, 1\); the cell saturates"
        ):
            exact.drift_root(analog_sgd, linear(tau=1), quadratic(1.0, 1.5), law)
    lopsided = two_point_frozen(0.1, 0.41)  # E|g + ξ| + g is rounding, not a pull inwards
    with pytest.raises(ValueError, match="the cell saturates"):
        exact.drift_root(analog_sgd, power(tau=1, gamma=4), quadratic(1.0, 2.0), lopsided)
    H, minimiser, _ = coupled_problem()
    with pytest.raises(ValueError, match=r"at saturation in coordinates \[3, 4\]"):
        exact.drift_root(analog_sgd, linear(tau=1), quadratic(H, 3 * minimiser), gaussian(0.01))


def test_coupled_coordinates_refuse_replicates_and_a_start_outside():
    H, minimiser, _ = coupled_problem()
    bowl = quadratic(H, minimiser)
    with pytest.raises(ValueError, match="call once per replicate"):
        exact.drift_root(analog_sgd, linear(tau=1), bowl, gaussian(np.ones((2, 1))))
    with pytest.raises(ValueError, match="not strictly inside the dynamic range"):
        exact.drift_root(analog_sgd, linear(tau=1), bowl, gaussian(1.0), start=np.full(5, 1.5))


def test_an_array_without_a_device_is_named():
    with pytest.raises(ValueError, match="the array 'W' has no device"):
        exact.drift_root(analog_sgd, {"P": linear(tau=1)}, quadratic(), gaussian(1.0))


def test_linearising_needs_a_minimiser_and_one_symmetric_point():
    bowl = quadratic(1.0, 0.5)
    lost = replace(bowl, id="lost", minimiser=Constant(None, "unknown"))
    with pytest.raises(ValueError, match="lost: its minimiser is unknown"):
        exact.linearised(linear(tau=1), lost, gaussian(0.5))
    with pytest.raises(ValueError, match="symmetric points"):
        exact.linearised(TWO_WELLS(), bowl, gaussian(0.5))
    assert exact.linearised(ideal(), bowl, gaussian(0.5)) == 0.5


def test_the_digital_floor_refuses_an_unstable_rate_and_other_objectives():
    with pytest.raises(ValueError, match=r"is outside \(0, 2\)"):
        exact.digital_floor(quadratic(4.0), 0.5, 0.5)
    quartic = Objective(
        id="quartic", title="", shape=(1, 1), value=np.sum, gradient=lambda w, p, ops: w * w * w
    )
    with pytest.raises(ValueError, match="quartic: the digital floor is for a quadratic"):
        exact.digital_floor(quartic, 0.5, 0.1)


def test_an_expectation_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="not finite"), np.errstate(all="ignore"):
        exact.one_step_expectation(lambda g: np.log(g), gaussian(0.5), 0.0)


def test_a_swapped_response_is_noticed(monkeypatch):
    right, problems = EffectiveUpdate.unit_steps, [TABLE[0], TABLE[4], TABLE[6]]

    def swapped(self, weight):
        fall, rise = right(self, weight)
        return -rise, -fall

    def agreeing():
        found = (
            exact.drift_root(analog_sgd, cell, quadratic(minimiser=minimiser), gaussian(sigma))
            for cell, sigma, minimiser, *_ in problems
        )
        return [abs(x - p[4]) < 5.1e-6 for x, p in zip(found, problems, strict=True)]

    assert all(agreeing())
    monkeypatch.setattr(EffectiveUpdate, "unit_steps", swapped)
    assert not any(agreeing())
