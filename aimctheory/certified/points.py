"""Proofs about a formula at one exact point: that it is zero there, or that it is undefined."""

from __future__ import annotations

import sympy
from flint import ctx

from aimctheory.certified.balls import PRECISION, at
from aimctheory.certified.closed_form import is_quick_to_simplify
from aimctheory.certified.implicit import IsolatedZero
from aimctheory.notation import in_exponentials, w


def vanishes_at(formula: sympy.Expr, point: sympy.Expr) -> bool:
    """Whether `formula` is proved to be zero at an exact point."""
    for bits in (PRECISION, 8 * PRECISION):
        with ctx.workprec(bits):
            ball = at(formula, point)
        if ball.is_finite() and not ball.contains(0):
            return False
    if isinstance(point, IsolatedZero) and point.is_zero_of(formula):
        return True
    top = numerator(formula) if isinstance(point, sympy.CRootOf) else None
    if top is not None:  # the polynomial of an algebraic number is irreducible
        return bool(top.rem(point.poly.set_domain("QQ").replace(w)).is_zero)
    value = formula.subs(w, point)
    open_case = not value.has(sympy.oo, sympy.zoo, sympy.nan) and is_quick_to_simplify(value)
    # Of a zero without a closed form SymPy knows digits alone, which prove nothing.
    if value == 0 or not open_case or value.has(IsolatedZero):
        return bool(value == 0)
    return bool(sympy.expand(in_exponentials(value)) == 0 or sympy.simplify(value) == 0)


def is_undefined_at(formula: sympy.Expr, point: sympy.Expr) -> bool:
    """Whether `formula` is proved to have no finite real value at an exact point."""
    for part in formula.atoms(sympy.Pow, sympy.log):
        inside = part.args[0]
        ball = at(inside, point)
        not_real = ball < 0 and not (part.is_Pow and part.exp.is_Integer)
        infinite = (part.func == sympy.log or part.exp.is_negative) and vanishes_at(inside, point)
        if not_real or infinite:
            return True
    return False


def numerator(formula: sympy.Expr) -> sympy.Poly | None:
    """The numerator of a rational function with rational coefficients; None of other formulas."""
    if not formula.is_rational_function(w):
        return None
    try:
        return sympy.Poly(sympy.numer(sympy.cancel(formula)), w, domain="QQ")
    except sympy.CoercionFailed:
        return None
