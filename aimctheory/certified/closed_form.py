"""Rewritings and integrals of formulas, for cases where SymPy's own are slow, long or wrong.

An integral is split as

    ∫ (pw + q)/(aw² + bw + c) dw = p/(2a) ln(aw² + bw + c) + (q − pb/(2a)) ∫ dw/(aw² + bw + c),

the last term a logarithm or an arc tangent by the sign of b² − 4ac.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy
from sympy.functions.elementary.hyperbolic import HyperbolicFunction

from aimctheory.notation import w


def has_heavy_powers(formula: sympy.Expr) -> bool:
    """Whether an exponent has a large denominator, as in (3/7)**1.2345.

    SymPy factors huge integers when it simplifies such a power, which takes minutes.
    """
    exponents = (power.exp for power in formula.atoms(sympy.Pow))
    return any(exponent.is_Rational and exponent.q > 1000 for exponent in exponents)


def is_quick_to_simplify(number: sympy.Expr) -> bool:
    """Whether SymPy simplifies a number soon: of tanh(1000) it makes a polynomial in e."""
    large = (part.args[0] for part in number.atoms(HyperbolicFunction))
    return not has_heavy_powers(number) and all(bool(abs(inside) < 20) for inside in large)


def gathered(formula: sympy.Expr) -> sympy.Expr:
    """`formula` over one fraction bar; unchanged where SymPy would be slow."""
    return formula if has_heavy_powers(formula) else sympy.together(formula)


def common_unit(formulas: Sequence[sympy.Expr]) -> sympy.Expr | None:
    """The largest u of which all are whole multiples, None where a ratio of two is not rational.

    >>> common_unit([2 * w / 3, -w])
    w/3
    """
    ratios = [sympy.cancel(formula / formulas[0]) for formula in formulas]
    if not all(ratio.is_Rational for ratio in ratios):
        return None
    unit = formulas[0] / sympy.ilcm(1, *(ratio.q for ratio in ratios))
    return -unit if unit.could_extract_minus_sign() else unit


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
