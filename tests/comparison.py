"""Runs of the same problem by several engines, and what differs between them, bit for bit."""

from __future__ import annotations

import importlib
import pkgutil
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from aimctheory import algorithms, catalogue
from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.algorithms.record import Algorithm
from aimctheory.device import Device
from aimctheory.laws import Law, gaussian, rademacher, two_point, two_point_frozen, uniform
from aimctheory.objectives.quadratic import quadratic
from aimctheory.response import Response
from aimctheory.simulator import kernel_cache, kernel_text
from aimctheory.simulator.run import Run
from aimctheory.simulator.simulate import simulate


def same_bits(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Whether two arrays hold the same numbers to the last bit; a NaN equals any NaN."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind != "f":
        return bool((a == b).all())
    equal = np.ascontiguousarray(a).view(np.int64) == np.ascontiguousarray(b).view(np.int64)
    return bool((equal | (np.isnan(a) & np.isnan(b))).all())


def numbers_of(run: Run) -> dict[str, NDArray[Any]]:
    """Every array of a run by a name that says which."""
    found: dict[str, NDArray[Any]] = {"steps": run.steps, "readout": run.readout}
    found |= {f"state {name}": values for name, values in run.states.items()}
    for name, batches in run.averages.items():
        found[f"mean {name}"], found[f"variance {name}"] = batches.mean, batches.variance
        found |= {f"covariance {name} {other}": v for other, v in batches.covariance.items()}
    return found | {"left": run.outcomes.left, "broke": run.outcomes.broke}


def differing(a: Run, b: Run) -> list[str]:
    """What differs between two runs, in at least one bit."""
    ours, theirs = numbers_of(a), numbers_of(b)
    assert ours.keys() == theirs.keys()
    return [name for name in ours if not same_bits(ours[name], theirs[name])]


def largest_gap(a: Run, b: Run) -> float:
    """The largest difference between two runs' states."""
    return max(float(np.nanmax(np.abs(a.states[s] - b.states[s]))) for s in a.states)


def walked(package: types.ModuleType, kind: type) -> dict[str, Any]:
    """Everything of a kind in the modules of a package, by its id."""
    modules = [package]
    for below in pkgutil.iter_modules(getattr(package, "__path__", [])):
        modules.append(importlib.import_module(f"{package.__name__}.{below.name}"))
    found = [x for module in modules for x in vars(module).values() if isinstance(x, kind)]
    return {each.id: each for each in found}


RESPONSES: dict[str, Response] = walked(catalogue, Response)
ALGORITHMS: dict[str, Algorithm] = walked(algorithms, Algorithm)


def typical(parameters: Any) -> dict[str, float]:
    """A number inside the typical range of each parameter, at no special place of it."""
    return {p.name: p.typical[0] + 0.37 * (p.typical[1] - p.typical[0]) for p in parameters}


CELLS: dict[str, Device] = {id: r(**typical(r.parameters)) for id, r in RESPONSES.items()}
CELLS |= {
    "power-2": catalogue.power(tau=1.25, gamma=2),
    "power-5/2": catalogue.power(tau=0.8, gamma=2.5),
    "concave exponential": catalogue.exponential(tau=1.0, gamma=-1.5),
}
LAWS: dict[str, Law] = {
    "gaussian": gaussian(0.6),
    "uniform": uniform(0.6),
    "rademacher": rademacher(0.6),
    "two-point": two_point(0.6, tau=2.0),
    "two-point-frozen": two_point_frozen(0.6, p=0.3),
}


def hyper_of(algorithm: Algorithm, **changes: Any) -> dict[str, Any]:
    """Typical hyper-parameters of an algorithm."""
    return typical(algorithm.hyper) | changes


AVERAGES = {
    "W": lambda state, hyper, gradient, ops: state.W,
    "size": lambda state, hyper, gradient, ops: ops.abs(gradient) * ops.where(ops.k < 5, 2.0, 1.0),
}


def plain_module(text: str) -> types.ModuleType:
    """A generated module read as ordinary Python: no compiler between the text and its meaning."""
    module = types.ModuleType("plain_kernel")
    exec(compile(text, "<generated>", "exec"), module.__dict__)
    return module


@contextmanager
def uncompiled(read: Callable[[str], types.ModuleType] = plain_module) -> Iterator[None]:
    """Kernels, and the run over their blocks, are the plain Python they are printed as."""
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        patch.setattr(kernel_cache, "entry", lambda text, name: getattr(read(text), name))
        patch.setattr(kernel_cache, "driver", kernel_text.DRIVERS.get)
        yield


def both(algorithm: Algorithm, device: Any, objective: Any, **options: Any) -> tuple[Run, Run]:
    """The same run by the reference and by the kernel engine."""
    reference = simulate(algorithm, device, objective, engine="reference", **options)
    return reference, simulate(algorithm, device, objective, engine="kernel", **options)


BOWL = quadratic([1.0, 2.0, 0.5], [0.1, 0.2, -0.3])
RATE = {"learning_rate": 0.05}
ENGINES = ["reference", "printed"]


def run(
    algorithm: Algorithm = analog_sgd,
    device: Any = None,
    objective: Any = BOWL,
    *,
    engine: str = "reference",
    **changes: Any,
) -> Run:
    """A short run; engine "printed" reads the kernel's text as Python, without compiling it."""
    given = {"hyper": RATE, "noise": gaussian(0.5), "steps": 30, "replicates": 4, "rng": 1}
    device = device or catalogue.linear(tau=1, c=0.2)
    if engine == "printed":
        with uncompiled():
            return simulate(algorithm, device, objective, engine="kernel", **(given | changes))
    return simulate(algorithm, device, objective, engine=engine, **(given | changes))
