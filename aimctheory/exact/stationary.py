"""The stationary law of a scalar chain, from its transition operator and without random numbers.

A law π is stationary if E_π φ(w') = E_π φ(w) for every φ.  Here φ runs over the Chebyshev
polynomials T_k of a stretch of weights and π is carried by its N Chebyshev points x_i:

    Σ_i π_i (E[T_k(w') | x_i] − T_k(x_i)) = 0,   k = 1 … N−1,     Σ_i π_i = 1,

one linear solve of πP = π.  E[·|x_i] is a smooth function of x_i, by quadrature split at the kink
of |g + ξ|, so the error falls faster than any power of 1/N.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.algorithms.record import Algorithm
from aimctheory.exact.first_order import first_order
from aimctheory.exact.quadrature import NODES, noise_points
from aimctheory.exact.evaluation import Array, slope
from aimctheory.exact.roots import bracketed
from aimctheory.exact.update import Devices, EffectiveUpdate, effective_update
from aimctheory.laws import Law
from aimctheory.objectives.record import Objective

SIZES = (32, 48, 72, 108, 162, 243)
REACHES = (9.0, 14.0, 22.0)
"""Half the stretch of weights in standard deviations; the next one where steps lead off it."""
STRAYS = 1e-12
UNSETTLED = 1e-3


@dataclass(frozen=True, slots=True)
class StationaryLaw:
    """The stationary mean, variance and E‖∇f‖², and an error bound of mean and standard deviation.

    `error` is what the last refinement of the grid changed, plus rounding and what the few steps
    off the grid can do.  `mass` weighs the points of `grid`, Σ mass·φ(grid) = E φ(w) for smooth φ;
    `cells` are the lengths they stand for.
    """

    mean: float
    variance: float
    mean_square_gradient: float
    error: float
    grid: Array
    mass: Array
    cells: Array

    @property
    def density(self) -> Array:
        """The probability density on the grid, for continuous noise laws."""
        return self.mass / self.cells

    def expectation(self, function: Callable[[Array], Array]) -> float:
        """E φ(w) for a smooth function φ of the weight."""
        return float(self.mass @ function(self.grid))


def stationary_law(
    device: Devices,
    objective: Objective,
    law: Law,
    learning_rate: float,
    *,
    algorithm: Algorithm = analog_sgd,
    start: float | None = None,
) -> StationaryLaw:
    """The law of the weight that one step leaves as it is, for one scalar chain.

    For a continuous noise law the error is usually below 1e-12 of the range.  A discrete law is
    served where no atom changes the sign of g + ξ on the weights that the chain visits; there the
    moments are exact and `density` means nothing.  `start` chooses among several drift roots.

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
    center, spread = float(np.squeeze(first.root)), float(np.sqrt(np.squeeze(first.variance)))
    tried = []
    for reach in REACHES:
        ends = _stretch(chain, learning_rate, center, reach * spread)
        found, strays = _refined(chain, learning_rate, ends, center)
        tried.append(found)
        if strays <= STRAYS:
            break
    best = min(tried, key=lambda each: each.error)
    if not best.error <= UNSETTLED * spread:
        raise ValueError(
            f"the stationary law around w = {center:.6g} does not settle: refining or widening the "
            f"grid still moves its mean by {best.error:.2g}, its standard deviation being about "
            f"{spread:.2g}; lower learning_rate = {learning_rate:g}, or simulate"
        )
    return best


def _stretch(
    chain: EffectiveUpdate, learning_rate: float, center: float, reach: float
) -> tuple[float, float]:
    """The weights center ± reach that lie in the dynamic range and in reach of a bounded noise."""
    low, high = (float(np.squeeze(end)) for end in chain.range)
    low, high = max(low, center - reach), min(high, center + reach)

    def extreme(weight: ArrayLike, which: int) -> Array:
        """The smallest (0) or largest (−1) noisy gradient at a weight."""
        noise = chain.law.edges() or [value for value, _ in chain.law.atoms(weight)]
        return np.asarray(
            slope(chain.objective, np.asarray(weight)) + np.sort(noise, axis=0)[which]
        )

    a, b = low, high
    if extreme(low, -1) < 0 < extreme(center, -1):  # below a every step leads up
        a = float(bracketed(lambda w: extreme(w, -1), np.asarray(low), np.asarray(center)))
    if extreme(center, 0) < 0 < extreme(high, 0):  # above b every step leads down
        b = float(bracketed(lambda w: extreme(w, 0), np.asarray(center), np.asarray(high)))
    w = np.linspace(a, b, 65)
    lowest, highest = (w + chain.step(w, extreme(w, k), learning_rate) for k in (-1, 0))
    return max(low, min(a, float(lowest.min()))), min(high, max(b, float(highest.max())))


def _refined(
    chain: EffectiveUpdate, learning_rate: float, ends: tuple[float, float], center: float
) -> tuple[StationaryLaw, float]:
    """The law on finer and finer grids until rounding is reached, and the share of stray steps."""
    width = ends[1] - ends[0]
    decay = learning_rate * float(np.squeeze(chain.along(center).first))
    rounding = 4.0 * np.finfo(float).eps * (width / decay + abs(center))
    before: tuple[float, float] | None = None
    for size in SIZES:
        grid, mass, strays, escapes = _solved(chain, learning_rate, ends, size)
        mean = float(mass @ grid)
        variance = float(mass @ (grid - mean) ** 2)
        now = mean, float(np.sqrt(max(variance, 0.0)))
        change = (
            np.inf if before is None else max(abs(a - b) for a, b in zip(now, before, strict=True))
        )
        before = now
        if change <= rounding:
            break
    if escapes * width / decay > UNSETTLED * now[1]:
        raise ValueError(
            f"learning_rate = {learning_rate:g}: a step leaves the dynamic range with probability "
            f"{escapes:.2g}, so no law on it is stationary; lower the learning rate or the noise"
        )
    error = change + rounding + (abs(strays) + escapes) * width / decay
    square = float(mass @ np.square(slope(chain.objective, grid)))
    return StationaryLaw(mean, variance, square, error, grid, mass, _cells(size, width)), strays


def _solved(
    chain: EffectiveUpdate, learning_rate: float, ends: tuple[float, float], size: int
) -> tuple[Array, Array, float, float]:
    """Points and masses of πP = π, and the shares of steps off the grid and off the range."""
    middle, half = (ends[1] + ends[0]) / 2, (ends[1] - ends[0]) / 2
    angle = np.pi * (np.arange(size)[::-1] + 0.5) / size
    grid = middle + half * np.cos(angle)
    g = slope(chain.objective, grid)
    noise, share = noise_points(chain.law, g, grid, max(NODES, size // 2))
    after = grid + chain.step(grid, g + noise, learning_rate)
    low, high = (float(np.squeeze(end)) for end in chain.range)
    escaped = (after < low) | (after > high)
    strayed = ((after < ends[0]) | (after > ends[1])) & ~escaped
    matrix = _mean_polynomials(np.clip((after - middle) / half, -1.0, 1.0), share)
    matrix -= np.cos(angle * np.arange(size)[:, None])
    matrix[0] = 1.0
    mass = np.linalg.solve(matrix, np.eye(size)[0])
    off = [abs(float(mass @ np.sum(share * each, axis=0))) for each in (strayed, escaped)]
    return grid, mass, off[0], off[1]


def _mean_polynomials(place: Array, share: Array) -> Array:
    """E[T_k] for k < N, (N, N), from places in [−1, 1] and their probabilities, (points, N)."""
    size = place.shape[1]
    means, now, after = np.empty((size, size)), np.ones_like(place), place
    for k in range(size):
        means[k] = np.einsum("qi,qi->i", share, now)
        now, after = after, 2.0 * place * after - now
    return means


def _cells(size: int, width: float) -> Array:
    """The weights of Fejér's quadrature: the length of the stretch that each point stands for."""
    angle = np.pi * (np.arange(size)[::-1] + 0.5) / size
    k = np.arange(1, size // 2 + 1)[:, None]
    return np.asarray(
        width / size * (1.0 - 2.0 * np.sum(np.cos(2 * k * angle) / (4 * k**2 - 1), axis=0))
    )
