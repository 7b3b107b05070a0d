"""What a simulation gives back: trajectories, averages, outcomes, and how it was made."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimctheory.statistics import Estimate, batch_mean, replicate_mean

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BatchMeans:
    """Mean and variance of a traced function over consecutive batches of steps.

    Batch b covers steps ``edges[b]`` … ``edges[b + 1] - 1``; both arrays are (R, batches, D).
    """

    edges: NDArray[np.int64]
    mean: Array
    variance: Array


@dataclass(frozen=True, slots=True)
class Outcomes:
    """For each replicate, the first step at which it left the dynamic range, or broke (−1: never).

    Leaving is flagged and the run goes on; a replicate that is no longer finite stops there.
    """

    left: NDArray[np.int64]
    broke: NDArray[np.int64]

    def __str__(self) -> str:
        return self.told("finished")

    def told(self, verb: str) -> str:
        """One clause on all replicates: those that "finished" or "stayed" inside, and others."""
        total, left, broke = (
            self.left.size,
            int((self.left >= 0).sum()),
            int((self.broke >= 0).sum()),
        )
        noun = "replicate" if total == 1 else "replicates"
        if not left and not broke:
            return f"{total} {noun} {verb} inside the dynamic range"
        fine = int(((self.left < 0) & (self.broke < 0)).sum())
        parts = [f"{fine} of {total} {noun} {verb} inside the dynamic range"]
        if left:
            first = int(self.left[self.left >= 0].min())
            parts.append(f"{left} left it (first at step {first}) and went on")
        if broke:
            first = int(self.broke[self.broke >= 0].min())
            parts.append(f"{broke} became non-finite (first at step {first}) and stopped there")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A simulation, finished or interrupted.

    `states` maps each state to its trajectory (replicate, record, coordinate) at `steps`, step 0
    included; `readout` is the algorithm's weight in the same shape; `averages` holds batch means of
    the traced functions asked for.  Where a replicate stopped, later records are NaN.  Of an
    interrupted run there are the records, the whole batches and the outcomes up to the step
    ``provenance["reached"]`` of ``provenance["steps"]``.
    """

    steps: NDArray[np.int64]
    states: Mapping[str, Array]
    readout: Array
    averages: Mapping[str, BatchMeans]
    outcomes: Outcomes
    provenance: Mapping[str, Any]

    def __str__(self) -> str:
        what = self.provenance
        head = f"{what['algorithm']} on {what['device']}"
        if what["reached"] < what["steps"]:
            so_far = self.outcomes.told("stayed")
            return f"{head}, interrupted at step {self._length}: until then {so_far}."
        return f"{head}, {self._length} steps: {self.outcomes}."

    @property
    def _length(self) -> str:
        what = self.provenance
        whole = what["reached"] == what["steps"]
        return str(what["steps"]) if whole else f"{what['reached']} of {what['steps']}"

    def samples(self, name: str, after: int = 0) -> Array:
        """Time averages of a state, average or "readout" over steps ≥ `after`, one per replicate.

        (R, D).  An average of that name is taken before a recorded state: it saw every step.
        """
        if name in self.averages:
            batches = self.averages[name]
            kept = batches.edges[:-1] >= after
            if kept.any():
                lengths = np.diff(batches.edges)[kept]
                return np.asarray(np.average(batches.mean[:, kept], axis=1, weights=lengths))
        else:
            kept = self.steps >= after
            values = self._trajectory(name)
            if kept.any():
                return np.asarray(values[:, kept].mean(axis=1))
        raise ValueError(
            f"nothing of {name!r} lies after step {after}; the run has {self._length} steps"
        )

    def mean(self, name: str, after: int = 0) -> Estimate:
        """The stationary mean of a state, average or "readout" over steps ≥ `after`.

        With several replicates their time averages are independent samples; a single one is
        split into batches.  Replicates that stopped are left out.  A single coordinate gives a
        scalar estimate.
        """
        samples = self.samples(name, after)
        alive = np.flatnonzero(np.isfinite(samples).all(axis=1))
        if not alive.size:
            raise ValueError(
                f"all {len(samples)} replicates became non-finite, so {name!r} has no mean; take "
                "smaller rates"
            )
        if alive.size > 1:
            samples = samples[alive]
            return replicate_mean(samples[:, 0] if samples.shape[1] == 1 else samples)
        if name in self.averages:
            batches = self.averages[name]
            series = batches.mean[alive[0], batches.edges[:-1] >= after]
        else:
            series = self._trajectory(name)[alive[0], self.steps >= after]
        return batch_mean(series[:, 0] if series.shape[1] == 1 else series)

    def _trajectory(self, name: str) -> Array:
        if name == "readout":
            return self.readout
        if name not in self.states:
            known = ", ".join([*self.averages, *self.states, "readout"])
            raise ValueError(f"there is no {name!r} in this run; it has: {known}")
        return self.states[name]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a simulation, at step `reached` of `steps`."""

    def __init__(self, reached: int, steps: int, collect: Callable[[], Run]) -> None:
        super().__init__(
            f"stopped at step {reached} of {steps}; what was recorded until then is this "
            "exception's `run` (in a console: sys.last_value.run)"
        )
        self.reached, self.steps, self._collect = reached, steps, collect

    @functools.cached_property
    def run(self) -> Run:
        """What was recorded until then; collected when asked for, which may take seconds."""
        return self._collect()

    def __reduce__(self) -> tuple[Any, ...]:
        return Interrupted, (self.reached, self.steps, functools.partial(_itself, self.run))


def _itself(run: Run) -> Run:
    return run
