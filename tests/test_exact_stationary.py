"""The stationary law by transfer operator, against brute force, identities and first order in α.

Expected numbers marked [M] are prototype measurements of theory.md §3A, §6.1 and §6.2; its transfer
operator had an error of 3e-5, its simulations one of some 1e-3 relative.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from aimctheory import exact
from aimctheory.algorithms.digital_sgd import digital_sgd
from aimctheory.catalogue import exponential, ideal, linear, power, soft_bounds
from aimctheory.exact import stationary
from aimctheory.exact.quadrature import noise_points
from aimctheory.laws import gaussian, rademacher, two_point, two_point_frozen, uniform
from aimctheory.objectives.quadratic import quadratic


def by_bins(cell, minimiser, sigma, alpha, low, high, count):
    """Mean and variance of the chain on `count` bins, from differences of its distribution."""
    edges = np.linspace(low, high, count + 1)
    x = (edges[1:] + edges[:-1]) / 2
    drop = x[:, None] - edges
    q = np.where(drop > 0, cell.q_down(x)[:, None], cell.q_up(x)[:, None])
    below = norm.sf((drop / (alpha * q) - (x - minimiser)[:, None]) / sigma)
    below[:, 0], below[:, -1] = 0.0, 1.0
    matrix = (np.diff(below, axis=1) - np.eye(count)).T
    matrix[0] = 1.0
    mass = np.linalg.solve(matrix, np.eye(count)[0])
    mean = mass @ x
    return np.array([mean, mass @ (x - mean) ** 2])


def test_the_law_agrees_with_brute_force_over_bins():
    cell, law = linear(tau=1, c=0.3), gaussian(1.0)
    found = exact.stationary_law(cell, quadratic(minimiser=0.5), law, 0.08)
    coarse, fine = (by_bins(cell, 0.5, 1.0, 0.08, -0.5, 1.0, n) for n in (400, 800))
    assert (found.mean, found.variance) == pytest.approx((4 * fine - coarse) / 3, abs=2e-9)
    assert abs(coarse[0] - found.mean) > 1e-6  # the agreement is that of the limit


@pytest.mark.parametrize(
    ("cell", "minimiser", "law"),
    [
        (linear(tau=1), 0.5, gaussian(0.2)),
        (exponential(tau=1, gamma=2), 0.9, gaussian(0.2)),
        (power(tau=1, gamma=0.5), 0.9, gaussian(0.2)),
        (power(tau=1, gamma=2), 0.5, uniform(0.5)),
    ],
    ids=repr,
)
@pytest.mark.parametrize("alpha", [0.05, 0.002])
def test_the_error_is_below_1e_11_and_one_step_changes_no_moment(cell, minimiser, law, alpha):
    found = exact.stationary_law(cell, quadratic(minimiser=minimiser), law, alpha)
    assert found.error < 1e-11
    g = found.grid - minimiser
    noise, share = noise_points(law, g, found.grid, 90)
    d = -alpha * (g + noise)
    after = found.grid + d * np.where(d >= 0, cell.q_up(found.grid), cell.q_down(found.grid))
    for power_of in (1, 2, 3):
        moment = found.expectation(lambda x, n=power_of: (x - minimiser) ** n)
        moved = found.mass @ np.sum(share * (after - minimiser) ** power_of, axis=0)
        assert moved == pytest.approx(moment, abs=1e-14)


def test_the_error_covers_what_a_coarse_grid_gets_wrong(monkeypatch):
    problem = exponential(tau=1, gamma=2), quadratic(minimiser=0.9), gaussian(0.2), 0.05
    best = exact.stationary_law(*problem)
    monkeypatch.setattr(stationary, "SIZES", (12, 18))
    coarse = exact.stationary_law(*problem)
    wrong = abs(coarse.mean - best.mean)
    assert 1e-9 < wrong <= coarse.error < 1e-3 * best.variance**0.5


def test_the_density_integrates_to_one_and_gives_the_mean():
    found = exact.stationary_law(linear(tau=1), quadratic(minimiser=0.5), gaussian(0.2), 0.05)
    assert found.lengths @ found.density == pytest.approx(1.0, abs=1e-13)
    assert found.lengths @ (found.grid * found.density) == pytest.approx(found.mean, abs=1e-13)
    peak = 1 / np.sqrt(2 * np.pi * found.variance)
    assert np.max(found.density) == pytest.approx(peak, rel=0.02)


@pytest.mark.parametrize("alpha", [0.3, 0.1, 0.02])
def test_rademacher_noise_on_a_linear_cell_has_a_rational_mean_at_every_rate(alpha):  # I1
    cell = soft_bounds(w_0=0.1, tau_max=2.0, tau_min=-2.0)
    found = exact.stationary_law(cell, quadratic(1.5, 0.5), rademacher(0.8), alpha)
    assert found.mean == pytest.approx((1.5 * 0.5 + 0.4 * 0.1) / (1.5 + 0.4), abs=1e-13)


@pytest.mark.parametrize("alpha", [0.5, 0.01])
def test_an_ideal_cell_is_the_digital_recursion(alpha):
    bowl, law = quadratic(2.0, 0.5), gaussian(0.3)
    floor = exact.digital_floor(bowl, 0.3, alpha)
    for found in (
        exact.stationary_law(ideal(), bowl, law, alpha),
        exact.stationary_law(linear(tau=1), bowl, law, alpha, algorithm=digital_sgd),
    ):
        assert found.mean == pytest.approx(0.5, abs=1e-12)
        assert found.mean_square_gradient == pytest.approx(floor.mean_square_gradient, rel=1e-10)


def test_the_mean_of_a_symmetric_problem_is_its_centre():
    found = exact.stationary_law(power(tau=1, gamma=3), quadratic(), gaussian(0.5), 0.1)
    assert found.mean == pytest.approx(0.0, abs=1e-14)


@pytest.mark.parametrize(
    ("alpha", "ratio"), [(0.1, 1.89), (0.03, 1.26), (0.01, 1.085), (0.003, 1.029), (0.001, 1.013)]
)
def test_ex24_theorem_3_tends_to_one_times_sigma_squared_S(alpha, ratio):  # [M] §3A
    law, bowl = two_point(0.1, 1.0), quadratic(minimiser=0.25)
    found = exact.stationary_law(linear(tau=1), bowl, law, alpha)
    S = found.expectation(lambda w: w**2 / (1 - w**2))
    assert found.mean_square_gradient / (0.01 * S) == pytest.approx(ratio, abs=0.006)


def test_the_grid_spans_what_a_bounded_noise_lets_the_chain_visit():
    # An ideal cell under uniform noise stays within w* ± b/h, b = √3 σ, whatever the rate.
    h, sigma, w_star = 2.0, 0.5, 0.3
    found = exact.stationary_law(ideal(), quadratic(h, w_star), uniform(sigma), 0.35)
    reach = np.sqrt(3.0) * sigma / h
    inset = np.cos(np.pi / (2 * len(found.grid)))  # Chebyshev points stop short of the ends
    ends = [w_star - reach * inset, w_star + reach * inset]
    assert (found.grid[0], found.grid[-1]) == pytest.approx(ends, abs=1e-13)
    assert found.variance == pytest.approx(0.35 * sigma**2 / (h * (2 - 0.35 * h)), rel=1e-9)


def test_a_chain_that_oversteps_its_minimiser_leaves_the_turning_points_by_one_step():
    # 1 < αh: one step leads from one side of w* ± b/h beyond the other.
    h, sigma, alpha = 2.0, 0.5, 0.525
    found = exact.stationary_law(ideal(), quadratic(h, 0.3), uniform(sigma), alpha)
    reach = np.sqrt(3.0) * sigma / h * (abs(1 - alpha * h) + alpha * h)
    assert (found.grid[0], found.grid[-1]) == pytest.approx([0.3 - reach, 0.3 + reach], rel=2e-3)
    assert found.variance == pytest.approx(alpha * sigma**2 / (h * (2 - alpha * h)), rel=1e-3)
    assert abs(found.mean - 0.3) < found.error < 1e-3 * sigma


def test_a_skew_noise_reaches_further_to_one_side():
    p, sigma = 0.2, 0.4  # atoms σ√((1−p)/p) and −σ√(p/(1−p)), on an ideal cell
    law = two_point_frozen(sigma, p)
    found = exact.stationary_law(linear(tau=4), quadratic(minimiser=0.5), law, 0.05)
    mirrored = exact.stationary_law(
        linear(tau=4), quadratic(minimiser=-0.5), two_point_frozen(sigma, 1 - p), 0.05
    )
    assert found.mean == pytest.approx(-mirrored.mean, abs=1e-12)
    assert found.variance == pytest.approx(mirrored.variance, rel=1e-11)


def test_one_number_in_an_array_is_served_and_an_array_of_rates_is_not():
    bowl, law = quadratic(minimiser=0.5), gaussian(0.2)
    plain = exact.stationary_law(linear(tau=1, c=0.3), bowl, law, 0.05)
    boxed = exact.stationary_law(linear(tau=1, c=np.array([0.3])), bowl, law, 0.05)
    assert boxed.mean == plain.mean
    with pytest.raises(ValueError, match=r"have the shape \(2,\)"):
        exact.stationary_law(linear(tau=1), bowl, law, np.array([0.1, 0.2]))


# ---- the first order in α --------------------------------------------------------------------

SHIFTS = [  # [M] §6.2: 1e4 × the shift, measured and predicted, at alpha = .08, .04, .02
    (linear(tau=1), 0.2, 0.5, (-6.4, -3.2, -1.7), (-6.2, -3.1, -1.6)),
    (linear(tau=1, c=0.3), 1.0, 0.5, (39.7, 18.6, 9.0), (35.2, 17.6, 8.8)),
    (exponential(tau=1, gamma=2), 0.2, 0.9, (-39, -19.4, -10), (-37, -18.6, -9.3)),
]


@pytest.mark.parametrize(("cell", "sigma", "minimiser", "measured", "predicted"), SHIFTS)
def test_the_shift_of_the_mean_is_the_one_measured(cell, sigma, minimiser, measured, predicted):
    bowl, law = quadratic(minimiser=minimiser), gaussian(sigma)
    for alpha, found, expected in zip((0.08, 0.04, 0.02), measured, predicted, strict=True):
        first = exact.first_order(cell, bowl, law, alpha)
        whole = exact.stationary_law(cell, bowl, law, alpha)
        assert 1e4 * first.shift == pytest.approx(expected, abs=0.26)
        assert 1e4 * (whole.mean - first.root) == pytest.approx(found, abs=0.6)


@pytest.mark.parametrize(("cell", "sigma", "minimiser"), [case[:3] for case in SHIFTS])
def test_the_first_order_is_wrong_by_alpha_squared(cell, sigma, minimiser):
    bowl, law = quadratic(minimiser=minimiser), gaussian(sigma)
    errors = []
    for alpha in (0.004, 0.002, 0.001):
        first = exact.first_order(cell, bowl, law, alpha)
        whole = exact.stationary_law(cell, bowl, law, alpha)
        errors.append([whole.mean - first.mean, whole.variance - first.variance])
    orders = np.log2(np.abs(np.array(errors[:-1]) / np.array(errors[1:])))
    assert np.all(np.abs(orders - 2) < 0.05)


def test_the_first_order_sweeps():
    alpha, c = np.array([[0.1], [0.01]]), np.array([0.1, 0.3])
    swept = exact.first_order(linear(tau=1, c=c), quadratic(minimiser=0.5), gaussian(0.5), alpha)
    for i, j in np.ndindex(2, 2):
        one = exact.first_order(
            linear(tau=1, c=c[j]), quadratic(minimiser=0.5), gaussian(0.5), alpha[i, 0]
        )
        assert one.variance == pytest.approx(swept.variance[i, j], rel=1e-13)
        assert one.shift == pytest.approx(swept.shift[i, j], rel=1e-11)


# ---- what is refused -------------------------------------------------------------------------


def test_steps_off_the_dynamic_range_are_refused():
    with pytest.raises(ValueError, match=r"leaves the dynamic range with probability 0\.2"):
        exact.stationary_law(linear(tau=1), quadratic(minimiser=0.5), gaussian(8.0), 0.1)


def test_a_law_that_bends_too_sharply_for_the_grid_is_refused():
    # the atoms change the sign of g + ξ where the chain lives: a lattice-like law
    with pytest.raises(ValueError, match="does not settle"):
        exact.stationary_law(ideal(), quadratic(1.9, 0.5), rademacher(0.5), 1.0)


def test_arrays_silence_and_coupled_coordinates_are_refused():
    bowl, law = quadratic(minimiser=0.5), gaussian(0.5)
    with pytest.raises(ValueError, match="for one scalar chain"):
        exact.stationary_law(linear(tau=1, c=np.array([0.1, 0.2])), bowl, law, 0.1)
    with pytest.raises(ValueError, match="without noise the chain comes to rest"):
        exact.stationary_law(linear(tau=1), bowl, gaussian(0.0), 0.1)
    with pytest.raises(ValueError, match="one coordinate at a time"):
        exact.first_order(linear(tau=1), quadratic(np.eye(2), 0.5), law, 0.1)
    with pytest.raises(ValueError, match=r"learning_rate = 0 is outside \(0, ∞\)"):
        exact.first_order(linear(tau=1), bowl, law, 0.0)


def test_a_chain_with_one_response_for_both_signs_is_noticed(monkeypatch):
    problem = linear(tau=1, c=0.3), quadratic(minimiser=0.5), gaussian(1.0), 0.08
    right = exact.stationary_law(*problem).mean
    step = stationary.EffectiveUpdate.step

    def one_sided(self, weight, gradient, learning_rate=1.0):
        return -gradient * learning_rate * step(self, weight, -1.0)

    monkeypatch.setattr(stationary.EffectiveUpdate, "step", one_sided)
    monkeypatch.setattr(stationary, "first_order", lambda *a, **k: exact.FirstOrder(0.4, 0.0, 0.02))
    assert abs(exact.stationary_law(*problem).mean - right) > 0.01
