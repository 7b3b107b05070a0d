"""Formulas in ball arithmetic: from a ball of weights to a ball of all values taken on it.

A ball without 0 proves that the formula has no zero there.  Numbers enter as exact rationals, so
rounding decides nothing.
"""

from __future__ import annotations

import decimal
import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import sympy
from flint import acb, arb, ctx, fmpq

from aimctheory.notation import w

Ball = Any  # flint.arb or flint.acb
PRECISION = 128  # bits

Step = Callable[..., Ball]  # of the ball x, the flag analytic, and the balls of the arguments


@functools.lru_cache(maxsize=512)
def enclosure(formula: sympy.Expr, *, clip: bool = False) -> Callable[..., Ball]:
    """A function f(x, analytic=False) that encloses the values of `formula` on the ball x.

    f is NaN where the formula may not be real.  With `analytic`, for complex balls, f is NaN where
    the formula may not be analytic; rigorous quadrature asks for that.  `clip` says that the bases
    of real powers are never negative on the range: the negative part of their balls is ignored.

    Raises ValueError for a function without an enclosure.
    """
    place: dict[sympy.Expr, int] = {}
    program: list[tuple[Step, tuple[int, ...]]] = []

    def append(part: sympy.Expr) -> None:
        if part not in place:  # a repeated part is enclosed once
            step, arguments = _step(part, clip)
            for argument in arguments:
                append(argument)
            place[part] = len(program)
            program.append((step, tuple(place[argument] for argument in arguments)))

    append(formula)

    def enclosed(x: Ball, analytic: bool = False) -> Ball:
        values: list[Ball] = []
        for step, arguments in program:
            values.append(step(x, analytic, *(values[i] for i in arguments)))
        return values[-1]

    return enclosed


def _step(formula: sympy.Expr, clip: bool) -> tuple[Step, tuple[sympy.Expr, ...]]:
    """The outermost operation of `formula`, and its arguments."""
    if formula == w:
        return lambda x, _: x, ()
    if formula.is_Rational:
        value = _rational(formula)
        return lambda x, _: arb(value), ()
    if formula in _CONSTANTS:
        return lambda x, _: _CONSTANTS[formula](), ()
    if isinstance(formula, sympy.CRootOf):
        return lambda x, _: _algebraic(formula), ()
    if hasattr(formula, "ball"):  # an exact number of ours, `implicit.IsolatedZero`
        return lambda x, _: formula.ball(), ()
    if isinstance(formula, sympy.exp):
        return lambda x, _, a: a.exp(), formula.args
    if formula.is_Pow:
        return _power(formula.base, formula.exp, clip)
    if formula.func in _STEPS:
        return _STEPS[formula.func], formula.args
    raise ValueError(f"{formula} has no enclosure; write it with powers, exp and log")


def _power(
    base: sympy.Expr, exponent: sympy.Expr, clip: bool
) -> tuple[Step, tuple[sympy.Expr, ...]]:
    if exponent.is_Integer:
        n = int(exponent)
        return lambda x, _, a: _whole_power(a, n), (base,)
    if exponent.is_Rational:
        value = _rational(exponent)
        if clip:
            return lambda x, analytic, a: _clipped_power(a, value), (base,)
        return lambda x, analytic, a: _real_power(a, value, analytic), (base,)
    return lambda x, analytic, a, b: (b * _log(x, analytic, a)).exp(), (base, exponent)


def _whole_power(a: Ball, n: int) -> Ball:
    # Products, because arb ** 2 is NaN on a ball with midpoint 0.
    if n < 0:
        return 1 / _whole_power(a, -n)
    if n % 2 == 0 and isinstance(a, arb) and a.contains(0):
        return arb(0).union(a.abs_upper() ** n)
    half = _whole_power(a, n // 2) if n > 1 else arb(1)
    return half * half * a if n % 2 else half * half


def _real_power(base: Ball, exponent: fmpq, analytic: bool) -> Ball:
    if isinstance(base, acb):
        if analytic or exponent < 0 or not base.contains(0):
            return base.pow(acb(exponent), analytic=analytic)
        size = arb(0, base.abs_upper() ** arb(exponent))
        return acb(size, size)
    if base > 0:
        return base ** arb(exponent)
    return arb(0) if base.is_zero() and exponent > 0 else arb.nan()


def _clipped_power(base: arb, exponent: fmpq) -> arb:
    if base > 0 or base < 0 or exponent < 0:
        return arb(_real_power(base, exponent, False))
    return arb(0).union(base.upper() ** arb(exponent))


def _log(_: Ball, analytic: bool, a: Ball) -> Ball:
    return a.log(analytic=analytic) if isinstance(a, acb) else a.log()


_CONSTANTS: dict[sympy.Expr, Callable[[], arb]] = {
    sympy.pi: arb.pi,
    sympy.E: lambda: arb(1).exp(),
}
_STEPS: dict[type[sympy.Expr], Step] = {
    sympy.Add: lambda x, _, *a: sum(a, start=arb(0)),
    sympy.Mul: lambda x, _, *a: math.prod(a, start=arb(1)),
    sympy.log: _log,
    sympy.atan: lambda x, _, a: a.atan(),
    sympy.sinh: lambda x, _, a: a.sinh(),
    sympy.cosh: lambda x, _, a: a.cosh(),
    sympy.tanh: lambda x, _, a: a.tanh(),
}


def _algebraic(root: sympy.CRootOf) -> arb:
    """A ball around a real algebraic number, with the bits of flint's working precision."""
    bits = ctx.prec
    middle = root.eval_rational(dx=sympy.Rational(1, 2 ** (bits + 4)))
    return arb(_rational(middle), arb(2) ** -(bits + 4))


def _rational(number: sympy.Rational) -> fmpq:
    return fmpq(int(number.p), int(number.q))


def at(formula: sympy.Expr, point: sympy.Expr = sympy.S.Zero, *, clip: bool = False) -> arb:
    """The ball of `formula` at an exact point; a formula without w needs no point."""
    return arb(enclosure(formula, clip=clip)(enclosure(point)(arb(0))))


def hull(a: fmpq, b: fmpq) -> arb:
    """The ball around two points."""
    return arb(a).union(arb(b))


def outward(point: sympy.Expr, *, down: bool) -> fmpq:
    """A rational at an exact point, or just below it (`down`) or above it.

    >>> outward(sympy.Rational(1, 3), down=True)
    1/3
    """
    if point.is_Rational:
        return _rational(point)
    ball = at(point)
    return (ball.lower() if down else ball.upper()).fmpq()


def bound(number: arb, *, down: bool) -> float:
    """The nearest float that is not above an exact ball (`down`), or not below it.

    >>> bound(arb(2) ** -1080, down=True), bound(arb(2) ** -1080, down=False)
    (0.0, 5e-324)
    """
    near = float(number)
    missed = arb(near) > number if down else arb(near) < number
    return math.nextafter(near, -math.inf if down else math.inf) if missed else near


def shown(number: Fraction | float, *, down: bool) -> str:
    """Six digits that, read as a float, are not above a number (`down`), or not below it.

    >>> shown(Fraction(2, 3), down=True), shown(Fraction(2, 3), down=False), shown(1.3, down=False)
    ('0.666666', '0.666667', '1.3')
    """
    text = f"{float(number):.6g}"
    if float(text) > number if down else float(text) < number:
        digits = decimal.Context(prec=6)
        next_one = digits.next_minus if down else digits.next_plus
        text = f"{float(next_one(decimal.Decimal(text))):.6g}"
    return text
