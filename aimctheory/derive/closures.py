"""Closures: formulas for the means that the means of a step's inputs do not determine.

A pulse moves by d·F − |d|·G, so its mean needs m = E|d|; a step may hold further spots where a
random number enters other than linearly.  A closure is a function from the `Spot` to its mean, or
the mean itself as an expression.  The name of the spot chooses the closure:

    mean_drift(residual_learning, closures={"m_P": exact(GAUSSIAN), "m_W": folded_normal(s)})

====================  =============================================================================
`open_symbol`         a symbol of its own (what a pulse's m is by default)
`noise_floor`         |c|·Σ for an increment c·(g + ξ): Σ = E|ξ| for E|g + ξ|, RF25 Theorem 1
`exact(law)`          |c|·E|g + ξ| by the law's absolute moment; an open function M(g) without a law
`folded_normal(s)`    E|N(mean, s²)|: for a transfer whose signal fluctuates with deviation s
`at_mean`             the function of the means, as if nothing fluctuated
`always`              a where whose condition is taken to hold (a threshold θ = 0)
====================  =============================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import sympy
from sympy import Abs

from aimctheory.derive.inputs import exact_number
from aimctheory.laws import GAUSSIAN, Law, LawForm
from aimctheory.notation import Sigma, g, sigma, w

RandomSource: TypeAlias = tuple[str, str]
"""What makes a value random: ("noise", stream), ("pulse", array) or ("spot", name)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A place of a step whose mean has to be given: E|d| of a pulse, or what is not affine.

    `mean` and `coefficients` are those of its subject as an affine value: of d for a pulse, of the
    first branch for a where, else of the first argument.  `point` is where the gradient is taken;
    `at_mean` computes the function of the means.
    """

    name: str
    kind: str
    text: str
    symbol: sympy.Symbol
    mean: sympy.Expr
    coefficients: Mapping[RandomSource, sympy.Expr]
    point: sympy.Expr
    at_mean: Callable[[], sympy.Expr]


Closure: TypeAlias = Callable[[Spot], sympy.Expr]
LawLike: TypeAlias = Law | LawForm | None


def open_symbol(spot: Spot) -> sympy.Expr:
    """A symbol of its own for the mean: nothing is assumed.

    >>> from aimctheory.algorithms.analog_sgd import analog_sgd
    >>> from aimctheory.derive import mean_drift
    >>> print(mean_drift(analog_sgd, closures={"m_W": open_symbol}).increments["W"])
    -alpha*F(W)*g(W) - m_W*G(W)
    """
    return spot.symbol


def at_mean(spot: Spot) -> sympy.Expr:
    """The function of the means, as if nothing fluctuated (|E d| for a pulse).

    >>> from aimctheory.algorithms.analog_sgd import analog_sgd
    >>> from aimctheory.derive import mean_drift
    >>> print(mean_drift(analog_sgd, closures={"m_W": at_mean}).increments["W"])
    -alpha*F(W)*g(W) - alpha*G(W)*Abs(g(W))
    """
    return spot.at_mean()


def always(spot: Spot) -> sympy.Expr:
    """A where whose condition is taken to hold.

    Exact where both branches agree when it fails: where(|H| > θ, βH, 0) at θ = 0.

    Raises ValueError at a spot of another kind.

    >>> from aimctheory.algorithms.residual_learning import residual_learning_v2
    >>> from aimctheory.derive import mean_drift
    >>> drift = mean_drift(residual_learning_v2, closures={"d": always})
    >>> print(drift.balanced["W"])
    H*beta*F_W(W) + W - m_W*G_W(W)
    """
    _only(spot, "always", "where")
    return spot.mean


def noise_floor(spot: Spot) -> sympy.Expr:
    """|c|·Σ for an increment c·(g + ξ): Σ = E|ξ| stands for E|g + ξ|, RF25 Theorem 1, p. 6.

    Raises ValueError for another spot than a pulse, and for an increment that more than one noise
    stream moves.

    >>> from aimctheory.algorithms.analog_sgd import analog_sgd
    >>> from aimctheory.derive import mean_drift
    >>> print(mean_drift(analog_sgd, closures={"m_W": noise_floor}).increments["W"])
    -Sigma*alpha*G(W) - alpha*F(W)*g(W)
    """
    _only(spot, "noise_floor", "pulse")
    return Abs(_scale(spot, "noise_floor")) * Sigma


def exact(law: LawLike = None) -> Closure:
    """E|d| = |c|·E|g + ξ| for an increment c·(g + ξ), with the law's absolute moment.

    Without a law, E|g + ξ| is an open function M(g).  A deterministic increment gives |d|.

    The closure raises ValueError as `noise_floor` does.

    >>> from aimctheory.algorithms.analog_sgd import analog_sgd
    >>> from aimctheory.derive import mean_drift
    >>> from aimctheory.laws import RADEMACHER
    >>> print(mean_drift(analog_sgd, closures={"m_W": exact(RADEMACHER)}).increments["W"])
    -alpha*F(W)*g(W) - alpha*G(W)*Max(sigma, Abs(g(W)))
    """

    def exact(spot: Spot) -> sympy.Expr:
        _only(spot, "exact", "pulse")
        if not spot.coefficients:
            return Abs(spot.mean)
        scale = _scale(spot, "exact")
        return Abs(scale) * absolute_moment(law, sympy.expand(spot.mean / scale), spot.point)

    return exact


def folded_normal(s: sympy.Expr | float) -> Closure:
    """E|N(μ, s²)| with the spot's mean μ: s√(2/π)e^{−μ²/2s²} + μ erf(μ/s√2).

    For the transfer d = βP of Residual Learning, RF25 (11), s = β√v with v the variance of P.

    The closure raises ValueError at another spot than a pulse or an abs.

    >>> from aimctheory.algorithms.residual_learning import residual_learning
    >>> from aimctheory.derive import mean_drift
    >>> from aimctheory.catalogue import ideal, linear
    >>> cells = {"P": ideal, "W": linear(tau=1)}
    >>> drift = mean_drift(residual_learning, cells, closures={"m_W": folded_normal(0.5)})
    >>> print(drift.balanced["W"])
    P*beta - W*(P*beta*erf(sqrt(2)*P*beta) + sqrt(2)*exp(-2*P**2*beta**2)/(2*sqrt(pi))) + W
    """

    def folded_normal(spot: Spot) -> sympy.Expr:
        _only(spot, "folded_normal", "pulse", "abs")
        return GAUSSIAN.absolute_moment.xreplace({g: spot.mean, sigma: exact_number(s)})

    return folded_normal


_FITTING = {
    "pulse": ("open_symbol", "noise_floor", "exact(law)", "folded_normal(s)", "at_mean"),
    "where": ("always", "at_mean", "open_symbol"),
    "abs": ("folded_normal(s)", "at_mean", "open_symbol"),
}


def offered(kind: str) -> str:
    """The closures that fit a spot of this kind, for an error message."""
    return ", ".join(_FITTING.get(kind, ("at_mean", "open_symbol")))


def absolute_moment(law: LawLike, gradient: sympy.Expr, point: sympy.Expr) -> sympy.Expr:
    """E|g + ξ| at a gradient and the weight `point` of it; M(g) without a law."""
    if law is None:
        return sympy.Function("M", real=True)(gradient)
    if deviation(law) == 0:
        return Abs(gradient)
    return _form(law).absolute_moment.xreplace({**_numbers(law), g: gradient, w: point})


def signed_square(law: LawLike, gradient: sympy.Expr, point: sympy.Expr) -> sympy.Expr:
    """E[(g + ξ)|g + ξ|] at a gradient and the weight `point` of it; S(g) without a law."""
    if law is None:
        return sympy.Function("S", real=True)(gradient)
    if deviation(law) == 0:
        return gradient * Abs(gradient)
    return _form(law).signed_square.xreplace({**_numbers(law), g: gradient, w: point})


def deviation(law: LawLike) -> sympy.Expr:
    """The standard deviation of ξ: the law's number, or the symbol σ."""
    return sigma.xreplace(_numbers(law))


def _form(law: Law | LawForm) -> LawForm:
    return law.form if isinstance(law, Law) else law


def _numbers(law: LawLike) -> dict[sympy.Basic, sympy.Expr]:
    """A law's numbers as exact rationals, by symbol."""
    if not isinstance(law, Law):
        return {}
    return {p.symbol: exact_number(law.numbers[p.name]) for p in law.form.parameters}


def _only(spot: Spot, closure: str, *kinds: str) -> None:
    if spot.kind not in kinds:
        raise ValueError(
            f"the closure {closure} is for {' and '.join(kinds)}, and {spot.name} is {spot.text}; "
            f"choose one of {offered(spot.kind)}"
        )


def _scale(spot: Spot, closure: str) -> sympy.Expr:
    """The factor c of an increment c·(g + ξ)."""
    if [kind for kind, _ in spot.coefficients] != ["noise"]:
        moved = (
            ", ".join(f"{kind} {label!r}" for kind, label in spot.coefficients) or "nothing random"
        )
        raise ValueError(
            f"the closure {closure} needs an increment moved by one noise stream alone, and "
            f"{spot.name} in {spot.text} is moved by {moved}; choose open_symbol, "
            "folded_normal(s) or at_mean"
        )
    return next(iter(spot.coefficients.values()))
