"""Estimates with intervals: means over independent replicates or along one chain.

Every interval is value ± t·s/√n, with s the standard deviation of n independent samples and t the
Student quantile.  `level` is the probability that the interval misses the true mean, 1e-6 by
default: a comparison that should succeed fails once in a million.  The level is exact for normal
samples.  Time averages are nearly normal.  Skewed samples need many replicates: with 100 samples of
a χ² law of one degree of freedom, the interval misses 400 times as often as stated.

This module knows nothing about devices, runs or claims and imports no other module of the package.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Array = NDArray[np.float64]

FALSE_ALARM = 1e-6
"""The probability that an interval misses the number it estimates, on either side."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """A measured number, or array of numbers, and the half-width of its interval.

    `level` is the probability that the interval misses, on either side; `n` the number of
    independent samples; `method` the name of the method.  A constant added to an Estimate or
    multiplied by one gives an Estimate.

    Examples
    --------
    >>> print(Estimate(0.42981, 0.00041) - 0.5)
    -0.0702 ± 0.0004
    >>> print(Estimate(np.array([1.0, 2.0]), np.array([0.1, 0.03])))
    [1.00 ± 0.10, 2.00 ± 0.03]
    """

    value: float | Array
    half_width: float | Array
    level: float = FALSE_ALARM
    n: int = 1
    method: str = "given"

    # With this, NumPy leaves `array - estimate` to `__rsub__`; else it makes an array of objects.
    __array_ufunc__: ClassVar[None] = None

    @property
    def low(self) -> float | Array:
        """The lower end of the interval."""
        return self.value - self.half_width

    @property
    def high(self) -> float | Array:
        """The upper end of the interval."""
        return self.value + self.half_width

    def _moved(self, value: ArrayLike, half_width: ArrayLike) -> Estimate:
        return Estimate(as_number(value), as_number(half_width), self.level, self.n, self.method)

    def __add__(self, shift: ArrayLike) -> Estimate:
        moved = np.asarray(self.value + np.asarray(shift))
        return self._moved(moved, np.broadcast_to(self.half_width, moved.shape))

    __radd__ = __add__

    def __sub__(self, shift: ArrayLike) -> Estimate:
        return self + -np.asarray(shift)

    def __rsub__(self, start: ArrayLike) -> Estimate:
        return -self + start

    def __neg__(self) -> Estimate:
        return self._moved(-np.asarray(self.value), self.half_width)

    def __mul__(self, factor: ArrayLike) -> Estimate:
        factor = np.asarray(factor)
        return self._moved(self.value * factor, self.half_width * np.abs(factor))

    __rmul__ = __mul__

    def __truediv__(self, divisor: ArrayLike) -> Estimate:
        return self * (1.0 / np.asarray(divisor))

    def __str__(self) -> str:
        if np.ndim(self.value) == 0:
            return _with_interval(float(self.value), float(self.half_width))
        values = np.ravel(self.value)
        widths = np.broadcast_to(self.half_width, np.shape(self.value)).ravel()
        shown = [_with_interval(float(v), float(h)) for v, h in zip(values, widths, strict=True)]
        if len(shown) > 6:
            shown[3:-2] = ["…"]
        return f"[{', '.join(shown)}]"


def as_number(value: ArrayLike) -> float | Array:
    """A float where `value` has no axes, else an array of floats."""
    array = np.asarray(value, dtype=float)
    return float(array) if array.ndim == 0 else array


def _with_interval(value: float, half: float) -> str:
    """`value ± half`, rounded to the first digit of `half`, or to the second after a leading 1."""
    if not (math.isfinite(value) and math.isfinite(half)):
        return f"{value:.6g} ± {half:.2g}"
    if half == 0:
        return f"{value:.10g} ± 0"
    size = max(abs(value), half)
    power = 0 if 1e-4 <= size < 1e6 else math.floor(math.log10(size))
    value, half = value / 10.0**power, half / 10.0**power
    decimals = -math.floor(math.log10(half))
    # A half-width that begins with 1 keeps a second digit: one digit would round it by up to a
    # third.  From 1.95 on the half-width rounds to 2.
    if half * 10.0**decimals < 1.95:
        decimals += 1
    digits = max(decimals, 0)
    text = f"{round(value, decimals):.{digits}f} ± {round(half, decimals):.{digits}f}"
    return text if power == 0 else f"({text})e{power:+03d}"


def finite_samples(samples: ArrayLike, least: int, what: str) -> Array:
    """The samples as an array of floats; the first axis counts them.

    Raises ValueError for fewer than `least` samples, or for an entry that is not finite.
    """
    array = np.asarray(samples, dtype=float)
    if array.ndim == 0 or len(array) < least:
        count = 0 if array.ndim == 0 else len(array)
        raise ValueError(f"samples: an interval needs at least {least} {what}, not {count}")
    if not np.all(np.isfinite(array)):
        bad = np.argwhere(~np.isfinite(array))[0]
        raise ValueError(
            f"samples: entry {tuple(int(i) for i in bad)} is {array[tuple(bad)]}; leave runs that "
            "became non-finite out before averaging"
        )
    return array


def replicate_mean(samples: ArrayLike, *, level: float = FALSE_ALARM) -> Estimate:
    """The mean over independent replicates, value ± t·s/√R.

    Parameters
    ----------
    samples
        Shape (R, …), the replicates along the first axis.
    level
        The probability that the interval misses the mean, on either side.

    Returns
    -------
    Estimate
        Value and half-width have shape (…), or are floats where `samples` has one axis.

    Raises
    ------
    ValueError
        With fewer than two replicates, or an entry that is not finite.

    Examples
    --------
    >>> print(replicate_mean([1.0, 2.0, 3.0], level=0.05))
    2 ± 2
    """
    array = finite_samples(samples, 2, "replicates")
    n = len(array)
    width = student(level, n) * array.std(axis=0, ddof=1) / math.sqrt(n)
    return Estimate(as_number(array.mean(axis=0)), as_number(width), level, n, "replicates")


def batch_mean(samples: ArrayLike, *, batches: int = 64, level: float = FALSE_ALARM) -> Estimate:
    """The mean along one chain of correlated samples, by the method of batch means.

    The chain is cut into `batches` equal pieces, and the means of the pieces count as independent
    replicates.  A remainder at the start of the chain is dropped.  Warns where neighbouring batch
    means are correlated: the batches are then shorter than the chain's memory, and the interval is
    too narrow.

    Parameters
    ----------
    samples
        Shape (T, …), in the order of time, after the transient.
    batches
        The number of pieces.
    level
        The probability that the interval misses the mean, on either side.

    Returns
    -------
    Estimate
        As from `replicate_mean`, with `n` the number of batches.

    Raises
    ------
    ValueError
        If there are fewer samples than batches, fewer than two batches, or an entry that is not
        finite.

    Examples
    --------
    >>> batch_mean(np.tile([0.0, 1.0], 500), batches=10).value
    0.5
    """
    if batches < 2:
        raise ValueError(f"batches = {batches} is below 2; an interval needs two batches or more")
    array = finite_samples(samples, batches, "samples (one for each batch)")
    length = len(array) // batches
    means = array[-length * batches :].reshape(batches, length, *array.shape[1:]).mean(axis=1)
    found = replicate_mean(means, level=level)
    # The lag-one autocorrelation of the batch means; 0 for a constant chain, whose squares are 0.
    centred = means - means.mean(axis=0)
    squares = np.asarray(np.sum(centred**2, axis=0))
    products = np.sum(centred[1:] * centred[:-1], axis=0)
    correlations = np.divide(products, squares, out=np.zeros(squares.shape), where=squares > 0)
    correlation = np.max(correlations)
    # Of independent batch means its standard deviation is 1/√batches; five of these are exceeded
    # less than once in a million.
    if correlation > 5 / math.sqrt(batches):
        warnings.warn(
            f"neighbouring batches of {length} samples are correlated ({correlation:.2f}): "
            "the interval is too narrow; use fewer batches or a longer chain",
            stacklevel=2,
        )
    return Estimate(found.value, found.half_width, level, batches, "batch means")


def student(level: float, n: int) -> float:
    """The t for which |mean − true mean| > t·s/√n has probability `level`, for n normal samples.

    >>> round(student(0.05, 3), 3)
    4.303
    """
    if not 0 < level < 1:
        raise ValueError(f"level = {level!r} is outside (0, 1); it is the chance of a false alarm")
    return -float(special.stdtrit(n - 1, level / 2))
