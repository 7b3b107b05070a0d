"""The result of a simulation: trajectories, averages, outcomes and provenance."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimctheory.simulator import estimates
from aimctheory.statistics import FALSE_ALARM, Estimate

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BatchMeans:
    """Moments of an average in consecutive batches of steps; arrays are (R, batches, D).

    Batch b covers the steps ``edges[b]`` … ``edges[b + 1] - 1``.  `covariance` maps the name of
    every other average to the covariance with it.
    """

    edges: NDArray[np.int64]
    mean: Array
    variance: Array
    covariance: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """For each replicate the first step outside the dynamic range, and the first not finite one.

    −1 stands for never.  A replicate that leaves is flagged and goes on; one that is no longer
    finite stops there.  `dynamic_range` says when a weight is outside.
    """

    left: NDArray[np.int64]
    broke: NDArray[np.int64]

    def __str__(self) -> str:
        return self.told("finished")

    def told(self, verb: str) -> str:
        """The outcomes in one clause; `verb` is for replicates inside: "finished" or "stayed"."""
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

    `states` maps each state to its trajectory (replicate, record, coordinate) at the recorded
    `steps`, step 0 included.  `readout` is the algorithm's weight in the same shape.  `averages`
    maps each average to its batch means.  `settings` says which replicates share all their numbers
    (hyper-parameters, devices, laws, objective; not the start): it counts the settings of a sweep
    from 0, in the order in which they appear.  The records of a replicate are NaN from the step on
    at which it stopped.  An interrupted run has the records, the whole batches and the outcomes up
    to the step ``provenance["reached"]`` of ``provenance["steps"]``.
    """

    steps: NDArray[np.int64]
    states: Mapping[str, Array]
    readout: Array
    averages: Mapping[str, BatchMeans]
    outcomes: Outcomes
    settings: NDArray[np.int64]
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
        """Time averages of a state, average or "readout" over steps ≥ `after`, (R, D).

        Where an average and a state share the name, the average is taken: it saw every step.
        """
        series, lengths = self._series(name, after)
        return np.asarray(np.average(series, axis=1, weights=lengths))

    def mean(
        self,
        name: str,
        after: int = 0,
        control: Mapping[str, float | Array] | None = None,
        *,
        level: float = FALSE_ALARM,
    ) -> Estimate:
        """The stationary mean of a state, average or "readout" over steps ≥ `after`.

        The time averages of several replicates are independent samples; a single replicate is split
        into batches (`statistics.batch_mean`).  Replicates that stopped are left out.  With one
        coordinate the estimate is a scalar, else it has shape (D,).

        In a sweep, replicates differ in their `settings`.  The estimate then has a leading axis of
        settings, in the order in which they appear; a setting whose replicates all stopped is
        nan ± inf.  `samples` gives what one needs to pool them.

        Warns where the series has not settled: where its first part (1/16, 1/8, 1/4 or 1/2) has
        another mean than its second half.  In a settled run that happens once in 10⁷ calls if
        the averages are normal.  `level` is the probability that the interval misses.

        `control` maps averages to their known expectations.  The scatter that such an average
        explains is taken out (`controls.controlled_mean`); the draw of the noise, whose mean is 0,
        explains most of it:

        >>> from aimctheory import analog_sgd, gaussian, linear, quadratic, simulate
        >>> run = simulate(analog_sgd, linear(tau=1), quadratic(minimiser=0.5), noise=gaussian(0.5),
        ...     hyper={"learning_rate": 0.05}, steps=4000, replicates=100, rng=1, averages={
        ...     "W": lambda state, hyper, gradient, ops: state.W,
        ...     "noise": lambda state, hyper, gradient, ops: ops.noise("gradient")})
        >>> print(run.mean("W", after=400), "or", run.mean("W", after=400, control={"noise": 0}))
        0.353 ± 0.003 or 0.3528 ± 0.0007
        """
        series, lengths = self._series(name, after)
        if control is None:
            control = {}
        if not isinstance(control, Mapping):
            raise ValueError(
                f"control = {control!r} is not a mapping of averages to their expectations, such "
                "as {'noise': 0}"
            )
        self._check_averages(*control)
        if control:
            self._check_averages(name)
        known = [self._series(each, after)[0] for each in control]
        for each, values, value in zip(control, known, control.values(), strict=True):
            values -= self._expectation(each, value)

        def found(rows: NDArray[np.intp]) -> Estimate:
            controls = [each[rows] for each in known]
            self._warn_unsettled(name, series[rows], controls, after)
            return estimates.mean(series[rows], lengths, controls, level)

        return self._by_setting(name, found, series, *known)

    def _expectation(self, name: str, value: Any) -> Array:
        """The known mean of a control as (R, 1, D); `value` broadcasts to (R, D)."""
        shape = (len(self.readout), self.readout.shape[2])
        try:
            found = np.broadcast_to(np.asarray(value, dtype=float), shape)
        except (TypeError, ValueError):
            found = np.full(shape, np.nan)
        if not np.isfinite(found).all():
            raise ValueError(
                f"control {name!r}: {value!r} is not the expectation of it, a finite number or "
                f"numbers of shape {shape}"
            )
        return found[:, None]

    def covariance(self, a: str, b: str, after: int = 0, *, level: float = FALSE_ALARM) -> Estimate:
        """The stationary covariance E[(a − Ea)(b − Eb)] of two averages over steps ≥ `after`.

        Ea and Eb are unknown.  The means over time and replicates stand for them, and what that
        takes from the covariance, the covariance of these means, is estimated and added.
        Replicates that stopped are left out; settings, warnings and interval are as in `mean`.
        """
        self._check_averages(a, b)
        (x, lengths), (y, _) = self._series(a, after), self._series(b, after)
        batches = self.averages[a]
        within = (batches.variance if a == b else batches.covariance[b])[:, -len(lengths) :]

        def found(rows: NDArray[np.intp]) -> Estimate:
            for name, series in {a: x, b: y}.items():
                self._warn_unsettled(name, series[rows], [], after)
            return estimates.covariance(
                x[rows], y[rows], within[rows], lengths, level, positive=a == b
            )

        return self._by_setting(f"{a} {b}", found, x, y)

    def variance(self, name: str, after: int = 0, *, level: float = FALSE_ALARM) -> Estimate:
        """The stationary variance of an average: its covariance with itself.

        Its interval is that of a number whose logarithm is nearly normal.
        """
        return self.covariance(name, name, after, level=level)

    def _by_setting(
        self, name: str, found: Callable[[NDArray[np.intp]], Estimate], *series: Array
    ) -> Estimate:
        """The estimate that `found` makes of the finite replicates of a setting, for each setting.

        Raises ValueError where no replicate is finite.
        """
        finite = np.all([np.isfinite(each).all(axis=(1, 2)) for each in series], axis=0)
        if not finite.any():
            raise ValueError(
                f"all {len(finite)} replicates became non-finite, so {name!r} has no mean; take "
                "smaller rates"
            )
        every = range(int(self.settings.max()) + 1)
        rows = [np.flatnonzero(finite & (self.settings == each)) for each in every]
        each_found = [found(each) if each.size else None for each in rows]
        return estimates.stacked(each_found)

    def _warn_unsettled(self, name: str, series: Array, controls: list[Array], after: int) -> None:
        if estimates.drifts(series, controls):
            warnings.warn(
                f"{name!r} has not settled after step {after}: its first part and its second half "
                "have different means; pass a larger `after`, or run longer",
                stacklevel=5,
            )

    def _check_averages(self, *names: str) -> None:
        for name in names:
            if name not in self.averages:
                known = ", ".join(self.averages) or "none; name them in simulate(averages=…)"
                raise ValueError(f"there is no average {name!r} in this run; it has: {known}")

    def _series(self, name: str, after: int) -> tuple[Array, NDArray[np.int64]]:
        """The batch means or records from step `after` on, (R, n, D), and the steps behind each."""
        if not isinstance(after, int | np.integer) or after < 0:
            raise ValueError(f"after = {after!r} is not a step of the run: 0, 1, 2, …")
        if name in self.averages:
            batches = self.averages[name]
            kept = batches.edges[:-1] >= after
            values, lengths = batches.mean, np.diff(batches.edges)
        else:
            kept = self.steps >= after
            values, lengths = self._trajectory(name), np.ones_like(self.steps)
        if not kept.any():
            raise ValueError(
                f"nothing of {name!r} lies after step {after}; the run has {self._length} steps"
            )
        return values[:, kept], lengths[kept]

    def _trajectory(self, name: str) -> Array:
        if name == "readout":
            return self.readout
        if name not in self.states:
            known = ", ".join(dict.fromkeys([*self.averages, *self.states, "readout"]))
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
        """The Run until then; it is collected at the first access, which may take seconds."""
        return self._collect()

    def __reduce__(self) -> tuple[Any, ...]:
        return Interrupted, (self.reached, self.steps, functools.partial(_itself, self.run))


def _itself(run: Run) -> Run:
    """Stands for `collect` in an exception that was pickled, with its run collected."""
    return run
