"""What a run computes for one element in one step: recorded once, before any engine starts.

A step that branches, or forgets a state, fails here, alike for every engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from aimctheory.simulator.block_layout import BlockLayout
from aimctheory.simulator.lane_cell import LaneCell, inputs, lane_cell
from aimctheory.simulator.problem import Problem, update
from aimctheory.tree.recorder import (
    Names,
    Node,
    Ops,
    Trace,
    as_node,
    record,
    recording_ops,
)

SLOPE = "objective_slope"
"""The lane number that carries the gradient of an objective whose coordinates are coupled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a kernel is made of: the recorded update and where each of its inputs comes from."""

    problem: Problem
    update: Trace
    query: Trace
    states: tuple[str, ...]
    averages: tuple[str, ...]
    streams: tuple[tuple[str, str], ...]
    cells: Mapping[str, LaneCell]
    numbers: Mapping[str, Any]
    scalars: tuple[str, ...]
    lane_numbers: tuple[str, ...]

    @property
    def arrays(self) -> tuple[str, ...]:
        """The states that live on devices; they come first."""
        return self.states[: len(self.problem.algorithm.arrays)]

    @property
    def layout(self) -> BlockLayout:
        """The rows of a block.

        The step itself keeps the extremes of elementwise objectives only: where coordinates are
        coupled, the dynamic range is looked at after every step.
        """
        watched = self.problem.objective.elementwise
        return BlockLayout(self.states, self.arrays, tuple(self.problem.moments), watched)

    @property
    def unsafe(self) -> tuple[str, ...]:
        """The states that may be finite again after they were not, between two looks.

        Of a pulse on its own weight, as nearly all arrays are, nothing finite comes back.
        """

        def kept(state: str) -> bool:
            new = self.update.result[state]
            return new.kind == "pulse" and (new.args[0].kind, new.args[0].label) == ("state", state)

        return tuple(s for s in self.states if s not in self.arrays or not kept(s))

    @property
    def points_are_states(self) -> bool:
        """Whether the rows of a block are the points where gradients are taken, as they stand."""
        if len(self.layout.names) > 1:
            return False
        point = self.query.result["value"]
        return (point.kind, point.label) == ("state", self.states[0])


def plan(problem: Problem) -> Plan:
    """Record one iteration of `problem`.

    Raises ValueError where the step does what a step cannot (branch, return a state twice or not).
    """
    states = tuple(problem.algorithm.states)
    state = Names("state", {name: Node("state", (), name) for name in states})
    hyper = Names("hyper-parameter", _leaves("hyper", problem.hyper))
    parameters = Names("parameter", _leaves("objective", problem.objective.numbers))
    numbers = {s: Names("number", _leaves(s, law.numbers)) for s, law in problem.laws.items()}
    draws: dict[str, Node] = {}
    drawn: dict[str, str] = {"gradient": "element"} if "gradient" in problem.laws else {}
    bare = recording_ops(tuple(problem.algorithm.arrays), problem.algorithm.noises)

    def raw(stream: str) -> Node:
        return Node("input", (), f"raw_{stream}")

    def draw(name: str, per: str = "element") -> Node:
        bare.noise(name, per)
        if name not in draws:
            law = problem.laws.get(name)
            draws[name] = as_node(0.0)
            if law is not None:
                drawn[name] = per
                draws[name] = law.form.draw(raw(name), None, numbers[name], bare)
        return draws[name]

    ops = Ops(**{**_fields(bare), "noise": draw})

    def slope(point: Node) -> Any:
        if problem.objective.elementwise:
            return problem.objective.gradient(point, parameters, ops)
        return Node("input", (), SLOPE)

    def iterate() -> dict[str, Any]:
        new, averaged = update(problem, state, slope, raw, hyper, numbers, ops)
        if not isinstance(new, dict) or set(new) != set(states):
            found = ", ".join(new) if isinstance(new, dict) else repr(new)
            raise ValueError(
                f"{problem.algorithm.id}: the step returns {found}; "
                f"it must return a dict with every state once: {', '.join(states)}"
            )
        for name, value in averaged.items():
            if value is None:
                raise ValueError(f"averages: {name!r} returns None; return a number")
        return {s: new[s] for s in states} | {f"average_{name}": v for name, v in averaged.items()}

    watched = (update, problem.algorithm.step, problem.objective.gradient)
    trace = record(iterate, watched=watched)
    named = tuple((f"noise_{name}", node) for name, node in draws.items() if node.args)
    trace = Trace(tuple(sorted(trace.lines + named, key=lambda x: x[1].serial)), trace.result)
    query = record(problem.algorithm.query, state, hyper, ops)
    if not problem.objective.elementwise:
        _check_query(problem, query)
    used = inputs([*trace.result.values(), *query.result.values()])
    cells = {array: lane_cell(device) for array, device in problem.devices.items()}
    of_cells = {f"{a}_{n}": v for a, cell in cells.items() for n, v in cell.numbers.items()}
    values = {n: v for n, v in problem.numbers.items() if n in used} | of_cells
    return Plan(
        problem=problem,
        update=trace,
        query=query,
        states=states,
        averages=tuple(problem.averages),
        streams=tuple((s, drawn[s]) for s in ("gradient", *problem.algorithm.noises) if s in drawn),
        cells=cells,
        numbers=values,
        scalars=tuple(n for n in values if not np.ndim(values[n])),
        lane_numbers=tuple(n for n in values if np.ndim(values[n]))
        + (() if problem.objective.elementwise else (SLOPE,)),
    )


def _check_query(problem: Problem, query: Trace) -> None:
    """Gradients of coupled coordinates are taken before the step's draws are made."""
    late = [x for x in sorted(inputs(query.result.values())) if x == "k" or x.startswith("raw_")]
    if late:
        raise ValueError(
            f"{problem.algorithm.id}: the query uses {', '.join(late)}; with an objective whose "
            "coordinates are coupled it may use states and numbers only"
        )


def _leaves(role: str, names: Iterable[str]) -> dict[str, Node]:
    return {name: Node(role, (), name) for name in names}


def _fields(ops: Ops) -> dict[str, Any]:
    return {name: getattr(ops, name) for name in ops.__dataclass_fields__}
