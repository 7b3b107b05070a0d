"""Measures imports, first calls and memory, each of which needs a new process.

A child process imports this module, runs one of its functions and prints the result as JSON.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import OURS, Measurement

ROOT = Path(__file__).resolve().parents[1]


def child(call: str, **environment: str) -> Any:
    """The value that a call, written as text, of a function of this module has in a new process."""
    code = f"import json, sys; from benchmarks.processes import *; json.dump({call}, sys.stdout)"
    return _json([sys.executable, "-c", code], environment)


def _json(command: Sequence[str], environment: dict[str, str]) -> Any:
    ran = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True
    )
    if ran.returncode:
        reason = (ran.stderr.strip() or "no message").splitlines()[-1]
        raise ValueError(f"a benchmark's own process failed: {reason}")
    return json.loads(ran.stdout)


# ---- first calls -----------------------------------------------------------------------------


def first_calls() -> list[float]:
    """Seconds of a first call less those of a repeated call, for eight kernels.

    A ninth kernel runs before them and is not counted: the first kernel of a process also pays for
    imports.
    """
    import aimctheory as at

    bowl, law = at.quadratic(minimiser=0.5), at.gaussian(0.5)
    rate = {"learning_rate": 0.01}
    residual = {**rate, "transfer_rate": 0.01, "mixing": 0.5}
    calls: list[tuple[Any, Any, Any, Any]] = [
        (at.analog_sgd, at.linear(tau=1), law, rate),  # not counted
        (at.analog_sgd, at.linear(tau=1), at.uniform(0.5), rate),
        (at.analog_sgd, at.power(tau=1, gamma=2), law, rate),
        (at.analog_sgd, at.power(tau=1, gamma=1.5), law, rate),
        (at.analog_sgd, at.power(tau=1, gamma=2.37), law, rate),
        (at.analog_sgd, at.exponential(tau=1, gamma=2.0), law, rate),
        (at.analog_sgd, at.soft_bounds(tau_max=1, tau_min=-1), law, rate),
        (at.residual_learning, at.linear(tau=1), law, residual),
        (at.residual_learning_v2, at.linear(tau=1), {"gradient": law, "read": law}, residual),
    ]
    found = []
    for algorithm, device, noise, hyper in calls:
        took = []
        for _ in range(2):
            started = time.perf_counter()
            at.simulate(algorithm, device, bowl, hyper=hyper, noise=noise, steps=8, replicates=3)
            took.append(time.perf_counter() - started)
        found.append(took[0] - took[1])
    return found[1:]


@dataclass(frozen=True, slots=True)
class Compiling:
    """Seconds of each kernel's first call: compiled, and loaded from the cache."""

    cold: Measurement
    cached: Measurement


@functools.cache
def compiling() -> Compiling:
    """First calls in a process with an empty cache, then in another with the cache so filled."""
    with tempfile.TemporaryDirectory() as folder:
        cold, cached = (child("first_calls()", AIMCTHEORY_CACHE=folder) for _ in range(2))
    return Compiling(Measurement({OURS: np.array(cold)}), Measurement({OURS: np.array(cached)}))


# ---- imports ---------------------------------------------------------------------------------

IMPORT = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def import_seconds(module: str) -> float:
    """The seconds of one import in a new process; its own start is not counted."""
    return float(_json([sys.executable, "-c", IMPORT.format(module)], {}))


def importing(rounds: int) -> Measurement:
    """Seconds of importing aimctheory, NumPy, and aimctheory with its simulator, in turn."""
    names = {
        OURS: "aimctheory",
        "numpy": "numpy",
        "aimctheory, then simulate": "aimctheory.simulator.simulate",
    }
    for module in names.values():
        import_seconds(module)  # not counted: the disk cache is filled
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name, module in names.items():
            found[name].append(import_seconds(module))
    return Measurement({name: np.array(values) for name, values in found.items()})


# ---- memory ----------------------------------------------------------------------------------


def memory(replicates: int, lengths: Sequence[int]) -> list[dict[str, float]]:
    """For each number of steps, the process's largest resident size and the call's own peak, in MB.

    The own peak counts the arrays of the call alone.  The largest resident size of a process never
    falls, and importing and compiling have raised it before, so that it grows with the steps only
    where the arrays exceed what those needed.
    """
    import resource
    import tracemalloc

    import aimctheory as at

    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, kibibytes elsewhere

    def run(steps: int) -> None:
        at.simulate(
            at.analog_sgd,
            at.linear(tau=1),
            at.quadratic(minimiser=0.5),
            hyper={"learning_rate": 0.01},
            noise=at.gaussian(0.5),
            steps=steps,
            rng=0,
            replicates=replicates,
            record_every=steps,
            averages={"w": lambda state, hyper, gradient, ops: state.W},
        )

    run(lengths[0])
    found = []
    for steps in lengths:
        tracemalloc.start()
        run(steps)
        own = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
        found.append({"steps": steps, "resident": resident, "own": own})
    return found
