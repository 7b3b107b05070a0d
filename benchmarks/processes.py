"""What has to be measured in a process of its own: imports, first calls, and memory.

Each child runs one of the functions below, by the text of this very file, and prints JSON.
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
    """What the call of a function of this module returns in a fresh process."""
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
    """For eight kernels after the first of a process: a first call less a repeated one, seconds."""
    import aimctheory as at

    bowl, law = at.quadratic(minimiser=0.5), at.gaussian(0.5)
    rate = {"learning_rate": 0.01}
    residual = {**rate, "transfer_rate": 0.01, "mixing": 0.5}
    calls: list[tuple[Any, Any, Any, Any]] = [
        (at.analog_sgd, at.linear(tau=1), law, rate),  # the first one, which is not counted
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
    """Seconds of each kernel, compiled and from the cache."""

    cold: Measurement
    cached: Measurement


@functools.cache
def compiling() -> Compiling:
    """First calls with an empty cache, and in another process with the cache this one left."""
    with tempfile.TemporaryDirectory() as folder:
        cold, cached = (child("first_calls()", AIMCTHEORY_CACHE=folder) for _ in range(2))
    return Compiling(Measurement({OURS: np.array(cold)}), Measurement({OURS: np.array(cached)}))


# ---- imports ---------------------------------------------------------------------------------

IMPORT = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def import_seconds(module: str) -> float:
    """The seconds of one import in a fresh process, which had started before."""
    return float(_json([sys.executable, "-c", IMPORT.format(module)], {}))


def importing(rounds: int) -> Measurement:
    """Seconds of importing us and of importing NumPy, in turn."""
    names = {
        OURS: "aimctheory",
        "numpy": "numpy",
        "aimctheory, then simulate": "aimctheory.simulator.simulate",
    }
    for module in names.values():
        import_seconds(module)  # once for the disk
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name, module in names.items():
            found[name].append(import_seconds(module))
    return Measurement({name: np.array(values) for name, values in found.items()})


# ---- memory ----------------------------------------------------------------------------------


def memory(replicates: int, lengths: Sequence[int]) -> list[dict[str, float]]:
    """The largest resident size and the peak of a call's own arrays, MB, for each number of steps.

    The resident size never falls, so that one process tells: growth with steps would show once it
    exceeds what importing and compiling took; the arrays of a call are told apart from that.
    """
    import resource
    import tracemalloc

    import aimctheory as at

    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, kibibytes elsewhere

    def run(steps: int) -> None:
        at.simulate(
            at.analog_sgd, at.linear(tau=1), at.quadratic(minimiser=0.5),
            hyper={"learning_rate": 0.01}, noise=at.gaussian(0.5), steps=steps, rng=0,
            replicates=replicates, record_every=steps,
            averages={"w": lambda state, hyper, gradient, ops: state.W},
        )  # fmt: skip

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
