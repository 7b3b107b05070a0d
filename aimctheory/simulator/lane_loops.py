"""What every kernel does around its step: draw the noise of a block, watch it, note who left.

`block_layout` says what lanes, blocks and their rows are.  A kernel gets a block as flat arrays, so
that its loop touches three of them only (its cells, its numbers, its raw draws) and vectorises.
The functions here are plain text that Numba compiles into the driver of all kernels; they can be
read, and run, as Python.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy import empty, uint32
from numpy.typing import NDArray

from aimctheory.simulator.block_layout import LANES, RowNumbers, high_of, low_of, wide_vectors
from aimctheory.simulator.draw_counter import STEPS_PER_CALL, phase_of
from aimctheory.simulator.lane_draws import Draws, refill

SEGMENT = 256
"""Steps between two looks at who left the dynamic range (the step itself is found by replay)."""

Rows = NDArray[Any]


class Cells(NamedTuple):
    """The lanes of a run, block by block."""

    cells: Rows
    start: Rows
    number: Rows
    scalar: Rows
    bounds: Rows  # (1, …) where all blocks have the same
    left: Rows
    broke: Rows
    size: int
    row: RowNumbers


def watch_from(cells: Rows, start: Rows, row: RowNumbers, b: int, n: int) -> None:
    """Keep block b as it is, and start each array's running minimum and maximum there."""
    for a in range(row.arrays):
        smallest, largest = row.extremes + low_of(a), row.extremes + high_of(a)
        for j in range(n):
            cells[b, smallest, j] = cells[b, a, j]
            cells[b, largest, j] = cells[b, a, j]
    for j in range(n):
        cells[b, row.sound, j] = 0.0
    for i in range(cells.shape[1]):
        for j in range(n):
            start[b, i, j] = cells[b, i, j]


def escaped(
    cells: Rows, bounds: Rows, left: Rows, broke: Rows, row: RowNumbers, b: int, n: int
) -> bool:
    """Whether a lane that was fine before has left its dynamic range or is no longer finite."""
    news, at = 0, min(b, len(bounds) - 1)
    for a in range(row.arrays):
        smallest, largest = row.extremes + low_of(a), row.extremes + high_of(a)
        for j in range(n):
            below = cells[b, smallest, j] < bounds[at, low_of(a), j]
            above = cells[b, largest, j] > bounds[at, high_of(a), j]
            unsound = cells[b, a, j] - cells[b, a, j] != 0.0  # NaN unless finite
            news += ((below | above) & (left[b, j] < 0)) | (unsound & (broke[b, j] < 0))
    for j in range(n):
        unsound = cells[b, row.sound, j] != 0.0  # NaN: a state was not finite
        news += unsound & (broke[b, j] < 0)
    return news > 0


def astray(cells: Rows, bounds: Rows, row: RowNumbers, b: int, n: int) -> bool:
    """Whether a lane is outside its dynamic range, or not finite, at this step."""
    wide_vectors()
    strange, at = False, min(b, len(bounds) - 1)
    for a in range(row.arrays):
        for j in range(n):
            weight = cells[b, a, j]
            strange |= (weight < bounds[at, low_of(a), j]) | (weight > bounds[at, high_of(a), j])
    for i in range(row.states):
        for j in range(n):
            strange |= cells[b, i, j] - cells[b, i, j] != 0.0  # NaN unless finite
    return strange


def note(
    cells: Rows, bounds: Rows, left: Rows, broke: Rows, row: RowNumbers, step: int, b: int, n: int
) -> None:
    """Write `step` to every lane that is outside its range, or not finite, for the first time."""
    at = min(b, len(bounds) - 1)
    for j in range(n):
        for a in range(row.arrays):
            weight = cells[b, a, j]
            outside = weight < bounds[at, low_of(a), j] or weight > bounds[at, high_of(a), j]
            if outside and left[b, j] < 0:
                left[b, j] = step
        for i in range(row.states):
            if not np.isfinite(cells[b, i, j]) and broke[b, j] < 0:
                broke[b, j] = step


def keep(cells: Rows, b: int, states: int, to: Rows, slot: int) -> None:
    """Copy the states of block b to a slot."""
    for i in range(states):
        for j in range(LANES):
            to[slot, b, i, j] = cells[b, i, j]


def hand_over(cells: Rows, b: int, first: int, last: int, to: Rows, slot: int) -> None:
    """Move rows first … last − 1 of block b to a slot, leaving zeros."""
    for i in range(first, last):
        for j in range(LANES):
            to[slot, b, i - first, j] = cells[b, i, j]
            cells[b, i, j] = 0.0


def place(slope: Rows, b: int, n: int, number: Rows, row: int) -> None:
    """Put the slopes of block b into a row of the numbers."""
    of = np.uint64(b * LANES)  # unsigned: no look for an index below 0
    for j in range(np.uint64(n)):
        number[b, row, j] = slope[of + j]


KERNEL_FUNCTIONS = (watch_from, escaped, astray, note, keep, hand_over, place)
"""What Numba has to know."""


def call(
    function: Any, cells: Rows, number: Rows, raw: Rows, scalar: Rows, b: int, n: int, k: int,
    first: int, last: int,
) -> None:  # fmt: skip
    """Apply an entry of a kernel to block b; compiled, `function` is its address."""
    function(cells[b].ravel(), number[b].ravel(), raw[b].ravel(), scalar, n, k, first, last)


def run(
    steps: Any, lanes: Cells, draws: Draws, first: int, last: int, skip: int, begin: int,
    ends: Rows, slots: Rows, closes: Rows, records: Rows, sums: Rows,
) -> tuple[int, int]:  # fmt: skip
    """Steps begin … ends[-1] of blocks first … last − 1; no lane depends on another.

    Returns (block, pause) where a lane left its range or broke, for `replay`, else (last, 0).
    """
    words = empty((STEPS_PER_CALL, LANES), uint32)
    cells, number, bounds, left, broke = (
        lanes.cells, lanes.number, lanes.bounds, lanes.left, lanes.broke,
    )  # fmt: skip
    row = lanes.row
    for b in range(first, last):
        n = min(LANES, lanes.size - b * LANES)
        for s in range(skip if b == first else 0, ends.size):
            k, end = (ends[s - 1] if s > 0 else begin), ends[s]
            watch_from(cells, lanes.start, row, b, n)
            while k < end:
                refill(draws, words, k, b, n)
                phase = phase_of(k)
                stop = min(STEPS_PER_CALL, phase + end - k)
                call(steps, cells, number, draws.raw, lanes.scalar, b, n, k - phase, phase, stop)
                k += stop - phase
            news = escaped(cells, bounds, left, broke, row, b, n)
            if slots[s] >= 0:
                keep(cells, b, row.states, records, slots[s])
            if closes[s] >= 0:
                hand_over(cells, b, row.states, row.extremes, sums, closes[s])
            if news:
                return b, s
    return last, 0


def replay(steps: Any, lanes: Cells, draws: Draws, b: int, begin: int, end: int) -> None:
    """Block b again from its start at `begin` to `end`, to note who left and when.

    What it overwrites, the start and the draws, is what is made anew, or the same, afterwards.
    """
    words = empty((STEPS_PER_CALL, LANES), uint32)
    n = min(LANES, lanes.size - b * LANES)
    for k in range(begin, end):
        refill(draws, words, k, b, n)
        phase = phase_of(k)
        call(
            steps, lanes.start, lanes.number, draws.raw, lanes.scalar, b, n, k - phase, phase,
            phase + 1,
        )  # fmt: skip
        note(lanes.start, lanes.bounds, lanes.left, lanes.broke, lanes.row, k + 1, b, n)


def gather(query_points: Any, lanes: Cells, first: int, last: int, points: Rows) -> None:
    """The points of blocks first … last − 1 at which their gradients are taken."""
    for b in range(first, last):
        n = min(LANES, lanes.size - b * LANES)
        call(query_points, lanes.cells, lanes.number, points, lanes.scalar, b, n, 0, 0, 1)


def single(
    steps: Any, query_points: Any, lanes: Cells, draws: Draws, first: int, last: int, k: int,
    slope: Rows, row: int, points: Rows,
) -> None:  # fmt: skip
    """Step k of blocks first … last − 1, from its gradients to the points of the next ones.

    `slope` (lanes) holds the gradients of coupled coordinates, which go to a row of the numbers;
    `query_points` is 0 where the points are the states themselves.
    """
    words = empty((STEPS_PER_CALL, LANES), uint32)
    cells, number, bounds = lanes.cells, lanes.number, lanes.bounds
    phase = phase_of(k)
    for b in range(first, last):
        n = min(LANES, slope.size - b * LANES)
        place(slope, b, n, number, row)
        refill(draws, words, k, b, n)
        call(steps, cells, number, draws.raw, lanes.scalar, b, n, k - phase, phase, phase + 1)
        if astray(cells, bounds, lanes.row, b, n):
            note(cells, bounds, lanes.left, lanes.broke, lanes.row, k + 1, b, n)
        if query_points != 0:
            call(query_points, cells, number, points, lanes.scalar, b, n, 0, 0, 1)
