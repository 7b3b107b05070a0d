"""The stationary law of a single-state algorithm to first order in the learning rate, in symbols.

With E Δ = −α b(w) and E Δ² = α² D(w) per step, stationarity of E(w − w_T) and of E(w − w_T)²
around the root b(w_T) = 0 leaves

    Var = α D/(2b′),   E w − w_T = −b″/(2b′)·Var       (both at w_T, errors of relative order α)

`exact.first_order` evaluates the same law in numbers, from exact derivatives of the drift: the two
share no code on purpose, so that each checks the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.algorithms.record import LEARNING_RATE, Algorithm
from aimctheory.derive.closures import LawLike, exact
from aimctheory.derive.drift import mean_drift
from aimctheory.derive.inputs import DeviceLike, ObjectiveLike, filled, symbolic_responses
from aimctheory.derive.latex import aligned
from aimctheory.derive.moments import second_moment

_b = sympy.Function("b", real=True)
_D = sympy.Function("D", real=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstOrder:
    """The law for small learning rates, as functions of the state's symbol at the root of b.

    `drift` is b(w) (its root is w_T, the limit of the stationary mean), `diffusion` D(w);
    `variance` and `shift` (of the mean from w_T) are to first order in α.
    """

    drift: sympy.Expr
    diffusion: sympy.Expr
    variance: sympy.Expr
    shift: sympy.Expr

    def latex(self) -> str:
        """All four as aligned LaTeX."""
        names = (("b", self.drift), ("D", self.diffusion), ("v", self.variance), ("s", self.shift))
        return aligned(f"{name} &= {sympy.latex(value)}" for name, value in names)


def first_order(
    device: DeviceLike = None,
    objective: ObjectiveLike = None,
    law: LawLike = None,
    *,
    algorithm: Algorithm = analog_sgd,
) -> FirstOrder:
    """The first-order law in α of an algorithm with one state, from its recorded step.

    Without a law E|g + ξ| and E[(g + ξ)|g + ξ|] are open functions M and S; F, G and the slope
    stay open without a device and an objective.

    Raises ValueError for an algorithm with several states, and as `mean_drift` and `second_moment`
    do.

    >>> from aimctheory.algorithms.digital_sgd import digital_sgd
    >>> from aimctheory.notation import positive, real, w
    >>> law = first_order(objective=positive("h") * w**2 / 2, algorithm=digital_sgd)
    >>> law.variance.subs(real("W"), 0), law.shift
    (alpha*sigma**2/(2*h), 0)
    """
    alpha, known = LEARNING_RATE.symbol, symbolic_responses(algorithm, device)
    diffusion = second_moment(device, objective, law, algorithm=algorithm) / alpha**2
    change = mean_drift(algorithm, None, objective)
    ((name, state),) = change.states.items()
    sizes = {spot.symbol: exact(law)(spot) for spot in change.spots.values()}  # E|d| of the pulse
    # F and G are put in after the expansion, which would multiply their formulas out.
    b = sympy.expand(-change.increments[name].xreplace(sizes) / alpha)
    drift = filled(sympy.factor_terms(b), known)
    variance, shift = (
        formula.subs({_b(state): drift, _D(state): diffusion}).doit()
        for formula in stationary_moments(state)
    )
    return FirstOrder(drift=drift, diffusion=diffusion, variance=variance, shift=shift)


def stationary_moments(state: sympy.Symbol) -> tuple[sympy.Expr, sympy.Expr]:
    """Var and E w − w_T to first order in α for open b and D, at w_T = `state`.

    With w = w_T + y, E y = αs and E y² = αv, both balances are averaged up to y² and their leading
    order, α², is solved for s and v.

    >>> from aimctheory.notation import real
    >>> stationary_moments(real("W"))[0]
    alpha*D(W)/(2*Derivative(b(W), W))
    """
    alpha, (y, s, v) = LEARNING_RATE.symbol, sympy.symbols("y s v", cls=sympy.Dummy, real=True)
    b = _b(state).diff(state) * y + _b(state).diff(state, 2) * y**2 / 2  # b(w_T) = 0

    def leading(balance: sympy.Expr) -> sympy.Expr:
        """The order α² of the mean of `balance`, a polynomial in y."""
        powers = sympy.Poly(balance, y)
        mean = powers.coeff_monomial(1) + alpha * (
            powers.coeff_monomial(y) * s + powers.coeff_monomial(y**2) * v
        )
        return sympy.expand(mean).coeff(alpha, 2)

    change_of_y = leading(-alpha * b)
    change_of_square = leading(2 * y * -alpha * b + alpha**2 * _D(state))
    (found,) = sympy.solve([change_of_y, change_of_square], [s, v], dict=True)
    return alpha * found[v], alpha * found[s]
