"""The kernel engine lays a problem out in blocks of lanes and calls the compiled loops over them.

Threads share the blocks.  A thread runs whole blocks, and no lane depends on another, so results
depend on neither the number of threads nor the length of a call.
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
from aimctheory.simulator.block_layout import LANES, Blocks, ends
from aimctheory.simulator.draw_counter import (
    SAMPLE,
    STEPS_PER_CALL,
    group_of,
    key_words,
    phase_of,
    stream_hash,
)
from aimctheory.simulator.engine import Window
from aimctheory.simulator.kernel_text import module_text
from aimctheory.simulator.lane_draws import Draws
from aimctheory.simulator.noise import lane_words
from aimctheory.simulator.plan import GRADIENT, Plan
from aimctheory.simulator.problem import coupled_gradient

Array = NDArray[np.float64]

MOST_UPDATES = 2**27
"""Weights times steps that any processor does in less than a second."""
_WORTH_A_THREAD = 1000  # blocks times steps: some hundred microseconds of work
_PAD = 16  # the lanes in use are filled up to a whole vector of any width


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads() -> int:
    """How many threads share the blocks: $AIMCTHEORY_THREADS, else one for each processor.

    Raises ValueError if AIMCTHEORY_THREADS is not a positive integer.
    """
    chosen = os.environ.get("AIMCTHEORY_THREADS")
    if chosen is None:
        return processors()
    if not (chosen.isascii() and chosen.isdigit()) or int(chosen) < 1:
        raise ValueError(f"AIMCTHEORY_THREADS = {chosen!r} is not a positive integer")
    return int(chosen)


def least_window(elementwise: bool, lanes: int) -> int:
    """Steps that no window of the kernel engine should go below.

    Each window looks at all lanes once (`lane_watch`), which takes about as long as a few steps.
    """
    if not elementwise:  # coupled coordinates: each step is a call of its own
        return 1
    return max(STEPS_PER_CALL, min(16, MOST_UPDATES // lanes))


class Kernel:
    """The `Engine` that runs compiled kernels."""

    def __init__(self, plan: Plan, key: np.uint64, records: int, batches: int) -> None:
        problem = plan.problem
        self.plan, self.problem, self.key = plan, problem, key
        self.text = module_text(plan)
        self.used = problem.replicates * problem.coordinates  # lanes
        self.count = -(-self.used // LANES)  # blocks
        self.blocks, self.draws = self._lay_blocks(records, batches), self._lay_draws()
        batch = (problem.replicates, problem.objective.batch)
        self._batches = np.empty((STEPS_PER_CALL, *batch), dtype=np.intp)
        self._batch_group = -1
        self._workers = min(threads(), self.count)
        self._pool = ThreadPoolExecutor(self._workers)

    # ---- layout: (blocks, rows, LANES) -----------------------------------------------------------

    def _row(self, value: ArrayLike) -> Array:
        """A number broadcast to one row of every block; lanes not in use repeat the last one."""
        shape = (self.problem.replicates, self.problem.coordinates)
        flat = np.broadcast_to(np.asarray(value, dtype=float), shape).ravel()
        padded = np.empty(self.count * LANES)
        padded[: self.used], padded[self.used :] = flat, flat[-1]
        return padded.reshape(self.count, LANES)

    def _block(self, rows: list[Array]) -> Array:
        """Rows as one array (blocks, rows, LANES); one row of zeros where there are none."""
        if not rows:
            return np.zeros((self.count, 1, LANES))
        return np.stack(rows, axis=1)

    def _unblock(self, rows: NDArray[Any]) -> NDArray[Any]:
        """(…, blocks, LANES) back to (…, R, D)."""
        flat = rows.reshape(*rows.shape[:-2], self.count * LANES)[..., : self.used]
        return flat.reshape(*flat.shape[:-1], self.problem.replicates, self.problem.coordinates)

    def _lay_blocks(self, records: int, batches: int) -> Blocks:
        problem, plan, numbers = self.problem, self.plan, self.plan.numbers
        laid = [self._row(problem.start[s]) for s in plan.states]
        laid += [np.zeros((self.count, LANES))] * (len(plan.layout.names) - len(laid))
        rows = self._block(laid)
        ranges = [[self._row(end) for end in problem.bounds(array)] for array in plan.arrays]
        bounds = self._block(ends([low for low, _ in ranges], [high for _, high in ranges]))
        given = [numbers[n] if n != GRADIENT else 0.0 for n in plan.lane_numbers]
        coupled = not problem.objective.elementwise
        points = rows if plan.points_are_states else np.empty((self.count * coupled, 1, LANES))
        kept = np.empty((records, self.count, len(plan.states), LANES))
        kept[0] = rows[:, : len(plan.states)]
        return Blocks(
            rows=rows,
            start=rows.copy(),
            gradient=plan.lane_numbers.index(GRADIENT) if coupled else -1,
            points=points,
            number=self._block([self._row(value) for value in given]),
            scalar=np.array([float(numbers[n]) for n in plan.scalars]),
            bounds=bounds[:1].copy() if (bounds == bounds[:1]).all() else bounds,
            records=kept,
            sums=np.zeros((batches, self.count, len(problem.moments), LANES)),
            left=np.full((self.count, LANES), -1, dtype=np.int64),
            broke=np.full((self.count, LANES), -1, dtype=np.int64),
            size=-(-self.used // _PAD) * _PAD,
            layout=plan.layout.numbers,
        )

    def _lay_draws(self) -> Draws:
        streams, problem = self.plan.streams, self.problem
        kinds = [problem.laws[s].form.raw == "normal" for s, _ in streams]
        keys = np.array(key_words(self.key), dtype=np.uint32)
        lane = np.minimum(np.arange(self.count * LANES), self.used - 1)
        replicate = (lane // problem.coordinates).astype(np.uint32)
        words = [
            lane_words(
                problem.stream_coordinates(per)[lane % problem.coordinates], replicate, keys[0]
            )
            for _, per in streams
        ]
        laid = np.array(words, dtype=np.uint32).reshape(len(words), 3, self.count, LANES)
        raw = (self.count, max(1, len(streams)), STEPS_PER_CALL, LANES)
        return Draws(
            raw=np.zeros(raw, dtype=np.uint32),
            group=np.full(self.count, -1, dtype=np.int64),
            normal=np.array(kinds, dtype=np.bool_),
            streams=np.array([stream_hash(s) for s, _ in streams], dtype=np.uint32),
            lane=np.ascontiguousarray(laid.transpose(2, 0, 1, 3)),
            key=keys,
        )

    # ---- running -------------------------------------------------------------------------------

    @property
    def least_window(self) -> int:
        """Steps that no window should go below."""
        return least_window(self.problem.objective.elementwise, self.used)

    def advance(self, window: Window) -> None:
        """Take the steps of a window, keep its records and close its batches."""
        if self.problem.objective.elementwise:
            self._run(window)
        else:
            self._run_coupled(window)

    def _run(self, window: Window) -> None:
        """One compiled call for all steps of some blocks; it stops where a lane has left."""
        steps, run = self._entry("steps"), kernel_cache.driver("run")
        blocks, draws = self.blocks, self.draws

        def share(first: int, last: int) -> None:
            block, skip = first, 0
            while block < last:
                block, pause = run(steps, blocks, draws, window, block, last, skip)
                if block < last:
                    kernel_cache.driver("replay")(steps, blocks, draws, window, block, pause)
                    skip = pause + 1

        self._share(share, self.count * (int(window.ends[-1]) - window.begin))

    def _run_coupled(self, window: Window) -> None:
        """At each step one array call gives the gradients of all replicates, then lanes move."""
        blocks, rows, layout = self.blocks, self.blocks.rows, self.blocks.layout
        query = 0 if blocks.points is rows else self._entry("query_points")
        if window.begin == 0 and query:
            kernel_cache.driver("gather")(query, blocks, 0, self.count)
        # Points have one row, so this is a view, which shows the points of every step to come.
        weights = self._unblock(blocks.points[:, 0])
        weights.flags.writeable = False  # the objective only reads them; they may be the states
        begin = window.begin
        for end, slot, close in zip(window.ends, window.slots, window.closes, strict=True):
            for k in range(begin, end):
                self._single(k, query, coupled_gradient(self.problem, weights, self._batch(k)))
            begin = int(end)
            if slot >= 0:
                blocks.records[slot] = rows[:, : layout.states]
            if close >= 0:
                blocks.sums[close] = rows[:, layout.states : layout.extremes]
                rows[:, layout.states : layout.extremes] = 0.0

    def _single(self, k: int, query: Any, gradient: Array) -> None:
        """Step k of all blocks."""
        steps, single = self._entry("steps"), kernel_cache.driver("single")
        blocks, draws, flat = self.blocks, self.draws, np.ravel(gradient)
        self._share(lambda a, b: single(steps, query, blocks, draws, flat, k, a, b), self.count)

    def _batch(self, k: int) -> NDArray[np.intp] | None:
        """The sample indices of step k, (R, B); those of a group of steps are drawn together."""
        objective = self.problem.objective
        if not objective.batch:
            return None
        if group_of(k) != self._batch_group:
            self._batch_group = group_of(k)
            kernel_cache.driver("sample")(
                self._batches, group_of(k), stream_hash(SAMPLE), self.draws.key, objective.samples
            )
        indices: NDArray[np.intp] = self._batches[phase_of(k)]
        return indices

    def _entry(self, name: str) -> Any:
        """The address of an entry of the kernel; compiled when first needed."""
        return kernel_cache.entry(self.text, name)

    def _share(self, work: Callable[[int, int], None], block_steps: int) -> None:
        """Call `work(first, last)` on ranges of blocks, in threads where that is worth it."""
        if self._workers == 1 or block_steps <= _WORTH_A_THREAD:
            work(0, self.count)
            return
        # A long call is cut into more pieces than threads, as processors are rarely equally free.
        pieces = self._workers * (1 if block_steps <= 64 * _WORTH_A_THREAD else 8)
        edges = np.unique(np.linspace(0, self.count, pieces + 1).astype(int)).tolist()
        for job in [self._pool.submit(work, a, b) for a, b in pairwise(edges)]:
            job.result()

    # ---- what came of it -------------------------------------------------------------------------

    @property
    def sums(self) -> dict[tuple[str, ...], Array]:
        """The sums of each moment over the steps of each batch, (batches, R, D)."""
        laid = self._unblock(self.blocks.sums.transpose(2, 0, 1, 3))
        return dict(zip(self.problem.moments, laid, strict=True))

    @property
    def records(self) -> dict[str, Array]:
        """The recorded states, each (R, records, D)."""
        laid = self.blocks.records
        kept = {s: self._unblock(laid[:, :, i]) for i, s in enumerate(self.plan.states)}
        return {s: np.ascontiguousarray(v.transpose(1, 0, 2)) for s, v in kept.items()}

    @property
    def left(self) -> NDArray[np.int64]:
        """The first step outside the dynamic range, (R, D), −1 for never."""
        return np.asarray(self._unblock(self.blocks.left))

    @property
    def broke(self) -> NDArray[np.int64]:
        """The first step that was not finite, (R, D), −1 for never."""
        return np.asarray(self._unblock(self.blocks.broke))
