"""The kernel engine: a problem laid out in lanes, and the calls of its compiled module.

Blocks of lanes are shared out to threads; each thread runs whole blocks, so that results depend on
neither the number of threads nor the length of a call.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aimctheory.simulator import kernel_cache
from aimctheory.simulator.block_layout import LANES, ends
from aimctheory.simulator.draw_counter import (
    SAMPLE,
    STEPS_PER_CALL,
    group_of,
    key_words,
    phase_of,
    stream_hash,
)
from aimctheory.simulator.kernel_text import module_text
from aimctheory.simulator.lane_draws import Draws
from aimctheory.simulator.lane_loops import Cells
from aimctheory.simulator.noise import lane_words
from aimctheory.simulator.plan import SLOPE, Plan
from aimctheory.simulator.problem import array_slope

Array = NDArray[np.float64]
Steps = NDArray[np.int64]

_WORTH_A_THREAD = 1000  # steps of a block: some hundred microseconds
_PAD = 16  # a block's last lanes are filled up to a whole vector of any width


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads() -> int:
    """How many threads share the blocks: $AIMCTHEORY_THREADS, else one for each processor."""
    chosen = os.environ.get("AIMCTHEORY_THREADS")
    if chosen is None:
        return processors()
    if not (chosen.isascii() and chosen.isdigit()) or int(chosen) < 1:
        raise ValueError(f"AIMCTHEORY_THREADS = {chosen!r} is not a positive integer")
    return int(chosen)


class Kernel:
    """The engine's moving parts, with the same methods as `reference_engine.Reference`."""

    def __init__(self, plan: Plan, key: np.uint64, records: int, batches: int) -> None:
        self.problem, self.key = plan.problem, key
        problem = plan.problem
        self.plan = plan
        self.text = module_text(plan)
        self.used = problem.replicates * problem.coordinates
        self.blocks = -(-self.used // LANES)
        self.lanes, self.draws = self._lay_cells(), self._lay_draws()
        self._sums = np.zeros((batches, self.blocks, len(problem.moments), LANES))
        states = len(plan.states)
        self._records = np.empty((records, self.blocks, states, LANES))
        self._records[0] = self.lanes.cells[:, :states]
        shared = plan.points_are_cells
        self._points = self.lanes.cells if shared else np.empty((self.blocks, 1, LANES))
        batch = (problem.replicates, problem.objective.batch)
        self._batches = np.empty((STEPS_PER_CALL, *batch), dtype=np.intp)
        self._batch_group = -1
        self._workers = min(threads(), self.blocks)
        self._pool = ThreadPoolExecutor(self._workers)

    # ---- layout: (blocks, rows, LANES) -----------------------------------------------------------

    def _row(self, value: ArrayLike) -> Array:
        """A number broadcast to one row of every block; padding repeats the last lane."""
        shape = (self.problem.replicates, self.problem.coordinates)
        flat = np.broadcast_to(np.asarray(value, dtype=float), shape).ravel()
        padded = np.empty(self.blocks * LANES)
        padded[: self.used], padded[self.used :] = flat, flat[-1]
        return padded.reshape(self.blocks, LANES)

    def _block(self, rows: list[Array]) -> Array:
        if not rows:
            return np.zeros((self.blocks, 1, LANES))
        return np.stack(rows, axis=1)

    def _unblock(self, rows: NDArray[Any]) -> NDArray[Any]:
        """(…, blocks, LANES) back to (…, R, D)."""
        flat = rows.reshape(*rows.shape[:-2], self.blocks * LANES)[..., : self.used]
        return flat.reshape(*flat.shape[:-1], self.problem.replicates, self.problem.coordinates)

    def _lay_cells(self) -> Cells:
        problem, plan = self.problem, self.plan
        numbers = plan.numbers
        rows = [self._row(problem.start[s]) for s in plan.states]
        rows += [np.zeros((self.blocks, LANES))] * (len(plan.layout.names) - len(rows))
        cells = self._block(rows)
        ranges = [[self._row(end) for end in problem.bounds(array)] for array in plan.arrays]
        bounds = self._block(ends([low for low, _ in ranges], [high for _, high in ranges]))
        given = [numbers[n] if n != SLOPE else 0.0 for n in plan.lane_numbers]
        return Cells(
            cells=cells,
            start=cells.copy(),
            number=self._block([self._row(value) for value in given]),
            scalar=np.array([float(numbers[n]) for n in plan.scalars]),
            bounds=bounds[:1].copy() if (bounds == bounds[:1]).all() else bounds,
            left=np.full((self.blocks, LANES), -1, dtype=np.int64),
            broke=np.full((self.blocks, LANES), -1, dtype=np.int64),
            size=-(-self.used // _PAD) * _PAD,
            row=plan.layout.numbers,
        )

    def _lay_draws(self) -> Draws:
        streams, problem = self.plan.streams, self.problem
        kinds = [problem.laws[s].form.raw == "normal" for s, _ in streams]
        keys = np.array(key_words(self.key), dtype=np.uint32)
        lane = np.minimum(np.arange(self.blocks * LANES), self.used - 1)
        replicate = (lane // problem.coordinates).astype(np.uint32)
        words = [
            lane_words(
                problem.stream_coordinates(per)[lane % problem.coordinates], replicate, keys[0]
            )
            for _, per in streams
        ]
        laid = np.array(words, dtype=np.uint32).reshape(len(words), 3, self.blocks, LANES)
        raw = (self.blocks, max(1, len(streams)), STEPS_PER_CALL, LANES)
        return Draws(
            raw=np.zeros(raw, dtype=np.uint32),
            group=np.full(self.blocks, -1, dtype=np.int64),
            normal=np.array(kinds, dtype=np.bool_),
            streams=np.array([stream_hash(s) for s, _ in streams], dtype=np.uint32),
            lane=np.ascontiguousarray(laid.transpose(2, 0, 1, 3)),
            key=keys,
        )

    # ---- running -------------------------------------------------------------------------------

    def advance(self, begin: int, ends: Steps, slots: Steps, closes: Steps) -> None:
        """Steps from `begin` through each of `ends`, keeping records and closing batches there."""
        if self.problem.objective.elementwise:
            self._call(begin, ends, slots, closes)
            return
        states, extremes = self.lanes.row.states, self.lanes.row.extremes
        for end, slot, close in zip(ends, slots, closes, strict=True):
            for k in range(begin, end):
                self._single(k)
            begin = int(end)
            if slot >= 0:
                self._records[slot] = self.lanes.cells[:, :states]
            if close >= 0:
                self._sums[close] = self.lanes.cells[:, states:extremes]
                self.lanes.cells[:, states:extremes] = 0.0

    def _call(self, begin: int, ends: Steps, slots: Steps, closes: Steps) -> None:
        steps = self._entry("steps")
        run = kernel_cache.driver("run")

        def share(first: int, last: int) -> None:
            block, skip = first, 0
            while block < last:
                block, pause = run(
                    steps, self.lanes, self.draws, block, last, skip, begin, ends, slots, closes,
                    self._records, self._sums,
                )  # fmt: skip
                if block < last:
                    self._replay(block, ends[pause - 1] if pause else begin, ends[pause])
                    skip = pause + 1

        self._share(share, self.blocks * (int(ends[-1]) - begin))

    def _entry(self, name: str) -> Any:
        """The address of an entry of the kernel; compiled when first needed."""
        return kernel_cache.entry(self.text, name)

    def _replay(self, b: int, begin: int, end: int) -> None:
        """Find the steps at which lanes of a block left: run it again from its kept start."""
        kernel_cache.driver("replay")(self._entry("steps"), self.lanes, self.draws, b, begin, end)

    def _share(self, work: Callable[[int, int], None], block_steps: int) -> None:
        """Call `work` on all blocks, by several threads where that is worth asking them."""
        if self._workers == 1 or block_steps <= _WORTH_A_THREAD:
            work(0, self.blocks)
            return
        # Long calls in more pieces than threads: processors are rarely equally free.
        pieces = self._workers * (1 if block_steps <= 64 * _WORTH_A_THREAD else 8)
        edges = np.unique(np.linspace(0, self.blocks, pieces + 1).astype(int)).tolist()
        for job in [self._pool.submit(work, a, b) for a, b in pairwise(edges)]:
            job.result()

    def _single(self, k: int) -> None:
        """Step k of coupled coordinates: one array call gives the gradients of all replicates."""
        steps, lanes, points = self._entry("steps"), self.lanes, self._points
        query = 0 if points is lanes.cells else self._entry("query_points")
        if k == 0 and query:
            kernel_cache.driver("gather")(query, lanes, 0, self.blocks, points)
        weights = self._unblock(points[:, 0])
        weights.flags.writeable = False  # they may be the states themselves
        flat = np.ravel(array_slope(self.problem, weights, self._rows(k)))
        row = self.plan.lane_numbers.index(SLOPE)
        single = kernel_cache.driver("single")
        self._share(
            lambda a, b: single(steps, query, lanes, self.draws, a, b, k, flat, row, points),
            self.blocks,
        )

    def _rows(self, k: int) -> NDArray[np.intp] | None:
        """The mini-batches of step k, (R, B); those of a group of steps are drawn together."""
        objective = self.problem.objective
        if not objective.batch:
            return None
        if group_of(k) != self._batch_group:
            self._batch_group = group_of(k)
            kernel_cache.driver("sample")(
                self._batches, group_of(k), stream_hash(SAMPLE), self.draws.key, objective.samples
            )
        rows: NDArray[np.intp] = self._batches[phase_of(k)]
        return rows

    # ---- what came of it -------------------------------------------------------------------------

    @property
    def sums(self) -> Array:
        """(batches, moments, R, D): the sums of the averages, then those of their products."""
        return np.asarray(self._unblock(self._sums.transpose(0, 2, 1, 3)))

    @property
    def records(self) -> dict[str, Array]:
        """The recorded states, each (R, records, D)."""
        kept = {s: self._unblock(self._records[:, :, i]) for i, s in enumerate(self.plan.states)}
        return {s: np.ascontiguousarray(v.transpose(1, 0, 2)) for s, v in kept.items()}

    @property
    def left(self) -> NDArray[np.int64]:
        """The first step outside the dynamic range, (R, D), −1 for never."""
        return np.asarray(self._unblock(self.lanes.left))

    @property
    def broke(self) -> NDArray[np.int64]:
        """The first step that was not finite, (R, D), −1 for never."""
        return np.asarray(self._unblock(self.lanes.broke))
