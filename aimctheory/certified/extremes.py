"""The smallest and the largest value of a formula on an interval, and where it is level."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import sympy
from flint import ctx

from aimctheory.certified.balls import PRECISION, at, bound, enclosure
from aimctheory.certified.zeros import derivative, enclosed_zeros, has_real_powers, zeros
from aimctheory.notation import w

if TYPE_CHECKING:
    from numpy.typing import NDArray


def extremes(formula: sympy.Expr, low: sympy.Expr, high: sympy.Expr) -> tuple[float, float]:
    """The smallest and largest value of `formula` on a bounded interval.

    Both lie at an end or at a zero of the slope.  An undecided zero counts with its whole
    enclosure, and floats are rounded outwards, so the answer is never too narrow.  It is infinite
    where the formula has a pole or no enclosure is found.

    >>> extremes(1 - w**2, sympy.Integer(-1), sympy.Rational(1, 2))
    (0.0, 1.0)
    """
    with ctx.workprec(PRECISION):
        slope = without_exponentials(derivative(formula, 1))
        clip = has_real_powers(formula, low, high)
        values = [at(formula, end, clip=clip) for end in (low, high)]
        if slope != 0:
            turning = enclosed_zeros(slope, low, high, (low, high))
            values += [enclosure(formula, clip=clip)(root.ball()) for root in turning]
        if not all(value.is_finite() for value in values):
            return -math.inf, math.inf
        smallest = min(bound(value.lower(), down=True) for value in values)
        return smallest, max(bound(value.upper(), down=False) for value in values)


def level_places(formula: sympy.Expr, low: sympy.Expr, high: sympy.Expr) -> list[float]:
    """Where the slope of a formula is 0 on a bounded interval; of an undecided spot, its middle.

    Empty for a formula that is the same everywhere.

    >>> level_places(w**2 * sympy.exp(-w), -sympy.S.One, sympy.S.One)
    [0.0]
    """
    slope = without_exponentials(derivative(formula, 1))
    return [] if slope == 0 else [root.value for root in zeros(slope, low, high)]


def largest_on_grid(
    f: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> float:
    """The largest f(w) for w from `low` to `high`, for arrays of cells; a narrow peak is missed."""
    for _ in range(2):  # a grid, then a finer one around each cell's best place
        grid = np.linspace(low, high, 4001)
        best = np.argmax(f(grid), axis=0)[None]
        edges = [np.clip(best + step, 0, 4000) for step in (-1, 1)]
        low, high = (np.take_along_axis(grid, index, axis=0)[0] for index in edges)
    return float(np.max(f(grid)))


def without_exponentials(formula: sympy.Expr) -> sympy.Expr:
    """`formula` without its factors e^polynomial, which have no zero.

    >>> without_exponentials(w * sympy.exp(-w) - sympy.exp(-w))
    w - 1
    """
    factors = sympy.Mul.make_args(sympy.factor_terms(formula))
    return sympy.Mul(
        *(f for f in factors if not (isinstance(f, sympy.exp) and f.args[0].is_polynomial(w)))
    )
