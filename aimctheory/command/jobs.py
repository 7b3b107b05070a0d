"""Runs claims and studies in worker processes, and yields each outcome as soon as it is there.

A worker is a new process that runs one job after another.  It has one thread for linear algebra, so
that the numbers do not depend on the number of workers.  An exception in a job becomes a sentence;
if a worker dies, only the job that it was running is lost.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from aimctheory.command import discover
from aimctheory.simulator.kernel_engine import processors


@dataclass(frozen=True, slots=True)
class Job:
    """One claim or study to run: kind, id, size, folder for its files, and project."""

    kind: str
    id: str
    scale: str
    folder: Path
    project: discover.Project


@dataclass(frozen=True, slots=True)
class Done:
    """A finished job: its result as plain data or, in place of one, a sentence and a traceback."""

    job: Job
    result: dict[str, Any] | None
    problem: str = ""
    seconds: float = 0.0
    trace: str = ""


def run(job: Job) -> Done:
    """Run one job in this process; an exception becomes the sentence `problem`."""
    from aimctheory.scale import Scale

    started = time.perf_counter()
    result, problem, trace = None, "", ""
    try:
        found = discover.claims if job.kind == "claim" else discover.studies
        (item,) = found(job.project).pick([job.id])
        try:
            result = _result(item, Scale(job.scale), job.folder)
        except Exception as error:
            problem, trace = discover.sentence(error, item.path), traceback.format_exc()
    except ValueError as error:
        problem = str(error)
    return Done(job, result, problem, time.perf_counter() - started, trace)


def _result(item: discover.Item, scale: Any, folder: Path) -> dict[str, Any]:
    if item.kind == "claim":
        from aimctheory.command.report import result
        from aimctheory.judge.verdict import check

        return result(item.value, check(item.value, scale), scale)
    from aimctheory.figures import reproduce

    return reproduce(item.value, scale, folder)


def run_all(
    jobs: Sequence[Job], workers: int, watch: Callable[[list[str]], None] = lambda ids: None
) -> Iterator[Done]:
    """Yield each job's outcome when it finishes; `watch` is called with the ids that are running.

    Ctrl-C raises KeyboardInterrupt between two outcomes and never inside the caller's loop body, so
    that the caller can store each outcome whole.  Then, or when the caller leaves the loop early,
    the workers are stopped.
    """
    waiting = deque(jobs)
    busy: dict[Connection, tuple[BaseProcess, Job]] = {}
    workers = min(workers, len(jobs))
    try:
        with _ctrl_c_noted() as interrupts:
            for _ in range(workers):
                _assign(*_hire(processors() // workers or 1), waiting.popleft(), busy)
            while busy:
                watch([job.id for _, job in busy.values()])
                ready: list[Any] = []
                while not ready:
                    ready = wait(list(busy), timeout=0.2)
                    if interrupts:
                        raise KeyboardInterrupt
                for pipe in [pipe for pipe in busy if pipe in ready]:
                    process, job = busy.pop(pipe)
                    done = _answer(pipe, process, job)
                    if not waiting:
                        pipe.close()
                    elif process.is_alive():
                        _assign(pipe, process, waiting.popleft(), busy)
                    else:
                        _assign(*_hire(processors() // workers or 1), waiting.popleft(), busy)
                    yield done
    finally:
        for pipe, (process, _) in busy.items():
            process.terminate()
            pipe.close()


def _assign(
    pipe: Connection,
    process: BaseProcess,
    job: Job,
    busy: dict[Connection, tuple[BaseProcess, Job]],
) -> None:
    busy[pipe] = (process, job)
    pipe.send(job)


def _answer(pipe: Connection, process: BaseProcess, job: Job) -> Done:
    try:
        done = pipe.recv()
    except EOFError:
        process.join()
        problem = (
            f"its worker process died (exit code {process.exitcode}; memory, perhaps); "
            "run it alone to see more"
        )
        return Done(job, None, problem)
    assert isinstance(done, Done)
    return done


def _hire(threads: int) -> tuple[Connection, BaseProcess]:
    """A new worker process with this many threads for kernels, and the pipe to it."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    libraries = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    with _environment({"AIMCTHEORY_THREADS": str(threads), **libraries}), _deaf_to_ctrl_c():
        process.start()
    theirs.close()
    return ours, process


@contextmanager
def _ctrl_c_noted() -> Iterator[list[int]]:
    """Each Ctrl-C is appended to the list instead of raising.

    Outside the main thread, which alone may handle signals, the list stays empty.
    """
    interrupts: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: interrupts.append(number))
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started in this context ignore Ctrl-C from their very start."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for processes started in this context; a variable already set stays."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def _serve(pipe: Connection) -> None:
    """Run jobs from the pipe until its other end closes.  The parent alone handles Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        while True:
            pipe.send(run(pipe.recv()))
    except (EOFError, OSError):
        return
