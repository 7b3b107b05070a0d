"""Slopes are read where they have settled, and nowhere else."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aimctheory.judge.rates import RESOLUTION, ROUNDING_IN_SLOPE, limit_slope, local_slopes

HALVES = 2.0 ** -np.arange(9)


def test_local_slopes_of_a_power_are_its_exponent():
    np.testing.assert_allclose(local_slopes(HALVES, 3 * HALVES**1.5), 1.5, rtol=1e-12)


def test_a_slope_needs_positive_errors():
    with pytest.raises(ValueError, match="positive numbers"):
        local_slopes([1.0, 2.0], [1.0, 0.0])


@pytest.mark.parametrize("order", [0.5, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("correction", [-0.7, 0.0, 2.0])
@pytest.mark.parametrize("theta", [0.5, 0.75, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("ratio", [2.0, 4.0])
def test_the_interval_holds_the_limit_for_corrections_of_order_one_half_and_above(
    order, correction, theta, ratio
):
    x = 0.2 * ratio ** -np.arange(9.0)
    found = limit_slope(x, x**order * (1 + correction * x**theta))
    assert found.low <= order <= found.high
    assert theta < 0.75 or found.high - found.low < 0.06


@pytest.mark.parametrize("order", [0.5, 2.0])
@pytest.mark.parametrize("off", [-0.05, -0.01, 0.01, 0.08])
def test_a_neighbouring_order_lies_outside(order, off):
    x = 0.2 * HALVES
    found = limit_slope(x, x ** (order + off) * (1 - 0.7 * x))
    assert not found.low <= order <= found.high


def test_a_pure_power_is_read_to_the_resolution():
    found = limit_slope(HALVES, HALVES**2.0)
    assert (found.low, found.value, found.high) == pytest.approx(
        (2 - RESOLUTION, 2.0, 2 + RESOLUTION), abs=1e-12
    )


def test_only_the_smallest_decade_counts():
    # Far away the slope is 2, near 1: a fit over all points would say about 1.6.
    x = 10.0 ** -np.linspace(0, 4, 17)
    found = limit_slope(x, 1e-2 * x + x**2)
    assert 0.95 < found.low <= found.high < 1.05
    assert len(found.slopes) == 4


def test_falling_slopes_bound_the_limit_from_above_only():
    # The local slopes fall 2.05, 1.56, 1.19, 1.05, as for a printed formula of first order.
    error = np.exp(-np.log(2) * np.cumsum([0, 2.05, 1.56, 1.19, 1.05]))
    found = limit_slope(HALVES[:5], error)
    assert (found.low, found.value) == (-math.inf, pytest.approx(1.05))
    assert found.high == pytest.approx(1.05 + RESOLUTION)


def test_rising_slopes_bound_the_limit_from_below_only():
    error = np.exp(-np.log(2) * np.cumsum([0, 1.0, 1.3, 1.7]))
    found = limit_slope(HALVES[:4], error)
    assert (found.value, found.high) == (pytest.approx(1.7), math.inf)
    assert found.low == pytest.approx(1.7 - RESOLUTION)


def test_slopes_that_fall_ever_faster_are_not_settled():
    error = np.exp(-np.log(2) * np.cumsum([0, 2.00, 1.99, 1.95]))
    assert limit_slope(HALVES[:4], error).low == -math.inf


def test_slopes_that_hardly_slow_down_are_not_settled():
    # The slopes 2.26, 2.21, 2.17 fall by 0.043 and 0.041, and tend to 2.
    x = 0.2 * HALVES[:7]
    found = limit_slope(x, x**2 * (1 + 8 * x**0.5))
    assert found.low == -math.inf
    assert found.high > 2


def test_slopes_moving_to_and_fro_say_nothing():
    error = np.exp(-np.log(2) * np.cumsum([0, 1.8, 2.2, 1.9, 2.1]))
    found = limit_slope(HALVES[:5], error)
    assert (found.low, found.high) == (-math.inf, math.inf)


def test_points_below_rounding_are_left_out():
    x = 0.2 * 2.0 ** -np.arange(16)
    rounding = 1e-13 * np.random.default_rng(6).uniform(-1, 1, 16)
    found = limit_slope(x, x**4 + rounding, floor=1e-13)
    assert found.low < 4 < found.high
    assert found.high - found.low < 0.1
    assert limit_slope(x, x**4 + rounding) is None or not math.isfinite(
        limit_slope(x, x**4 + rounding).low
    )


def test_half_widths_widen_the_interval():
    error = HALVES**1.0
    wide = limit_slope(HALVES, error, half_width=0.02 * error)
    assert wide.low < 0.9 < 1.1 < wide.high


def test_the_last_slope_carries_the_half_widths_of_its_two_points():
    # Spacing 10⁶: the movement of the slopes adds next to nothing.
    x = np.array([1.0, 1e-6, 1e-12])
    wide = limit_slope(x, x, half_width=0.1 * x)
    blur = -2 * math.log1p(-0.1) / math.log(1e6)
    assert (wide.high - wide.low) / 2 - RESOLUTION == pytest.approx(blur, rel=3e-3)


def test_the_widths_of_three_points_widen_a_limit_that_is_extrapolated():
    # With r = 4 the far end is sₙ + 1.2 (sₙ − sₙ₋₁): it moves by ωₙ + 1.2 (ωₙ + ωₙ₋₁) = 3.4 ω.
    x = 4.0 ** -np.arange(3)
    wide = limit_slope(x, x, half_width=0.02 * x)
    blur = -2 * math.log1p(-0.02) / math.log(4)
    assert (wide.high - wide.low) / 2 - RESOLUTION == pytest.approx(3.4 * blur)


def test_the_width_of_the_last_point_counts_in_the_last_slope_and_in_what_lies_beyond():
    x = 2.0 ** -np.arange(4)
    wide = limit_slope(x, x, half_width=0.02 * x * (x == x[-1]))
    blur = -math.log1p(-0.02) / math.log(2) * (1 + 1.2 / (math.sqrt(2) - 1))
    assert (wide.high - wide.low) / 2 - RESOLUTION == pytest.approx(blur)


def test_errors_lost_in_their_half_widths_have_no_slope():
    assert limit_slope(HALVES, HALVES, half_width=2.0) is None


def test_a_point_lost_in_its_half_width_ends_the_series_there_and_only_there():
    assert len(limit_slope(HALVES, HALVES, half_width=2.0 * (HALVES[5] == HALVES)).slopes) == 2
    found = limit_slope(HALVES, HALVES, half_width=2.0 * (HALVES[0] == HALVES))
    assert found.error == HALVES[-1]


@pytest.mark.parametrize(("share", "last"), [(0.99, -1), (1.01, -2)])
def test_the_rounding_of_both_points_of_a_slope_counts(share, last):
    allowed = ROUNDING_IN_SLOPE * math.log(2) / (1 / HALVES[-1] + 1 / HALVES[-2])
    assert limit_slope(HALVES, HALVES, floor=share * allowed).error == HALVES[last]


@pytest.mark.parametrize(("x", "error"), [([1, 2], [1, 2, 3]), ([1], [1]), ([[1, 2]], [[1, 2]])])
def test_a_slope_needs_two_arrays_of_one_length(x, error):
    with pytest.raises(ValueError, match="slopes need two arrays"):
        local_slopes(x, error)


def test_the_order_of_the_points_does_not_matter():
    error = HALVES + HALVES**2
    assert limit_slope(HALVES[::-1], error[::-1]) == limit_slope(HALVES, error)


@pytest.mark.parametrize("x", [[1.0, 1.0, 2.0], [1.0, -1.0, 2.0], [[1.0, 2.0, 3.0]], 1.0])
def test_a_rate_needs_distinct_positive_distances(x):
    with pytest.raises(ValueError, match="distinct positive numbers"):
        limit_slope(x, np.ones_like(x))
