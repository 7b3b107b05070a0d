"""The recorded step as mathematics, nothing averaged: pulse → w + d·F(w) − |d|·G(w).

The gradient stands as g + ξ.  Read literally, every sum stays as it was written, for display.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import sympy

from aimctheory.algorithms.record import Algorithm
from aimctheory.derive.inputs import CellLike, cells, input_symbols
from aimctheory.derive.latex import aligned
from aimctheory.derive.reading import pulse, response
from aimctheory.derive.recorded import recorded
from aimctheory.notation import g, real, xi
from aimctheory.symbolic import lift
from aimctheory.trace import Node


@dataclass(frozen=True, slots=True)
class SymbolicStep:
    """Each new state as an expression in states, hyper-parameters, gradient and noise symbols."""

    states: Mapping[str, sympy.Symbol]
    new: Mapping[str, sympy.Expr]
    literal: bool = False

    def latex(self) -> str:
        """The assignments as aligned LaTeX."""
        order = "none" if self.literal else None
        return aligned(
            rf"{sympy.latex(self.states[name])} &\leftarrow {sympy.latex(value, order=order)}"
            for name, value in self.new.items()
        )


def symbolic_step(
    algorithm: Algorithm,
    device: CellLike | Mapping[str, CellLike] = None,
    *,
    gradient: sympy.Expr = g + xi,
    literal: bool = False,
) -> SymbolicStep:
    """The step of `algorithm` in symbols; `device` as in `mean_drift`.

    A `literal` step keeps every sum and product as written (a compensated sum stays visible); the
    default reads them as real arithmetic, where compensation is 0.

    >>> from aimctheory.algorithms.analog_sgd import analog_sgd
    >>> print(symbolic_step(analog_sgd).new["W"])
    W - alpha*(g + xi)*F(W) - alpha*G(W)*Abs(g + xi)
    """
    source, each = recorded(algorithm), cells(algorithm, device)
    symbols = input_symbols(algorithm)
    states = {name: real(name) for name in algorithm.states}

    def meaning(node: Node, args: tuple[sympy.Expr, ...]) -> sympy.Expr:
        if node.kind in ("pulse", "response"):
            read = partial(pulse, literal=literal) if node.kind == "pulse" else response
            return read(each[node.label], *args)
        if node.kind == "gradient":
            return gradient
        return real(node.label[0]) if node.kind == "noise" else symbols[node.kind, node.label]

    results = source.step.result
    new = {name: lift(results[name], meaning, literal=literal) for name in states}
    return SymbolicStep(states, new, literal)
