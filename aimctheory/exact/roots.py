"""Zeros of many functions of one variable at once, found by bracketing inside an interval.

A function is sampled on points that crowd at the ends of the interval, each change of sign is a
bracket, and Chandrupatla's method (inverse quadratic interpolation, bisection where that is not
safe; Adv. Eng. Software 28, 1997) closes it to the last bits.  Every number keeps its array shape.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Function = Callable[[Array], Array]

SAMPLES = 400
"""Points between which zeros are told apart; two zeros between neighbours are missed."""
FAR = 1e6
"""Where the search ends on an unbounded line: weights are of order 1."""
HAIR = 1e-14
"""How far inside its ends a bounded interval is searched, in units of its length.  At the end the
drift of a saturated cell is 0, which is no root.  Some 50 ε, so that the points differ from it."""


def only_zero(
    function: Function,
    ends: tuple[ArrayLike, ArrayLike],
    shape: tuple[int, ...],
    what: str,
    *,
    near: ArrayLike | None = None,
    samples: int = SAMPLES,
    share: float = 0.0,
    hint: str = "",
) -> Array:
    """The zero strictly inside `ends` at which `function` rises; arrays of `shape` in one go.

    `function` maps arrays (…, *shape) to arrays of that shape; `what` names it in errors.  Of
    several zeros the one nearest to `near` is taken.  The zero is exact to the last bits, or known
    to the `share` of the distance between two of the `samples` points.

    Raises ValueError where there is no such zero (its message ends in `hint`), and where there are
    several (listed) and no `near` is given.

    >>> print(only_zero(lambda x: x**2 - 0.25, (-1.0, 1.0), (), "a parabola"))
    0.5
    """
    x = _points(ends, shape, near, samples)
    positive = function(x) > 0
    rises = ~positive[:-1] & positive[1:]
    count = np.count_nonzero(rises, axis=0)
    if np.any(count == 0):
        raise ValueError(f"{what} has no stable zero inside {_first(ends, count == 0)}{hint}")
    zeros = [_close(function, x, _nth(rises, n), share) for n in range(1, int(count.max()) + 1)]
    if len(zeros) == 1:
        return zeros[0]
    if near is None:
        element = np.argmax(count.ravel())  # the one with the most zeros stands for all
        found = ", ".join(f"{z.ravel()[element]:.6g}" for z in zeros)
        raise ValueError(f"{what} has several stable zeros ({found}); choose one with start=…")
    candidates = np.stack(zeros)
    nearest = np.abs(candidates - np.asarray(near, dtype=float)).argmin(axis=0)
    return _taken(candidates, nearest)


def _points(
    ends: tuple[ArrayLike, ArrayLike], shape: tuple[int, ...], near: ArrayLike | None, samples: int
) -> Array:
    """Points (n, *shape) strictly between the ends, in order."""
    low, high = (np.broadcast_to(np.asarray(end, dtype=float), shape) for end in ends)
    if np.all(np.isfinite(low) & np.isfinite(high)):
        # Chebyshev points crowd at the ends: a minimiser near saturation puts the zero there.
        share = (1.0 - np.cos(np.pi * (np.arange(samples) + 0.5) / samples)) / 2.0
        share = np.concatenate([[HAIR], share, [1.0 - HAIR]])
        return np.asarray(low + (high - low) * _column(share, shape))
    center = np.zeros(shape) if near is None else np.broadcast_to(near, shape)
    reach = np.geomspace(1e-4, FAR, samples // 2)  # zeros far away are told apart less finely
    offsets = np.concatenate([-reach[::-1], reach])
    return np.asarray(np.clip(center + _column(offsets, shape), low, high))


def _column(values: Array, shape: tuple[int, ...]) -> Array:
    """`values` (n,) as (n, 1, …), to broadcast against arrays of `shape`."""
    return values.reshape(-1, *(1,) * len(shape))


def _nth(rises: NDArray[np.bool_], n: int) -> NDArray[np.int64]:
    """The place of each element's n-th rise (from 1), of its last one where it has fewer."""
    count = np.cumsum(rises, axis=0)
    wanted = np.minimum(n, count[-1])
    return np.asarray(np.argmax(rises & (count == wanted), axis=0))


def _taken(values: Array, place: NDArray[np.int64]) -> Array:
    """values[place] for each element, from values (n, *shape) and places of `shape`."""
    return np.asarray(np.take_along_axis(values, place[None], axis=0)[0])


def _close(function: Function, x: Array, place: NDArray[np.int64], share: float) -> Array:
    """The zero between the points x[place] and x[place + 1] of each element."""
    low, high = _taken(x, place), _taken(x, place + 1)
    return bracketed(function, low, high, within=share * (high - low))


def bracketed(function: Function, low: Array, high: Array, within: float | Array = 0.0) -> Array:
    """The zero between `low` and `high`, where `function` has opposite signs, to the last bits.

    With `within` the zero is known to that distance only, or to the last bits if that is more.
    Chandrupatla's method on every element at once: a is the newest point, b the other end of the
    bracket, c the point that a or b replaced, and t the share of the way from a to b where the
    next point lies.
    """
    a, b = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    fa, fb = function(a), function(b)
    t = np.full(a.shape, 0.5)
    # Elements that are done divide by zero, and a function may overflow at a far end.
    with np.errstate(all="ignore"):
        for _ in range(200):  # bisection alone shrinks a bracket to ε of it in 53
            x = a + t * (b - a)
            fx = function(x)
            same = (fx > 0) == (fa > 0)
            c, fc = np.where(same, a, b), np.where(same, fa, fb)
            b, fb = np.where(same, b, a), np.where(same, fb, fa)
            a, fa = x, fx
            best = np.where(np.abs(fa) < np.abs(fb), a, b)
            # Two ε of the zero, and above 0, so that the loop ends where the zero is 0.
            least = 2.0 * np.finfo(float).eps * np.abs(best) + within + 1e-300
            share = least / np.abs(b - a)
            if np.all((share > 0.5) | (fa == 0) | (fb == 0)):
                break
            t = _next_share(a, b, c, fa, fb, fc)
            t = np.where(np.isfinite(t), np.clip(t, share, 1.0 - share), 0.5)
    return np.asarray(best)


def _next_share(a: Array, b: Array, c: Array, fa: Array, fb: Array, fc: Array) -> Array:
    """Where between a and b to look next: inverse quadratic interpolation if it is safe there."""
    xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
    safe = (phi**2 < xi) & ((1.0 - phi) ** 2 < 1.0 - xi)
    first = fa / (fb - fa) * fc / (fb - fc)
    second = (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
    return np.where(safe, first + second, 0.5)


def _first(ends: tuple[ArrayLike, ArrayLike], where: NDArray[np.bool_]) -> str:
    """The ends of the first element of which `where` is true, for an error."""
    low, high = (np.broadcast_to(end, where.shape)[where].ravel()[0] for end in ends)
    return f"({low:g}, {high:g})"
