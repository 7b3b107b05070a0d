"""Contenders timed in turn, so that a machine that slows down slows all of them.

A ratio is formed within each round and only then summarised: its spread says how far it can be
trusted on this machine.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

OURS = "aimctheory"


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to do the same work: `run(steps, replicates)`, and the code that a reader is shown.

    `steps` is how many fill about a tenth of a second: more for those that are faster.
    """

    name: str
    run: Callable[[int, int], Any]
    steps: int
    code: Callable[..., Any] | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """Seconds per unit of work, one for each round, by contender; the first one is judged."""

    seconds: Mapping[str, Array]

    @property
    def names(self) -> list[str]:
        """The contenders, ours first."""
        return list(self.seconds)

    def median(self, name: str) -> float:
        """The median time of a contender."""
        return float(np.median(self.seconds[name]))

    def speedup(self, name: str) -> Array:
        """How many times longer `name` takes than the first contender, round by round."""
        return self.seconds[name] / self.seconds[self.names[0]]


def clock(work: Callable[[], Any]) -> float:
    """The seconds that a call takes, the collector held back as `timeit` does."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started
    finally:
        if was_on:
            gc.enable()


def alternate(works: Mapping[str, Callable[[], Any]], rounds: int) -> Measurement:
    """Seconds of each piece of work, `rounds` times, one after the other."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            found[name].append(clock(work))
    return Measurement({name: np.array(times) for name, times in found.items()})


def compete(
    contenders: Sequence[Contender], rounds: int, replicates: int, coordinates: int
) -> Measurement:
    """Seconds per weight update of each contender, compiled before the clock starts."""
    for each in contenders:
        each.run(8, replicates)
    raw = alternate(
        {each.name: _call(each, replicates) for each in contenders},
        rounds,
    )
    updates = {each.name: each.steps * replicates * coordinates for each in contenders}
    return Measurement({name: times / updates[name] for name, times in raw.seconds.items()})


def _call(contender: Contender, replicates: int) -> Callable[[], Any]:
    return lambda: contender.run(contender.steps, replicates)


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """These variables of the environment, for as long as the block lasts."""
    import os

    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
