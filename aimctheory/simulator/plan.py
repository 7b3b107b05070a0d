"""The plan of a run: the iteration of one element, recorded once before any engine starts.

A step that branches or forgets a state fails here, and so fails alike in every engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aimctheory.simulator.block_layout import BlockLayout
from aimctheory.simulator.lane_response import LaneResponse, inputs, lane_response
from aimctheory.simulator.problem import Problem, update
from aimctheory.tree.recorded_step import StepInputs, check_states, step_inputs
from aimctheory.tree.recorder import Names, Node, Ops, Trace, as_node, record

GRADIENT = "objective_gradient"
"""The number of a lane that holds the gradient, if the objective's coordinates are coupled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a kernel is made of: the recorded update, and where each of its inputs comes from.

    `streams` are the noise streams that the step draws from, each with "element", "row" or
    "column".  `numbers` are all numbers by name: the `scalars` are the same for all lanes,
    `lane_numbers` differ between them.
    """

    problem: Problem
    update: Trace
    query: Trace
    states: tuple[str, ...]
    averages: tuple[str, ...]
    streams: tuple[tuple[str, str], ...]
    responses: Mapping[str, LaneResponse]
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

        A block of coupled coordinates needs no extremes: it is looked at after every step.
        """
        watched = self.problem.objective.elementwise
        return BlockLayout(self.states, self.arrays, tuple(self.problem.moments), watched)

    @property
    def unsafe(self) -> tuple[str, ...]:
        """The states that may be infinite or NaN and then finite again between two looks.

        A block needs a flag for these (the row `SOUND`).  A pulse on its own weight stays NaN or
        infinite once it is, so such a state needs no flag; nearly all arrays are of this kind.
        """

        def kept(state: str) -> bool:
            new = self.update.result[state]
            return new.kind == "pulse" and (new.args[0].kind, new.args[0].label) == ("state", state)

        return tuple(s for s in self.states if s not in self.arrays or not kept(s))

    @property
    def points_are_states(self) -> bool:
        """Whether the rows of a block (one state, no moments) are the points of the gradients."""
        if len(self.layout.names) > 1:
            return False
        point = self.query.result["value"]
        return (point.kind, point.label) == ("state", self.states[0])


def plan(problem: Problem) -> Plan:
    """Record one iteration of `problem`.

    Raises ValueError if the step branches, does not return every state once, or does anything else
    that `tree.recorder` refuses.
    """
    inputs_of_step = step_inputs(problem.algorithm)
    streams = _Streams(problem, inputs_of_step.ops)
    trace, query = _recorded(problem, inputs_of_step, streams)
    responses = {array: lane_response(device) for array, device in problem.devices.items()}
    numbers = _numbers(problem, responses, trace, query)
    of_lanes = tuple(name for name in numbers if np.ndim(numbers[name]))
    return Plan(
        problem=problem,
        update=trace,
        query=query,
        states=tuple(problem.algorithm.states),
        averages=tuple(problem.averages),
        streams=streams.drawn,
        responses=responses,
        numbers=numbers,
        scalars=tuple(name for name in numbers if name not in of_lanes),
        lane_numbers=of_lanes if problem.objective.elementwise else (*of_lanes, GRADIENT),
    )


class _Streams:
    """The noise streams of a problem, and the draws that its step asks for while it is recorded."""

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
        """The streams that the step drew from, each with "element", "row" or "column"."""
        return tuple((s, self._per[s]) for s in self._names if s in self._per)


def _recorded(
    problem: Problem, inputs_of_step: StepInputs, streams: _Streams
) -> tuple[Trace, Trace]:
    """The recorded update of one element, in which draws are lines of their own, and the query."""
    states = tuple(problem.algorithm.states)
    state, hyper, _ = inputs_of_step
    parameters = Names("parameter", _leaves("objective", problem.objective.numbers))

    def gradient(point: Node) -> Any:
        if problem.objective.elementwise:
            return problem.objective.gradient(point, parameters, streams.ops)
        return Node("input", (), GRADIENT)

    def iterate() -> dict[str, Any]:
        new, averaged = update(
            problem, state, gradient, streams.raw, hyper, streams.numbers, streams.ops
        )
        check_states(problem.algorithm, new)
        for name, value in averaged.items():
            if value is None:
                raise ValueError(f"averages: {name!r} returns None; return a number")
        return {s: new[s] for s in states} | {f"average_{name}": v for name, v in averaged.items()}

    watched = (update, problem.algorithm.step, problem.objective.gradient)
    trace = record(iterate, watched=watched)
    drawn = tuple((f"noise_{name}", node) for name, node in streams.draws.items() if node.args)
    # In the order of computation: a line must stand below the draws that it uses.
    lines = sorted(trace.lines + drawn, key=lambda line: line[1].serial)
    query = record(problem.algorithm.query, state, hyper, streams.ops)
    if not problem.objective.elementwise:
        _check_query(problem, query)
    return Trace(tuple(lines), trace.result), query


def _numbers(
    problem: Problem, responses: Mapping[str, LaneResponse], trace: Trace, query: Trace
) -> dict[str, Any]:
    """The numbers that the recorded functions use, and those of the devices, by name."""
    used = inputs([*trace.result.values(), *query.result.values()])
    devices = {
        f"{a}_{n}": v for a, response in responses.items() for n, v in response.numbers.items()
    }
    return {n: v for n, v in problem.numbers.items() if n in used} | devices


def _check_query(problem: Problem, query: Trace) -> None:
    """Raises ValueError if the query of coupled coordinates needs draws or the step index.

    Their gradients are taken before the step: nothing of the step is known to the query.
    """
    late = [x for x in sorted(inputs(query.result.values())) if x == "k" or x.startswith("raw_")]
    if late:
        raise ValueError(
            f"{problem.algorithm.id}: the query uses {', '.join(late)}; with an objective whose "
            "coordinates are coupled it may use states and numbers only"
        )


def _leaves(role: str, names: Iterable[str]) -> dict[str, Node]:
    """An input node for each name."""
    return {name: Node(role, (), name) for name in names}
