"""Estimates from series, against second readings from the steps behind them; nothing is simulated.

A series is cut from numbers drawn here, step by step, so that every right value is a plain sum over
steps.  Thresholds are met from both sides.
"""

from __future__ import annotations

import warnings
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from aimctheory.controls import controlled_mean
from aimctheory.simulator import estimates
from aimctheory.simulator.run import BatchMeans, Outcomes, Run
from aimctheory.statistics import batch_mean, chain_error, positive_width, student

LENGTHS = np.array([3, 1, 2, 5, 4, 1, 8, 2] * 3)  # of unequal batches
EDGES = np.append(0, np.cumsum(LENGTHS))
STEPS = int(EDGES[-1])


def cut(moved, other=None):
    """The batch means and the covariances within the batches of steps (R, T, D)."""
    other = moved if other is None else other
    pieces = [(moved[:, a:b], other[:, a:b]) for a, b in pairwise(EDGES)]
    within = [
        (x * y).mean(axis=1) - x.mean(axis=1) * y.mean(axis=1)  # about the batch's own means
        for x, y in pieces
    ]
    return np.stack([x.mean(axis=1) for x, _ in pieces], axis=1), np.stack(within, axis=1)


def drawn(seed, count, columns=1, steps=STEPS):
    return np.random.default_rng(seed).standard_normal((count, steps, columns))


# -- means ----------------------------------------------------------------------------------------


def test_the_mean_over_replicates_is_students_over_means_of_steps():
    moved = drawn(3, 6)
    series, _ = cut(moved)
    samples = moved.mean(axis=1)[:, 0]
    for level in (0.05, 1e-4):
        found = estimates.mean(series, LENGTHS, [], level)
        assert found.value == pytest.approx(samples.mean(), rel=1e-12)
        width = stats.t.isf(level / 2, 5) * samples.std(ddof=1) / np.sqrt(6)
        assert found.half_width == pytest.approx(width, rel=1e-9)
        assert (found.level, found.n) == (level, 6)


def test_controls_of_replicates_weigh_steps_as_the_series_does():
    moved, noise = drawn(4, 8), drawn(5, 8)
    found = estimates.mean(cut(moved + noise)[0], LENGTHS, [cut(noise)[0]], 0.01)
    expected = controlled_mean(
        (moved + noise).mean(axis=1)[:, 0], [noise.mean(axis=1)[:, 0]], level=0.01
    )
    np.testing.assert_allclose(
        [found.value, found.half_width], [expected.value, expected.half_width], rtol=1e-9
    )


def test_a_controlled_mean_is_the_constant_of_a_least_squares_fit():
    controls, extra = np.random.default_rng(36).standard_normal((2, 2, 9))
    samples = 1 + 2 * controls[0] - controls[1] + extra[0]
    matrix = np.column_stack([np.ones(9), *controls])
    fitted, squares, *_ = np.linalg.lstsq(matrix, samples)
    error = np.sqrt(squares[0] / (9 - 3) * np.linalg.inv(matrix.T @ matrix)[0, 0])
    found = controlled_mean(samples, controls, level=0.01)
    assert found.value == pytest.approx(fitted[0], rel=1e-9)
    assert found.half_width == pytest.approx(stats.t.isf(0.005, 6) * error, rel=1e-9)
    assert (found.level, found.n) == (0.01, 9)
    in_other_units = controlled_mean(samples, controls * [[1.0], [1e-9]], level=0.01)
    assert in_other_units.half_width == pytest.approx(found.half_width, rel=1e-6)
    far = controlled_mean(samples, controls + 1e5)  # explains as much, about another mean
    assert far.value == pytest.approx(fitted[0] - 1e5 * fitted[1:].sum(), rel=1e-6)


def test_a_chain_of_many_batches_is_cut_into_64_pieces():
    chain = drawn(6, 1, steps=128)
    with_pairs = batch_mean(chain[0, :, 0].reshape(64, 2).mean(axis=1), level=0.01)
    found = estimates.mean(chain, np.full(128, 5), [], 0.01)
    np.testing.assert_allclose(
        [found.value, found.half_width], [with_pairs.value, with_pairs.half_width], rtol=1e-9
    )
    assert (found.level, found.n) == (0.01, with_pairs.n)


def test_a_long_batch_of_a_chain_counts_for_more():
    # One batch of 9 steps stands out: of 24 batches it is 9/(mean length) of one.
    lengths = np.array([9] + [1] * 23)
    series = drawn(7, 1, steps=24)
    mean = np.average(series[0, :, 0], weights=lengths)
    scaled = mean + (series[0, :, 0] - mean) * lengths / lengths.mean()
    error, freedom = chain_error(scaled)
    found = estimates.mean(series, lengths, [], 0.01)
    assert found.value == pytest.approx(mean, rel=1e-12)
    assert found.half_width == pytest.approx(student(0.01, freedom) * error, rel=1e-9)


def test_a_control_explains_a_chain():
    noise = drawn(8, 1, steps=64)
    quiet = 0.01 * drawn(9, 1, steps=64)
    lengths = np.ones(64, dtype=int)
    found = estimates.mean(1 + noise + quiet, lengths, [noise], 0.01)
    assert abs(found.value - 1) < found.half_width < 0.01
    assert estimates.mean(1 + noise + quiet, lengths, [], 0.01).half_width > 0.2


# -- covariances ----------------------------------------------------------------------------------


def of_steps(x, y):
    """For each replicate, the covariance about the common mean plus the part that mean takes."""
    ours, theirs = (each.mean(axis=1) for each in (x, y))
    about = ((x - x.mean(axis=(0, 1))) * (y - y.mean(axis=(0, 1)))).mean(axis=1)
    return about + (ours - ours.mean(axis=0)) * (theirs - theirs.mean(axis=0)) / (len(x) - 1)


def test_a_covariance_of_replicates_is_that_of_their_steps():
    x = drawn(10, 5) + drawn(11, 5, steps=1)  # with scatter between replicates
    y = 0.3 * x + drawn(12, 5) + 2.0
    means, within = cut(x, y)
    samples = of_steps(x, y)[:, 0]
    whole = np.mean((x - x.mean(axis=1, keepdims=True)) * (y - y.mean(axis=1, keepdims=True)))
    between = np.cov(x.mean(axis=1)[:, 0], y.mean(axis=1)[:, 0])[0, 1]
    assert samples.mean() == pytest.approx(whole + between, rel=1e-12)
    for level in (0.05, 1e-4):
        found = estimates.covariance(means, cut(y)[0], within, LENGTHS, level, positive=False)
        assert found.value == pytest.approx(samples.mean(), rel=1e-9)
        width = stats.t.isf(level / 2, 4) * samples.std(ddof=1) / np.sqrt(5)
        assert found.half_width == pytest.approx(width, rel=1e-9)


def test_a_variance_of_replicates_has_the_interval_of_a_logarithm():
    x = drawn(13, 5, columns=2)
    samples = of_steps(x, x)
    error = samples.std(axis=0, ddof=1) / np.sqrt(5)
    for level in (0.05, 1e-4):
        found = estimates.covariance(*cut(x)[:1] * 2, cut(x)[1], LENGTHS, level, positive=True)
        np.testing.assert_allclose(found.value, samples.mean(axis=0), rtol=1e-9)
        expected = positive_width(samples.mean(axis=0), error, 4, level)
        np.testing.assert_allclose(found.half_width, expected, rtol=1e-9)
        assert (found.level, found.n) == (level, 5)


def test_a_covariance_along_a_chain_adds_that_of_the_means():
    x, e = drawn(14, 1, steps=48), drawn(15, 1, steps=48)
    y, lengths = 0.5 * x + e, np.ones(48, dtype=int)
    products = ((x - x.mean()) * (y - y.mean()))[0, :, 0]
    of_means = estimates._covariance_of_means(x[0, :, 0], y[0, :, 0])
    for level in (0.05, 1e-4):
        found = estimates.covariance(x, y, 0 * x, lengths, level, positive=False)
        assert found.value == pytest.approx(products.mean() + of_means, rel=1e-12)
        alone = batch_mean(products, batches=48, level=level)
        assert found.half_width == pytest.approx(alone.half_width, rel=1e-12)
    # Half a dozen standard errors of the covariance of 48 independent pairs.
    assert of_means == pytest.approx(0.5 / 48, abs=0.03)


def test_the_covariance_of_means_is_bilinear_and_their_variance_the_square_of_the_error():
    x, y = np.random.default_rng(16).standard_normal((2, 40))
    own, pair = (estimates._covariance_of_means(x, each) for each in (x, y))
    assert own == pytest.approx(chain_error(x)[0] ** 2, rel=1e-12)
    assert estimates._covariance_of_means(3 * x, -0.1 * y) == pytest.approx(-0.3 * pair, rel=1e-9)
    assert estimates._covariance_of_means(y, x) == pytest.approx(pair, rel=1e-9)
    assert estimates._covariance_of_means(x, np.ones(40)) == 0


@pytest.mark.parametrize("slow", [False, True])
def test_the_variance_of_a_chain_is_no_surer_than_that_of_its_mean(slow):
    x = drawn(17, 1, steps=48)
    x = np.cumsum(x, axis=1) if slow else x**3  # a slow chain, or squares of a long tail
    squares = (x - x.mean())[0, :, 0] ** 2
    of_mean = chain_error(x[0, :, 0])[0] ** 2
    value = squares.mean() + of_mean
    own, freedom = chain_error(squares)
    error = max(own, np.sqrt(of_mean * value))
    assert (error > own) == slow
    width = positive_width(value, error, 1 / (1 / freedom + (error / value) ** 2), 0.05)
    with warnings.catch_warnings(action="ignore"):  # a short chain
        found = estimates.covariance(x, x, 0 * x, np.ones(48, dtype=int), 0.05, positive=True)
    assert found.value == pytest.approx(value, rel=1e-12)
    assert found.half_width == pytest.approx(width, rel=1e-9)


# -- drift ----------------------------------------------------------------------------------------


def jump(count, n, size, columns=1):
    """A settled second half, the same for each replicate, and a first batch that is off."""
    late = np.random.default_rng(18).standard_normal((n - n // 2, columns))
    series = np.zeros((count, n, columns))
    series[:, n // 2 :] = late - late.mean(axis=0)
    series[:, 0, 0] = size
    return series


@pytest.mark.parametrize("count", [1, 2, 15])
@pytest.mark.parametrize("sign", [1, -1])
def test_few_replicates_drift_where_the_first_part_is_outside_of_the_chains_scatter(count, sign):
    # Of parts 1, 2, 4 and 8 of 16 batches the first is decisive: √(1 + 8/1) against a, a/2, …
    own, freedom = chain_error(jump(1, 16, 0.0)[0, 8:, 0])
    edge = student(1e-7 / 4, count * freedom) * own * 3 / np.sqrt(count)
    assert estimates.drifts(jump(count, 16, 1.001 * sign * edge))
    assert not estimates.drifts(jump(count, 16, 0.999 * sign * edge))
    wide = np.concatenate([jump(count, 16, 1.001 * edge), *[jump(count, 16, 0.0)] * 5], axis=2)
    assert not estimates.drifts(wide)  # of six columns each has a sixth of the level


def test_few_replicates_of_few_batches_cannot_tell():
    assert not estimates.drifts(jump(15, 15, 1e6))
    assert not estimates.drifts(jump(100, 1, 1e6))


@pytest.mark.parametrize("sign", [1, -1])
def test_many_replicates_drift_where_their_own_gap_is_outside_of_its_scatter(sign):
    own = np.random.default_rng(19).standard_normal(16)
    own -= own.mean()
    edge = student(1e-7, 15) * own.std(ddof=1) / 4
    for factor, drifts in ((1.001, True), (0.999, False)):
        first = sign * factor * edge + own
        series = np.stack([first, np.zeros(16)], axis=1)[..., None]  # two batches: one part
        assert estimates.drifts(series) == drifts
        beside = np.concatenate([0 * series, series], axis=2)
        assert not estimates.drifts(beside)
    loud = np.stack([2 * sign * edge + own, np.zeros(16)], axis=1)[..., None]
    assert estimates.drifts(np.concatenate([0 * loud, loud], axis=2))


@pytest.mark.parametrize("count", [4, 30])
def test_a_drift_in_a_sixteenth_and_one_in_a_half_are_both_seen(count):
    settled = 0.01 * drawn(20, count, steps=64)
    early, half = settled.copy(), settled.copy()
    early[:, :4] += 0.08
    half[:, :32] += 0.03
    assert not estimates.drifts(settled)
    assert estimates.drifts(early)
    assert estimates.drifts(half)
    still = np.full((count, 48, 4), [0.1, 1 / 3, -0.7, 1.1e5])
    assert (still[:, :3].mean(axis=1) != still[:, 24:].mean(axis=1)).any()  # by rounding
    assert not estimates.drifts(still)


def test_a_drift_below_the_noise_is_seen_once_controls_take_the_noise_out():
    noise = drawn(21, 40, steps=32)
    series = noise + 1e-3 * drawn(22, 40, steps=32)
    series[:, :16] += 0.01
    assert not estimates.drifts(series)
    assert estimates.drifts(series, [noise])


# -- settings -------------------------------------------------------------------------------------


def watched(x, y, settings=None):
    """A Run of steps (R, T, D) of two averages, made by hand."""
    (a, within_a), (b, within_b) = cut(x), cut(y)
    both = cut(x, y)[1]
    return Run(
        steps=np.arange(STEPS + 1),
        states={"P": np.concatenate([x, x[:, -1:]], axis=1)},
        readout=np.concatenate([y, y[:, -1:]], axis=1),
        averages={
            "a": BatchMeans(EDGES, a, within_a, {"b": both}),
            "b": BatchMeans(EDGES, b, within_b, {"a": both}),
        },
        outcomes=Outcomes(np.full(len(x), -1), np.full(len(x), -1)),
        settings=np.zeros(len(x), dtype=int) if settings is None else settings,
        provenance={"steps": STEPS, "reached": STEPS},
    )


def test_after_keeps_what_begins_there():
    x, y = drawn(23, 4), drawn(24, 4)
    run, after = watched(x, y), int(EDGES[5])
    assert LENGTHS[4] > 1  # so that one step earlier keeps the same batches
    for name, steps in {"a": x, "b": y, "P": x, "readout": y}.items():
        kept = np.concatenate([steps, steps[:, -1:]], axis=1) if name in ("P", "readout") else steps
        expected = kept[:, after:].mean(axis=1)
        np.testing.assert_allclose(run.samples(name, after=after), expected, rtol=1e-9)
        assert run.mean(name, after=after).value == pytest.approx(expected.mean(), rel=1e-9)
    np.testing.assert_allclose(run.samples("a", after - 1), run.samples("a", after), rtol=1e-12)
    assert (run.samples("a", after + 1) != run.samples("a", after)).all()
    for found, ours, theirs in (
        (run.variance("b", after=after, level=0.01), y, y),
        (run.covariance("a", "b", after=after, level=0.01), x, y),
    ):
        expected = of_steps(ours[:, after:], theirs[:, after:])[:, 0].mean()
        assert found.value == pytest.approx(expected, rel=1e-9)
        assert found.level == 0.01


def test_a_setting_has_its_own_rows_of_everything():
    x, noise = drawn(25, 12), drawn(26, 12)
    settings = np.array([0, 1, 2, 1, 0, 2, 2, 1, 0, 0, 1, 2])
    x += settings[:, None, None] + noise
    run = watched(x, noise, settings)
    mean = run.mean("a", control={"b": 0.0}, level=0.01)
    covariance, variance = run.covariance("a", "b", level=0.01), run.variance("a", level=0.01)
    assert mean.level == covariance.level == variance.level == 0.01
    for each in range(3):
        alone = watched(x[settings == each], noise[settings == each])
        for found, one in (
            (mean, alone.mean("a", control={"b": 0.0}, level=0.01)),
            (covariance, alone.covariance("a", "b", level=0.01)),
            (variance, alone.variance("a", level=0.01)),
        ):
            assert found.value[each] == pytest.approx(one.value, rel=1e-12)
            assert found.half_width[each] == pytest.approx(one.half_width, rel=1e-9)


def test_the_expectation_of_a_control_is_taken_from_it():
    x, noise = drawn(27, 9), drawn(28, 9)
    plain = watched(x + noise, noise).mean("a", control={"b": 0.0})
    moved = watched(x + noise, noise + 0.25).mean("a", control={"b": 0.25})
    assert moved.value == pytest.approx(plain.value, rel=1e-9)
    wrong = watched(x + noise, noise + 0.25).mean("a", control={"b": 0.0})
    assert plain.value - wrong.value > 0.1


def test_a_replicate_that_broke_anywhere_is_left_out():
    x, y = drawn(29, 6, columns=2), drawn(30, 6, columns=2)
    whole = [watched(x[2:], y[2:]).covariance(*names).value for names in ("ab", "ba")]
    x[0, 70:, 1], y[1, -1, 0] = np.nan, np.inf
    with np.errstate(invalid="ignore"):
        run = watched(x, y)
    for names, expected in zip(("ab", "ba"), whole, strict=True):
        np.testing.assert_allclose(run.covariance(*names).value, expected, rtol=1e-9)
    assert run.mean("a").n == 5


def test_a_setting_without_a_mean_is_nan_and_the_smallest_setting_counts():
    x = drawn(31, 9)
    settings = np.array([0] * 4 + [1] * 2 + [2] * 3)
    x[settings == 1] = np.nan
    found = watched(x, x, settings).mean("a", level=0.05)
    assert np.isnan(found.value).tolist() == [False, True, False]
    assert np.isinf(found.half_width).tolist() == [False, True, False]
    assert (found.n, found.level) == (3, 0.05)


@pytest.mark.parametrize("drifting", ["a", "b"])
def test_a_covariance_warns_of_either_average_that_has_not_settled(drifting):
    x, y = drawn(32, 20), drawn(33, 20)
    {"a": x, "b": y}[drifting][:, : STEPS // 2] += 5
    with pytest.warns(UserWarning, match=f"'{drifting}' has not settled after step 0"):
        watched(x, y).covariance("a", "b")


def test_a_mean_that_has_not_settled_once_its_noise_is_out_warns():
    x, noise = 1e-3 * drawn(34, 40), drawn(35, 40)
    x[:, : STEPS // 2] += 0.01
    run = watched(x + noise, noise)
    run.mean("a")  # pytest turns warnings into errors
    with pytest.warns(UserWarning, match="'a' has not settled"):
        run.mean("a", control={"b": 0.0})
