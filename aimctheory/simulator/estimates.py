"""Estimates from series of a run: time averages of replicates, or batches of a single one.

A series (R, n, D) holds, for R replicates of one setting, n batches or records in the order of
time; `lengths` (n,) are the steps behind each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aimctheory.controls import controlled_mean, without
from aimctheory.statistics import (
    FALSE_ALARM,
    Estimate,
    as_number,
    batch_mean,
    chain_error,
    positive_width,
    replicate_mean,
    student,
)

Array = NDArray[np.float64]
Steps = NDArray[np.int64]

BATCHES = 64
"""The most batches that a single replicate is split into."""
MANY = 16
"""Replicates from which on their scatter alone tells whether a series drifts."""
UNSETTLED = FALSE_ALARM / 10
"""How often a settled series is said to drift, if it is normal; skewed ones are more often."""


def mean(series: Array, lengths: Steps, controls: Sequence[Array], level: float) -> Estimate:
    """The mean over steps, with what the controls (each (R, n, D), of mean 0) explain taken out."""
    found = _samples(series, lengths)
    known = [_samples(each, lengths) for each in controls]
    if len(series) > 1:
        return _over_replicates(found, known, level)
    left = without(found, np.array(known)) if known else found
    return batch_mean(left, batches=len(found), level=level)


def _over_replicates(samples: Array, controls: Sequence[Array], level: float) -> Estimate:
    """The mean of independent samples, with what the controls explain taken out."""
    if controls:
        return controlled_mean(samples, np.array(controls), level=level)
    return replicate_mean(samples, level=level)


def covariance(
    x: Array, y: Array, within: Array, lengths: Steps, level: float, *, positive: bool
) -> Estimate:
    """The covariance of two averages, given the means and the covariances `within` batches.

    The mean of (x − x̄)(y − ȳ) is too small by the covariance of x̄ and ȳ.  Among R replicates that
    is estimated from their means, so that the sum has no bias.  `positive` says that x is y.
    """
    time_means = [np.average(each, axis=1, weights=lengths) for each in (x, y)]
    apart = [each - each.mean(axis=0) for each in time_means]
    products = within + np.prod(
        [each - own.mean(axis=0) for each, own in zip((x, y), time_means, strict=True)], axis=0
    )
    count = len(x)
    if count > 1:
        samples = _samples(products, lengths) + _flat(apart[0] * apart[1]) / (count - 1)
        found = replicate_mean(samples, level=level)
        error, freedom = samples.std(axis=0, ddof=1) / math.sqrt(count), np.array(count - 1.0)
    else:
        samples = _samples(products, lengths)
        found = batch_mean(samples, batches=len(samples), level=level)
        error, freedom = chain_error(samples)
        of_means = _covariance_of_means(_samples(x, lengths), _samples(y, lengths))
        found = found + of_means
        if positive:
            # Few squares of a slow chain tell little of their own scatter.  Of normal x that
            # forgets exponentially the relative variance of this estimate is var(x̄)/var(x).
            error = np.maximum(error, np.sqrt(np.maximum(of_means * found.value, 0.0)))
            # Squares scatter as χ², whose estimated relative error is less sure by that much.
            share = np.divide(error, found.value, out=np.zeros(error.shape), where=error > 0)
            freedom = 1 / (1 / freedom + share**2)
    if not positive:
        return found
    width = positive_width(found.value, error, freedom, level)
    return Estimate(found.value, as_number(width), level, found.n, found.method)


def _covariance_of_means(x: Array, y: Array) -> Array:
    """The covariance of the means of two chains (n, …): a quarter of var(x + y) − var(x − y)."""
    size = [np.where(each.std(axis=0) > 0, each.std(axis=0), 1.0) for each in (x, y)]
    x, y = x / size[0], y / size[1]
    plus, minus = (chain_error(each)[0] ** 2 for each in (x + y, x - y))
    return np.asarray(size[0] * size[1] * (plus - minus) / 4)


def _flat(values: Array) -> Array:
    """Values (…, D), without the last axis where D = 1."""
    return values[..., 0] if values.shape[-1] == 1 else values


def _samples(series: Array, lengths: Steps) -> Array:
    """Time averages (R, D) of replicates; or of a single one its batches, (at most BATCHES, D).

    A batch that is longer than another counts for more: its distance from the mean is scaled by its
    length.  So the mean of the batches is that of all steps.
    """
    kept = _flat(series)
    if len(series) > 1:
        return np.asarray(np.average(kept, axis=1, weights=lengths))
    chain, weights = kept[0], lengths
    if len(chain) < 2:
        raise ValueError(
            "a single replicate needs two batches or records to show its scatter; pass a smaller "
            "`after`, or simulate several replicates"
        )
    center = np.average(chain, axis=0, weights=weights)
    apart = ((chain - center).T * (weights / weights.mean())).T
    count = min(BATCHES, len(chain))
    begins = len(chain) * np.arange(count) // count
    return np.asarray(center + np.add.reduceat(apart, begins, axis=0) * (count / len(chain)))


def stacked(found: Sequence[Estimate | None]) -> Estimate:
    """One Estimate of all settings, along a new first axis; None is a setting without a mean."""
    if len(found) == 1 and found[0] is not None:
        return found[0]
    some = [each for each in found if each is not None]
    lost = np.full(np.shape(some[0].value), np.nan)
    values = [lost if each is None else np.asarray(each.value) for each in found]
    widths = [lost if each is None else np.asarray(each.half_width) for each in found]
    return Estimate(
        np.array(values),
        np.where(np.isnan(values), np.inf, np.array(widths)),
        some[0].level,
        min(each.n for each in some),
        " or ".join(sorted({each.method for each in some})),
    )


def drifts(series: Array, controls: Sequence[Array] = ()) -> bool:
    """Whether the first part of a series has another mean than its second half.

    The parts tried are 1/16, 1/8, 1/4 and 1/2.  The scatter is that between replicates, or, of few
    replicates, that along the second half of each.
    """
    count, n, columns = series.shape
    parts = sorted({max(1, n * k // 16) for k in (1, 2, 4, 8)})
    level = UNSETTLED / len(parts) / columns
    if n < 2 or (count < MANY and n < MANY):
        return False
    late = series[:, n // 2 :]
    if count < MANY:
        own, own_freedom = chain_error(np.moveaxis(late, 1, 0))
    rounding = 1e-12 * np.abs(series).max(axis=(0, 1))
    for part in parts:
        gap, *known = (
            each[:, :part].mean(axis=1) - each[:, n // 2 :].mean(axis=1)
            for each in (series, *controls)
        )
        if count >= MANY:
            found = _over_replicates(gap, known, level)
            value, width = found.value, found.half_width
        else:
            # The mean of the first part scatters at most as that of as many slow steps.
            square = own**2 * (1 + late.shape[1] / part)
            total = square.sum(axis=0)
            least = np.sum(square**2 / own_freedom, axis=0)
            freedom = np.divide(total**2, least, out=np.ones(columns), where=least > 0)
            value = gap.mean(axis=0)
            width = student(level, freedom) * np.sqrt(total) / count
        if np.any(np.abs(value) > width + rounding):
            return True
    return False
