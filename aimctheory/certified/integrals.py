"""Antiderivatives of rational functions of the weight, or of an exponential of it.

With t = e^{kw}, ∫ R(t) dw = ∫ R(t)/(kt) dt.  SymPy's rational integration is quick.  Results with
complex logarithms or with sums over unknown roots are turned down.
"""

from __future__ import annotations

import sympy
from sympy.integrals.rationaltools import ratint

from aimctheory.certified.closed_form import common_unit, has_heavy_powers
from aimctheory.notation import in_exponentials, w

MOST_DEGREE = 5  # of a fraction; beyond it SymPy takes more than a second
_t = sympy.Dummy("t", positive=True)


def antiderivative(formula: sympy.Expr) -> sympy.Expr | None:
    """A function of w whose derivative is `formula`, or None where no short one is known.

    >>> print(antiderivative(sympy.tanh(2 * w)))
    -w + log(exp(4*w) + 1)/2
    """
    plain = in_exponentials(formula)
    if plain.is_rational_function(w):
        return _rational_integral(plain, w)
    found_in = sorted(plain.atoms(sympy.exp), key=sympy.default_sort_key)
    exponents = [part.args[0] for part in found_in if part.has(w)]
    linear = all(u.is_polynomial(w) and sympy.degree(u, w) == 1 for u in exponents)
    if not exponents or not linear:
        return None
    slopes = [sympy.diff(u, w) for u in exponents]
    unit = common_unit(slopes)
    if unit is None:
        return None
    powers = {
        sympy.exp(u): sympy.exp(u.subs(w, 0)) * _t ** sympy.cancel(slope / unit)
        for u, slope in zip(exponents, slopes, strict=True)
    }
    inside = plain.xreplace(powers)
    if not inside.is_rational_function(_t):
        return None
    found = _rational_integral(inside / _t, _t)
    if found is None:
        return None
    logs = sympy.expand(found).subs(sympy.log(_t), unit * w)
    return sympy.expand(logs.subs(_t, sympy.exp(unit * w)) / unit)


def _rational_integral(formula: sympy.Expr, x: sympy.Symbol) -> sympy.Expr | None:
    # With symbols in the coefficients, ratint may take minutes or lose terms.
    if formula.free_symbols != {x} or has_heavy_powers(formula):
        return None
    above, below = sympy.fraction(sympy.cancel(formula))
    if sympy.degree(below, x) > MOST_DEGREE or sympy.degree(above, x) > MOST_DEGREE:
        return None
    if not all(_has_short_roots(factor) for factor, _ in sympy.Poly(below, x).factor_list()[1]):
        return None
    found = ratint(above / below, x, real=True)
    if found is None or found.has(sympy.RootSum, sympy.I, sympy.Integral):
        return None
    missed = sympy.cancel(sympy.together(sympy.diff(found, x) - formula))
    return found if missed == 0 else None


def _has_short_roots(factor: sympy.Poly) -> bool:
    """Whether a factor that has no factors is at most quadratic, in x or in x².

    Beyond that SymPy takes many seconds, and its integral is a sum over unknown roots.
    """
    even = all(power % 2 == 0 for (power,) in factor.monoms())
    return bool(factor.degree() <= (4 if even else 2))
