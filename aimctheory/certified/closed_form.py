"""Zeros and integrals in closed form, for cases where SymPy's own are slow, long or wrong.

An integral is split as

    ∫ (pw + q)/(aw² + bw + c) dw = p/(2a) ln(aw² + bw + c) + (q − pb/(2a)) ∫ dw/(aw² + bw + c),

the last term a logarithm or an arc tangent by the sign of b² − 4ac.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy

from aimctheory.notation import w


def has_heavy_powers(formula: sympy.Expr) -> bool:
    """Whether an exponent has a large denominator, as in (3/7)**1.2345.

    SymPy factors huge integers when it simplifies such a power, which takes minutes.
    """
    exponents = (power.exp for power in formula.atoms(sympy.Pow))
    return any(exponent.is_Rational and exponent.q > 1000 for exponent in exponents)


def gathered(formula: sympy.Expr) -> sympy.Expr:
    """`formula` over one fraction bar; unchanged where SymPy would be slow."""
    return formula if has_heavy_powers(formula) else sympy.together(formula)


def real_zeros(formula: sympy.Expr) -> Iterator[sympy.Expr]:
    """The real zeros in w that have a short closed form, factor by factor.

    >>> a = sympy.Symbol("a", positive=True)
    >>> list(real_zeros((1 - w / a) * sympy.sqrt(2 + w)))
    [-2, a]
    """
    for factor in sympy.Mul.make_args(formula):
        base, exponent = factor.as_base_exp()
        if not base.has(w) or exponent.is_negative:
            continue
        numerator = sympy.numer(sympy.together(base)).as_poly(w)
        if numerator is None:
            yield from _solutions(base)
        else:
            for part, _ in numerator.factor_list()[1]:
                roots = sympy.roots(part, cubics=False, quartics=False)
                yield from (root for root in roots if root.is_real is not False)


def _solutions(formula: sympy.Expr) -> list[sympy.Expr]:
    try:
        return [root for root in sympy.solve(formula, w) if root.is_real is not False]
    except NotImplementedError:  # how SymPy says that it knows no method for such an equation
        return []


def integral_from_zero(
    formula: sympy.Expr, is_positive: Callable[[sympy.Expr], bool]
) -> sympy.Expr | None:
    """∫ `formula` from 0 to w, real around 0; None unless rational over a quadratic denominator.

    `is_positive` decides the sign of the discriminant where the symbols leave it open.  The
    integral is written out because SymPy drops terms of a real integral whose reality it cannot
    decide.

    >>> integral_from_zero(w / (2 - w**2), lambda formula: True)
    -log(1 - w**2/2)/2
    """
    above, below = (sympy.Poly(part, w) for part in sympy.fraction(sympy.cancel(formula)))
    if below.degree() > 2:
        return None
    quotient, rest = sympy.div(above, below)
    a, b, c = (below.coeff_monomial(w**k) for k in (2, 1, 0))
    p, q = (rest.coeff_monomial(w**k) for k in (1, 0))
    polynomial, log = quotient.integrate(w).as_expr(), sympy.log(sympy.expand(below / c))
    if a == 0:
        return polynomial + (q / b * log if b != 0 else 0)
    k, discriminant = sympy.cancel(q - p * b / (2 * a)), sympy.factor(b**2 - 4 * a * c)
    polynomial += p / (2 * a) * log
    if k == 0:
        return polynomial
    if is_positive(discriminant):
        r = sympy.sqrt(discriminant)
        return polynomial + k / r * sympy.log((1 + 2 * a * w / (b - r)) / (1 + 2 * a * w / (b + r)))
    r = sympy.sqrt(-discriminant)
    return polynomial + 2 * k / r * (sympy.atan((2 * a * w + b) / r) - sympy.atan(b / r))
