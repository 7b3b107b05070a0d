"""The only loop: an algorithm on devices, minimising an objective under noise.

`simulate` checks its inputs (`problem.pose`), lets an engine advance the states from one mark to
the next (a record, the end of a batch), and collects a `Run`.  The engines differ in speed only.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimctheory.algorithms.record import Algorithm
from aimctheory.device import Device
from aimctheory.lanes import SEGMENT
from aimctheory.laws import Law
from aimctheory.noise import key_from
from aimctheory.objectives.record import Objective
from aimctheory.plan import plan
from aimctheory.problem import Average, Problem, pose
from aimctheory.reference import Reference
from aimctheory.run import BatchMeans, Outcomes, Run
from aimctheory.trace import Names, numpy_ops

Array = NDArray[np.float64]
Steps = NDArray[np.int64]

BATCHES = 64
"""Batches that averages are kept in: enough to drop a transient and to estimate an interval."""
RECORDS = 100
"""Records kept when `record_every` is not given."""


def simulate(
    algorithm: Algorithm,
    device: Device | Mapping[str, Device] | None,
    objective: Objective,
    *,
    hyper: Mapping[str, Any],
    steps: int,
    noise: Law | Mapping[str, Law] | None = None,
    start: Mapping[str, Any] | None = None,
    rng: Any = None,
    replicates: int = 1,
    record_every: int | None = None,
    averages: Mapping[str, Average] | None = None,
    engine: str = "kernel",
) -> Run:
    """Trajectories of `replicates` independent runs, with outcomes and averages.

    `device` is one Device for every array or ``{"P": …, "W": …}``; `noise` a law for the gradient
    or ``{stream: law}``; every number broadcasts to (replicates, coordinates).  `averages` maps a
    name to ``f(state, hyper, gradient, ops)``, whose batch means over all steps are kept.  A random
    number depends on (rng, stream, replicate, coordinate, step) only: more replicates, other chunks
    or threads, or another `record_every` leave every trajectory as it was.

    Raises ValueError for a missing, unknown or forbidden name, number or shape.

    >>> from aimctheory import analog_sgd, gaussian, linear, quadratic
    >>> run = simulate(analog_sgd, linear(tau=1), quadratic(minimiser=0.5), noise=gaussian(0.5),
    ...                hyper={"learning_rate": 0.05}, steps=400, replicates=50, rng=1)
    >>> print(run)
    analog-sgd on linear(tau=1, c=0), 400 steps: 50 replicates finished inside the dynamic range.
    """
    for name, value in (("steps", steps), ("record_every", record_every)):
        if name == "record_every" and value is None:
            continue
        if not isinstance(value, int | np.integer) or not 1 <= value < 2**34:
            raise ValueError(f"{name} = {value!r} is not an integer in [1, 2^34)")
    problem = pose(
        algorithm, device or {}, objective, hyper=hyper, noise=noise, start=start,
        replicates=replicates, averages=averages,
    )  # fmt: skip
    key = key_from(rng)
    every = int(record_every or max(1, steps // RECORDS))
    marks = np.unique([*range(0, steps, every), steps])
    batches = min(BATCHES, steps) if averages else 0
    edges = steps * np.arange(batches + 1) // batches if batches else np.zeros(1, dtype=np.int64)
    machine = _engine(engine)(plan(problem), key, marks.size, batches)
    _march(machine, *_schedule(int(steps), marks, edges))
    records = machine.records
    outcomes = Outcomes(_first(machine.left), _first(machine.broke))
    _stop_broken(records, marks, outcomes.broke)
    return Run(
        steps=marks,
        states=records,
        readout=_readout(problem, records),
        averages=_batch_means(problem, machine.sums, edges),
        outcomes=outcomes,
        provenance={
            "algorithm": algorithm.id,
            "device": _device_text(problem),
            "objective": objective.id,
            "noise": {stream: repr(law) for stream, law in problem.laws.items()},
            "hyper": {n: v if np.ndim(v) == 0 else np.shape(v) for n, v in problem.hyper.items()},
            "steps": int(steps),
            "replicates": problem.replicates,
            "engine": engine,
            "key": int(key),
            "versions": {"python": platform.python_version(), "numpy": np.__version__},
        },
    )


def _engine(name: str) -> Any:
    if name == "reference":
        return Reference
    if name == "kernel":
        from aimctheory.engine import Kernel

        return Kernel
    raise ValueError(f"engine = {name!r} is unknown; choose 'kernel' or 'reference'")


def _schedule(steps: int, marks: Steps, edges: Steps) -> tuple[Steps, Steps, Steps]:
    """Where the run pauses: every record, every end of a batch, and often enough to look.

    Returns the steps in order, and for each the record and the batch that end there (−1: none).
    """
    segment = max(SEGMENT, steps // 2**16)
    ends = np.unique(np.concatenate([marks[1:], edges[1:], np.arange(segment, steps, segment)]))
    slots = np.full(ends.size, -1, dtype=np.int64)
    closes = np.full(ends.size, -1, dtype=np.int64)
    slots[np.searchsorted(ends, marks[1:])] = np.arange(1, marks.size)
    closes[np.searchsorted(ends, edges[1:])] = np.arange(edges.size - 1)
    return ends, slots, closes


def _march(machine: Any, ends: Steps, slots: Steps, closes: Steps) -> None:
    """Advance in calls of about a quarter of a second, so that Ctrl-C is heard between them."""
    begin, i, window = 0, 0, 1
    while i < ends.size:
        started = time.perf_counter()
        now = slice(i, i + window)
        machine.advance(begin, ends[now], slots[now], closes[now])
        begin, i = int(ends[now][-1]), i + window
        took = time.perf_counter() - started
        window = max(1, min(2 * window, int(window * 0.25 / max(took, 1e-9))))


def _first(lanes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The earliest flagged step of each replicate, −1 for none."""
    never = np.iinfo(np.int64).max
    earliest = np.where(lanes < 0, never, lanes).min(axis=1)
    return np.where(earliest == never, -1, earliest)


def _stop_broken(
    records: dict[str, Array], marks: NDArray[np.int64], broke: NDArray[np.int64]
) -> None:
    after = (broke[:, None] >= 0) & (marks[None, :] >= broke[:, None])
    for values in records.values():
        values[after] = np.nan


def _readout(problem: Problem, records: dict[str, Array]) -> Array:
    hyper = {n: v if np.ndim(v) == 0 else _per_record(v, problem) for n, v in problem.hyper.items()}
    state, numbers = Names("state", records), Names("hyper-parameter", hyper)
    with np.errstate(all="ignore"):
        return np.asarray(problem.algorithm.readout(state, numbers, numpy_ops()))


def _per_record(value: Any, problem: Problem) -> Array:
    shape = (problem.replicates, problem.coordinates)
    return np.broadcast_to(np.asarray(value, dtype=float), shape)[:, None, :]


def _batch_means(problem: Problem, sums: Array, edges: NDArray[np.int64]) -> dict[str, BatchMeans]:
    lengths = np.diff(edges)[:, None, None, None]
    each = (sums / lengths).transpose(1, 2, 0, 3)  # (moments, R, batches, D)
    mean = dict(zip(problem.averages, each, strict=False))
    spread: dict[str, dict[str, Array]] = {name: {} for name in mean}
    for (a, b), product in zip(problem.pairs, each[len(mean) :], strict=True):
        with np.errstate(all="ignore"):  # of replicates that are no longer finite
            found = product - mean[a] * mean[b]
        spread[a][b] = spread[b][a] = np.maximum(found, 0.0) if a == b else found
    return {n: BatchMeans(edges, mean[n], spread[n].pop(n), spread[n]) for n in mean}


def _device_text(problem: Problem) -> str:
    devices = {repr(d) for d in problem.devices.values()}
    if len(devices) == 1:
        return devices.pop()
    return ", ".join(f"{a}: {d!r}" for a, d in problem.devices.items()) or "no device"
