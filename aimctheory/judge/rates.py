"""The order at which an error vanishes: arrays in, numbers out.

Responsible for one question: given errors e(x) at shrinking distances x, what does the local slope
s = d log e / d log x tend to, and how surely?  A fit over large distances answers wrongly (slopes
that fall 2.05, 1.56, 1.19, 1.05 would pass as "order 2"); so only the smallest decade that stands
above rounding counts, and slopes that have not settled bound the limit on one side at most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

ROUNDING_IN_SLOPE = 0.005
"""A pair of points counts where rounding can change its slope by no more than this."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What local slopes tend to: the interval [low, high], and what it was read from.

    `value` is the last local slope, `slopes` all that were used, `error` the last error.
    """

    value: float
    low: float
    high: float
    slopes: tuple[float, ...]
    error: float


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


def limit_slope(
    x: ArrayLike,
    error: ArrayLike,
    *,
    half_width: ArrayLike = 0.0,
    floor: float = 0.0,
    settled: float = 0.1,
) -> Limit | None:
    """The interval that holds lim d log error / d log x as x → 0.

    Where the correction to the leading order is of first order in x, the limit is
    sₙ + (sₙ − sₙ₋₁)/(r − 1), with s the local slopes and r the last ratio of neighbouring x.  The
    interval reaches from sₙ to twice that distance.  Slopes that still move by more than `settled`,
    or ever faster, bound the limit on one side; slopes moving to and fro do not bound it.

    Parameters
    ----------
    x, error, half_width
        Shape (n,), in any order; the half-width is 0 where the error is not measured.
    floor
        The size of rounding errors in `error`.

    Returns
    -------
    Limit or None
        None where fewer than three neighbouring points stand above rounding and half-widths.

    Raises
    ------
    ValueError
        Unless `x` is one axis of distinct positive numbers.

    Examples
    --------
    >>> x = 2.0 ** -np.arange(8)
    >>> found = limit_slope(x, x + x**2)
    >>> found.low < 1 < found.high < 1.02
    True
    >>> unsettled = limit_slope(x[:4], (x + 20 * x**2)[:4])
    >>> unsettled.low, round(unsettled.high, 2)
    (-inf, 1.78)
    """
    places, errors, widths = _from_far_to_near(x, error, half_width)
    kept = _smallest_decade(places, errors, widths, floor)
    if len(kept) < 3:
        return None
    places, errors, widths = places[kept], errors[kept], widths[kept]
    slopes = local_slopes(places, errors)
    reach = 2 / (float(places[-2] / places[-1]) - 1)
    low, high = _settling(slopes, reach, settled)
    blur = -np.log1p(-(widths + floor) / errors)
    blur = (blur[1:] + blur[:-1]) / -np.diff(np.log(places))
    spread = float(blur[-1] + reach * (blur[-1] + blur[-2]))
    return Limit(
        value=float(slopes[-1]),
        low=low - spread,
        high=high + spread,
        slopes=tuple(slopes.tolist()),
        error=float(errors[-1]),
    )


def _from_far_to_near(
    x: ArrayLike, error: ArrayLike, half_width: ArrayLike
) -> tuple[Array, Array, Array]:
    """Checked, of one shape, the errors without their signs, the smallest x last."""
    places, errors = np.asarray(x, dtype=float), np.abs(np.asarray(error, dtype=float))
    distinct = places.ndim == 1 and len(np.unique(places)) == len(places)
    if not distinct or np.any(places <= 0) or errors.shape != places.shape:
        raise ValueError(
            f"x = {places} and an error of shape {errors.shape}: a rate needs distinct positive "
            "numbers along one axis, and one error for each"
        )
    widths = np.broadcast_to(np.asarray(half_width, dtype=float), places.shape)
    order = np.argsort(-places)
    return places[order], errors[order], widths[order]


def _smallest_decade(x: Array, error: Array, width: Array, floor: float) -> NDArray[np.int64]:
    """The indices of the last run of resolved points, cut to one decade but not below three."""
    above = error > np.maximum(width + floor, 0.0)
    rounding = np.divide(floor, error, out=np.full(len(x), np.inf), where=error > 0)
    pairs = above[1:] & above[:-1]
    pairs &= (rounding[1:] + rounding[:-1]) / -np.diff(np.log(x)) <= ROUNDING_IN_SLOPE
    if not np.any(pairs):
        return np.arange(0)
    last = int(np.flatnonzero(pairs)[-1])
    gaps = np.flatnonzero(~pairs[:last])
    points = np.arange(gaps[-1] + 1 if len(gaps) else 0, last + 2)
    decade = points[x[points] <= 10 * x[last + 1] * (1 + 1e-9)]
    return decade if len(decade) >= 3 else points[-3:]


def _settling(slopes: Array, reach: float, settled: float) -> tuple[float, float]:
    """The interval of the limit as far as the slopes' own movement tells it."""
    moves = np.diff(slopes)
    last, move = float(slopes[-1]), float(moves[-1])
    if not (np.all(moves <= 0) or np.all(moves >= 0)):
        if np.ptp(slopes) <= settled:
            return float(slopes.min()), float(slopes.max())
        return -math.inf, math.inf
    faster = len(moves) > 1 and abs(move) > max(abs(float(moves[-2])), settled / 10)
    if abs(move) > settled or faster:
        return (-math.inf, last) if move < 0 else (last, math.inf)
    beyond = last + reach * move
    return min(last, beyond), max(last, beyond)
