"""The implicit penalty R_c(w) = ∫ R from w⋄ to w, to the last digits of a float.

A closed form is used where it is 0 at w⋄ and, at many points of the range, both the integral of R
and a function with slope R; else rigorous quadrature.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import sympy
from flint import acb, arb, ctx

from aimctheory.certified.balls import PRECISION, at, enclosure
from aimctheory.certified.conditions import samples, short
from aimctheory.certified.response_pair import Pair
from aimctheory.certified.zeros import Root, has_real_powers
from aimctheory.notation import w

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def first_valid_form(
    candidates: Iterable[sympy.Expr | None],
    pair: Pair,
    origin: Root,
    *,
    declared: bool,
    owner: str,
) -> sympy.Expr | None:
    """The first of the `candidates` that is R_c on the whole range, or None.

    Raises ValueError, naming the `owner`, for a `declared` form that is not the integral of R from
    `origin`.
    """
    for closed in candidates:
        if closed is None or closed.has(sympy.nan, sympy.zoo):
            continue
        flaw = _flaw(closed, pair, origin)
        if flaw is None:
            return closed
        if flaw and declared:
            raise ValueError(f"{owner}: closed_penalty {flaw}")
    return None


def penalty_values(
    closed: sympy.Expr | None, pair: Pair, origin: Root, weight: ArrayLike
) -> NDArray[np.float64]:
    """R_c at each weight, from the form `closed` or by quadrature where it is None.

    NaN outside the range.  A closed form is evaluated with as many digits as its cancellations
    need; quadrature has a rigorous error bound.
    """
    weights = np.asarray(weight, dtype=float)
    points, back = np.unique(weights, return_inverse=True)
    if closed is None:
        values = _integrals(pair, origin, points)
    else:
        values = [_accurate(closed, point, pair) for point in points]
    return np.array(values)[back].reshape(weights.shape)


@functools.lru_cache(maxsize=256)
def _flaw(closed: sympy.Expr, pair: Pair, origin: Root) -> str | None:
    """Why a formula is not R_c; "" if it only is not real in the whole range."""
    miss_of_R = sympy.diff(closed, w) - pair.gap / (pair.down + pair.up)
    with ctx.workprec(8 * PRECISION):
        points = list(samples(pair.low, pair.high, [pair.low, pair.high]))
        if not all(at(closed, point).is_finite() for point in points):
            return ""
        start = enclosure(closed)(origin.ball())
        if not start.contains(0):
            return f"is {short(start)} at the symmetric point, not 0; subtract that"
        for point in points:
            miss = at(miss_of_R, point)
            if not miss.contains(0):
                return (
                    f"has a slope that misses R by {short(miss)} at w = {float(point):.6g}; "
                    "correct it or leave it out"
                )
    places = np.array([float(point) for point in points])
    integrals = _integrals(pair, origin, places)
    for place, integral in zip(places, integrals, strict=True):
        jump = _accurate(closed, place, pair) - integral
        if abs(jump) > 1e-9 * abs(integral):  # NaN, where neither is known, is no jump
            return (
                f"jumps by {jump:.6g} between the symmetric point and w = {place:.6g}, where R "
                "has no pole; write it without a jump or leave it out"
            )
    return None


def _inside(point: float, pair: Pair) -> arb:
    """A ball around `point`, moved onto an end of the range that rounding made it miss, or NaN."""
    ball = arb(point)
    if pair.low.is_finite:
        ball = ball.max(at(pair.low))
    if pair.high.is_finite:
        ball = ball.min(at(pair.high))
    return ball if abs(ball - point) <= 1e-15 * abs(ball) else arb.nan()


def _accurate(formula: sympy.Expr, point: float, pair: Pair) -> float:
    """`formula` at a point with relative error below 2^-60; NaN where 128 × 2^7 bits do not do."""
    f = enclosure(formula, clip=has_real_powers(formula, pair.low, pair.high))
    for doubling in range(8):
        with ctx.workprec(PRECISION << doubling):
            value = f(_inside(point, pair))
            if value.rad() <= abs(value.mid()) * 2.0**-60:
                return float(value.mid())
            if value.contains(0) and value.rad() < 2.0**-1070:  # below the smallest double
                return 0.0
    return math.nan


def _integrals(pair: Pair, origin: Root, points: NDArray[np.float64]) -> list[float]:
    """The integrals of R from `origin` to each of the sorted `points`."""
    up, down = enclosure(pair.up), enclosure(pair.down)

    def ratio(x: acb, analytic: bool) -> acb:
        a, b = down(x, analytic), up(x, analytic)
        return acb((a - b) / (a + b))

    values: dict[float, float] = {}
    above = [point for point in points if point > origin.value]
    below = [point for point in points[::-1] if point <= origin.value]
    with ctx.workprec(PRECISION):
        for path in (above, below):  # outwards, so that each stretch is integrated once
            start, total = origin.ball(), arb(0)
            for point in path:
                end = _inside(point, pair)
                if end.is_finite():
                    total += acb.integral(ratio, start, end, rel_tol=2.0**-60).real
                    start = end
                accurate = end.is_finite() and total.rad() <= 1e-14 * abs(total.mid()) + 1e-300
                values[point] = float(total.mid()) if accurate else math.nan
    return [values.get(point, math.nan) for point in points]
