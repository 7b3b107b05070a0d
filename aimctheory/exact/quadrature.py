"""Deterministic expectations over the noise of one step.

E φ(g + ξ) by Gauss–Legendre pieces that end at the edges of the density and at ξ = −g, where the
response switches and |g + ξ| has its kink; a discrete law is summed over its atoms.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import roots_legendre

from aimctheory.exact.evaluation import Array, number
from aimctheory.laws import Law

NODES = 48
"""Quadrature points a piece: rounding is reached on a Gaussian cut at ten deviations."""
ROUNDING = 16.0 * np.finfo(float).eps
"""What rounding may do to a mean, in units of the mean size of what is averaged."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """A mean and its absolute error, from a quadrature half as fine and from rounding."""

    value: float | Array
    error: float | Array


def one_step_expectation(
    function: Callable[[Array], ArrayLike],
    law: Law,
    gradient: ArrayLike,
    weight: ArrayLike = 0.0,
    *,
    nodes: int = NODES,
) -> Expectation:
    """E φ(g + ξ) with its error, for φ smooth on either side of 0.

    `function` is φ: it maps noisy gradients (points, *shape) to values of that shape, where `shape`
    is that of `gradient`, `weight` and the law's numbers together.  `weight` matters to laws that
    depend on it.  The error compares `nodes` points a piece with twice as many.

    Raises ValueError for values that are not finite.

    >>> from aimctheory.laws import gaussian
    >>> found = one_step_expectation(np.abs, gaussian(0.5), gradient=0.2)
    >>> abs(found.value - float(gaussian(0.5).mean_abs(0.2))) <= found.error < 1e-13
    True
    """
    coarse, fine = (_mean(function, law, gradient, weight, n) for n in (nodes, 2 * nodes))
    size = _mean(lambda noisy: np.abs(function(noisy)), law, gradient, weight, nodes)
    if not np.all(np.isfinite(fine)):
        raise ValueError(f"the function averaged over {law!r} is not finite")
    error = np.abs(fine - coarse) + ROUNDING * size
    return Expectation(number(fine), number(error))


def _mean(
    function: Callable[[Array], ArrayLike], law: Law, gradient: ArrayLike, weight: ArrayLike, n: int
) -> Array:
    noise, share = noise_points(law, gradient, weight, n)
    return np.asarray(np.sum(share * np.asarray(function(np.asarray(gradient) + noise)), axis=0))


def noise_points(law: Law, gradient: ArrayLike, weight: ArrayLike, n: int) -> tuple[Array, Array]:
    """Values of ξ and their probabilities, (points, *shape), split at ξ = −g; n points a piece."""
    g, w, sigma = (np.asarray(x, dtype=float) for x in (gradient, weight, law.sigma))
    numbers = (np.asarray(number) for number in law.numbers.values())
    shape = np.broadcast_shapes(g.shape, w.shape, *(number.shape for number in numbers))
    if not np.any(sigma):
        return np.zeros((1, *shape)), np.ones((1, *shape))
    if law.form.atoms:
        values, shares = zip(*law.atoms(w), strict=True)
        return _stacked(values, shape), _stacked(shares, shape)
    edges = _stacked(law.edges(), shape)
    kink = np.broadcast_to(np.clip(-g, edges[0], edges[-1]), shape)
    ends = np.sort(np.concatenate([edges, kink[None]]), axis=0)  # a piece may have the length 0
    middle, half = (ends[1:] + ends[:-1])[:, None] / 2, np.diff(ends, axis=0)[:, None] / 2
    x, share = (each.reshape(1, -1, *(1,) * len(shape)) for each in _legendre(n))
    noise = (middle + half * x).reshape(-1, *shape)
    with np.errstate(all="ignore"):  # elements without noise divide by σ = 0
        mass = (half * share).reshape(-1, *shape) * law.density(noise)
    mass = np.where(sigma == 0, 1.0, mass)  # their points are all ξ = 0
    # Dividing by the sum makes the probabilities add up to 1 to the last bit.
    return noise, np.asarray(mass / mass.sum(axis=0))


def _stacked(values: Any, shape: tuple[int, ...]) -> Array:
    return np.stack([np.broadcast_to(value, shape) for value in values])


@functools.cache
def _legendre(n: int) -> tuple[Array, Array]:
    """The points and weights of Gauss–Legendre quadrature on [−1, 1]."""
    points, weights = roots_legendre(n)
    return points, weights
