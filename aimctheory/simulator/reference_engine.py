"""The reference engine calls the step function itself with NumPy arrays of shape (R, D).

The engine is slow and obviously right: neither the recorder nor the printer takes part in it.  It
shares the definitions, the noise, the elementary functions and the rule of `dynamic_range` with the
kernels, and must agree with them bit for bit wherever no matrix product enters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import mul
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimctheory.device import Device
from aimctheory.simulator.dynamic_range import broken, outside
from aimctheory.simulator.engine import Window
from aimctheory.simulator.noise import raw_draws, sample_indices
from aimctheory.simulator.plan import Plan
from aimctheory.simulator.problem import coupled_gradient, update
from aimctheory.tree import pulse as rules
from aimctheory.tree.recorder import Names, numpy_ops

Array = NDArray[np.float64]


def pulse(device: Device) -> Callable[[Array, Array], Array]:
    """The pulse rule on the cells of a device: the weights after increments d."""
    return lambda w, d: rules.pulse(w, d, device.responses(w), numpy_ops())


def response(device: Device) -> Callable[[Array, Array], Array]:
    """The q that increments d meet on the cells of a device."""
    return lambda w, d: rules.response(d, device.responses(w), numpy_ops())


def _numbers(what: str, values: Mapping[str, Any]) -> Names:
    """Numbers by name, as NumPy scalars or arrays.

    A division by zero raises with Python's own numbers; with these, and in a kernel, it does not.
    """
    return Names(what, {n: v if np.ndim(v) else np.float64(v) for n, v in values.items()})


class Reference:
    """The `Engine` that calls the step itself, on states (R, D)."""

    least_window = 1

    def __init__(self, plan: Plan, key: np.uint64, records: int, batches: int) -> None:
        problem = plan.problem
        self.problem, self.key = problem, key
        shape = (problem.replicates, problem.coordinates)
        self.state = {name: np.array(values) for name, values in problem.start.items()}
        self.left = np.full(shape, -1, dtype=np.int64)
        self.broke = np.full(shape, -1, dtype=np.int64)
        self.sums = {moment: np.zeros((batches, *shape)) for moment in problem.moments}
        self._sums = {moment: np.zeros(shape) for moment in problem.moments}
        self.records = {s: np.empty((shape[0], records, shape[1])) for s in self.state}
        self._keep(0)
        numbers = problem.numbers
        self._hyper = _numbers("hyper-parameter", problem.hyper)
        self._parameters = _numbers("parameter", problem.objective.numbers)
        self._laws = {s: _numbers("number", law.numbers) for s, law in problem.laws.items()}
        self._replicates = np.arange(problem.replicates)
        self._fixed: dict[str, Any] = {n: numbers[n] for n in ("row", "column", "rows", "columns")}
        self._fixed["pulse"] = Names("array", {a: pulse(d) for a, d in problem.devices.items()})
        self._fixed["response"] = Names(
            "array", {a: response(d) for a, d in problem.devices.items()}
        )

    def advance(self, window: Window) -> None:
        """Take the steps of a window, keep its records and close its batches."""
        begin = window.begin
        for end, slot, close in zip(window.ends, window.slots, window.closes, strict=True):
            with np.errstate(all="ignore"):  # leaving the range is an outcome, not a warning
                for k in range(begin, end):
                    self._step(k)
            begin = int(end)
            if slot >= 0:
                self._keep(slot)
            if close >= 0:
                for moment, total in self._sums.items():
                    self.sums[moment][close] = total
                    total[:] = 0.0

    def _keep(self, slot: int) -> None:
        """Copy the states to a record."""
        for name, values in self.state.items():
            self.records[name][:, slot] = values

    def _raw(self, stream: str, k: int, per: str = "element") -> Array:
        """The raw draws of a stream at step k, (R, D)."""
        kind = self.problem.laws[stream].form.raw
        coordinates = self.problem.stream_coordinates(per)
        return raw_draws(kind, self.key, stream, self._replicates, coordinates, k)

    def _step(self, k: int) -> None:
        """Step k of all replicates, with the moments and the outcomes."""
        problem = self.problem

        def noise(name: str, per: str = "element") -> Any:
            if name not in problem.laws:
                return 0.0
            drawn = self._raw(name, k, per)
            return problem.laws[name].form.draw(drawn, None, self._laws[name], ops)

        ops = numpy_ops(k=np.float64(k), noise=noise, **self._fixed)

        def gradient(point: Array) -> Any:
            objective = problem.objective
            if objective.elementwise:
                return objective.gradient(point, self._parameters, ops)
            indices = None
            if objective.batch:
                indices = sample_indices(
                    self.key, k, self._replicates, objective.batch, objective.samples
                )
            return coupled_gradient(problem, point, indices)

        def raw(stream: str) -> Array:
            return self._raw(stream, k)

        state = Names("state", self.state)
        new, averaged = update(problem, state, gradient, raw, self._hyper, self._laws, ops)
        shape = (problem.replicates, problem.coordinates)
        self.state = {name: np.broadcast_to(new[name], shape) for name in self.state}
        for moment, total in self._sums.items():
            total += reduce(mul, (averaged[name] for name in moment))
        self._watch(k + 1)

    def _watch(self, step: int) -> None:
        """Note who is outside the dynamic range, or not finite, for the first time."""
        for name in self.problem.algorithm.arrays:
            low, high = self.problem.bounds(name)
            gone = outside(self.state[name], self.state[name], low, high)
            self.left[gone & (self.left < 0)] = step
        for values in self.state.values():
            self.broke[broken(values) & (self.broke < 0)] = step
