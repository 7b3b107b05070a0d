"""Claims and studies run side by side in worker processes, results handed over as they finish."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Job:
    """One claim or study to run: what kind, which, how large, and where its files go."""

    kind: str
    id: str
    scale: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Done:
    """A finished job: its plain result, or one sentence on why there is none."""

    job: Job
    result: dict[str, Any] | None
    problem: str = ""
    seconds: float = 0.0


def run(job: Job) -> Done:
    """Run one job in this process; what it raises becomes a sentence."""
    from aimctheory import discover, figures
    from aimctheory.report import row
    from aimctheory.scale import Scale
    from aimctheory.verdict import check

    started = time.perf_counter()
    result, problem = None, ""
    try:
        if job.kind == "claim":
            claim = discover.claims().items[job.id]
            result = row(claim, check(claim, Scale(job.scale)))
        else:
            study = discover.studies().items[job.id]
            result = figures.reproduce(study, Scale(job.scale), job.folder)
    except Exception as error:
        lines = str(error).splitlines() or ["no message"]
        plain = isinstance(error, ValueError)
        problem = lines[0] if plain else f"{type(error).__name__}: {lines[0]}"
    return Done(job, result, problem, time.perf_counter() - started)


def _quiet() -> None:
    """A worker leaves Ctrl-C to its parent, and leaves the other processors to the other workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["AIMCTHEORY_THREADS"] = "1"
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"


def run_all(jobs: Sequence[Job], workers: int) -> Iterator[Done]:
    """Each job's outcome as it finishes; stopping early stops the workers."""
    if workers == 1 or len(jobs) == 1:
        for job in jobs:
            yield run(job)
        return
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_quiet)
    try:
        futures = [pool.submit(run, job) for job in jobs]
        for future in as_completed(futures):
            yield future.result()
        pool.shutdown()
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
