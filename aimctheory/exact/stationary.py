"""The stationary law of a scalar chain, from its transition operator and without random numbers.

It is the law that `exact.transfer_operator` puts on N Chebyshev points of the weights visited, on
finer and finer grids.  The mean of a polynomial after one step is a smooth function of the weight
before it, by quadrature split at the kink of |g + ξ|, so the error falls faster than any power of
1/N.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.algorithms.record import Algorithm
from aimctheory.exact.evaluation import Array, gradient_of
from aimctheory.exact.first_order import first_order
from aimctheory.exact.quadrature import NODES, noise_points
from aimctheory.exact.roots import bracketed
from aimctheory.exact.transfer_operator import angles, lengths, operator
from aimctheory.exact.update import Devices, EffectiveUpdate, effective_update
from aimctheory.laws import Law
from aimctheory.objectives.record import Objective

SIZES = (32, 48, 72, 108, 162, 243)
"""Numbers of grid points, tried in turn until a finer grid changes rounding only."""
REACHES = (9.0, 14.0, 22.0)
"""Half the stretch of weights in standard deviations; the next one where steps lead off it.  A
normal law has 2e-19 of its mass beyond 9; the law of a chain far from that has longer tails."""
STRAYS = 1e-12
"""The share of steps off the stretch that asks for no wider one; `error` counts such steps."""
UNSETTLED = 1e-3
"""The largest `error` of a law that is returned, in standard deviations."""


@dataclass(frozen=True, slots=True)
class StationaryLaw:
    """The stationary mean, variance and E‖∇f‖², and an error bound of mean and standard deviation.

    `error` is what the last refinement of the grid changed, plus rounding and what the few steps
    off the grid can do.  `mass` weighs the points of `grid`, Σ mass·φ(grid) = E φ(w) for smooth φ;
    `lengths` are the stretches that the points stand for.  All three have the shape (N,).
    """

    mean: float
    variance: float
    mean_square_gradient: float
    error: float
    grid: Array
    mass: Array
    lengths: Array

    @property
    def density(self) -> Array:
        """The probability density on the grid, for continuous noise laws."""
        return self.mass / self.lengths

    def expectation(self, function: Callable[[Array], Array]) -> float:
        """E φ(w) for a smooth function φ of the weight."""
        return float(self.mass @ function(self.grid))


class _Stretch(NamedTuple):
    """An interval of weights."""

    low: float
    high: float

    @property
    def width(self) -> float:
        return self.high - self.low


class _Extremes(NamedTuple):
    """The smallest and the largest noisy gradient g + ξ that a bounded noise gives at weights."""

    smallest: Array
    largest: Array


class _Solution(NamedTuple):
    """Points and masses of πP = π, and the shares of steps that leave the grid and the range.

    A step that leaves the dynamic range has escaped, one that leaves only the grid has strayed.
    """

    grid: Array
    mass: Array
    strayed: float
    escaped: float


def stationary_law(
    device: Devices,
    objective: Objective,
    law: Law,
    learning_rate: float,
    *,
    algorithm: Algorithm = analog_sgd,
    start: float | None = None,
) -> StationaryLaw:
    """The law π of the weight that one step leaves as it is, πP = π, for one scalar chain.

    Mean and error have the unit of the weight.  For a continuous noise law the error is usually
    below 1e-12 of the range.  A discrete law is served where no atom changes the sign of g + ξ on
    the weights that the chain visits; there the moments are exact and `density` means nothing.
    `start` chooses among several drift roots.

    Raises ValueError for numbers that are not scalars, without noise, where steps leave the dynamic
    range, and where `error` exceeds a thousandth of the standard deviation (mass left at the ends
    of the grid, or a law too sharp for it); and as `drift_root` does.

    >>> from aimctheory.catalogue import linear
    >>> from aimctheory.laws import rademacher
    >>> from aimctheory.objectives.quadratic import quadratic
    >>> found = stationary_law(linear(tau=1), quadratic(minimiser=0.5), rademacher(0.5), 0.1)
    >>> round(found.mean, 12)       # w*/(1 + σ/τ) at every learning rate
    0.333333333333
    """
    chain = effective_update(algorithm, device, objective, law)
    if chain.shape not in ((), (1,)) or np.ndim(learning_rate):
        raise ValueError(
            f"the stationary law is for one scalar chain, and these numbers have the shape "
            f"{chain.shape or np.shape(learning_rate)}; call it once per number"
        )
    if not np.any(law.sigma):
        raise ValueError("sigma = 0: without noise the chain comes to rest; use drift_root")
    first = first_order(device, objective, law, learning_rate, algorithm=algorithm, start=start)
    center, deviation = _scalar(first.root), float(np.sqrt(np.squeeze(first.variance)))
    tried = []
    for reach in REACHES:
        stretch = _visited(chain, learning_rate, center, reach * deviation)
        found, strayed = _refined(chain, learning_rate, stretch, center)
        tried.append(found)
        if strayed <= STRAYS:
            break
    best = min(tried, key=lambda each: each.error)
    if not best.error <= UNSETTLED * deviation:
        raise ValueError(
            f"the stationary law around w = {center:.6g} does not settle: refining or widening the "
            f"grid still moves its mean by {best.error:.2g}, its standard deviation being about "
            f"{deviation:.2g}; lower learning_rate = {learning_rate:g}, or simulate"
        )
    return best


def _scalar(value: Any) -> float:
    """The one number of an array."""
    return float(np.squeeze(value))


def _range(chain: EffectiveUpdate) -> _Stretch:
    """The dynamic range of a scalar chain."""
    low, high = chain.dynamic_range
    return _Stretch(_scalar(low), _scalar(high))


def _extremes(chain: EffectiveUpdate, weight: ArrayLike) -> _Extremes:
    """The extreme noisy gradients at each of these weights."""
    noise = np.sort(chain.law.edges() or [value for value, _ in chain.law.atoms(weight)], axis=0)
    g = gradient_of(chain.objective, np.asarray(weight))
    return _Extremes(np.asarray(g + noise[0]), np.asarray(g + noise[-1]))


def _visited(chain: EffectiveUpdate, learning_rate: float, center: float, reach: float) -> _Stretch:
    """The weights center ± reach that lie in the dynamic range and in reach of a bounded noise."""
    whole = _range(chain)
    low, high = max(whole.low, center - reach), min(whole.high, center + reach)

    def smallest(weight: ArrayLike) -> Array:
        return _extremes(chain, weight).smallest

    def largest(weight: ArrayLike) -> Array:
        return _extremes(chain, weight).largest

    # Below `lowest` every noisy gradient is negative, so every step leads up; above `highest` every
    # step leads down.  The chain leaves [lowest, highest] by one step at the most.
    lowest, highest = low, high
    if largest(low) < 0 < largest(center):
        lowest = float(bracketed(largest, np.asarray(low), np.asarray(center)))
    if smallest(center) < 0 < smallest(high):
        highest = float(bracketed(smallest, np.asarray(center), np.asarray(high)))
    w = np.linspace(lowest, highest, 65)  # the furthest step may start between both ends
    falls = w + chain.step(w, largest(w), learning_rate)
    rises = w + chain.step(w, smallest(w), learning_rate)
    return _Stretch(
        max(low, min(lowest, float(falls.min()))), min(high, max(highest, float(rises.max())))
    )


def _refined(
    chain: EffectiveUpdate, learning_rate: float, stretch: _Stretch, center: float
) -> tuple[StationaryLaw, float]:
    """The law on finer and finer grids until rounding is reached, and the share of stray steps."""
    # One step takes this share off a deviation, so an error of one step adds up 1/decay-fold.
    decay = learning_rate * _scalar(chain.along(center).first)
    rounding = 4.0 * np.finfo(float).eps * (stretch.width / decay + abs(center))
    mean = deviation = change = np.inf
    for size in SIZES:
        solution = _solved(chain, learning_rate, stretch, size)
        coarser_mean, coarser_deviation = mean, deviation
        mean = float(solution.mass @ solution.grid)
        variance = float(solution.mass @ (solution.grid - mean) ** 2)
        deviation = float(np.sqrt(max(variance, 0.0)))  # a coarse grid may give a negative one
        change = max(abs(mean - coarser_mean), abs(deviation - coarser_deviation))
        if change <= rounding:
            break
    leaked = solution.escaped * stretch.width / decay
    if leaked > UNSETTLED * deviation:
        raise ValueError(
            f"learning_rate = {learning_rate:g}: a step leaves the dynamic range with probability "
            f"{solution.escaped:.2g}, so no law on it is stationary; lower the learning rate or "
            "the noise"
        )
    # A step off the grid was set back to its end: about a width, and 1/decay steps remember it.
    error = change + rounding + (solution.strayed + solution.escaped) * stretch.width / decay
    g = gradient_of(chain.objective, solution.grid)
    law = StationaryLaw(
        mean=mean,
        variance=variance,
        mean_square_gradient=float(solution.mass @ np.square(g)),
        error=error,
        grid=solution.grid,
        mass=solution.mass,
        lengths=lengths(size, stretch.width),
    )
    return law, solution.strayed


def _solved(
    chain: EffectiveUpdate, learning_rate: float, stretch: _Stretch, size: int
) -> _Solution:
    """πP = π on `size` Chebyshev points of the stretch."""
    middle, half = (stretch.high + stretch.low) / 2, stretch.width / 2
    grid = middle + half * np.cos(angles(size))
    g = gradient_of(chain.objective, grid)
    # T_k(w') is a polynomial of degree k < size in ξ on either side of the kink: size/2 nodes take
    # it exactly, and NODES do for the density.
    noise, share = noise_points(chain.law, g, grid, max(NODES, size // 2))
    after = grid + chain.step(grid, g + noise, learning_rate)
    whole = _range(chain)
    escaped = (after < whole.low) | (after > whole.high)
    strayed = ((after < stretch.low) | (after > stretch.high)) & ~escaped
    mass = operator(np.clip((after - middle) / half, -1.0, 1.0), share).stationary()

    def probability(event: Array) -> float:
        return abs(float(mass @ np.sum(share * event, axis=0)))

    return _Solution(grid, mass, probability(strayed), probability(escaped))
