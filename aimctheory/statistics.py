"""Numbers with intervals: arrays in, numbers out.

Responsible for every interval and every test of the package: means over independent replicates or
along one chain, slopes in log-log scale, and the margin by which a number keeps what is stated of
it.  It knows nothing of devices, runs or claims, and imports nothing of ours.

The one formula is value ± t·s/√n, with t the Student quantile of a two-sided test whose chance of
a false alarm is `level`.  The level is 1e-6 unless said otherwise: a claim that holds fails one
comparison in a million.  That is exact for normal samples; time averages are nearly normal, but
skewed samples need many (a χ² of one degree of freedom misses 400 times as often with 100).
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
"""The two-sided chance that an interval misses the number it is about."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """A measured number, or array of numbers, and the half-width of its interval.

    `level` is the chance that the interval misses (two-sided), `n` the number of independent
    samples behind it, `method` how it was made.  Adding a constant or multiplying by one gives an
    Estimate again.

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

    # NumPy must hand `array - estimate` to us instead of making an array of objects.
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
    """A float from anything without axes, an array of floats from the rest."""
    array = np.asarray(value, dtype=float)
    return float(array) if array.ndim == 0 else array


def _with_interval(value: float, half: float) -> str:
    """`value` to the digit at which `half` has its first one, or its second after a leading 1."""
    if not (math.isfinite(value) and math.isfinite(half)):
        return f"{value:.6g} ± {half:.2g}"
    if half == 0:
        return f"{value:.10g} ± 0"
    size = max(abs(value), half)
    power = 0 if 1e-4 <= size < 1e6 else math.floor(math.log10(size))
    value, half = value / 10.0**power, half / 10.0**power
    decimals = -math.floor(math.log10(half))
    if half * 10.0**decimals < 1.95:
        decimals += 1
    digits = max(decimals, 0)
    text = f"{round(value, decimals):.{digits}f} ± {round(half, decimals):.{digits}f}"
    return text if power == 0 else f"({text})e{power:+03d}"


def finite_samples(samples: ArrayLike, least: int, what: str) -> Array:
    """The samples as an array; ValueError for fewer than `least`, or one that is not finite."""
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
        Shape (R, …), one row for each replicate.
    level
        The two-sided chance that the interval misses the mean.

    Returns
    -------
    Estimate
        Of shape (…), or of floats where `samples` has one axis.

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
    """The mean along one chain of correlated samples, from the scatter of batch means.

    The chain is cut into `batches` equal pieces (a remainder at its start is dropped), whose means
    count as independent replicates.  Warns when neighbouring batch means are correlated: then the
    batches are shorter than the chain's memory, and the interval too narrow.

    Parameters
    ----------
    samples
        Shape (T, …), in the order of time, after the transient.

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
    centred = means - means.mean(axis=0)
    spread = np.asarray(np.sum(centred**2, axis=0))
    products = np.sum(centred[1:] * centred[:-1], axis=0)
    correlation = np.max(np.divide(products, spread, out=np.zeros(spread.shape), where=spread > 0))
    # Without memory the correlation scatters by 1/√batches: five times that is a one in a million.
    if correlation > 5 / math.sqrt(batches):
        warnings.warn(
            f"neighbouring batches of {length} samples are correlated ({correlation:.2f}): "
            "the interval is too narrow; use fewer batches or a longer chain",
            stacklevel=2,
        )
    return Estimate(found.value, found.half_width, level, batches, "batch means")


def student(level: float, n: int) -> float:
    """The Student quantile of a two-sided test of n samples at a level."""
    if not 0 < level < 1:
        raise ValueError(f"level = {level!r} is outside (0, 1); it is the chance of a false alarm")
    return -float(special.stdtrit(n - 1, level / 2))


def local_slopes(x: ArrayLike, error: ArrayLike) -> Array:
    """The slopes d log error / d log x between neighbouring points, shape (n − 1,).

    Raises
    ------
    ValueError
        Unless `x` and `error` are positive arrays of one length and neighbouring x differ.

    Examples
    --------
    >>> local_slopes([1, 2, 4], [3, 12, 48])
    array([2., 2.])
    """
    places, errors = np.asarray(x, dtype=float), np.asarray(error, dtype=float)
    if places.ndim != 1 or places.shape != errors.shape or len(places) < 2:
        raise ValueError(
            f"x of shape {places.shape} and error of shape {errors.shape}: slopes need two arrays "
            "of one length, two points or more"
        )
    if not (np.all(places > 0) and np.all(errors > 0) and np.all(np.diff(places) != 0)):
        raise ValueError("x and error: a log-log slope needs positive numbers and distinct x")
    slopes: Array = np.diff(np.log(errors)) / np.diff(np.log(places))
    return slopes


def slope(x: ArrayLike, samples: ArrayLike, *, level: float = FALSE_ALARM) -> Estimate:
    """The least-squares slope of log |mean over replicates| against log x, by the jackknife.

    The mean is taken before the logarithm, so single replicates may have either sign.

    Parameters
    ----------
    x
        Shape (n,), positive.
    samples
        Shape (R, n), one row for each replicate.

    Raises
    ------
    ValueError
        If a mean is not told apart from zero (leaving one replicate out changes its sign).

    Examples
    --------
    >>> errors = [[1.0, 2.1, 4.0], [1.1, 2.0, 4.1], [0.9, 1.9, 3.9]]
    >>> print(slope([1.0, 2.0, 4.0], errors, level=0.05))
    1.00 ± 0.13
    """
    array = finite_samples(samples, 3, "replicates")
    x = np.asarray(x, dtype=float)
    if array.ndim != 2 or array.shape[1:] != x.shape or len(x) < 2 or np.any(x <= 0):
        raise ValueError(
            f"x of shape {x.shape} and samples of shape {array.shape}: the slope needs positive x "
            "(n,) with n > 1 and samples (replicates, n)"
        )
    n = len(array)
    whole = array.mean(axis=0)
    others = (n * whole - array) / (n - 1)
    if np.any(others * whole <= 0):
        raise ValueError("samples: a mean is not told apart from zero; use more replicates")
    # Least squares is linear in log error: slope = Σ weight·log|error|.
    weight = np.log(x) - np.log(x).mean()
    weight /= weight @ weight
    value = float(weight @ np.log(np.abs(whole)))
    pseudo = n * value - (n - 1) * (np.log(np.abs(others)) @ weight)
    return Estimate(value, replicate_mean(pseudo, level=level).half_width, level, n, "jackknife")


@dataclass(frozen=True, slots=True)
class Margin:
    """(allowed − found)/scale with its interval; single numbers or arrays of one shape.

    Above 0 a statement holds, below 0 it fails, across 0 it is undecided.

    >>> Margin(0.3, 0.1, 0.5).state, Margin(0.3, -0.1, 0.7).state, Margin(-2, -3, -1).state
    ('holds', 'undecided', 'fails')
    """

    value: float | Array
    low: float | Array
    high: float | Array

    @property
    def state(self) -> str:
        """Whether it "holds" (no element may be below 0), "fails" (one surely is) or neither."""
        if np.any(np.asarray(self.high) < 0):
            return "fails"
        return "holds" if np.all(np.asarray(self.low) >= 0) else "undecided"

    def worst(self) -> int:
        """The flat index of the worst element: failures first, then doubts, then the smallest."""
        value, low, high = (np.ravel(a) for a in (self.value, self.low, self.high))
        rank = np.where(high < 0, 0, np.where(low < 0, 1, 2))
        return int(np.lexsort((value, rank))[0])

    def at(self, index: int) -> Margin:
        """The margin of one element, as floats."""
        return Margin(*(float(np.ravel(a)[index]) for a in (self.value, self.low, self.high)))


def equivalence(difference: ArrayLike, half_width: ArrayLike, within: ArrayLike) -> Margin:
    """The margin of |difference| ≤ within, as two one-sided tests: 1 at equality, 0 at the edge.

    (within − |difference|)/within; where `within` is 0 the scale is 1.

    >>> equivalence(0.5, 0.1, 2.0).value
    0.75
    >>> equivalence(0.02, 0.1, 0.1).state
    'undecided'
    """
    found, width, within = (np.asarray(a, dtype=float) for a in (difference, half_width, within))
    if np.any(within < 0):
        raise ValueError(f"within = {within} is below 0; it is the largest difference allowed")
    found, scale = np.abs(found), np.where(within > 0, within, 1.0)
    return Margin(
        as_number((within - found) / scale),
        as_number((within - found - width) / scale),
        as_number((within - np.maximum(found - width, 0.0)) / scale),
    )


def bound(excess: ArrayLike, half_width: ArrayLike, scale: ArrayLike) -> Margin:
    """The margin of excess ≤ 0, one-sided: −excess/scale; where `scale` is 0 it is taken as 1.

    >>> bound(-0.5, 0.1, 2.0).value
    0.25
    """
    excess, width, scale = (np.asarray(a, dtype=float) for a in (excess, half_width, scale))
    scale = np.where(scale > 0, scale, 1.0)
    return Margin(
        as_number(-excess / scale),
        as_number(-(excess + width) / scale),
        as_number(-(excess - width) / scale),
    )
