"""Measures how time and memory of a run grow with steps, replicates and dimension.

Each sweep changes one size and holds the others: its small sizes show the fixed cost of a call, its
large ones the cost of an update.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import aimctheory as at
from aimctheory.simulator.block_layout import LANES
from aimctheory.simulator.kernel_engine import processors
from benchmarks import baselines as plain
from benchmarks import processes
from benchmarks.machine import caches
from benchmarks.timing import alternate
from benchmarks.workloads import ours

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One size, `axis`, takes the values `sizes`; `call(size)()` makes `updates(size)` updates."""

    title: str
    axis: str
    sizes: tuple[int, ...]
    call: Callable[[int], Callable[[], Any]]
    updates: Callable[[int], int]


def _run(
    steps: int, replicates: int, coordinates: int = 1, threads: int = 1, curvature: Any = None
) -> Callable[[], Any]:
    """A function that runs Analog SGD on the linear response in these sizes."""
    bowl = at.quadratic(
        curvature=np.ones(coordinates) if curvature is None else curvature, minimiser=plain.GOAL
    )
    run = ours(
        at.analog_sgd,
        at.linear(tau=1),
        noise=at.gaussian(plain.NOISE),
        objective=bowl,
        hyper={"learning_rate": plain.RATE},
        threads=threads,
    )
    return lambda: run(steps, replicates)


STEADY = 2048
"""The replicates of the sweep over steps."""
GROWING = (1, 4, 16, 64, 128, 256, 512, 1024, 4096, 16384, 65536)


def sweeps() -> dict[str, Sweep]:
    """The sweeps by name."""
    found = {
        "steps": Sweep(
            title=f"{STEADY} replicates",
            axis="steps",
            sizes=(10, 30, 100, 300, 1000, 3000, 10_000, 30_000),
            call=lambda n: _run(n, STEADY),
            updates=lambda n: STEADY * n,
        ),
        "replicates": Sweep(
            title="1000 steps, 1 thread",
            axis="replicates",
            sizes=GROWING,
            call=lambda n: _run(1000, n),
            updates=lambda n: 1000 * n,
        ),
        "block": Sweep(
            title="30 000 steps, 1 thread",
            axis="replicates",
            sizes=(1, 16, 64, 256, LANES, LANES + 16, 2 * LANES),
            call=lambda n: _run(30_000, n),
            updates=lambda n: 30_000 * n,
        ),
        "dimension": Sweep(
            title="elementwise, 4 replicates, 300 steps",
            axis="dimension",
            sizes=(1, 4, 16, 64, 256, 1024, 4096, 16384),
            call=lambda n: _run(300, 4, n),
            updates=lambda n: 300 * 4 * n,
        ),
        "dense": Sweep(
            title="dense, 16 replicates, 50 steps",
            axis="dimension",
            sizes=(2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000),
            call=lambda n: _run(50, 16, n, curvature=plain.hessian(n)),
            updates=lambda n: 50 * 16 * n,
        ),
    }
    if processors() > 1:
        found["threads"] = Sweep(
            title=f"1000 steps, {processors()} threads",
            axis="replicates",
            sizes=GROWING,
            call=lambda n: _run(1000, n, threads=processors()),
            updates=lambda n: 1000 * n,
        )
    return found


def measure(repeats: int = 5, chosen: dict[str, Sweep] | None = None) -> dict[str, Any]:
    """Arrays by name: sizes, seconds (size, repeat) and updates of each sweep; memory and steps."""
    data: dict[str, Any] = {}
    for name, sweep in (chosen or sweeps()).items():
        calls = {str(n): sweep.call(n) for n in sweep.sizes}
        next(iter(calls.values()))()  # compilation is not timed
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


def least(data: dict[str, Any], name: str) -> dict[int, float]:
    """Seconds by size, each the smallest of its repeats, which other work disturbs least."""
    axis = next(key for key in data if key.startswith(f"{name}: "))
    return dict(zip(data[axis].tolist(), data[f"{name}: seconds"].min(axis=1), strict=True))


def knees(data: dict[str, Any]) -> dict[str, tuple[float, str]]:
    """The numbers, with units, that say where the curves bend."""
    steps, lanes, block, dense = (least(data, n) for n in ("steps", "replicates", "block", "dense"))
    fixed = steps[10]  # setting a call up takes far longer than ten steps
    price = (steps[30_000] - fixed) / (30_000 * STEADY)
    large, larger = lanes[4096] / 4096, lanes[65536] / 65536
    prices = {n: (dense[n] - dense[2]) / (50 * 16 * n * n) * 1e9 for n in (500, 1000, 2000)}
    own, resident = data["memory: own, MB"], data["memory: resident, MB"]
    found = {
        "fixed cost of a call": (fixed * 1e3, "ms"),
        "a further update in a long run": (price * 1e9, "ns"),
        "updates that cost as much as the call": (fixed / price, ""),
        "replicates of one block over 16": (block[LANES] / block[16], "times the time"),
        "16 more than one block over one": (block[LANES + 16] / block[LANES], "times the time"),
        "two blocks over one": (block[2 * LANES] / block[LANES], "times the time"),
        "an update among 65536 over one among 4096": (larger / large, "times the price"),
        **{f"dense, a multiply-add at D = {n}": (ns, "ns") for n, ns in prices.items()},
        "own memory, 1000 steps": (float(own[0]), "MB"),
        "own memory, 1000000 steps": (float(own[-1]), "MB"),
        "growth of the process between them": (float(resident[-1] - resident[0]), "MB"),
    }
    if "threads: seconds" in data:
        shared = least(data, "threads")
        found["all threads over one, 512 replicates"] = (lanes[512] / shared[512], "times faster")
        found["all threads over one, 65536"] = (lanes[65536] / shared[65536], "times faster")
    return found


WHY = (
    "Before its first step a call records the algorithm's step, looks its module up and allocates "
    "arrays; with fewer updates than named above, this takes most of the time.",
    "Lanes (replicate, coordinate) are computed in blocks of {lanes}; a block that is not full "
    "takes nearly as long as a full one.  Beyond one block, time grows with the lanes.",
    "The sizes of L2 and L3 do not matter to an elementwise run: a block stays in L1 for many "
    "steps.  A dense run reads its whole Hessian in each step, and the Hessian fills L2 at "
    "D = {side}: compare the multiply-adds on both sides of it.",
    "Threads share whole blocks, so that they gain nothing for one block, and little for a run "
    "that is mostly fixed cost.  They are the first to suffer from other work on the machine.",
    "Memory does not grow with steps if the number of records does not (here record_every=steps).",
)
"""The reasons for the bends of the curves."""


def side_of_l2() -> int:
    """The dimension D at which a Hessian of doubles fills the L2 cache (1 MiB if unknown)."""
    return int((caches().get(2, 2**20) / 8) ** 0.5)


def explanation(data: dict[str, Any]) -> str:
    """The numbers of `knees` and the reasons, as text."""
    numbers = [f"  {name}: {value:.3g} {unit}" for name, (value, unit) in knees(data).items()]
    why = " ".join(WHY).format(side=side_of_l2(), lanes=LANES)
    head = "scaling: Analog SGD, linear response, Gaussian noise"
    return "\n".join([head, *numbers, "", textwrap.fill(why, 100), ""])
