"""How far a long call is: one line on stderr, drawn by rich and erased at the end."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from rich.progress import Progress

Watch = Callable[[int, int], object]

PATIENCE = 2.0
"""Seconds that a call lasts before its progress is shown."""
REFRESH = 0.5
"""Seconds between two lines of progress."""


@contextmanager
def watching(progress: bool | Watch | None, lanes: int) -> Iterator[Watch]:
    """Yields the function to call with (step, steps) after each window.

    `progress` is that of `simulate`; `lanes` are the weights that a step updates.
    """
    if progress not in (None, True, False) and not callable(progress):
        raise ValueError(
            f"progress = {progress!r} is none of None, True, False and a function of (step, steps)"
        )
    if callable(progress):
        yield progress
    elif progress or (progress is None and _has_terminal_to_itself()):
        line = _Line(lanes, patience=0.0 if progress else PATIENCE)
        try:
            yield line.show
        finally:
            line.erase()
    else:
        yield lambda step, steps: None


def _has_terminal_to_itself() -> bool:
    """Whether stderr is a terminal on which nobody else is likely to show progress.

    Threads and worker processes share theirs with the one that started them, and stay silent.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        return False
    from multiprocessing import current_process

    here = threading.current_thread() is threading.main_thread()
    return here and current_process().name == "MainProcess"


class _Line:
    """The line of one call.  A short call shows none, and does not import rich."""

    def __init__(self, lanes: int, patience: float) -> None:
        self._lanes = lanes
        self._now = time.perf_counter()
        self._due = self._now + patience
        self._first: tuple[float, int] | None = None
        self._progress: Progress | None = None

    def show(self, step: int, steps: int) -> None:
        self._now = time.perf_counter()
        # Speed is measured from the end of the first window, which may have compiled its kernel.
        self._first = self._first or (self._now, step)
        if self._now < self._due:
            return
        self._due = self._now + REFRESH
        progress = self._progress or self._new_progress(steps, *self._first)
        (task,) = progress.tasks
        progress.update(task.id, completed=step)
        speed = f", {task.speed * self._lanes:.2g} updates/s" if task.speed else ""
        progress.update(task.id, speed=speed)
        if self._progress is None:
            self._progress = progress
            progress.start()
        else:
            progress.refresh()

    def erase(self) -> None:
        if self._progress is not None:
            self._progress.stop()

    def _new_progress(self, steps: int, since: float, step: int) -> Progress:
        from rich.console import Console
        from rich.progress import Progress, TextColumn, TimeRemainingColumn

        screen = cast("TextIO", _Lasting(sys.stderr))
        progress = Progress(
            TextColumn("aimctheory: {task.completed:,} of {task.total:,} steps"),
            TextColumn("({task.percentage:.0f}%),"),
            TimeRemainingColumn(),
            TextColumn("left{task.fields[speed]}"),
            console=Console(file=screen, force_terminal=True, force_jupyter=False),
            auto_refresh=False,  # no thread: the line is drawn between windows
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            get_time=lambda: self._now,
        )
        now, self._now = self._now, since
        progress.update(progress.add_task("", total=steps, speed=""), completed=step)
        self._now = now
        return progress


class _Lasting:
    """A stream that forgets what it cannot write: a run goes on when its terminal is gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = getattr(stream, "encoding", None)  # rich asks for it

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()
