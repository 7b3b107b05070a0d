"""How a run is cut into windows that are short enough for Ctrl-C.

A window is one call of an engine.  It pauses at every record, at every end of a batch, and every
`SEGMENT` steps to see who left the dynamic range.  The cut changes no bit of a result.  The step
reached is known only between windows, so an interrupt, wherever it lands, keeps everything up to
the last whole window.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aimctheory.simulator.draw_counter import STEPS_PER_CALL, phase_of
from aimctheory.simulator.engine import Engine, Steps, Window

SEGMENT = 256
"""Steps between two looks at who left the dynamic range; a replay finds the step itself."""

SECONDS = 0.25
"""How long a window should take, so that Ctrl-C is heard soon and little work is lost."""
FIRST_UPDATES = 2**22
"""Weights times steps in the first window, before the speed is known."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How many steps a run has, and at which of them it keeps records and closes batches.

    `marks` are the recorded steps, from 0 to the last one.  Batch b covers the steps ``edges[b]`` …
    ``edges[b + 1] - 1``.
    """

    steps: int
    marks: Steps
    edges: Steps

    def window(self, begin: int, stop: int) -> Window:
        """The steps from `begin` to `stop`, with a pause at every record, batch and look.

        The arrays are as long as there are pauses, not as there are steps.
        """
        marks, slots = _within(self.marks, begin, stop)
        edges, batches = _within(self.edges, begin, stop)
        looks = np.arange(begin - begin % SEGMENT + SEGMENT, stop, SEGMENT)
        ends = np.unique(np.concatenate([marks, edges, looks, [stop]]))
        found = np.full((2, ends.size), -1, dtype=np.int64)
        found[0, np.searchsorted(ends, marks)] = slots
        found[1, np.searchsorted(ends, edges)] = batches - 1
        return Window(begin, ends, found[0], found[1])

    def recorded(self, reached: int) -> int:
        """How many records are kept at or before a step."""
        return int(np.searchsorted(self.marks, reached, side="right"))

    def closed(self, reached: int) -> int:
        """How many batches end at or before a step."""
        return int(np.searchsorted(self.edges, reached, side="right")) - 1


def _within(steps: Steps, begin: int, stop: int) -> tuple[Steps, Steps]:
    """The entries of the ordered `steps` in (begin, stop], and their places."""
    first, last = np.searchsorted(steps, [begin, stop], side="right")
    return steps[first:last], np.arange(first, last)


def march(engine: Engine, schedule: Schedule, lanes: int) -> Iterator[int]:
    """Take the engine through all steps; yields the step reached after each window.

    `lanes` are the weights that a step updates.  The first window is small, as the speed is not
    known yet; each later window is sized by the speed of the one before.
    """
    least = engine.least_window
    begin, size = 0, max(least, min(SEGMENT, FIRST_UPDATES // lanes))
    while begin < schedule.steps:
        stop = begin + size
        if size >= STEPS_PER_CALL:  # a kernel takes the steps of one group of draws in one call
            stop -= phase_of(stop)
        stop = min(stop, schedule.steps)
        started = time.perf_counter()
        engine.advance(schedule.window(begin, stop))
        took = max(time.perf_counter() - started, 1e-9)
        size = max(least, min(2 * size, int((stop - begin) * SECONDS / took)))
        begin = stop
        yield begin
