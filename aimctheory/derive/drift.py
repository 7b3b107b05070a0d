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
from aimctheory.derive.averaging import Reading
from aimctheory.derive.closures import Closure, Spot
from aimctheory.derive.inputs import (
    DeviceLike,
    ObjectiveLike,
    input_symbols,
    slope,
    symbolic_responses,
)
from aimctheory.derive.latex import aligned
from aimctheory.notation import real, w
from aimctheory.tree.formulas import lift
from aimctheory.tree.recorder import Node
from aimctheory.tree.steps import RecordedStep, recorded

ClosureLike: TypeAlias = Closure | sympy.Expr | float


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanDrift:
    """The mean of each new state, given the states.

    `means` is E[new state]; `balanced` the same where every other state has come to rest (its new
    mean is its old one), which is what fixed points need; `spots` the places that needed a closure
    (E|d| of every pulse first among them) and `closed` what was put there, where not left open.
    """

    algorithm: str
    states: Mapping[str, sympy.Symbol]
    means: Mapping[str, sympy.Expr]
    balanced: Mapping[str, sympy.Expr]
    spots: Mapping[str, Spot]
    closed: Mapping[str, str]

    @property
    def increments(self) -> dict[str, sympy.Expr]:
        """E[new state − state], in the form the step has it."""
        return {name: mean - self.states[name] for name, mean in self.means.items()}

    def subs(self, values: Mapping[sympy.Basic, Any]) -> MeanDrift:
        """The same drift with `values` (symbol → number or expression) put in."""
        put = {name: mean.subs(values) for name, mean in self.means.items()}
        rest = {name: mean.subs(values) for name, mean in self.balanced.items()}
        return replace(self, means=put, balanced=rest)

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

    Raises ValueError where a random number enters other than linearly and no closure speaks for
    the spot, naming the spot and the closures that fit; and for an unknown name.

    >>> from aimctheory.algorithms.analog_sgd import analog_sgd
    >>> from aimctheory.catalogue import linear
    >>> print(mean_drift(analog_sgd).means["W"])
    W - alpha*F(W)*g(W) - m_W*G(W)
    >>> print(mean_drift(analog_sgd, linear(tau=2)).increments["W"])
    -W*m_W/2 - alpha*g(W)
    """
    source = recorded(algorithm)
    states = {name: real(name) for name in algorithm.states}
    symbols = input_symbols(algorithm, hyper)
    point = lift(source.query, lambda leaf, _: symbols[leaf.kind, leaf.label])
    common: dict[str, Any] = {
        "source": source,
        "responses": symbolic_responses(algorithm, device),
        "symbols": symbols,
        "slope": slope(objective).xreplace({w: point}),
        "point": point,
        "closures": {name: _closure(value) for name, value in (closures or {}).items()},
    }
    results = source.step.result
    reading = Reading(**common, settled={})
    means = {name: reading.of(results[name]).mean for name in states}
    _refuse_unknown(algorithm, closures or {}, reading.spots)
    return MeanDrift(
        algorithm=algorithm.id,
        states=states,
        means=means,
        balanced={name: _balanced(source, name, states, common) for name in states},
        spots=reading.spots,
        closed={name: _title(value) for name, value in (closures or {}).items()},
    )


def _balanced(
    source: RecordedStep, state: str, states: Mapping[str, sympy.Symbol], common: Mapping[str, Any]
) -> sympy.Expr:
    """E[new state] with the new values of the other states at their old means."""
    results: Mapping[str, Node] = source.step.result
    settled = {
        id(node): states[name]
        for name, node in results.items()
        if name != state and node.args and node is not results[state]
    }
    return Reading(**common, settled=settled).of(results[state]).mean


def _closure(value: ClosureLike) -> Closure:
    if isinstance(value, sympy.Basic) or not callable(value):
        expression = sympy.sympify(value)
        return lambda spot: expression
    return value


def _title(value: ClosureLike) -> str:
    return str(value) if isinstance(value, sympy.Basic) else getattr(value, "__name__", str(value))


def _refuse_unknown(
    algorithm: Algorithm, closures: Mapping[str, ClosureLike], spots: Mapping[str, Spot]
) -> None:
    for name in closures:
        if name not in spots:
            raise ValueError(
                f"{algorithm.id} has no spot {name!r} to close; "
                f"it has: {', '.join(spots) or 'none'}"
            )
