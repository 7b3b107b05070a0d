"""The loops over blocks of lanes: the kernel engine calls them, and they call the kernels.

`block_layout` says what lanes, blocks and their rows are; `lane_draws` draws the noise of a block;
`lane_watch` notices who leaves.  A kernel gets a block as flat arrays.  Its loop reads and writes
three of them only (rows, numbers, raw draws): with more, the compiler gives up checking that they
do not overlap, and does not vectorise.  The functions here are plain Python, which Numba compiles
once for all kernels (`numba_rules`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy import empty, uint32

from aimctheory.simulator.block_layout import LANES, AnyArray, Blocks
from aimctheory.simulator.draw_counter import STEPS_PER_CALL, phase_of
from aimctheory.simulator.engine import Window
from aimctheory.simulator.lane_draws import Draws, refill
from aimctheory.simulator.lane_watch import astray, escaped, note, watch_from


class Buffers(NamedTuple):
    """The arrays that an entry of a kernel gets; `third` holds the raw draws, or the points."""

    rows: AnyArray
    number: AnyArray
    third: AnyArray
    scalar: AnyArray


def call(entry: Any, buffers: Buffers, b: int, n: int, k: int, first: int, last: int) -> None:
    """Call an entry of a kernel for the first n lanes of block b.

    In compiled code `entry` is an address, and `numba_rules` says how it is called.
    """
    rows, number, third = (x[b].ravel() for x in (buffers.rows, buffers.number, buffers.third))
    entry(rows, number, third, buffers.scalar, n, k, first, last)


def filled(blocks: Blocks, b: int) -> int:
    """How many lanes of block b a kernel computes."""
    return min(LANES, blocks.size - b * LANES)


def begin_of(window: Window, pause: int) -> int:
    """The step at which the way to a pause begins: the pause before, or the window's begin."""
    return window.ends[pause - 1] if pause > 0 else window.begin


def keep(blocks: Blocks, b: int, slot: int) -> None:
    """Copy the states of block b to a record."""
    rows, records = blocks.rows, blocks.records
    for i in range(blocks.layout.states):
        for j in range(LANES):
            records[slot, b, i, j] = rows[b, i, j]


def hand_over(blocks: Blocks, b: int, batch: int) -> None:
    """Move the moments of block b to a batch, and begin again at zero."""
    rows, sums, first = blocks.rows, blocks.sums, blocks.layout.states
    for i in range(first, blocks.layout.extremes):
        for j in range(LANES):
            sums[batch, b, i - first, j] = rows[b, i, j]
            rows[b, i, j] = 0.0


def place(gradient: AnyArray, blocks: Blocks, b: int, n: int) -> None:
    """Put the gradients of block b, out of those of all lanes, among its numbers."""
    number, row = blocks.number, blocks.gradient
    of = np.uint64(b * LANES)  # an unsigned index needs no check for negative values
    for j in range(np.uint64(n)):
        number[b, row, j] = gradient[of + j]


KERNEL_FUNCTIONS = (filled, begin_of, keep, hand_over, place)
"""The functions that compiled code calls."""


def run(
    steps: Any,
    blocks: Blocks,
    draws: Draws,
    window: Window,
    first: int,
    last: int,
    skip: int,
) -> tuple[int, int]:
    """Take blocks first … last − 1 through a window.

    The first of these blocks has passed `skip` pauses already.  Stops at a pause on the way to
    which a lane left its range or broke, and returns (block, pause) for `replay`; otherwise returns
    (last, 0).
    """
    words = empty((STEPS_PER_CALL, LANES), uint32)
    buffers = Buffers(blocks.rows, blocks.number, draws.raw, blocks.scalar)
    for b in range(first, last):
        n = filled(blocks, b)
        for pause in range(skip if b == first else 0, window.ends.size):
            k, end = begin_of(window, pause), window.ends[pause]
            watch_from(blocks, b, n)
            while k < end:
                refill(draws, words, k, b, n)
                phase = phase_of(k)
                stop = min(STEPS_PER_CALL, phase + end - k)
                call(steps, buffers, b, n, k - phase, phase, stop)
                k += stop - phase
            news = escaped(blocks, b, n)
            if window.slots[pause] >= 0:
                keep(blocks, b, window.slots[pause])
            if window.closes[pause] >= 0:
                hand_over(blocks, b, window.closes[pause])
            if news:
                return b, pause
    return last, 0


def replay(steps: Any, blocks: Blocks, draws: Draws, window: Window, b: int, pause: int) -> None:
    """Take block b to a pause once more, step by step, to note who left and when.

    Overwrites the block's saved start and its draws; both are recomputed before they are read
    again.
    """
    words = empty((STEPS_PER_CALL, LANES), uint32)
    buffers = Buffers(blocks.start, blocks.number, draws.raw, blocks.scalar)
    n = filled(blocks, b)
    for k in range(begin_of(window, pause), window.ends[pause]):
        refill(draws, words, k, b, n)
        phase = phase_of(k)
        call(steps, buffers, b, n, k - phase, phase, phase + 1)
        note(blocks.start, blocks, k + 1, b, n)


def gather(query_points: Any, blocks: Blocks, first: int, last: int) -> None:
    """Compute the points of blocks first … last − 1, at which their gradients are taken."""
    buffers = Buffers(blocks.rows, blocks.number, blocks.points, blocks.scalar)
    for b in range(first, last):
        call(query_points, buffers, b, filled(blocks, b), 0, 0, 1)


def single(
    steps: Any,
    query_points: Any,
    blocks: Blocks,
    draws: Draws,
    gradient: AnyArray,
    k: int,
    first: int,
    last: int,
) -> None:
    """Take step k of blocks first … last − 1, and compute the points of the next gradients.

    `gradient` (lanes,) holds the gradients of all lanes.  `query_points` is 0 if the points are the
    states themselves.
    """
    words = empty((STEPS_PER_CALL, LANES), uint32)
    moved = Buffers(blocks.rows, blocks.number, draws.raw, blocks.scalar)
    asked = Buffers(blocks.rows, blocks.number, blocks.points, blocks.scalar)
    phase = phase_of(k)
    for b in range(first, last):
        n = min(LANES, gradient.size - b * LANES)  # lanes that are filled up have no gradient
        place(gradient, blocks, b, n)
        refill(draws, words, k, b, n)
        call(steps, moved, b, n, k - phase, phase, phase + 1)
        if astray(blocks, b, n):
            note(blocks.rows, blocks, k + 1, b, n)
        if query_points != 0:
            call(query_points, asked, b, n, 0, 0, 1)
