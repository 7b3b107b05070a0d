"""A zero without a closed form as an exact number: the only zero of a formula in an interval."""

from __future__ import annotations

import functools
from typing import Any

import sympy
from flint import arb, ctx, fmpq

from aimctheory.certified.balls import enclosure, hull
from aimctheory.notation import w

_x = sympy.Dummy("x", real=True)


class IsolatedZero(sympy.AtomicExpr):  # type: ignore[misc]  # SymPy has no types
    """The zero of `formula` (in `notation.w`) between the rationals `low` and `high`.

    The formula has exactly one zero there, a simple one, and a slope of one sign; `zeros` proves
    that.  SymPy holds the zero as a real number and can ask for any number of digits.

    >>> root = IsolatedZero(sympy.exp(w) + w, sympy.Rational(-3, 5), sympy.Rational(-1, 2))
    >>> root.evalf(20), root < 0
    (-0.56714329040978387300, True)
    """

    is_real = True
    is_finite = True
    is_number = True
    is_commutative = True
    __slots__ = ("formula", "high", "low")

    def __new__(
        cls, formula: sympy.Expr, low: sympy.Rational, high: sympy.Rational
    ) -> IsolatedZero:
        """The number."""
        made: IsolatedZero = sympy.AtomicExpr.__new__(cls)
        made.formula = formula.xreplace({w: _x})  # a substitution for w leaves the number alone
        made.low, made.high = low, high
        return made

    def _hashable_content(self) -> tuple[Any, ...]:
        return (self.formula, self.low, self.high)

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.formula.xreplace({_x: w}), self.low, self.high)

    def is_zero_of(self, formula: sympy.Expr) -> bool:
        """Whether `formula` is a multiple of the one that defines this number."""
        return bool(_bare(formula.xreplace({w: _x})) == _bare(self.formula))

    def ball(self) -> arb:
        """A ball around the number with about the bits of flint's working precision."""
        return _ball(self, ctx.prec)

    def _eval_evalf(self, bits: int) -> sympy.Float:
        with ctx.workprec(bits + 16):
            middle = self.ball().mid().fmpq()
        return sympy.Float(sympy.Rational(int(middle.p), int(middle.q)), precision=bits)

    def _eval_is_positive(self) -> bool | None:
        return True if self.low > 0 else False if self.high < 0 else None

    def _eval_is_negative(self) -> bool | None:
        return True if self.high < 0 else False if self.low > 0 else None

    def _sympystr(self, printer: Any) -> str:
        return f"{float(self):.10g}…"

    def _latex(self, printer: Any) -> str:
        return rf"{float(self):.6g}\ldots"


def _bare(formula: sympy.Expr) -> sympy.Expr:
    """A formula without its numerical factor."""
    primitive = sympy.expand(formula).primitive()[1]
    return -primitive if primitive.could_extract_minus_sign() else primitive


@functools.lru_cache(maxsize=256)  # SymPy asks for digits thousands of times
def _ball(zero: IsolatedZero, bits: int) -> arb:
    formula = zero.formula.xreplace({_x: w})
    f, slope = enclosure(formula), enclosure(sympy.diff(formula, w))
    box = hull(*(fmpq(int(end.p), int(end.q)) for end in (zero.low, zero.high)))
    with ctx.workprec(bits):
        for _ in range(200):  # interval Newton doubles the digits with every step
            middle = box.mid()
            smaller = box.intersection(middle - f(middle) / slope(box))
            if not smaller.rad() < box.rad():
                break
            box = smaller
    return box
