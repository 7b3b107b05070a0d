"""The loops over blocks of lanes: what the kernel engine calls, and what calls the kernels.

`block_layout` says what lanes, blocks and their rows are; `lane_draws` draws the noise of a block
and `lane_watch` notices who leaves.  A kernel gets a block as flat arrays, so that its loop touches
three of them only (its rows, its numbers, its raw draws) and vectorises.  The functions here are
plain text that Numba compiles into the driver of all kernels; they can be read, and run, as Python.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy import empty, uint32

from aimctheory.simulator.block_layout import LANES, Blocks, Rows
from aimctheory.simulator.draw_counter import STEPS_PER_CALL, phase_of
from aimctheory.simulator.engine import Window
from aimctheory.simulator.lane_draws import Draws, refill
from aimctheory.simulator.lane_watch import astray, escaped, note, watch_from


class Kept(NamedTuple):
    """What a run keeps: records of the states, and the sums of the moments in each batch."""

    records: Rows  # (records, blocks, states, LANES)
    sums: Rows  # (batches, blocks, moments, LANES)


class Buffers(NamedTuple):
    """The arrays of a kernel's entry, of all blocks; `third` is the raw draws or the points."""

    rows: Rows
    number: Rows
    third: Rows
    scalar: Rows


def call(entry: Any, buffers: Buffers, b: int, n: int, k: int, first: int, last: int) -> None:
    """Apply an entry of a kernel to the first n lanes of block b.

    Compiled, `entry` is an address (`numba_rules`).
    """
    rows, number, third = (x[b].ravel() for x in (buffers.rows, buffers.number, buffers.third))
    entry(rows, number, third, buffers.scalar, n, k, first, last)


def filled(blocks: Blocks, b: int) -> int:
    """How many lanes of block b are in use."""
    return min(LANES, blocks.size - b * LANES)


def begin_of(window: Window, pause: int) -> int:
    """The step from which a window goes on to a pause."""
    return window.ends[pause - 1] if pause > 0 else window.begin


def keep(blocks: Blocks, b: int, records: Rows, slot: int) -> None:
    """Copy the states of block b to a record."""
    for i in range(blocks.layout.states):
        for j in range(LANES):
            records[slot, b, i, j] = blocks.rows[b, i, j]


def hand_over(blocks: Blocks, b: int, sums: Rows, batch: int) -> None:
    """Move the sums of the moments of block b to a batch, and begin again at zero."""
    first = blocks.layout.states
    for i in range(first, blocks.layout.extremes):
        for j in range(LANES):
            sums[batch, b, i - first, j] = blocks.rows[b, i, j]
            blocks.rows[b, i, j] = 0.0


def place(gradient: Rows, blocks: Blocks, b: int, n: int) -> None:
    """Put the gradients of block b, out of those of all lanes, among its numbers."""
    of = np.uint64(b * LANES)  # unsigned: no look for an index below 0
    for j in range(np.uint64(n)):
        blocks.number[b, blocks.gradient, j] = gradient[of + j]


KERNEL_FUNCTIONS = (filled, begin_of, keep, hand_over, place)
"""What Numba has to know."""


def run(
    steps: Any, blocks: Blocks, draws: Draws, window: Window, kept: Kept,
    first: int, last: int, skip: int,
) -> tuple[int, int]:  # fmt: skip
    """The steps of a window for blocks first … last − 1; no lane depends on another.

    The first of these blocks has been taken past `skip` pauses already.  Returns (block, pause)
    where a lane left its range or broke on the way to that pause, for `replay`; else (last, 0).
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
                keep(blocks, b, kept.records, window.slots[pause])
            if window.closes[pause] >= 0:
                hand_over(blocks, b, kept.sums, window.closes[pause])
            if news:
                return b, pause
    return last, 0


def replay(steps: Any, blocks: Blocks, draws: Draws, window: Window, b: int, pause: int) -> None:
    """Block b again on its way to a pause, step by step, to note who left and when.

    Overwrites the block's saved start and its draws; both are made anew before they are read again.
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
    """The points of blocks first … last − 1 at which their gradients are taken."""
    buffers = Buffers(blocks.rows, blocks.number, blocks.points, blocks.scalar)
    for b in range(first, last):
        call(query_points, buffers, b, filled(blocks, b), 0, 0, 1)


def single(
    steps: Any, query_points: Any, blocks: Blocks, draws: Draws, gradient: Rows, k: int,
    first: int, last: int,
) -> None:  # fmt: skip
    """Step k of blocks first … last − 1, from its gradients to the points of the next ones.

    `gradient` (lanes) holds those of coupled coordinates, made by one call for all replicates;
    `query_points` is 0 where the points are the states themselves.
    """
    words = empty((STEPS_PER_CALL, LANES), uint32)
    moved = Buffers(blocks.rows, blocks.number, draws.raw, blocks.scalar)
    asked = Buffers(blocks.rows, blocks.number, blocks.points, blocks.scalar)
    phase = phase_of(k)
    for b in range(first, last):
        n = min(LANES, gradient.size - b * LANES)
        place(gradient, blocks, b, n)
        refill(draws, words, k, b, n)
        call(steps, moved, b, n, k - phase, phase, phase + 1)
        if astray(blocks, b, n):
            note(blocks.rows, blocks, k + 1, b, n)
        if query_points != 0:
            call(query_points, asked, b, n, 0, 0, 1)
