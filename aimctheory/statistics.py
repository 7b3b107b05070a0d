"""Estimates with intervals: means over independent replicates or along one chain.

Every interval of a mean is value ± t·s/√n, with t the Student quantile.  Of n independent
replicates s is the standard deviation; of n correlated batches of one chain it is that of the slow
part of the chain (`chain_error`).  `level` is the probability that the interval misses the true
mean, 1e-6 by default: a comparison that should succeed fails once in a million.  For normal samples
the level of replicates is exact; that of a chain is nearly so, as tests/test_coverage.py measures.
Time averages are nearly normal.  Skewed samples need many replicates: with 100 samples of a χ² law
of one degree of freedom, the interval misses 400 times as often as stated.

This module knows nothing about devices, runs or claims and imports no other module of the package.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import cache
from numbers import Real
from typing import Any, ClassVar

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
    width = student(level, n - 1) * array.std(axis=0, ddof=1) / math.sqrt(n)
    return Estimate(as_number(array.mean(axis=0)), as_number(width), level, n, "replicates")


def batch_mean(samples: ArrayLike, *, batches: int = 64, level: float = FALSE_ALARM) -> Estimate:
    """The mean along one chain of correlated samples, value ± t·`chain_error`.

    The chain is cut into pieces of equal length, at most `batches` of them.  Their means need not
    be independent: how long the chain remembers is estimated, and the interval of a slow chain is
    wider.  A remainder at the start of the chain, shorter than one piece, is dropped.  Warns where
    the chain is so short that its memory is hardly known; the interval is then very wide.

    Parameters
    ----------
    samples
        Shape (T, …), in the order of time, after the transient.
    batches
        The largest number of pieces.
    level
        The probability that the interval misses the mean, on either side.

    Returns
    -------
    Estimate
        As from `replicate_mean`, with `n` − 1 the degrees of freedom of t, rounded down.

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
    length = math.ceil(len(array) / batches)
    pieces = len(array) // length
    means = array[-length * pieces :].reshape(pieces, length, *array.shape[1:]).mean(axis=1)
    error, freedom = chain_error(means)
    least = float(np.min(freedom, initial=np.inf))
    if least < ENOUGH_FREEDOM:
        warnings.warn(
            f"the chain of {len(array)} samples is not much longer than its own memory: it tells "
            f"its scatter with {least:.1f} degrees of freedom, so that the interval is very wide; "
            "take a longer chain or several replicates",
            stacklevel=2,
        )
    width = as_number(student(level, freedom) * error)
    n = 1 + int(min(least, pieces - 1))
    return Estimate(as_number(means.mean(axis=0)), width, level, n, "batch means")


ENOUGH_FREEDOM = 3.0
"""Degrees of freedom below which a chain is called short: some ten autocorrelation times."""


def chain_error(means: ArrayLike) -> tuple[Array, Array]:
    """The standard error of the mean of n correlated batch means, and its degrees of freedom.

    A rotation turns the batch means (n, …) into n − 1 waves, cosines of k = 1 … n − 1 half periods,
    which are nearly independent.  Of a chain without memory all have the variance s² that
    the mean has, times n; then s²/n is the square of the error, with n − 1 degrees of freedom.  Of
    a slow chain the variance S_k falls with k (it rises where neighbours repel), and what counts
    is S_0.  So only the slowest waves are used, and their mean square is divided by the factor by
    which it differs from S_0.  The factor is taken from chains that forget exponentially, each
    weighted by how likely it makes the waves found.  The number of waves used is the one that knows
    S_0 best:

        1/freedom = 1/(number of waves) + (variance of log factor)/4 + (log factor)²/2

    The first two terms are half the relative variance of S_0.  The last one allows for chains that
    do not forget exponentially; it and the quarter make intervals miss as often as they say.

    The idea, slow waves and Student's t, is that of U. Müller, Econometrica 75 (2007) 1331.
    """
    values = np.asarray(means, dtype=float)
    n = len(values)
    shapes, prior, log_factor = _memories(n)
    angles = np.pi * np.outer(np.arange(1, n), np.arange(n) + 0.5) / n
    centred = (values - values.mean(axis=0)).reshape(n, -1)
    squares = 2 / n * (np.cos(angles) @ centred) ** 2
    still = ~squares.any(axis=0)  # a chain that does not move; any squares do for it
    scale = np.where(still, 1.0, squares.mean(axis=0))
    power = (1 / shapes) @ np.where(still, 1.0, squares / scale)
    log_weight = prior[:, None] - np.log(shapes).sum(axis=1)[:, None] / 2
    weight = special.softmax(log_weight - (n - 1) / 2 * np.log(power), axis=0)
    log_mean = weight.T @ log_factor
    variance = weight.T @ log_factor**2 - log_mean**2
    doubt = 1 / np.arange(1, n) + variance / 4 + log_mean**2 / 2
    used = doubt.argmin(axis=1)
    column = np.arange(len(used))
    slow = np.cumsum(squares, axis=0)[used, column] / (used + 1)
    error = np.sqrt(slow / np.exp(log_mean[column, used]) / n)
    return error.reshape(values.shape[1:]), (1 / doubt[column, used]).reshape(values.shape[1:])


@cache
def _memories(n: int) -> tuple[Array, Array, Array]:
    """How S_k/S_0 may look for n batches: the shapes, the logarithms of their prior, the factors.

    A shape is that of the means of a process with autocorrelation e^(−t), over batches of length a:
    their autocovariances are γ_0 = 2(a − 1 + e^(−a))/a² and γ_k = (1 − e^(−a))²/a² · e^(−a(k−1)).
    Its reciprocal stands for batches that repel.  The factor of a shape is its mean over 1 … k.
    """
    # From chains hardly longer than their memory to batches of ten memories, 5 % correlated.
    a = np.geomspace(1.28 / n, 10.0, 16)[:, None]
    memory, cosine = np.exp(-a), np.cos(np.pi * np.arange(n) / n)
    own = 2 * (a - 1 + memory) / a**2
    next_one = (1 - memory) ** 2 / a**2
    spectrum = own + 2 * next_one * (cosine - memory) / (1 - 2 * memory * cosine + memory**2)
    falling = spectrum[:, 1:] / spectrum[:, :1]
    shapes = np.vstack([falling, np.ones((1, n - 1)), 1 / falling])
    prior = np.log(np.repeat([1.0, 1.0, 0.5], [16, 1, 16]))
    return shapes, prior, np.log(np.cumsum(shapes, axis=1) / np.arange(1, n))


def student(level: float, freedom: ArrayLike) -> Any:
    """The t that a Student variable with `freedom` exceeds in size with probability `level`.

    >>> round(student(0.05, 2), 3)
    4.303
    """
    if not (isinstance(level, Real) and 0 < level < 1):
        raise ValueError(f"level = {level!r} is outside (0, 1); it is the chance of a false alarm")
    return as_number(-special.stdtrit(freedom, level / 2))


def positive_width(value: ArrayLike, error: ArrayLike, freedom: ArrayLike, level: float) -> Array:
    """The half-width of an interval around a positive number whose logarithm is nearly normal.

    A variance is such a number: where it comes out small by chance, so does its standard error, and
    value ± t·error would miss too often.  The half-width value·(exp(t·error/value) − 1) is that of
    the upper side of log value ± t·error/value; on the lower side it is a little too wide.

    >>> [round(float(positive_width(2.0, error, 9, 0.05)), 3) for error in (0.02, 0.2, 2.0)]
    [0.046, 0.508, 17.208]
    """
    error, value = np.asarray(error, dtype=float), np.asarray(value, dtype=float)
    ratio = np.divide(error, value, out=np.zeros(error.shape), where=error > 0)
    with np.errstate(over="ignore"):  # infinite, where few samples tell nothing
        return np.asarray(value * np.expm1(student(level, freedom) * ratio))
