"""Examines the installation: versions, processors, folders, broken files and a self-test."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aimctheory.command import discover
from aimctheory.figures import require_writable, versions


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination: the subject, the finding, and whether the finding is good."""

    what: str
    found: str
    ok: bool = True


def examine(project: discover.Project) -> list[Finding]:
    """Every finding.  A failure is a finding that is not `ok`, and never an exception."""
    return [*_machine(), *_folders(project), *_files(project), _attempt("self-test", _self_test)]


def _machine() -> Iterator[Finding]:
    from aimctheory.simulator.kernel_engine import threads

    yield Finding(
        "python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    )
    for name, number in versions().items():
        yield Finding(name, number)
    yield _attempt("threads", lambda: f"{threads()} (AIMCTHEORY_THREADS, or all processors)")


def _folders(project: discover.Project) -> Iterator[Finding]:
    from aimctheory.simulator.kernel_cache import cache_folder

    cache = cache_folder()
    kept = len(list(cache.glob("kernel_*.py"))) if cache.is_dir() else 0
    yield _attempt("kernel cache", lambda: f"{_writable(cache)}, {kept} modules, safe to delete")
    if project.checkout is None:
        yield Finding("checkout", "none: claims only; clone the project for studies and figures")
    else:
        yield Finding("checkout", str(project.checkout))
        figures = project.checkout / "figures"
        yield _attempt("figures", lambda: _writable(figures))


def _files(project: discover.Project) -> Iterator[Finding]:
    found = discover.everything(project)
    kinds = [item.kind for item in found.items.values()]
    counts = ", ".join(f"{kinds.count(kind)} of kind {kind}" for kind in dict.fromkeys(kinds))
    yield Finding("items", counts)
    for line in found.broken:
        yield Finding("broken file", line, ok=False)


def _writable(folder: Path) -> str:
    require_writable(folder)
    return f"{folder}, writable"


def _self_test() -> str:
    """Run both engines for a few steps.  Raises ValueError if their bits differ."""
    from aimctheory.algorithms.analog_sgd import analog_sgd
    from aimctheory.catalogue import linear
    from aimctheory.laws import gaussian
    from aimctheory.objectives.quadratic import quadratic
    from aimctheory.simulator.simulate import simulate

    first, second = (
        simulate(
            analog_sgd,
            linear(tau=1),
            quadratic(minimiser=0.5),
            hyper={"learning_rate": 0.05},
            noise=gaussian(0.5),
            steps=64,
            replicates=8,
            rng=0,
            engine=engine,
        ).states["W"]
        for engine in ("kernel", "reference")
    )
    if not (first == second).all():
        raise ValueError("kernel and reference differ; delete the kernel cache and report this")
    return "kernel and reference agree to the last bit"


def _attempt(what: str, test: Callable[[], str]) -> Finding:
    try:
        return Finding(what, test())
    except Exception as problem:
        plain = isinstance(problem, ValueError)
        return Finding(what, str(problem) if plain else discover.sentence(problem), ok=False)
