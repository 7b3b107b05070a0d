"""Times contenders in turn, so that a machine that slows down slows all of them.

A ratio is formed within each round and then summarised: the width of its range over the rounds
tells how far it can be trusted on this machine.
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
    """One way to do the work of a benchmark: `run(steps, replicates)`, and the code to show.

    `steps` is the number of steps that takes about a tenth of a second.
    """

    name: str
    run: Callable[[int, int], Any]
    steps: int
    code: Callable[..., Any] | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """Seconds per unit of work by contender, one number a round; the first contender is judged."""

    seconds: Mapping[str, Array]

    @property
    def names(self) -> list[str]:
        """The contenders' names, ours first."""
        return list(self.seconds)

    def median(self, name: str) -> float:
        """The median time of a contender."""
        return float(np.median(self.seconds[name]))

    def speedup(self, name: str) -> Array:
        """How many times longer `name` takes than the first contender, one number a round."""
        return self.seconds[name] / self.seconds[self.names[0]]


def clock(work: Callable[[], Any]) -> float:
    """The seconds that a call takes, without garbage collection, as in `timeit`."""
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
    """Seconds of each piece of work; every round runs each of them once."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            found[name].append(clock(work))
    return Measurement({name: np.array(times) for name, times in found.items()})


def compete(
    contenders: Sequence[Contender], rounds: int, replicates: int, coordinates: int
) -> Measurement:
    """Seconds per weight update of each contender.  Compilation is not timed."""
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
    """A context with these environment variables."""
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
