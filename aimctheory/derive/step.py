"""The recorded step as mathematics, line by line, nothing averaged.

pulse  →  w + d·F(w) − |d|·G(w);   the gradient stands as g + ξ, a new state as P′
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import sympy

from aimctheory.algorithms.record import Algorithm
from aimctheory.derive.inputs import DeviceLike, input_symbols, symbolic_responses
from aimctheory.derive.latex import aligned
from aimctheory.derive.pulses import chosen, moved
from aimctheory.notation import g, real, xi
from aimctheory.tree.formulas import lift
from aimctheory.tree.recorder import Node
from aimctheory.tree.steps import RecordedStep, recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolicStep:
    """`lines` (name, expression) in the order of the source, and each `new` state written out."""

    lines: tuple[tuple[sympy.Symbol, sympy.Expr], ...]
    new: Mapping[str, sympy.Expr]
    literal: bool

    def latex(self) -> str:
        """The lines as aligned LaTeX."""
        order = "none" if self.literal else None
        return aligned(
            f"{sympy.latex(name)} &= {sympy.latex(value, order=order)}"
            for name, value in self.lines
        )


def symbolic_step(
    algorithm: Algorithm,
    device: DeviceLike | Mapping[str, DeviceLike] = None,
    *,
    gradient: sympy.Expr = g + xi,
    literal: bool = False,
) -> SymbolicStep:
    """The step of `algorithm` in symbols; `device` as in `mean_drift`.

    A `literal` step keeps every sum and product as written (a compensated sum stays visible); the
    default reads them as real arithmetic, where compensation is 0.

    >>> from aimctheory.algorithms.residual_learning import residual_learning
    >>> for name, value in symbolic_step(residual_learning).lines:
    ...     print(name, "=", value)
    P' = P - alpha*(g + xi)*F_P(P) - alpha*G_P(P)*Abs(g + xi)
    W' = P'*beta*F_W(W) + W - beta*G_W(W)*Abs(P')
    """
    source, each = recorded(algorithm), symbolic_responses(algorithm, device)
    symbols = input_symbols(algorithm)

    def meaning(node: Node, args: tuple[sympy.Expr, ...]) -> sympy.Expr:
        if node.kind in ("pulse", "response"):
            read = partial(moved, literal=literal) if node.kind == "pulse" else chosen
            return read(each[node.label], *args)
        if node.kind == "gradient":
            return gradient
        if node.kind in ("line", "noise"):
            return real(node.label if node.kind == "line" else f"xi_{node.label[0]}")
        return symbols[node.kind, node.label]

    read = partial(lift, meaning=meaning, literal=literal)
    results = source.step.result
    return SymbolicStep(
        lines=tuple((real(name), read(tree)) for name, tree in _lines(source)),
        new={name: read(results[name]) for name in algorithm.states},
        literal=literal,
    )


def _lines(source: RecordedStep) -> list[tuple[str, Node]]:
    """Every named line and every new state, each in terms of the lines before it."""
    named = {id(node): (name, node) for name, node in source.step.lines}
    named |= {id(node): (f"{name}'", node) for name, node in source.step.result.items()}
    names = {key: name for key, (name, node) in named.items() if node.args}
    ordered = sorted(named.values(), key=lambda item: item[1].serial)
    return [(name, _cut(node, names, top=True)) for name, node in ordered]


def _cut(node: Node, names: Mapping[int, str], *, top: bool = False) -> Node:
    """The tree of `node` with the lines below it as leaves."""
    if id(node) in names and not top:
        return Node("line", (), names[id(node)])
    return Node(node.kind, tuple(_cut(arg, names) for arg in node.args), node.label)
