"""The order at which an error vanishes, read from its local slopes: arrays in, numbers out.

An error e(x) of order p falls as x^p, so its local slope s = d log e / d log x tends to p as x → 0.
This module gives an interval for that limit, as narrow as the slopes have settled.  A fit over all
distances would answer wrongly: the slopes 2.05, 1.56, 1.19, 1.05 tend to 1, and a fit calls them
"order 2".  So only the smallest decade of x above rounding errors counts, and slopes that still
move bound the limit on one side at most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

ROUNDING_IN_SLOPE = 0.005
"""The most by which rounding may change the local slope between two points that count."""

RESOLUTION = 0.002
"""The least half-width of an interval: two orders closer than this are not told apart."""


@dataclass(frozen=True, slots=True)
class Limit:
    """An interval [low, high] for the limit of local slopes, and the slopes behind it.

    `value` is the middle of the interval, or the last local slope where an end is infinite.
    `slopes` are all that were used, from large x to small, and `error` is the error at the smallest
    x used.
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

    Where e = C x^p (1 + a x^θ), the slopes sₙ move towards p by factors r^−θ, with r the last ratio
    of neighbouring x, so the limit is sₙ + (sₙ − sₙ₋₁)/(r^θ − 1).  The interval reaches from sₙ,
    where it lies for large θ, to a little beyond the limit for θ = ½.

    Slopes that still move by more than `settled`, or settle more slowly than that, bound the limit
    on one side; slopes moving to and fro do not bound it unless all of them lie within `settled`.
    Half-widths and rounding errors widen the interval, and so does `RESOLUTION`.

    Parameters
    ----------
    x, error, half_width
        Shape (n,), in any order; the half-width is 0 where the error is not measured.
    floor
        The size of rounding errors in `error`.
    settled
        The largest movement of the slopes that counts as settled.

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
    # To leading order a correction of order ½ puts the limit 1/(√r − 1) times the last movement
    # beyond sₙ.  A fifth more leaves room for the next order.
    reach = 1.2 / (float(places[-2] / places[-1]) ** 0.5 - 1)
    low, high = _limit_of_exact(slopes, reach, settled)
    # Lowering e by its half-width h and the floor moves log e by λ = −log(1 − (h + floor)/e);
    # raising e moves log e by less.
    log_widths = -np.log1p(-(widths + floor) / errors)
    # So a slope, Δ log e / Δ log x, moves by at most ω = (λ + next λ)/|Δ log x| ...
    slope_widths = (log_widths[1:] + log_widths[:-1]) / -np.diff(np.log(places))
    # ... and the far end by at most ωₙ + reach·(ωₙ + ωₙ₋₁).
    width = float(slope_widths[-1] + reach * (slope_widths[-1] + slope_widths[-2])) + RESOLUTION
    low, high = low - width, high + width
    return Limit(
        value=(low + high) / 2 if math.isfinite(high - low) else float(slopes[-1]),
        low=low,
        high=high,
        slopes=tuple(slopes.tolist()),
        error=float(errors[-1]),
    )


def _from_far_to_near(
    x: ArrayLike, error: ArrayLike, half_width: ArrayLike
) -> tuple[Array, Array, Array]:
    """The points in order of falling x: x, |error| and half-width, of one shape."""
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
    """The indices of the points that count: at small x, above rounding, within one decade of x.

    They are the last unbroken series of points whose neighbours both stand above half-width and
    rounding, cut to one decade of x, but to no fewer than three points.
    """
    above = error > width + floor
    rounding = np.divide(floor, error, out=np.full(len(x), np.inf), where=error > 0)
    pairs = above[1:] & above[:-1]
    # Relative rounding errors of both points, over Δ log x, are the change of the slope.
    pairs &= (rounding[1:] + rounding[:-1]) / -np.diff(np.log(x)) <= ROUNDING_IN_SLOPE
    if not np.any(pairs):
        return np.arange(0)
    last = int(np.flatnonzero(pairs)[-1])
    gaps = np.flatnonzero(~pairs[:last])
    points = np.arange(gaps[-1] + 1 if len(gaps) else 0, last + 2)
    # 1e-9: a point exactly one decade away counts, whatever its last bit.
    decade = points[x[points] <= 10 * x[last + 1] * (1 + 1e-9)]
    return decade if len(decade) >= 3 else points[-3:]


def _limit_of_exact(slopes: Array, reach: float, settled: float) -> tuple[float, float]:
    """The interval of the limit, taking the local slopes as exact."""
    moves = np.diff(slopes)
    last, move = float(slopes[-1]), float(moves[-1])
    if not (np.all(moves <= 0) or np.all(moves >= 0)):
        # To and fro: slopes close to one another have settled, others say nothing.
        if np.ptp(slopes) <= settled:
            return float(slopes.min()), float(slopes.max())
        return -math.inf, math.inf
    # Moves that shrink by reach/(1 + reach) each add up to reach·move.  A move below a tenth of
    # `settled` is small, even where the one before was smaller.
    shrinks = reach / (1 + reach)
    slow = len(moves) > 1 and abs(move) > max(shrinks * abs(float(moves[-2])), settled / 10)
    if abs(move) > settled or slow:
        # Still moving: the limit lies beyond the last slope, and nothing says how far.
        return (-math.inf, last) if move < 0 else (last, math.inf)
    beyond = last + reach * move
    return min(last, beyond), max(last, beyond)
