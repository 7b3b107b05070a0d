"""`simulate` runs an algorithm on devices: it minimises an objective under noise.

The inputs are checked (`problem.pose`); an engine takes the states through the steps window by
window (`windows.march`); a `Run` is collected, after Ctrl-C one of the steps taken until then.  The
engines differ in speed only.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimctheory.algorithms.record import Algorithm
from aimctheory.device import Device
from aimctheory.laws import Law
from aimctheory.objectives.record import Objective
from aimctheory.simulator.draw_counter import key_from
from aimctheory.simulator.engine import Engine
from aimctheory.simulator.plan import Plan, plan
from aimctheory.simulator.problem import Average, Problem, pose
from aimctheory.simulator.progress import Watch, watching
from aimctheory.simulator.reference_engine import Reference
from aimctheory.simulator.run import BatchMeans, Interrupted, Outcomes, Run
from aimctheory.simulator.windows import Schedule, march
from aimctheory.tree.recorder import Names, numpy_ops

Array = NDArray[np.float64]

BATCHES = 64
"""Batches of steps with averages of their own: enough to drop a transient and to see scatter."""
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
    progress: bool | Watch | None = None,
) -> Run:
    """Trajectories of `replicates` independent runs, with outcomes and averages.

    Every number, of devices, laws, objective, `hyper` or `start`, broadcasts to (replicates,
    coordinates).  A random number depends on (rng, stream, replicate, coordinate, step) only: more
    replicates, other windows or threads, or another `record_every` change no trajectory.

    Parameters
    ----------
    algorithm, objective
        What is run, and what it minimises.
    device
        One Device for every array, or ``{"P": …, "W": …}``.
    hyper
        The values of the hyper-parameters by name.
    steps
        How many iterations, below 2³⁴.
    noise
        The law of stream "gradient", or ``{stream: law}``; a stream without a law is zero.
    start
        First values of states by name; the algorithm's own where none is given.
    rng
        None, an integer, a SeedSequence or a Generator; the key it gives is in ``run.provenance``.
    record_every
        Steps between two records of the states; without it, there are about 100 records.
    averages
        ``{name: f(state, hyper, gradient, ops)}``: traced functions, whose means, variances and
        covariances over batches of all steps are kept.
    engine
        "kernel", or "reference", which is slower and gives the same numbers (the same bits if the
        objective is elementwise).
    progress
        A call of more than two seconds shows how far it is where stderr is a terminal.  False:
        never.  True: always, and at once.  A function is called with (step, steps) several times a
        second, the last time with (steps, steps).

    Raises
    ------
    ValueError
        For a missing, unknown or forbidden name, number or shape.
    Interrupted
        On Ctrl-C: a KeyboardInterrupt, whose `run` is the Run of the steps taken until then.

    >>> from aimctheory import analog_sgd, gaussian, linear, quadratic
    >>> run = simulate(analog_sgd, linear(tau=1), quadratic(minimiser=0.5), noise=gaussian(0.5),
    ...                hyper={"learning_rate": 0.05}, steps=400, replicates=50, rng=1)
    >>> print(run)
    analog-sgd on linear(tau=1, c=0), 400 steps: 50 replicates finished inside the dynamic range.
    """
    for name, value in (("steps", steps), ("record_every", record_every)):
        if name == "record_every" and value is None:
            continue
        if not isinstance(value, int | np.integer) or value is True or not 1 <= value < 2**34:
            raise ValueError(f"{name} = {value!r} is not an integer in [1, 2^34)")
    problem = pose(
        algorithm,
        device or {},
        objective,
        hyper=hyper,
        noise=noise,
        start=start,
        replicates=replicates,
        averages=averages,
    )
    key, steps = key_from(rng), int(steps)
    marks = np.append(np.arange(0, steps, int(record_every or max(1, steps // RECORDS))), steps)
    batches = min(BATCHES, steps) if averages else 0
    edges = steps * np.arange(batches + 1) // batches if batches else np.zeros(1, dtype=np.int64)
    schedule = Schedule(steps, marks, edges)
    provenance = {
        "algorithm": algorithm.id,
        "device": _device_text(problem),
        "objective": objective.id,
        "noise": {stream: repr(law) for stream, law in problem.laws.items()},
        "hyper": {n: v if np.ndim(v) == 0 else np.shape(v) for n, v in problem.hyper.items()},
        "steps": steps,
        "replicates": problem.replicates,
        "engine": engine,
        "key": int(key),
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
    }
    lanes = problem.replicates * problem.coordinates
    with watching(progress, lanes) as watch:
        running = _maker(engine)(plan(problem), key, marks.size, batches)
        reached = 0
        try:
            for reached in march(running, schedule, lanes):
                watch(reached, steps)
            return _collect(problem, running, schedule, reached, provenance)
        except KeyboardInterrupt:
            collect = partial(_collect, problem, running, schedule, reached, provenance)
            raise Interrupted(reached, steps, collect) from None


def _collect(
    problem: Problem, engine: Engine, schedule: Schedule, reached: int, provenance: dict[str, Any]
) -> Run:
    """The Run up to the step reached: a window that was cut short may have gone further."""
    kept, closed = schedule.recorded(reached), schedule.closed(reached)
    marks, edges = schedule.marks[:kept], schedule.edges[: closed + 1]
    outcomes = Outcomes(_first(engine.left, reached), _first(engine.broke, reached))
    records = {name: values[:, :kept] for name, values in engine.records.items()}
    _stop_broken(records, marks, outcomes.broke)
    return Run(
        steps=marks,
        states=records,
        readout=_readout(problem, records),
        averages=_batch_means(problem, engine.sums, edges),
        outcomes=outcomes,
        settings=problem.settings,
        provenance=provenance | {"reached": reached},
    )


def _maker(name: str) -> Callable[[Plan, np.uint64, int, int], Engine]:
    """The class of an engine, whose module is imported if asked for; raises ValueError."""
    if name == "reference":
        return Reference
    if name == "kernel":
        from aimctheory.simulator.kernel_engine import Kernel

        return Kernel
    raise ValueError(f"engine = {name!r} is unknown; choose 'kernel' or 'reference'")


def _first(lanes: NDArray[np.int64], reached: int) -> NDArray[np.int64]:
    """The earliest step noted in any coordinate of each replicate; −1: none up to `reached`."""
    never = np.iinfo(np.int64).max
    earliest = np.where(lanes < 0, never, lanes).min(axis=1)
    return np.where(earliest > reached, -1, earliest)


def _stop_broken(
    records: dict[str, Array], marks: NDArray[np.int64], broke: NDArray[np.int64]
) -> None:
    """Put NaN into the records of a replicate from the step on at which it broke."""
    if (broke < 0).all():
        return
    after = (broke[:, None] >= 0) & (marks[None, :] >= broke[:, None])
    for values in records.values():
        values[after] = np.nan


def _readout(problem: Problem, records: dict[str, Array]) -> Array:
    """The algorithm's weight at the recorded steps, (R, records, D)."""
    hyper = {n: v if np.ndim(v) == 0 else _per_record(v, problem) for n, v in problem.hyper.items()}
    state, numbers = Names("state", records), Names("hyper-parameter", hyper)
    with np.errstate(all="ignore"):
        return np.asarray(problem.algorithm.readout(state, numbers, numpy_ops()))


def _per_record(value: Any, problem: Problem) -> Array:
    """A number as (R, 1, D), which broadcasts over records."""
    shape = (problem.replicates, problem.coordinates)
    return np.broadcast_to(np.asarray(value, dtype=float), shape)[:, None, :]


def _batch_means(
    problem: Problem, sums: Mapping[tuple[str, ...], Array], edges: NDArray[np.int64]
) -> dict[str, BatchMeans]:
    """The means, variances and covariances of the averages in each closed batch."""
    lengths = np.diff(edges)[:, None, None]
    mean = {  # of each moment, (R, batches, D)
        moment: (total[: len(lengths)] / lengths).transpose(1, 0, 2)
        for moment, total in sums.items()
    }
    covariance: dict[str, dict[str, Array]] = {name: {} for name in problem.averages}
    for a, b in (moment for moment in mean if len(moment) == 2):
        with np.errstate(all="ignore"):  # of replicates that are no longer finite
            found = mean[a, b] - mean[a,] * mean[b,]
        # Rounding may take the variance of a constant below 0.
        covariance[a][b] = covariance[b][a] = np.maximum(found, 0.0) if a == b else found
    return {
        name: BatchMeans(edges, mean[name,], covariance[name].pop(name), covariance[name])
        for name in problem.averages
    }


def _device_text(problem: Problem) -> str:
    """The device of all arrays, or the device of each."""
    devices = {repr(d) for d in problem.devices.values()}
    if len(devices) == 1:
        return devices.pop()
    return ", ".join(f"{a}: {d!r}" for a, d in problem.devices.items()) or "no device"
