"""What every kernel does around its step: draw the noise of a block, watch it, note who left.

A *lane* is one element of one replicate; lanes are numbered (replicate, coordinate) with the
coordinate fastest, and held in blocks of `LANES`.  A block's rows lie in one flat array, row i of
lane j at ``LANES * i + j``, so that a lane loop touches three arrays only (its cells, its numbers,
its raw draws) and vectorises.  The functions here are plain text that Numba compiles into the
driver of all kernels; they can be read, and run, as Python.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy import empty, uint32
from numpy.typing import NDArray

from aimctheory.noise import normal_pair, one_of, philox, unit_uniform

LANES = 256
"""Lanes in a block: large enough to vectorise, small enough that a block's rows stay in L1."""
SEGMENT = 256
"""Steps between two looks at who left the dynamic range (the step itself is found by replay)."""

Rows = NDArray[Any]


def wide_vectors() -> None:
    """Lets the compiler use the processor's widest vectors in the function that calls this."""


def fill(
    raw: Rows, words: Rows, group: int, normal: Rows, streams: Rows, coordinate: Rows,
    replicate: Rows, key: Rows, n: int,
) -> None:  # fmt: skip
    """The raw draws of steps 4·group … 4·group + 3 of a block: row 4s + i is stream s, step i."""
    wide_vectors()
    for s in range(streams.size):
        for j in range(n):
            x0, x1, x2, x3 = philox(
                np.uint32(group), coordinate[s, j], replicate[j], streams[s], key[0], key[1]
            )
            words[j] = x0
            words[LANES + j] = x1
            words[2 * LANES + j] = x2
            words[3 * LANES + j] = x3
        base = 4 * s * LANES
        if normal[s]:
            for half in range(2):
                to = base + 2 * half * LANES
                of = 2 * half * LANES
                for j in range(n):
                    first, second = normal_pair(words[of + j], words[of + LANES + j])
                    raw[to + j] = first
                    raw[to + LANES + j] = second
        else:
            for j in range(4 * LANES):
                raw[base + j] = unit_uniform(words[j])


def watch_from(cells: Rows, start: Rows, arrays: int, low: int, n: int) -> None:
    """Keep the block as it is, and start each array's running minimum and maximum there."""
    for a in range(arrays):
        for j in range(n):
            cells[(low + 2 * a) * LANES + j] = cells[a * LANES + j]
            cells[(low + 2 * a + 1) * LANES + j] = cells[a * LANES + j]
    for j in range(n):
        cells[(low + 2 * arrays) * LANES + j] = 0.0
    for j in range(cells.size):
        start[j] = cells[j]


def escaped(
    cells: Rows, bounds: Rows, left: Rows, broke: Rows, arrays: int, low: int, n: int
) -> bool:
    """Whether a lane that was fine before has left its dynamic range or is no longer finite."""
    news = 0
    for a in range(arrays):
        for j in range(n):
            below = cells[(low + 2 * a) * LANES + j] < bounds[2 * a * LANES + j]
            above = cells[(low + 2 * a + 1) * LANES + j] > bounds[(2 * a + 1) * LANES + j]
            news += (below | above) & (left[j] < 0)
    for j in range(n):
        unsound = cells[(low + 2 * arrays) * LANES + j] != 0.0  # NaN: a buffer was not finite
        news += unsound & (broke[j] < 0)
    for a in range(arrays):
        for j in range(n):
            difference = cells[a * LANES + j] - cells[a * LANES + j]
            news += (difference != 0.0) & (broke[j] < 0)
    return news > 0


def note(
    cells: Rows, bounds: Rows, left: Rows, broke: Rows, states: int, arrays: int, step: int, n: int
) -> None:
    """Write `step` to every lane that is outside its range, or not finite, for the first time."""
    for j in range(n):
        for a in range(arrays):
            weight = cells[a * LANES + j]
            outside = weight < bounds[2 * a * LANES + j] or weight > bounds[(2 * a + 1) * LANES + j]
            if outside and left[j] < 0:
                left[j] = step
        for i in range(states):
            if not np.isfinite(cells[i * LANES + j]) and broke[j] < 0:
                broke[j] = step


def copy(cells: Rows, count: int, to: Rows) -> None:
    """Copy the first `count` cells."""
    for j in range(count):
        to[j] = cells[j]


def hand_over(cells: Rows, first: int, last: int, to: Rows) -> None:
    """Move cells first … last − 1 out, leaving zeros."""
    for j in range(first, last):
        to[j - first] = cells[j]
        cells[j] = 0.0


def astray(
    cells: Rows, bounds: Rows, left: Rows, broke: Rows, states: int, arrays: int, n: int
) -> bool:
    """Whether `note` has something to write; nearly always settled without a look at the notes."""
    strange = 0
    for i in range(states):
        for j in range(n):
            difference = cells[i * LANES + j] - cells[i * LANES + j]
            strange += difference != 0.0  # NaN: it is not finite
    for a in range(arrays):
        for j in range(n):
            weight = cells[a * LANES + j]
            strange += (weight < bounds[2 * a * LANES + j]) | (
                weight > bounds[(2 * a + 1) * LANES + j]
            )
    if strange == 0:
        return False
    news = 0
    for j in range(n):
        news += (left[j] < 0) | (broke[j] < 0)
    return news > 0


KERNEL_FUNCTIONS = (fill, watch_from, escaped, note, copy, hand_over, astray)
"""What Numba has to know."""


def call(
    function: Any, cells: Rows, number: Rows, raw: Rows, scalar: Rows, n: int, k: int, first: int,
    last: int,
) -> None:  # fmt: skip
    """Apply an entry of a kernel to one block; compiled, `function` is its address."""
    function(cells, number, raw, scalar, n, k, first, last)


class Cells(NamedTuple):
    """The lanes of a run, block by block, and which row of a block holds what."""

    cells: Rows
    start: Rows
    number: Rows
    scalar: Rows
    bounds: Rows  # (1, …) where all blocks have the same
    left: Rows
    broke: Rows
    size: int
    states: int
    arrays: int
    low: int


class Draws(NamedTuple):
    """The raw draws of four steps of every block, and the counter words that they come from."""

    raw: Rows
    group: Rows
    normal: Rows
    streams: Rows
    coordinate: Rows
    replicate: Rows
    key: Rows


def run(
    steps: Any, lanes: Cells, draws: Draws, first: int, last: int, skip: int, begin: int,
    ends: Rows, slots: Rows, closes: Rows, records: Rows, sums: Rows,
) -> tuple[int, int]:  # fmt: skip
    """Steps begin … ends[-1] of blocks first … last − 1; no lane depends on another.

    Returns (block, pause) where a lane left its range or broke, for `replay`, else (last, 0).
    """
    words = empty(4 * LANES, uint32)
    states, arrays, low = lanes.states, lanes.arrays, lanes.low
    for b in range(first, last):
        n = min(LANES, lanes.size - b * LANES)
        cell, number, raw = lanes.cells[b], lanes.number[b], draws.raw[b]
        coordinate, replicate = draws.coordinate[b], draws.replicate[b]
        for s in range(skip if b == first else 0, ends.size):
            k, end = (ends[s - 1] if s > 0 else begin), ends[s]
            watch_from(cell, lanes.start[b], arrays, low, n)
            while k < end:
                if k // 4 != draws.group[b]:
                    draws.group[b] = k // 4
                    fill(
                        raw, words, k // 4, draws.normal, draws.streams, coordinate, replicate,
                        draws.key, n,
                    )  # fmt: skip
                phase = k % 4
                stop = min(4, phase + end - k)
                call(steps, cell, number, raw, lanes.scalar, n, k - phase, phase, stop)
                k += stop - phase
            news = escaped(
                cell,
                lanes.bounds[min(b, len(lanes.bounds) - 1)],
                lanes.left[b],
                lanes.broke[b],
                arrays,
                low,
                n,
            )
            if slots[s] >= 0:
                copy(cell, states * LANES, records[slots[s], b])
            if closes[s] >= 0:
                hand_over(cell, states * LANES, low * LANES, sums[closes[s], b])
            if news:
                return b, s
    return last, 0


def replay(
    steps: Any, lanes: Cells, draws: Draws, b: int, begin: int, end: int, cell: Rows, raw: Rows
) -> None:
    """Block b again from `begin` to `end`, one step at a time, to note who left and when.

    `cell` and `raw` are the block's cells at `begin` and room for its draws.
    """
    words = empty(4 * LANES, uint32)
    n = min(LANES, lanes.size - b * LANES)
    for k in range(begin, end):
        if k == begin or k % 4 == 0:
            fill(
                raw, words, k // 4, draws.normal, draws.streams, draws.coordinate[b],
                draws.replicate[b], draws.key, n,
            )  # fmt: skip
        call(steps, cell, lanes.number[b], raw, lanes.scalar, n, k - k % 4, k % 4, k % 4 + 1)
        note(
            cell, lanes.bounds[min(b, len(lanes.bounds) - 1)], lanes.left[b], lanes.broke[b], lanes.states, lanes.arrays,
            k + 1, n,
        )  # fmt: skip


def gather(query_points: Any, lanes: Cells, first: int, last: int, points: Rows) -> None:
    """The points of blocks first … last − 1 at which their gradients are taken."""
    for b in range(first, last):
        n = min(LANES, lanes.size - b * LANES)
        call(query_points, lanes.cells[b], lanes.number[b], points[b], lanes.scalar, n, 0, 0, 1)


def single(
    steps: Any, query_points: Any, lanes: Cells, draws: Draws, first: int, last: int, k: int,
    slope: Rows, row: int, points: Rows,
) -> None:  # fmt: skip
    """Step k of blocks first … last − 1, from its gradients to the points of the next ones.

    `slope` (lanes) holds the gradients of coupled coordinates, which go to a row of the numbers.
    """
    words = empty(4 * LANES, uint32)
    for b in range(first, last):
        n = min(LANES, lanes.size - b * LANES)
        cell, number, raw = lanes.cells[b], lanes.number[b], draws.raw[b]
        bounds, left, broke = (
            lanes.bounds[min(b, len(lanes.bounds) - 1)],
            lanes.left[b],
            lanes.broke[b],
        )
        for j in range(min(LANES, slope.size - b * LANES)):
            number[row * LANES + j] = slope[b * LANES + j]
        if k // 4 != draws.group[b]:
            draws.group[b] = k // 4
            fill(
                raw, words, k // 4, draws.normal, draws.streams, draws.coordinate[b],
                draws.replicate[b], draws.key, n,
            )  # fmt: skip
        call(steps, cell, number, raw, lanes.scalar, n, k - k % 4, k % 4, k % 4 + 1)
        if astray(cell, bounds, left, broke, lanes.states, lanes.arrays, n):
            note(cell, bounds, left, broke, lanes.states, lanes.arrays, k + 1, n)
        call(query_points, cell, number, points[b], lanes.scalar, n, 0, 0, 1)


def sample(rows: Rows, group: int, stream: int, key: Rows, samples: int) -> None:
    """The mini-batches of steps 4·group … 4·group + 3 of every replicate: (4, R, B)."""
    for r in range(rows.shape[1]):
        for i in range(rows.shape[2]):
            x = philox(
                np.uint32(group), np.uint32(i), np.uint32(r), np.uint32(stream), key[0], key[1]
            )
            for phase in range(4):
                rows[phase, r, i] = one_of(x[phase], samples)
