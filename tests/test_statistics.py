"""Intervals miss as often as they say, and each scale picks its own sizes.

Seeds are fixed.  A test that counts misses states the rate at which a right program would fail it.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy import fft, stats

from aimctheory.scale import DEFAULT, FULL, QUICK, Scale
from aimctheory.statistics import (
    Estimate,
    _memories,
    batch_mean,
    chain_error,
    positive_width,
    replicate_mean,
)


def misses(found: Estimate, truth: float) -> int:
    return int(np.sum(np.abs(np.asarray(found.value) - truth) > found.half_width))


def binomial_range(trials: int, rate: float, false_alarm: float = 1e-6) -> tuple[float, float]:
    law = stats.binom(trials, rate)
    return float(law.ppf(false_alarm / 2)), float(law.isf(false_alarm / 2))


# -- estimates ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "half_width", "text"),
    [
        (-0.07021, 0.00041, "-0.0702 ± 0.0004"),
        (0.3, 0.00012, "0.30000 ± 0.00012"),
        (12345.6, 200.0, "12300 ± 200"),
        (1.2e-7, 3e-9, "(1.20 ± 0.03)e-07"),
        (1e9, 2e7, "(1.00 ± 0.02)e+09"),
        (0.0, 0.5, "0.0 ± 0.5"),
        (5.0, 0.0, "5 ± 0"),
        (math.nan, 1.0, "nan ± 1"),
    ],
)
def test_an_estimate_prints_the_digits_it_knows(value, half_width, text):
    assert str(Estimate(value, half_width)) == text


def test_a_long_estimate_prints_its_ends():
    text = str(Estimate(np.arange(10.0), np.full(10, 0.5)))
    assert text == "[0.0 ± 0.5, 1.0 ± 0.5, 2.0 ± 0.5, …, 8.0 ± 0.5, 9.0 ± 0.5]"


def test_constants_shift_and_scale_an_estimate():
    given = Estimate(2.0, 0.5, level=1e-3, n=7, method="m")
    moved = 1 - 2 * (given + 1) / 4
    assert (moved.value, moved.half_width) == (-0.5, 0.25)
    assert (moved.level, moved.n, moved.method) == (1e-3, 7, "m")


def test_a_negative_factor_turns_the_value_and_not_the_width():
    turned = -2 * Estimate(1.0, 0.5)
    assert (turned.low, turned.high) == (-3.0, -1.0)


def test_numpy_on_the_left_gives_an_estimate():
    moved = np.ones(2) - Estimate(0.25, 0.5)
    assert isinstance(moved, Estimate)
    np.testing.assert_array_equal(moved.high, [1.25, 1.25])


# -- means ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("replicates", [3, 20])
def test_the_replicate_interval_misses_at_its_level(replicates):
    # False-alarm rate 1e-6: the number of misses lies in the central binomial range.
    samples = np.random.default_rng(1).normal(0.3, 2.0, (replicates, 40_000))
    low, high = binomial_range(40_000, 0.05)
    assert low <= misses(replicate_mean(samples, level=0.05), 0.3) <= high


def test_the_default_level_is_one_in_a_million():
    # 40 000 intervals: a right program fails with probability 0.04.
    samples = np.random.default_rng(2).normal(0.0, 1.0, (20, 40_000))
    found = replicate_mean(samples)
    assert found.level == 1e-6
    assert misses(found, 0.0) == 0


def test_the_replicate_interval_is_students():
    samples = np.random.default_rng(3).normal(size=12)
    width = stats.t.isf(5e-7, 11) * samples.std(ddof=1) / math.sqrt(12)
    assert replicate_mean(samples).half_width == pytest.approx(width, rel=1e-12)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([1.0], "at least 2 replicates, not 1"),
        (3.0, "at least 2 replicates, not 0"),
        ([[1.0, 2.0], [1.0, math.nan]], r"entry \(1, 1\) is nan"),
    ],
)
def test_bad_samples_are_named(samples, message):
    with pytest.raises(ValueError, match=message):
        replicate_mean(samples)


def test_a_bad_level_is_named():
    with pytest.raises(ValueError, match=r"level = 1\.5 is outside \(0, 1\)"):
        replicate_mean([1.0, 2.0], level=1.5)


def autoregressive(memory: float, steps: int, chains: int) -> np.ndarray:
    noise = np.random.default_rng(4).normal(size=(steps, chains))
    chain = np.zeros((steps, chains))
    for k in range(1, steps):
        chain[k] = memory * chain[k - 1] + noise[k]
    return chain


def test_counting_correlated_samples_as_independent_misses_far_too_often():
    chains = autoregressive(0.8, 4_000, 500)
    assert misses(replicate_mean(chains, level=0.05), 0.0) > 200


def test_batches_shorter_than_the_memory_warn():
    chain = autoregressive(0.999, 2_000, 1)[:, 0]
    with pytest.warns(UserWarning, match="the chain of 2000 samples is not much longer than"):
        found = batch_mean(chain, batches=64)
    assert found.n < 4


def test_independent_batches_lose_few_degrees_of_freedom():
    chain = np.random.default_rng(6).normal(size=(640, 200))
    _, freedom = chain_error(chain.reshape(64, 10, 200).mean(axis=1))
    assert np.median(freedom) > 30
    assert freedom.min() > 8


def test_the_error_of_two_batches_is_half_their_distance():
    error, freedom = chain_error(np.array([[1.0, 0.0], [4.0, 0.0]]))
    assert error[1] == 0
    # One wave, of variance (4 − 1)²/2, tells nothing of its own factor but what the prior says.
    _, prior, log_factor = _memories(2)
    weight = np.exp(prior) / np.exp(prior).sum()
    mean = weight @ log_factor[:, 0]
    assert error[0] == pytest.approx(1.5 / np.exp(mean / 2), rel=1e-12)
    assert freedom[0] < 1


def test_the_shapes_are_spectra_of_batches_that_forget_exponentially():
    # The sums of autocovariances of 10⁴ batches, against the closed form in `_memories`.
    shapes, _, _ = _memories(64)
    for row, a in enumerate(np.geomspace(1.28 / 64, 10.0, 16)):
        lag = np.arange(1, 10_000)
        own = 2 * (a - 1 + np.exp(-a)) / a**2
        later = (1 - np.exp(-a)) ** 2 / a**2 * np.exp(-a * (lag - 1))
        waves = np.array([0, 1, 7, 63])[:, None]
        spectrum = own + 2 * (later * np.cos(np.pi * waves / 64 * lag)).sum(axis=1)
        np.testing.assert_allclose(shapes[row, [0, 6, 62]], spectrum[1:] / spectrum[0], rtol=1e-9)
        np.testing.assert_allclose(shapes[row + 17] * shapes[row], 1, rtol=1e-12)
    assert (shapes[16] == 1).all()


def test_a_remainder_is_dropped_at_the_start_of_the_chain():
    chain = np.concatenate([np.full(3, 1e6), np.arange(12.0)])
    with warnings.catch_warnings(action="ignore"):  # three batches tell little
        assert batch_mean(chain, batches=4, level=0.5).value == 5.5


def test_little_of_a_chain_is_dropped():
    # 127 samples in at most 64 batches: 63 batches of 2, and not 64 of 1.
    chain = np.concatenate([[1e6], np.tile([0.0, 1.0], 63)])
    assert batch_mean(chain).value == 0.5


def test_the_upper_end_of_a_positive_interval_is_that_of_the_logarithm():
    for ratio, freedom, level in ((0.01, 3, 0.05), (0.3, 9, 0.05), (0.2, 7, 1e-6)):
        upper = 2.0 + positive_width(2.0, 2 * ratio, freedom, level)
        t = np.log(upper / 2.0) / ratio
        assert 2 * stats.t(freedom).sf(t) == pytest.approx(level, rel=1e-9)
    assert positive_width(2.0, 0.0, 5, 0.05) == 0


def test_fewer_samples_than_batches_are_refused():
    with pytest.raises(ValueError, match="at least 64 samples"):
        batch_mean(np.zeros(10))


def second_reading(means):
    """`chain_error` of one chain, as its docstring says it, one chain and one shape at a time."""
    n = len(means)
    waves = fft.dct(means, norm="ortho")[1:] ** 2
    k = np.arange(1, n)
    shapes, prior = [np.ones(n - 1)], [1.0]
    for a in np.geomspace(1.28 / n, 10, 16):
        lag = np.arange(1, 4000)
        later = (1 - np.exp(-a)) ** 2 / a**2 * np.exp(-a * (lag - 1))
        at = [later @ np.cos(np.pi * each / n * lag) for each in range(n)]
        spectrum = 2 * (a - 1 + np.exp(-a)) / a**2 + 2 * np.array(at)
        shapes += [spectrum[1:] / spectrum[0], spectrum[0] / spectrum[1:]]
        prior += [1.0, 0.5]
    # Normal waves of variance v S_k, with 1/v for the prior of v: the integral over v.
    likely = np.array(
        [
            p * np.prod(s) ** -0.5 * (waves / s).mean() ** (-(n - 1) / 2)
            for s, p in zip(shapes, prior, strict=True)
        ]
    )
    likely /= likely.sum()
    factors = np.array([np.log(np.cumsum(s) / k) for s in shapes])
    log_factor = likely @ factors
    variance = likely @ (factors - log_factor) ** 2
    doubt = 1 / k + variance / 4 + log_factor**2 / 2
    best = int(doubt.argmin())
    spread = waves[: best + 1].mean() / np.exp(log_factor[best])
    return np.sqrt(spread / n), 1 / doubt[best]


@pytest.mark.parametrize("n", [7, 24])
def test_the_error_of_a_chain_is_that_of_its_slowest_waves(n):
    fast = np.random.default_rng(n).standard_normal(n)
    for chain in (fast, np.cumsum(fast), np.diff(fast, prepend=0.0), 7.0 + 1e-3 * fast):
        np.testing.assert_allclose(chain_error(chain), second_reading(chain), rtol=1e-6)


def test_the_error_of_a_chain_does_not_see_how_far_it_is_from_zero():
    chain = np.round(9 * np.random.default_rng(1).standard_normal(24))
    np.testing.assert_allclose(chain_error(2.0**44 + chain), chain_error(chain), rtol=1e-6)


def test_a_chain_that_does_not_move_has_no_error_beside_one_that_does():
    moving = np.random.default_rng(1).standard_normal(20)
    error, freedom = chain_error(np.column_stack([np.zeros(20), moving]))
    assert error[0] == 0
    assert freedom[0] > 10
    np.testing.assert_allclose(error[1], chain_error(moving)[0], rtol=1e-12)


def test_the_interval_of_a_chain_is_students_at_its_level():
    chain = np.random.default_rng(2).standard_normal((64, 2))
    error, freedom = chain_error(chain)
    for level in (0.05, 1e-4):
        found = batch_mean(chain, level=level)
        expected = stats.t.isf(level / 2, freedom) * error
        np.testing.assert_allclose(found.half_width, expected, rtol=1e-9)
        assert found.level == level
        assert found.n == 1 + int(freedom.min())


# -- scale ----------------------------------------------------------------------------------------


def test_each_scale_picks_its_own():
    assert [s.pick(1, 2, 3) for s in (QUICK, DEFAULT, FULL)] == [1, 2, 3]


def test_an_unknown_scale_is_named():
    with pytest.raises(ValueError, match="'huge' is not one of quick, default, full"):
        Scale("huge")
