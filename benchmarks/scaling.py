"""What a run costs as it grows: in steps, in replicates, in dimension; and what memory it takes.

Each sweep changes one size and holds the others, so that small sizes show the fixed cost of a call
and large ones the price of an update.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import aimctheory as at
from aimctheory.jobs import processors
from benchmarks import baselines as plain
from benchmarks import processes
from benchmarks.timing import alternate
from benchmarks.workloads import ours

Array = NDArray[np.float64]

BLOCK = 256
"""Lanes (replicate, coordinate) that are computed together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One size varied: `updates(size)` weight updates are made by `call(size)()`."""

    title: str
    axis: str
    sizes: tuple[int, ...]
    call: Callable[[int], Callable[[], Any]]
    updates: Callable[[int], int]


def _run(
    steps: int, replicates: int, coordinates: int = 1, threads: int = 1, curvature: Any = None
) -> Callable[[], Any]:
    """Analog SGD on a linear device with these sizes."""
    bowl = at.quadratic(
        curvature=np.ones(coordinates) if curvature is None else curvature, minimiser=plain.GOAL
    )
    run = ours(
        at.analog_sgd, at.linear(tau=1), noise=at.gaussian(plain.NOISE), objective=bowl,
        hyper={"learning_rate": plain.RATE}, threads=threads,
    )  # fmt: skip
    return lambda: run(steps, replicates)


GROWING = (1, 4, 16, 64, 128, 256, 512, 1024, 4096, 16384, 65536)


def sweeps() -> dict[str, Sweep]:
    """The sweeps by name."""
    found = {
        "steps": Sweep(
            title="2048 replicates", axis="steps",
            sizes=(10, 30, 100, 300, 1000, 3000, 10_000, 30_000),
            call=lambda n: _run(n, 2048), updates=lambda n: 2048 * n,
        ),
        "replicates": Sweep(
            title="300 steps, 1 thread", axis="replicates", sizes=GROWING,
            call=lambda n: _run(300, n), updates=lambda n: 300 * n,
        ),
        "dimension": Sweep(
            title="elementwise, 4 replicates, 300 steps", axis="dimension",
            sizes=(1, 4, 16, 64, 256, 1024, 4096, 16384),
            call=lambda n: _run(300, 4, n), updates=lambda n: 300 * 4 * n,
        ),
        "dense": Sweep(
            title="dense, 16 replicates, 20 steps", axis="dimension",
            sizes=(2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000),
            call=lambda n: _run(20, 16, n, curvature=plain.hessian(n)),
            updates=lambda n: 20 * 16 * n,
        ),
    }  # fmt: skip
    if processors() > 1:
        found["threads"] = Sweep(
            title=f"300 steps, {processors()} threads", axis="replicates", sizes=GROWING,
            call=lambda n: _run(300, n, threads=processors()), updates=lambda n: 300 * n,
        )  # fmt: skip
    return found


def measure(repeats: int = 3, chosen: dict[str, Sweep] | None = None) -> dict[str, Any]:
    """Arrays by name: sizes, seconds (size, repeat) and updates of each sweep; memory by steps."""
    data: dict[str, Any] = {}
    for name, sweep in (chosen or sweeps()).items():
        calls = {str(n): sweep.call(n) for n in sweep.sizes}
        next(iter(calls.values()))()  # compiled before the clock starts
        raw = alternate(calls, repeats)
        data[f"{name}: {sweep.axis}"] = np.array(sweep.sizes)
        data[f"{name}: seconds"] = np.array([raw.seconds[str(n)] for n in sweep.sizes])
        data[f"{name}: updates"] = np.array([sweep.updates(n) for n in sweep.sizes])
        data[f"{name}: title"] = np.array(sweep.title)
    used = processes.child(
        "memory(256, [1000, 10_000, 100_000, 1_000_000])", AIMCTHEORY_THREADS="1"
    )
    data["memory: steps"] = np.array([each["steps"] for each in used])
    data["memory: resident, MB"] = np.array([each["resident"] for each in used])
    data["memory: own, MB"] = np.array([each["own"] for each in used])
    return data


# ---- what the curves say ---------------------------------------------------------------------


def per_update(data: dict[str, Any], name: str) -> Array:
    """Median nanoseconds per weight update, fixed cost included."""
    return np.asarray(np.median(data[f"{name}: seconds"], axis=1) / data[f"{name}: updates"] * 1e9)


def at_size(data: dict[str, Any], name: str, axis: str, size: int) -> float:
    """Median seconds at one size of a sweep."""
    place = list(data[f"{name}: {axis}"]).index(size)
    return float(np.median(data[f"{name}: seconds"][place]))


def knees(data: dict[str, Any]) -> dict[str, tuple[float, str]]:
    """The few numbers that say where the curves bend, and why."""
    lanes, dense = per_update(data, "replicates"), per_update(data, "dense")
    sizes, dimension = data["replicates: replicates"], data["dense: dimension"]
    # The smallest run is 10 steps of 8 blocks, next to nothing beside setting a call up.
    fixed = at_size(data, "steps", "steps", 10)
    price = per_update(data, "steps")[-1]
    blocks = [at_size(data, "replicates", "replicates", n) - fixed for n in (16, BLOCK, 4 * BLOCK)]
    found = {
        "fixed cost of a call": (fixed * 1e3, "ms"),
        "price of an update in a long run": (price, "ns"),
        "updates that cost as much as the call itself": (fixed / price * 1e9, ""),
        "300 steps of 256 replicates over 300 steps of 16": (blocks[1] / blocks[0], "times"),
        "300 steps of 1024 replicates over 300 steps of 256": (blocks[2] / blocks[1], "times"),
        "an update among 65536 replicates over one among 4096": (
            lanes[-1] / lanes[list(sizes).index(4096)], "times",
        ),
        "dense: a multiply-add at D = 200": (dense[list(dimension).index(200)] / 200, "ns"),
        "dense: a multiply-add at D = 2000": (dense[-1] / dimension[-1], "ns"),
        "memory of a run's own at 1000 steps": (float(data["memory: own, MB"][0]), "MB"),
        "memory of a run's own at 1000000 steps": (float(data["memory: own, MB"][-1]), "MB"),
        "growth of the process from 1000 to 1000000 steps": (
            float(np.ptp(data["memory: resident, MB"])), "MB",
        ),
    }  # fmt: skip
    if "threads: seconds" in data:
        found["all threads over one, at 65536 replicates"] = (
            lanes[-1] / per_update(data, "threads")[-1], "times faster",
        )  # fmt: skip
    return found


WHY = (
    "A call costs something before its first step: the step is recorded, its module is looked up, "
    "arrays are laid out.  Below the number of updates named above, that is most of the time.",
    "Lanes (replicate, coordinate) are computed in blocks of 256.  A block that is not full does "
    "the loop's own work for fewer lanes, so the price per update falls until a block is full, "
    "and is flat from there on: time grows with the number of blocks.",
    "An elementwise run stays flat when its arrays outgrow L2 and L3, because each block is run "
    "through many steps while it is in L1.  A dense one goes through all lanes and the whole "
    "Hessian in each step: D² numbers leave a cache of 2 MB at D = 512, and there the price of a "
    "multiply-add stops falling.",
    "Threads share out whole blocks: one block gains nothing, and neither does a run that is "
    "mostly fixed cost.  Up to 256 steps are run before they meet again.",
    "With record_every=steps memory does not grow with steps: only the list of pauses does, and "
    "it ends at 65 536 entries.",
)
"""Why the curves bend where they do."""


def explanation(data: dict[str, Any]) -> str:
    """The knees in numbers, and why they are there."""
    numbers = [
        f"  {name}: {value:.3g} {unit}".rstrip() for name, (value, unit) in knees(data).items()
    ]
    return "\n".join(
        ["scaling: Analog SGD, linear response, Gaussian noise", *numbers, "", *WHY, ""]
    )
