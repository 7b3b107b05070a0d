"""The inputs of a run, checked once: both engines start from the `Problem` that `pose` makes.

There is one rule of shapes.  Every number (hyper-parameter, device, law, objective, start value)
broadcasts by NumPy to (replicates, coordinates): it is a scalar, (D,), (R, 1) or (R, D).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimctheory.algorithms.record import Algorithm
from aimctheory.device import Device
from aimctheory.laws import Law, LawForm
from aimctheory.notation import real_numbers
from aimctheory.objectives.record import Objective
from aimctheory.response import Response
from aimctheory.simulator.block_layout import KINDS
from aimctheory.simulator.draw_counter import SAMPLE
from aimctheory.simulator.dynamic_range import outside
from aimctheory.tree.recorder import Names, Ops

Average = Callable[[Any, Any, Any, Ops], Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class Problem:
    """What is simulated, checked.

    `hyper` holds every hyper-parameter, defaults included; `numbers` every number of the run under
    the name it has in a kernel; `start` the first values of the states, each (R, D).
    """

    algorithm: Algorithm
    devices: Mapping[str, Device]
    objective: Objective
    laws: Mapping[str, Law]
    hyper: Mapping[str, Any]
    numbers: Mapping[str, Any]
    start: Mapping[str, NDArray[np.float64]]
    averages: Mapping[str, Average]
    replicates: int
    coordinates: int

    @property
    def moments(self) -> list[tuple[str, ...]]:
        """The moments that a run sums: each average, and each product of two averages.

        A moment is named by the averages that are multiplied: ``(a,)`` is the average a itself,
        ``(a, a)`` its square.
        """
        return [(a,) for a in self.averages] + [*combinations_with_replacement(self.averages, 2)]

    @property
    def settings(self) -> NDArray[np.int64]:
        """Which replicates share all their numbers: settings count from 0 as they appear, (R,)."""
        swept = [
            np.asarray(v, dtype=float) + 0.0  # −0 and 0 are the same number
            for v in self.numbers.values()
            if np.ndim(v) == 2 and len(v) == self.replicates
        ]
        seen: dict[bytes, int] = {}
        rows = (b"".join(v[r].tobytes() for v in swept) for r in range(self.replicates))
        return np.array([seen.setdefault(row, len(seen)) for row in rows], dtype=np.int64)

    def bounds(self, array: str) -> tuple[Any, Any]:
        """The dynamic range of an array's devices."""
        return self.devices[array].dynamic_range

    def stream_coordinates(self, per: str) -> NDArray[np.uint32]:
        """The coordinate of a stream's draws for each of the D elements.

        `per` is "element", "row" or "column" of the layer: elements of one row, or of one column,
        then share their draws.
        """
        place = np.arange(self.coordinates, dtype=np.uint32)
        columns = np.uint32(self.objective.shape[1])
        return {"element": place, "row": place // columns, "column": place % columns}[per]


def coupled_gradient(
    problem: Problem, weights: NDArray[np.float64], indices: NDArray[np.intp] | None
) -> NDArray[np.float64]:
    """The gradient of coupled coordinates, (R, D), on mini-batches (R, B) or on all samples.

    Raises ValueError if the objective returns another shape.
    """
    gradient = np.asarray(problem.objective.gradient(weights, indices), dtype=float)
    if gradient.shape != weights.shape:
        raise ValueError(
            f"{problem.objective.id}: the gradient at weights {weights.shape} has shape "
            f"{gradient.shape}; it must have that of the weights"
        )
    return gradient


def update(
    problem: Problem,
    state: Names,
    objective_gradient: Callable[[Any], Any],
    raw: Callable[[str], Any],
    hyper: Names,
    law_numbers: Mapping[str, Names],
    ops: Ops,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The new states and the averages after one iteration, in the reference or the kernel reading.

    `objective_gradient` maps the query point to the objective's gradient, sampling noise included;
    `raw` gives the raw draw of a stream.  The step sees the complete gradient: the objective's plus
    the draw of stream "gradient", which averages may ask for as ``ops.noise("gradient")``.
    """
    point = problem.algorithm.query(state, hyper, ops)
    gradient = objective_gradient(point)
    drawn = {"gradient": 0.0}
    if "gradient" in problem.laws:
        law = problem.laws["gradient"].form
        drawn["gradient"] = law.draw(raw("gradient"), point, law_numbers["gradient"], ops)
        gradient = gradient + drawn["gradient"]
    new = problem.algorithm.step(state, hyper, gradient, ops)

    def noise(name: str, per: str = "element") -> Any:
        return drawn[name] if name in drawn else ops.noise(name, per)

    seen = replace(ops, noise=noise)
    averaged = {name: f(state, hyper, gradient, seen) for name, f in problem.averages.items()}
    return new, averaged


def pose(
    algorithm: Algorithm,
    device: Device | Mapping[str, Device],
    objective: Objective,
    *,
    hyper: Mapping[str, Any],
    noise: Law | Mapping[str, Law] | None,
    start: Mapping[str, Any] | None,
    replicates: int,
    averages: Mapping[str, Average] | None,
) -> Problem:
    """The problem that the arguments of `simulate` pose.

    Raises ValueError, in one sentence, for every mistake in them.
    """
    for what, value, kind in (
        ("algorithm", algorithm, Algorithm),
        ("objective", objective, Objective),
    ):
        if not isinstance(value, kind):
            raise ValueError(f"{what} = {value!r} is not an {kind.__name__}")
    whole = isinstance(replicates, int | np.integer) and not isinstance(replicates, bool)
    if not whole or replicates < 1:
        raise ValueError(f"replicates = {replicates!r} is not a positive integer")
    _check_names(algorithm, averages)
    devices, laws = _devices(algorithm, device), _laws(algorithm, noise)
    settled = algorithm.settle(hyper)
    shape = (int(replicates), objective.coordinates)
    numbers = _numbers(algorithm, settled, objective, laws, devices)
    for name, value in numbers.items():
        _fits(name, value, shape)
    return Problem(
        algorithm=algorithm,
        devices=devices,
        objective=objective,
        laws=laws,
        hyper=settled,
        numbers=numbers,
        start=_start(algorithm, devices, {} if start is None else start, shape),
        averages=dict(averages or {}),
        replicates=shape[0],
        coordinates=shape[1],
    )


def _numbers(
    algorithm: Algorithm,
    hyper: Mapping[str, Any],
    objective: Objective,
    laws: Mapping[str, Law],
    devices: Mapping[str, Device],
) -> dict[str, Any]:
    """Every number of the run under the name it has in a kernel."""
    groups: list[tuple[str, Mapping[str, Any]]] = [
        ("hyper", hyper),
        ("objective", objective.numbers),
        *((stream, law.numbers) for stream, law in laws.items()),
        *((array, device.numbers) for array, device in devices.items()),
    ]
    named = [(f"{group}_{name}", v) for group, found in groups for name, v in found.items()]
    values = dict(named)
    if len(values) < len(named):
        twice = next(name for name, _ in named if [n for n, _ in named].count(name) > 1)
        raise ValueError(
            f"{algorithm.id}: two numbers would be called {twice}; rename an array, a "
            "noise stream or a parameter"
        )
    rows, columns = objective.shape
    place = np.arange(rows * columns, dtype=float)
    values |= {"row": place // columns, "column": place % columns}
    values |= {"rows": float(rows), "columns": float(columns)}
    return values


_TAKEN = {"hyper", "objective", "raw", "average", "noise", "pulse", "response", *KINDS}
"""Words that names in a kernel begin with; a state or stream called so would be ambiguous."""
_STREAMS = {"gradient", SAMPLE}
"""The simulator's own streams; an algorithm's stream of that name would repeat their numbers."""


def _check_names(algorithm: Algorithm, averages: Mapping[str, Average] | None) -> None:
    """Raises ValueError for names that cannot be a kernel's variables, or that are taken there."""
    if not isinstance(averages, Mapping | None):
        raise ValueError(f"averages = {averages!r} is not a mapping of names to functions")
    for name, average in (averages or {}).items():
        if not _is_name(name):
            raise ValueError(f"averages: {name!r} is not a Python name; use letters, digits and _")
        if not callable(average):
            raise ValueError(
                f"averages: {name!r} is {average!r}; give a function of (state, hyper, gradient, "
                "ops)"
            )
    named = (
        ("state", algorithm.states, _TAKEN),
        ("noise stream", algorithm.noises, _TAKEN | _STREAMS),
    )
    for what, names, taken in named:
        for name in names:
            if not _is_name(name) or name in taken:
                raise ValueError(
                    f"{algorithm.id}: a {what} cannot be called {name!r}; use another Python name"
                )


def _is_name(name: Any) -> bool:
    return (
        isinstance(name, str)
        and name.isidentifier()
        and unicodedata.normalize("NFKC", name) == name  # else Python reads another name
    )


def _fits(name: str, value: Any, shape: tuple[int, int]) -> NDArray[np.float64]:
    """The value broadcast to (replicates, coordinates).

    Raises ValueError if that cannot be, and for what is not a finite real number.
    """
    try:
        array = real_numbers(value)
    except ValueError:
        raise ValueError(f"{name} = {value!r} is not a number or an array of numbers") from None
    if not np.isfinite(array).all():
        raise ValueError(f"{name} = {value} is not finite; give real numbers")
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise ValueError(
            f"{name} has shape {array.shape}, which does not broadcast to (replicates, "
            f"coordinates) = {shape}; give a scalar, ({shape[1]},), ({shape[0]}, 1) or {shape}"
        ) from None


def _devices(algorithm: Algorithm, device: Device | Mapping[str, Device]) -> dict[str, Device]:
    """The device of each array; raises ValueError for a missing or an unknown one."""
    arrays = list(algorithm.arrays)
    given: dict[str, Any] = dict.fromkeys(arrays, device)
    if isinstance(device, Mapping):
        given = dict(device)
    for name in given:
        if name not in arrays:
            raise ValueError(
                f"{algorithm.id} has no array {name!r}; it has: {', '.join(arrays) or 'none'}"
            )
    for name in arrays:
        if not isinstance(given.get(name), Device):
            raise ValueError(
                f"array {name!r} of {algorithm.id} has no device (got {_what(given.get(name))}); "
                f"pass one Device for all arrays, or a Device for each of: {', '.join(arrays)}"
            )
    return {name: given[name] for name in arrays}


def _what(given: Any) -> str:
    """How an error names what was given for a device."""
    if isinstance(given, Response):
        return f"the response {given.id}: call it with numbers"
    return repr(given)


def _laws(algorithm: Algorithm, noise: Law | Mapping[str, Law] | None) -> dict[str, Law]:
    """The laws by stream; raises ValueError for an unknown stream and for what is not a law."""
    given: dict[str, Any] = {} if noise is None else {"gradient": noise}
    if isinstance(noise, Mapping):
        given = dict(noise)
    streams = ("gradient", *algorithm.noises)
    for stream, law in given.items():
        if stream not in streams:
            raise ValueError(
                f"{algorithm.id} has no noise stream {stream!r}; it has: {', '.join(streams)}"
            )
        if not isinstance(law, Law):
            shown = f"the form {law.id} without numbers" if isinstance(law, LawForm) else repr(law)
            raise ValueError(
                f"noise of stream {stream!r} is {shown}; pass a law such as gaussian(0.5)"
            )
        if stream != "gradient" and law.form.state_dependent:
            raise ValueError(
                f"the law {law.form.id} depends on the query point, which only stream 'gradient' "
                f"has, not {stream!r}"
            )
    return given


def _start(
    algorithm: Algorithm,
    devices: Mapping[str, Device],
    given: Mapping[str, Any],
    shape: tuple[int, int],
) -> dict[str, NDArray[np.float64]]:
    """The start values (R, D), given or the algorithm's own.

    Raises ValueError for an unknown state and for a value outside its dynamic range.
    """
    states = algorithm.states
    if not isinstance(given, Mapping):
        raise ValueError(
            f"start = {given!r} does not give each state by name; write {{state: value}} for "
            f"{', '.join(states)}"
        )
    for name in given:
        if name not in states:
            raise ValueError(f"{algorithm.id} has no state {name!r}; it has: {', '.join(states)}")
    start = {name: _fits(f"start {name}", given.get(name, v), shape) for name, v in states.items()}
    for name, device in devices.items():
        low, high = device.dynamic_range
        gone = outside(start[name], start[name], low, high)
        if gone.any():
            raise ValueError(
                f"start {name} = {start[name][gone][0]:g} is outside the dynamic range "
                f"[{np.max(low):g}, {np.min(high):g}] of its device; start inside it"
            )
    return start
