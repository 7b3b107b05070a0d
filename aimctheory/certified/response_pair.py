"""Two response formulas on one interval, and where they are equal."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import sympy
from flint import ctx

from aimctheory.certified.balls import PRECISION, at
from aimctheory.certified.closed_form import has_heavy_powers
from aimctheory.certified.zeros import Root, bounded, zeros


@dataclass(frozen=True, slots=True)
class Pair:
    """q₊ = `up` and q₋ = `down`, formulas in `notation.w` alone, on the range [`low`, `high`].

    All numbers are exact.  An unbounded range ends at −∞ or ∞.
    """

    up: sympy.Expr
    down: sympy.Expr
    low: sympy.Expr
    high: sympy.Expr

    @property
    def gap(self) -> sympy.Expr:
        """q₋ − q₊, zero at the symmetric points."""
        return self.down - self.up


def symmetric_points(pair: Pair, hints: Iterable[sympy.Expr] = ()) -> tuple[Root, ...]:
    """Every zero of q₋ − q₊ in the closed range, isolated and in order.

    A root of multiplicity None is a spot that stayed undecided.  The tuple is empty where q₋ = q₊
    everywhere.  `hints` are exact points that may be multiple zeros.
    """
    return _symmetric_points(pair, tuple(hints))


@functools.lru_cache(maxsize=256)
def _symmetric_points(pair: Pair, hints: tuple[sympy.Expr, ...]) -> tuple[Root, ...]:
    if is_symmetric_everywhere(pair):
        return ()
    bounded_range = pair.low.is_finite and pair.high.is_finite
    middle = [(pair.low + pair.high) / 2] if bounded_range else []
    return zeros(pair.gap, pair.low, pair.high, [*hints, sympy.S.Zero, *middle])


@functools.lru_cache(maxsize=256)
def is_symmetric_everywhere(pair: Pair) -> bool:
    """Whether q₋ = q₊ is proved for every weight."""
    if sympy.expand(pair.gap) == 0:
        return True
    with ctx.workprec(PRECISION):
        # 3/17 off the middle: formulas that are not symmetric rarely agree at an odd place
        somewhere = at(pair.gap, sympy.Rational(3, 17) + sum(bounded(pair.low, pair.high)) / 2)
    open_case = somewhere.contains(0) and not has_heavy_powers(pair.gap)
    return bool(open_case) and sympy.simplify(pair.gap) == 0


def origin(pair: Pair, points: tuple[Root, ...]) -> Root:
    """Where the penalty R_c is zero: the one symmetric point, or 0 where every weight is one.

    `points` are the symmetric points of the pair; there has to be exactly one unless every weight
    is symmetric.
    """
    if is_symmetric_everywhere(pair):
        return Root(Fraction(0), Fraction(0), None)
    (point,) = points
    return point
