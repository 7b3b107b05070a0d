"""The real zeros of a formula in closed form, by rules that are quick whatever the formula.

A formula is a product; each factor is a polynomial in the weight, or a polynomial in one generator,
such as exp(2w), log(1 + w) or (1 − w)^γ.  Polynomials are solved up to degree two, with rational
coefficients at any degree; a generator is inverted and leaves an equation of the same kind for its
argument.  Any other formula is left to `zeros`: SymPy's `solve` may take minutes over it.
"""

from __future__ import annotations

from collections.abc import Iterable

import sympy

from aimctheory.certified.closed_form import common_unit, gathered
from aimctheory.notation import in_exponentials, w

MOST_DEGREE = 12  # exact real roots of a rational polynomial beyond it take more than a second


def real_zeros(formula: sympy.Expr) -> tuple[sympy.Expr, ...] | None:
    """Every zero in w that may be real, or None where the rules do not find them all.

    With symbols in the formula a zero may turn out not to be real for some of their values.

    >>> a = sympy.Symbol("a", positive=True)
    >>> sorted(real_zeros((1 - w / a) * sympy.sqrt(2 + w)), key=str)
    [-2, a]
    >>> sorted(real_zeros(sympy.tanh(1 + w) * (3 * sympy.exp(-w) - a)), key=str)
    [-1, -log(a) + log(3)]
    >>> real_zeros(sympy.exp(w) - 2 * w) is None
    True
    """
    found: list[sympy.Expr] = []
    for factor in sympy.Mul.make_args(in_exponentials(formula)):
        base, exponent = factor.as_base_exp()
        if not base.has(w) or exponent.is_negative:
            continue
        zeros = _zeros_of_sum(base)
        if zeros is None:
            return None
        found += zeros
    return tuple(dict.fromkeys(zero for zero in found if zero.is_real is not False))


def _zeros_of_sum(formula: sympy.Expr) -> list[sympy.Expr] | None:
    """The zeros of one factor."""
    if formula is sympy.E or isinstance(formula, sympy.exp):
        return []
    numerator = sympy.numer(gathered(formula))
    if numerator.is_Mul or numerator.is_Pow:
        zeros = real_zeros(numerator) if numerator != formula else None
        return None if zeros is None else list(zeros)
    polynomial = numerator.as_poly(w)
    if polynomial is not None:
        return _polynomial_zeros(polynomial)
    return _zeros_by_generator(numerator)


def _polynomial_zeros(polynomial: sympy.Poly) -> list[sympy.Expr] | None:
    """The roots of a polynomial: by formula up to degree two, isolated if it is rational."""
    if polynomial.is_zero:  # every weight is a zero
        return None
    if polynomial.degree() == 0:
        return []
    if polynomial.degree() <= 2:
        return list(sympy.roots(polynomial))
    if polynomial.degree() > MOST_DEGREE:
        return None
    found: list[sympy.Expr] = []
    for factor, _ in polynomial.factor_list()[1]:
        if factor.degree() <= 2:
            found += sympy.roots(factor)
        elif all(c.is_Rational for c in factor.all_coeffs()):
            found += sympy.Poly(factor, domain="QQ").real_roots(radicals=False)
        else:
            return None
    return found


def _zeros_by_generator(formula: sympy.Expr) -> list[sympy.Expr] | None:
    """The zeros of a polynomial in one function of the weight."""
    functions = _functions(formula)
    if not functions:
        return None
    if all(isinstance(f, sympy.exp) for f in functions):
        return _zeros_of_exponentials(formula, [f.args[0] for f in functions])
    if all(f.is_Pow and f.exp.is_Rational and f.base == functions[0].base for f in functions):
        return _zeros_of_powers(formula, functions[0].base, [f.exp for f in functions])
    if len(functions) != 1:
        return None
    (function,) = functions
    return _zeros_in(formula.xreplace({function: _t}), function)


def _zeros_of_exponentials(
    formula: sympy.Expr, exponents: list[sympy.Expr]
) -> list[sympy.Expr] | None:
    """The zeros of a polynomial in powers of one exponential, negative powers among them."""
    unit = common_unit(exponents)
    if unit is None:
        return None
    powers = {sympy.exp(u): _t ** sympy.cancel(u / unit) for u in exponents}
    return _zeros_in(formula.xreplace(powers), sympy.exp(unit))


def _zeros_of_powers(
    formula: sympy.Expr, base: sympy.Expr, exponents: list[sympy.Rational]
) -> list[sympy.Expr] | None:
    """The zeros of a polynomial in rational powers of one base, and in w if the base is linear."""
    root = sympy.ilcm(1, *(exponent.q for exponent in exponents))
    powers = {base**exponent: _t ** (exponent * root) for exponent in exponents}
    if base.is_polynomial(w) and sympy.degree(base, w) == 1:
        powers[w] = (_t**root - base.subs(w, 0)) / sympy.diff(base, w)
    return _zeros_in(formula.xreplace(powers), base ** sympy.Rational(1, root))


def _zeros_in(formula: sympy.Expr, function: sympy.Expr) -> list[sympy.Expr] | None:
    """The zeros of a formula in `_t`, which stands for a function of the weight."""
    numerator = sympy.numer(gathered(formula))
    if numerator.has(w):
        return None
    polynomial = numerator.as_poly(_t)
    values = None if polynomial is None else _polynomial_zeros(polynomial)
    return None if values is None else _inverted(function, values)


def _functions(formula: sympy.Expr) -> list[sympy.Expr]:
    """The outermost exponentials, logarithms and powers of the weight in a sum of products."""
    found: list[sympy.Expr] = []
    for part in sympy.preorder_traversal(formula):
        whole = part.is_Add or part.is_Mul or (part.is_Pow and part.exp.is_Integer)
        if part.has(w) and part != w and not whole:
            inside = any(other != part and other.has(part) for other in found)
            found += [] if inside or part in found else [part]
    return found


_t = sympy.Dummy("t", real=True)


def _inverted(generator: sympy.Expr, values: Iterable[sympy.Expr]) -> list[sympy.Expr] | None:
    """The weights at which a generator takes one of the `values`."""
    found: list[sympy.Expr] = []
    for value in values:
        argument = _argument_at(generator, value)
        if argument is None:
            return None
        inside, wanted = argument
        if wanted is None:  # the generator does not take this value
            continue
        zeros = real_zeros(inside - wanted)
        if zeros is None:
            return None
        found += zeros
    return found


def _argument_at(
    generator: sympy.Expr, value: sympy.Expr
) -> tuple[sympy.Expr, sympy.Expr | None] | None:
    """The argument of a generator and what it has to be; None for a generator without a rule."""
    base, exponent = generator.as_base_exp()
    if base is sympy.E:
        never = value.is_nonpositive or value.is_real is False
        return exponent, None if never else sympy.log(value)
    if isinstance(generator, sympy.log):
        return generator.args[0], sympy.exp(value)
    if generator.is_Pow and not exponent.has(w):
        never = value.is_negative or value.is_real is False
        return base, None if never else value ** (1 / exponent)
    if generator.is_Pow and not base.has(w):
        never = value.is_nonpositive or value.is_real is False
        return exponent, None if never else sympy.log(value) / sympy.log(base)
    return None
