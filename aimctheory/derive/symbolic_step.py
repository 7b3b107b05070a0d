"""The recorded step as mathematics, line by line, nothing averaged.

pulse  →  w + d·F(w) − |d|·G(w);   the gradient is g + ξ, a new state P′
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import sympy

from aimctheory.algorithms.record import Algorithm
from aimctheory.derive.inputs import DeviceLike, input_symbols, symbolic_responses
from aimctheory.derive.latex import aligned
from aimctheory.derive.pulse_formula import chosen, moved
from aimctheory.notation import g, real, xi
from aimctheory.tree.formulas import lift
from aimctheory.tree.recorded_step import RecordedStep, recorded
from aimctheory.tree.recorder import Node


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

    A `literal` step keeps every sum and product as written, so that a compensated sum stays
    visible; by default they are real arithmetic, where the compensation is 0.

    Raises ValueError for a step that branches or does not return every state once, and for a
    device as `mean_drift` does.

    >>> from aimctheory.algorithms.residual_learning import residual_learning
    >>> for name, value in symbolic_step(residual_learning).lines:
    ...     print(name, "=", value)
    P' = P - alpha*(g + xi)*F_P(P) - alpha*G_P(P)*Abs(g + xi)
    W' = P'*beta*F_W(W) + W - beta*G_W(W)*Abs(P')
    """
    step, responses = recorded(algorithm), symbolic_responses(algorithm, device)
    inputs = input_symbols(algorithm)

    def meaning(node: Node, args: tuple[sympy.Expr, ...]) -> sympy.Expr:
        if node.kind == "pulse":
            return moved(responses[node.label], *args, literal=literal)
        if node.kind == "response":
            return chosen(responses[node.label], *args)
        if node.kind == "gradient":
            return gradient
        if node.kind == "line":
            return real(node.label)
        if node.kind == "noise":
            stream, _ = node.label
            return real(f"xi_{stream}")
        return inputs[node.kind, node.label]

    lifted = partial(lift, meaning=meaning, literal=literal)
    return SymbolicStep(
        lines=tuple((real(name), lifted(tree)) for name, tree in _lines(step)),
        new={name: lifted(step.step.result[name]) for name in algorithm.states},
        literal=literal,
    )


def _lines(step: RecordedStep) -> list[tuple[str, Node]]:
    """Every named line and every new state, each in terms of the lines before it."""
    named = {id(node): (name, node) for name, node in step.step.lines}
    named |= {id(node): (f"{name}'", node) for name, node in step.step.result.items()}
    names = {key: name for key, (name, node) in named.items() if node.args}
    ordered = sorted(named.values(), key=lambda item: item[1].serial)
    return [(name, _cut(node, names, top=True)) for name, node in ordered]


def _cut(node: Node, names: Mapping[int, str], *, top: bool = False) -> Node:
    """The tree of `node` with the lines below it as leaves."""
    if id(node) in names and not top:
        return Node("line", (), names[id(node)])
    return Node(node.kind, tuple(_cut(arg, names) for arg in node.args), node.label)
