"""The second moment of one step of a single-state algorithm, from the recorded step itself.

With the noisy gradient x = g + ξ the increment is a polynomial in x and |x|, so the mean of its
square needs E x² = g² + σ² and E[x|x|] only.  For Analog SGD, Δ = −α(x F + |x| G) and

    E Δ² = α² D,   D = (F² + G²)·E x² + 2FG·E[x|x|]
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.algorithms.record import Algorithm
from aimctheory.derive.closures import LawLike, absolute_moment, deviation, signed_square
from aimctheory.derive.inputs import (
    DeviceLike,
    ObjectiveLike,
    filled,
    input_symbols,
    query_point,
    slope,
    symbolic_responses,
)
from aimctheory.derive.symbolic_step import symbolic_step
from aimctheory.notation import real, w
from aimctheory.tree.recorded_step import recorded


def second_moment(
    device: DeviceLike = None,
    objective: ObjectiveLike = None,
    law: LawLike = None,
    *,
    algorithm: Algorithm = analog_sgd,
) -> sympy.Expr:
    """E[(new state − state)²] given the state, for an algorithm with one state.

    E|x| and E[x|x|] are the law's, or open functions M(g) and S(g) without one; F, G and the slope
    stay open without a device and an objective.

    Raises ValueError for an algorithm with several states, and for one whose increment is not a
    polynomial in the noisy gradient and its absolute value.

    >>> print(second_moment())
    alpha**2*((sigma**2 + g(W)**2)*(F(W)**2 + G(W)**2) + 2*F(W)*G(W)*S(g(W)))
    """
    if len(algorithm.states) != 1:
        raise ValueError(
            f"{algorithm.id} has the states {', '.join(algorithm.states)}; the second moment is "
            "for algorithms with one state"
        )
    (state,) = algorithm.states
    x = sympy.Dummy("x", real=True)
    increment = symbolic_step(algorithm, gradient=x).new[state] - real(state)
    point = query_point(recorded(algorithm), input_symbols(algorithm))
    moment = _moments(slope(objective).xreplace({w: point}), point, law)
    total = sum(_terms(sympy.expand(increment**2), x, moment, algorithm))
    return filled(sympy.factor_terms(total), symbolic_responses(algorithm, device))


def _moments(
    mean: sympy.Expr, point: sympy.Expr, law: LawLike
) -> Mapping[tuple[int, int], sympy.Expr]:
    """E[xⁱ|x|ʲ] by (i, j), up to the second order; |x|² is x²."""
    return {
        (0, 0): sympy.S.One,
        (1, 0): mean,
        (0, 1): absolute_moment(law, mean, point),
        (2, 0): mean**2 + deviation(law) ** 2,
        (1, 1): signed_square(law, mean, point),
    }


def _terms(
    squared: sympy.Expr,
    x: sympy.Symbol,
    moment: Mapping[tuple[int, int], sympy.Expr],
    algorithm: Algorithm,
) -> list[sympy.Expr]:
    """Each moment times its coefficient in the square."""
    size = sympy.Dummy("size", nonnegative=True)
    bare = squared.subs(sympy.Abs(x), size)
    try:
        polynomial = sympy.Poly(bare, x, size)
    except sympy.PolynomialError:
        polynomial = None
    if polynomial is None or not moment.keys() >= set(polynomial.monoms()):
        raise ValueError(
            f"{algorithm.id}: the increment is not linear in the gradient and its absolute value, "
            "so its square has no closed mean"
        )
    return [sympy.factor_terms(c) * moment[powers] for powers, c in polynomial.terms()]
