"""An algorithm's step and query, recorded: called once with nodes, and kept as trees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from aimctheory.algorithms.record import Algorithm
from aimctheory.notation import m
from aimctheory.tree.printed import text
from aimctheory.tree.recorder import Names, Node, Ops, Trace, record, recording_ops, walk


class StepInputs(NamedTuple):
    """What a step is called with to be recorded, the gradient apart."""

    state: Names
    hyper: Names
    ops: Ops


def step_inputs(algorithm: Algorithm) -> StepInputs:
    """A node for every state and hyper-parameter of `algorithm`, and the operations that record."""
    return StepInputs(
        Names("state", {name: Node("state", (), name) for name in algorithm.states}),
        Names("hyper-parameter", {p.name: Node("hyper", (), p.name) for p in algorithm.hyper}),
        recording_ops(tuple(algorithm.arrays), algorithm.noises),
    )


def check_states(algorithm: Algorithm, returned: Any) -> None:
    """Raise ValueError unless a step returned a dict with every state once."""
    if not isinstance(returned, dict) or set(returned) != set(algorithm.states):
        found = ", ".join(returned) if isinstance(returned, dict) else repr(returned)
        raise ValueError(
            f"{algorithm.id}: the step returns {found}; "
            f"it must return a dict with every state once: {', '.join(algorithm.states)}"
        )


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """The trace of a step, the tree of its query, and the names that both have in the source."""

    algorithm: Algorithm
    step: Trace
    query: Node

    def nodes(self) -> Iterator[Node]:
        """Every node of the step, arguments first."""
        return walk(self.step.result.values())

    def text(self, node: Node) -> str:
        """`node` as the source writes it."""
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


def recorded(algorithm: Algorithm) -> RecordedStep:
    """The step and the query of `algorithm`, with the gradient as a node of its own.

    Raises ValueError where the step branches or does not return every state once.
    """
    state, hyper, ops = step_inputs(algorithm)
    gradient = Node("gradient", (), "gradient")

    def step() -> dict[str, Any]:
        new = algorithm.step(state, hyper, gradient, ops)
        check_states(algorithm, new)
        return new

    return RecordedStep(
        algorithm,
        record(step, watched=(algorithm.step,)),
        record(algorithm.query, state, hyper, ops).result["value"],
    )
