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
FAR = 1e6


def only_zero(
    function: Function,
    ends: tuple[ArrayLike, ArrayLike],
    shape: tuple[int, ...],
    what: str,
    *,
    near: ArrayLike | None = None,
    samples: int = SAMPLES,
    hint: str = "",
) -> Array:
    """The zero strictly inside `ends` at which `function` rises; arrays of `shape` in one go.

    `function` maps arrays (…, *shape) to arrays of that shape.  Of several zeros the one nearest to
    `near` is taken; without `near` several zeros are a ValueError that lists them, as none is one
    that ends in `hint`.
    """
    x = _points(ends, shape, near, samples)
    positive = function(x) > 0
    rises = ~positive[:-1] & positive[1:]
    count = np.count_nonzero(rises, axis=0)
    if np.any(count == 0):
        raise ValueError(f"{what} has no stable zero inside {_first(ends, count == 0)}{hint}")
    zeros = [_close(function, x, _nth(rises, k)) for k in range(int(count.max()))]
    if len(zeros) == 1:
        return zeros[0]
    if near is None:
        several = np.argmax(count.ravel())
        found = ", ".join(f"{z.ravel()[several]:.6g}" for z in zeros)
        raise ValueError(f"{what} has several stable zeros ({found}); choose one with start=…")
    distance = np.abs(np.stack(zeros) - np.asarray(near, dtype=float))
    return np.asarray(np.take_along_axis(np.stack(zeros), distance.argmin(0)[None], axis=0)[0])


def _points(
    ends: tuple[ArrayLike, ArrayLike], shape: tuple[int, ...], near: ArrayLike | None, samples: int
) -> Array:
    """Points (n, *shape) strictly between the ends, in order."""
    low, high = (np.broadcast_to(np.asarray(end, dtype=float), shape) for end in ends)
    if np.all(np.isfinite(low) & np.isfinite(high)):
        share = (1.0 - np.cos(np.pi * (np.arange(samples) + 0.5) / samples)) / 2.0
        share = np.concatenate([[1e-14], share, [1.0 - 1e-14]])
        return np.asarray(low + (high - low) * share.reshape(-1, *(1,) * len(shape)))
    center = np.zeros(shape) if near is None else np.broadcast_to(near, shape)
    reach = np.geomspace(1e-4, FAR, samples // 2)
    offsets = np.concatenate([-reach[::-1], reach]).reshape(-1, *(1,) * len(shape))
    return np.asarray(np.clip(center + offsets, low, high))


def _nth(rises: NDArray[np.bool_], k: int) -> NDArray[np.int64]:
    """The place of each column's k-th rise, of its last one where it has fewer."""
    count = np.cumsum(rises, axis=0)
    wanted = np.minimum(k + 1, count[-1])
    return np.asarray(np.argmax(rises & (count == wanted), axis=0))


def _close(function: Function, x: Array, place: NDArray[np.int64]) -> Array:
    low, high = (np.take_along_axis(x, place[None] + k, axis=0)[0] for k in (0, 1))
    return bracketed(function, low, high)


def bracketed(function: Function, low: Array, high: Array) -> Array:
    """The zero between `low` and `high`, where `function` has opposite signs, to the last bits."""
    a, b = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    fa, fb = function(a), function(b)
    t = np.full(a.shape, 0.5)
    best = np.where(np.abs(fa) < np.abs(fb), a, b)
    with np.errstate(all="ignore"):
        for _ in range(200):
            x = a + t * (b - a)
            fx = function(x)
            same = (fx > 0) == (fa > 0)
            c, fc = np.where(same, a, b), np.where(same, fa, fb)
            b, fb = np.where(same, b, a), np.where(same, fb, fa)
            a, fa = x, fx
            best = np.where(np.abs(fa) < np.abs(fb), a, b)
            least = 2.0 * np.finfo(float).eps * np.abs(best) + 1e-300
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
    low, high = (np.broadcast_to(end, where.shape)[where].ravel()[0] for end in ends)
    return f"({low:g}, {high:g})"
