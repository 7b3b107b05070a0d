"""A step and its query as recorded trees, with the names they have in the source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aimctheory.algorithms.record import Algorithm
from aimctheory.notation import m
from aimctheory.tree.printed import text
from aimctheory.tree.recorder import Names, Node, Trace, record, recording_ops, walk


@dataclass(frozen=True, slots=True)
class Recorded:
    """The trace of a step, where its gradient is taken, and what everything is called."""

    algorithm: Algorithm
    step: Trace
    query: Node

    def nodes(self) -> Iterator[Node]:
        """Every node of the step, arguments first."""
        return walk(self.step.result.values())

    def text(self, node: Node) -> str:
        """`node` as it reads in the source."""
        names = {id(line): name for name, line in self.step.lines if line is not node}
        for each in self.nodes():
            if each.kind == "noise":
                names[id(each)] = f"noise({each.label[0]!r})"
            elif not each.args and each.kind != "number":
                names[id(each)] = str(each.label)
        return text(node, names).replace("pulse_", "pulse.").replace("response_", "response.")

    def name(self, node: Node) -> str:
        """The name of the line that `node` is, else its text."""
        lines = {id(line): name for name, line in self.step.lines}
        return lines.get(id(node)) or self.text(node)

    def pulse_name(self, node: Node) -> str:
        """m_P for the first pulse of array P in a step, m_P_2 for the second."""
        same = [n for n in self.nodes() if n.kind == "pulse" and n.label == node.label]
        place = sorted(same, key=lambda n: n.serial).index(node)
        return f"{m.name}_{node.label}" + (f"_{place + 1}" if place else "")


def recorded(algorithm: Algorithm) -> Recorded:
    """Record the step and the query of `algorithm`.

    Raises ValueError where the step branches or does not return every state once.
    """
    state = Names("state", {name: Node("state", (), name) for name in algorithm.states})
    hyper = Names("hyper-parameter", {p.name: Node("hyper", (), p.name) for p in algorithm.hyper})
    ops = recording_ops(tuple(algorithm.arrays), algorithm.noises)
    step = record(algorithm.step, state, hyper, Node("gradient", (), "gradient"), ops)
    if set(step.result) != set(algorithm.states):
        raise ValueError(
            f"{algorithm.id}: the step returns {', '.join(step.result)}; it must return every "
            f"state once: {', '.join(algorithm.states)}"
        )
    return Recorded(algorithm, step, record(algorithm.query, state, hyper, ops).result["value"])
