"""The mean drift of an algorithm: E[new state − state], read off its recorded step.

    pulse  →  w + d·F(w) − m·G(w),   m = E|d| an open symbol of its own (m_P, m_W …)

The noisy gradient enters through its mean, the slope f′ at the query point.  Draws of a step are
averaged; the states are held (so are their fluctuations, except where a closure such as
`folded_normal` brings them in).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import sympy

from aimctheory.algorithms.record import Algorithm
from aimctheory.derive.averaging import Averaging
from aimctheory.derive.closures import Closure, Spot
from aimctheory.derive.inputs import (
    DeviceLike,
    ObjectiveLike,
    input_symbols,
    query_point,
    slope,
    symbolic_responses,
)
from aimctheory.derive.latex import aligned
from aimctheory.notation import real, w
from aimctheory.tree.recorded_step import recorded

ClosureLike: TypeAlias = Closure | sympy.Expr | float


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanDrift:
    """The mean of each new state, given the states.

    `means` is E[new state]; `balanced` the same where every other state has come to rest (its new
    mean is its old one), which is what fixed points need; `spots` the places that needed a closure
    (E|d| of every pulse first among them).
    """

    algorithm: str
    states: Mapping[str, sympy.Symbol]
    means: Mapping[str, sympy.Expr]
    balanced: Mapping[str, sympy.Expr]
    spots: Mapping[str, Spot]

    @property
    def increments(self) -> dict[str, sympy.Expr]:
        """E[new state − state], in the form the step has it."""
        return {name: mean - self.states[name] for name, mean in self.means.items()}

    def subs(self, values: Mapping[sympy.Basic, Any]) -> MeanDrift:
        """The same drift with `values` (symbol → number or expression) put in."""
        means = {name: mean.subs(values) for name, mean in self.means.items()}
        balanced = {name: mean.subs(values) for name, mean in self.balanced.items()}
        return replace(self, means=means, balanced=balanced)

    def latex(self) -> str:
        """The mean of every state after the step k, as aligned LaTeX."""
        lines = (
            rf"\mathbb{{E}}[{{{sympy.latex(self.states[name])}}}_{{k+1}}] &= {sympy.latex(mean)}"
            for name, mean in self.means.items()
        )
        return aligned(lines)


def mean_drift(
    algorithm: Algorithm,
    device: DeviceLike | Mapping[str, DeviceLike] = None,
    objective: ObjectiveLike = None,
    *,
    closures: Mapping[str, ClosureLike] | None = None,
    hyper: Mapping[str, Any] | None = None,
) -> MeanDrift:
    """The mean drift of `algorithm`: the recorded step with its random numbers averaged out.

    `device` is one Response (symbols), Device (numbers) or None (open functions F and G) for every
    array, or a mapping with one for each; `objective` an elementwise Objective, f(w) as an
    expression, or None (the slope stays a function g).  `closures` maps the name of a spot to a
    closure (see `derive.closures`) or to an expression; `hyper` fixes hyper-parameters.

    Raises ValueError where a random number enters other than linearly and no closure is given for
    the spot, naming the spot and the closures that fit; and for an unknown name.

    >>> from aimctheory.algorithms.analog_sgd import analog_sgd
    >>> from aimctheory.catalogue import linear
    >>> print(mean_drift(analog_sgd).means["W"])
    W - alpha*F(W)*g(W) - m_W*G(W)
    >>> print(mean_drift(analog_sgd, linear(tau=2)).increments["W"])
    -W*m_W/2 - alpha*g(W)
    """
    step = recorded(algorithm)
    states = {name: real(name) for name in algorithm.states}
    inputs = input_symbols(algorithm, hyper)
    point = query_point(step, inputs)
    averaging = Averaging(
        step=step,
        responses=symbolic_responses(algorithm, device),
        inputs=inputs,
        slope=slope(objective).xreplace({w: point}),
        point=point,
        closures={name: _closure(value) for name, value in (closures or {}).items()},
    )
    new = step.step.result
    means = {name: averaging.of(new[name]).mean for name in states}
    _refuse_unknown(algorithm, closures or {}, averaging.spots)
    return MeanDrift(
        algorithm=algorithm.id,
        states=states,
        means=means,
        balanced={name: _balanced(averaging, name, states) for name in states},
        spots=averaging.spots,
    )


def _balanced(averaging: Averaging, state: str, states: Mapping[str, sympy.Symbol]) -> sympy.Expr:
    """E[new state] with the new values of the other states at their old means."""
    new = averaging.step.step.result
    settled = {
        id(node): states[name]
        for name, node in new.items()
        if name != state and node.args and node is not new[state]
    }
    return replace(averaging, settled=settled, spots={}, values={}).of(new[state]).mean


def _closure(value: ClosureLike) -> Closure:
    """`value` as a closure; an expression is one that ignores its spot."""
    if isinstance(value, sympy.Basic) or not callable(value):
        expression = sympy.sympify(value)
        return lambda spot: expression
    return value


def _refuse_unknown(
    algorithm: Algorithm, closures: Mapping[str, ClosureLike], spots: Mapping[str, Spot]
) -> None:
    for name in closures:
        if name not in spots:
            raise ValueError(
                f"{algorithm.id} has no spot {name!r} to close; "
                f"it has: {', '.join(spots) or 'none'}"
            )
