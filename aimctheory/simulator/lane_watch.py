"""Who has left the dynamic range, or is no longer finite, in a block of lanes.

`dynamic_range` says what both mean.  To write down who is outside after every step would cost as
much as the step.  Therefore the step of an elementwise objective only keeps the smallest and the
largest weight of each lane since the last look (`watch_from`).  At the next pause `escaped` asks
whether any lane has left or broken.  If so, the block is run again from the last look, step by
step, and `note` writes down who and when.  A step of coupled coordinates is a call of its own,
after which `astray` looks at the states themselves.
"""

from __future__ import annotations

from aimctheory.simulator.block_layout import AnyArray, Blocks, high_of, low_of, wide_vectors
from aimctheory.simulator.dynamic_range import broken, outside


def watch_from(blocks: Blocks, b: int, n: int) -> None:
    """Copy block b to its start, and let each array's smallest and largest weight begin there."""
    rows, start, layout = blocks.rows, blocks.start, blocks.layout
    for a in range(layout.arrays):
        smallest, largest = layout.extremes + low_of(a), layout.extremes + high_of(a)
        for j in range(n):
            rows[b, smallest, j] = rows[b, a, j]
            rows[b, largest, j] = rows[b, a, j]
    for j in range(n):
        rows[b, layout.sound, j] = 0.0
    for i in range(rows.shape[1]):
        for j in range(n):
            start[b, i, j] = rows[b, i, j]


def escaped(blocks: Blocks, b: int, n: int) -> bool:
    """Whether a lane of block b that was fine at `watch_from` has left or broken since."""
    rows, bounds, layout = blocks.rows, blocks.bounds, blocks.layout
    left, broke = blocks.left, blocks.broke
    news, at = 0, min(b, len(bounds) - 1)
    for a in range(layout.arrays):
        smallest, largest = layout.extremes + low_of(a), layout.extremes + high_of(a)
        low, high = low_of(a), high_of(a)
        for j in range(n):
            gone = outside(
                rows[b, smallest, j], rows[b, largest, j], bounds[at, low, j], bounds[at, high, j]
            )
            news += (gone & (left[b, j] == -1)) | (broken(rows[b, a, j]) & (broke[b, j] == -1))
    for j in range(n):
        # NaN where one of the unsafe states was not finite after some step, else 0.
        news += broken(rows[b, layout.sound, j]) & (broke[b, j] == -1)
    return news > 0


def astray(blocks: Blocks, b: int, n: int) -> bool:
    """Whether a lane of block b is outside its dynamic range, or not finite, as it stands."""
    wide_vectors()
    rows, bounds, layout = blocks.rows, blocks.bounds, blocks.layout
    strange, at = False, min(b, len(bounds) - 1)
    for a in range(layout.arrays):
        low, high = low_of(a), high_of(a)
        for j in range(n):
            weight = rows[b, a, j]
            strange |= outside(weight, weight, bounds[at, low, j], bounds[at, high, j])
    for i in range(layout.states):
        for j in range(n):
            strange |= broken(rows[b, i, j])
    return strange


def note(rows: AnyArray, blocks: Blocks, step: int, b: int, n: int) -> None:
    """Note `step` for every lane that is outside its range, or not finite, for the first time.

    `rows` are ``blocks.rows``, or ``blocks.start`` in a block that is run again.
    """
    bounds, left, broke, layout = blocks.bounds, blocks.left, blocks.broke, blocks.layout
    at = min(b, len(bounds) - 1)
    for a in range(layout.arrays):
        low, high = low_of(a), high_of(a)
        for j in range(n):
            weight = rows[b, a, j]
            gone = outside(weight, weight, bounds[at, low, j], bounds[at, high, j])
            if gone and left[b, j] == -1:
                left[b, j] = step
    for i in range(layout.states):
        for j in range(n):
            if broken(rows[b, i, j]) and broke[b, j] == -1:
                broke[b, j] = step


KERNEL_FUNCTIONS = (watch_from, escaped, astray, note)
"""The functions that compiled code calls."""
