"""The law of the fast array at a rest of the slow one, on an ideal cell where all of it is normal.

There P ← P − α(h(W + γP − w*) + ξ) has ρ = 1 − αhγ, mean (w* − W)/γ and variance v = α²σ²/(1 − ρ²),
and (P, H) of the filter are jointly normal with the covariance c = bv/(1 − (1 − b)ρ).
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erf

from aimctheory.algorithms.residual_learning import residual_learning_v2
from aimctheory.catalogue import ideal, linear, soft_bounds
from aimctheory.exact import residual_mean_field
from aimctheory.exact.fast_law import fast_law
from aimctheory.exact.mean_field import _across
from aimctheory.exact.two_arrays import two_arrays
from aimctheory.laws import gaussian, rademacher
from aimctheory.objectives.quadratic import quadratic

ALPHA, H, SIGMA, MIXING, READ, W_STAR = 0.2, 1.7, 0.5, 0.4, 0.05, 0.5
RHO = 1 - ALPHA * H * MIXING
V = (ALPHA * SIGMA) ** 2 / (1 - RHO**2)


def arrays_of(b, read=READ, cell=None, alpha=ALPHA, law=None):
    return two_arrays(
        residual_learning_v2,
        cell or ideal(),
        quadratic(H, W_STAR),
        {"gradient": law or gaussian(SIGMA), "read": gaussian(read)},
        {"learning_rate": alpha, "transfer_rate": 1e-3, "mixing": MIXING, "filter_rate": b},
    )


def test_the_law_of_an_ideal_array_is_normal_and_so_is_its_filtered_signal():
    b, W = np.array([0.6, 0.1, 0.02]), np.array([0.5, 0.48, 0.53])
    law = fast_law(arrays_of(b), W, np.zeros(3))
    mean = (W_STAR - W) / MIXING
    c = b * V / (1 - (1 - b) * RHO)
    passed = b / (2 - b) * V * (1 + (1 - b) * RHO) / (1 - (1 - b) * RHO)
    whole = passed + b / (2 - b) * READ**2
    assert law.mean() == pytest.approx(mean, abs=1e-9)
    assert law.variance() == pytest.approx(np.full(3, V), rel=1e-6)
    assert law.all_signal_variance() == pytest.approx(whole, rel=1e-4)
    spread = np.sqrt(2 * whole)
    folded = spread / np.sqrt(np.pi) * np.exp(-((mean / spread) ** 2)) + mean * erf(mean / spread)
    assert law.mean_abs_signal() == pytest.approx(folded, rel=1e-5)
    assert law.mean_sign_signal() == pytest.approx(erf(mean / spread), abs=1e-5)
    near = np.abs(law.points - mean) < 3 * np.sqrt(V)
    given = mean + c / V * (law.points - mean)
    assert np.max(np.abs(law.signal_mean - given)[near]) < 1e-5
    kept = np.broadcast_to(whole - c**2 / V, near.shape)
    assert law.signal_variance[near] == pytest.approx(kept[near], rel=1e-3)
    fourth = law.expectation((law.grid - mean) ** 4)
    assert fourth == pytest.approx(np.full(3, 3 * V**2), rel=1e-5)


def test_a_signal_without_a_filter_is_the_array_and_its_reads():
    law = fast_law(arrays_of(1.0), np.array(0.48), np.array(0.0))
    whole, mean = V + READ**2, 0.02 / MIXING
    spread = np.sqrt(2 * whole)
    folded = spread / np.sqrt(np.pi) * np.exp(-((mean / spread) ** 2)) + mean * erf(mean / spread)
    assert np.array_equal(law.signal_mean, law.points)
    assert law.signal_variance == pytest.approx(np.full(law.points.shape, READ**2))
    assert law.all_signal_variance() == pytest.approx(whole, rel=1e-6)
    assert law.mean_abs_signal() == pytest.approx(folded, rel=1e-6)
    assert law.mean_sign_signal() == pytest.approx(erf(mean / spread), abs=1e-6)


def test_reads_without_noise_have_the_sign_of_the_array():
    law = fast_law(arrays_of(1.0, read=0.0), np.array(0.45), np.array(0.0))
    expected = erf(0.05 / MIXING / np.sqrt(2 * V))
    assert law.mean_sign_signal() == pytest.approx(expected, abs=1e-6)
    assert law.mean_abs_signal() > law.mean()


def test_the_grid_reaches_seven_deviations_wherever_the_search_begins():
    alpha, W = 1e-3, np.array([0.48, 0.5])
    v = (alpha * SIGMA) ** 2 / (1 - (1 - alpha * H * MIXING) ** 2)
    mean, reach = (W_STAR - W) / MIXING, np.sqrt(2 * 26.0 * v)  # exp(−26) of the peak
    for inside in (mean, np.full(2, 0.1), np.array([-2.0, 5.0])):
        law = fast_law(arrays_of(1.0, alpha=alpha), W, inside)
        inset = np.cos(np.pi / (2 * len(law.grid)))
        assert law.grid[0] == pytest.approx(mean - reach * inset, abs=0.03 * reach)
        assert law.grid[-1] == pytest.approx(mean + reach * inset, abs=0.03 * reach)
        assert law.mean() == pytest.approx(mean, abs=1e-7)
        assert np.all(law.strayed < 1e-9)


def test_the_grid_ends_where_the_range_of_the_array_does():
    cell = soft_bounds(tau_max=0.05, tau_min=-0.1)
    law = fast_law(arrays_of(1.0, cell=cell, alpha=0.02), np.array(0.45), np.array(0.01))
    assert -0.1 < law.grid[0] < -0.09
    assert 0.0499 < law.grid[-1] < 0.05
    assert law.mass.sum() == pytest.approx(1.0, abs=1e-13)
    assert law.shares.sum() == pytest.approx(1.0, abs=1e-9)


def test_the_share_of_steps_off_the_grid_is_told():
    law = fast_law(arrays_of(1.0, cell=linear(tau=0.2), alpha=0.3), np.array(0.5), np.array(0.0))
    # From P = 0, |αξ| > 0.2 leaves the range ±0.2; from elsewhere it is about as likely.
    assert 0.05 < law.strayed < 0.6


# ---- the zero of the mean transfer -----------------------------------------------------------


def test_the_other_side_of_a_zero_is_found_inside_the_ends():
    targets, start = np.array([0.2, -0.6, 0.99, 0.5]), np.array([0.0, 0.1, 0.5, 0.5])
    for slope in (np.full(4, 1.0), np.full(4, 40.0), np.full(4, -0.02)):
        other = _across(lambda x: np.tanh(x - targets), start, slope, (-1.0, 1.0))
        assert np.all(np.abs(other) < 1)
        assert np.all((other > targets)[:3] == [True, False, True])
        assert other[3] == 0.5  # a zero is its own other side
    with pytest.raises(ValueError, match="no zero near that of its linear noise"):
        _across(lambda x: x + 2.0, np.array(0.0), np.array(1.0), (-1.0, 1.0))


def test_a_law_that_does_not_settle_is_refused():
    # P ← ρP + c ± s with ρ = 1/4 lives on a Cantor set, whose |y| no grid settles.
    hyper = {"learning_rate": 0.75, "transfer_rate": 0.01, "mixing": 1.0, "filter_rate": 1.0}
    problem = linear(tau=40), quadratic(1.0, 0.3), rademacher(0.5), hyper
    with pytest.raises(ValueError, match=r"the law of P at W = 0\.29\d* does not settle"):
        residual_mean_field(residual_learning_v2, *problem)
