"""What a run computes for one element in one step: recorded once, before any engine starts.

A step that branches, or forgets a state, fails here, alike for every engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aimctheory.simulator.block_layout import BlockLayout
from aimctheory.simulator.lane_cell import LaneCell, inputs, lane_cell
from aimctheory.simulator.problem import Problem, update
from aimctheory.tree.recorded_step import StepInputs, check_states, step_inputs
from aimctheory.tree.recorder import Names, Node, Ops, Trace, as_node, record

GRADIENT = "objective_gradient"
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
    inputs_of_step = step_inputs(problem.algorithm)
    streams = _Streams(problem, inputs_of_step.ops)
    trace, query = _recorded(problem, inputs_of_step, streams)
    cells = {array: lane_cell(device) for array, device in problem.devices.items()}
    numbers = _numbers(problem, cells, trace, query)
    of_lanes = tuple(name for name in numbers if np.ndim(numbers[name]))
    return Plan(
        problem=problem,
        update=trace,
        query=query,
        states=tuple(problem.algorithm.states),
        averages=tuple(problem.averages),
        streams=streams.drawn,
        cells=cells,
        numbers=numbers,
        scalars=tuple(name for name in numbers if name not in of_lanes),
        lane_numbers=of_lanes if problem.objective.elementwise else (*of_lanes, GRADIENT),
    )


class _Streams:
    """The noise streams of a problem while its step is recorded, and what the step drew of them."""

    def __init__(self, problem: Problem, ops: Ops) -> None:
        self.laws = problem.laws
        self.numbers = {
            s: Names("number", _leaves(s, law.numbers)) for s, law in problem.laws.items()
        }
        self.draws: dict[str, Node] = {}
        self._names = ("gradient", *problem.algorithm.noises)
        self._per = {"gradient": "element"} if "gradient" in problem.laws else {}
        self._bare = ops
        self.ops = replace(ops, noise=self.draw)

    def raw(self, stream: str) -> Node:
        """The raw draw of a stream."""
        return Node("input", (), f"raw_{stream}")

    def draw(self, name: str, per: str = "element") -> Node:
        """The draw of a stream; named twice in one step, it is the same number."""
        self._bare.noise(name, per)  # raises for an unknown stream, and for another `per`
        if name not in self.draws:
            law = self.laws.get(name)
            self.draws[name] = as_node(0.0)
            if law is not None:
                self._per[name] = per
                raw, numbers = self.raw(name), self.numbers[name]
                self.draws[name] = law.form.draw(raw, None, numbers, self._bare)
        return self.draws[name]

    @property
    def drawn(self) -> tuple[tuple[str, str], ...]:
        """The streams that were drawn from, and per what, in the order of the algorithm."""
        return tuple((s, self._per[s]) for s in self._names if s in self._per)


def _recorded(
    problem: Problem, inputs_of_step: StepInputs, streams: _Streams
) -> tuple[Trace, Trace]:
    """The update of one element, with draws as lines of their own, and the query."""
    states = tuple(problem.algorithm.states)
    state, hyper, _ = inputs_of_step
    parameters = Names("parameter", _leaves("objective", problem.objective.numbers))

    def slope(point: Node) -> Any:
        if problem.objective.elementwise:
            return problem.objective.gradient(point, parameters, streams.ops)
        return Node("input", (), GRADIENT)

    def iterate() -> dict[str, Any]:
        new, averaged = update(
            problem, state, slope, streams.raw, hyper, streams.numbers, streams.ops
        )
        check_states(problem.algorithm, new)
        for name, value in averaged.items():
            if value is None:
                raise ValueError(f"averages: {name!r} returns None; return a number")
        return {s: new[s] for s in states} | {f"average_{name}": v for name, v in averaged.items()}

    watched = (update, problem.algorithm.step, problem.objective.gradient)
    trace = record(iterate, watched=watched)
    drawn = tuple((f"noise_{name}", node) for name, node in streams.draws.items() if node.args)
    lines = sorted(trace.lines + drawn, key=lambda line: line[1].serial)  # as they were computed
    query = record(problem.algorithm.query, state, hyper, streams.ops)
    if not problem.objective.elementwise:
        _check_query(problem, query)
    return Trace(tuple(lines), trace.result), query


def _numbers(
    problem: Problem, cells: Mapping[str, LaneCell], trace: Trace, query: Trace
) -> dict[str, Any]:
    """The numbers that the recorded functions use, and those of the devices, by name."""
    used = inputs([*trace.result.values(), *query.result.values()])
    devices = {f"{a}_{n}": v for a, cell in cells.items() for n, v in cell.numbers.items()}
    return {n: v for n, v in problem.numbers.items() if n in used} | devices


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
