"""The stationary law of the fast array P while the slow array W rests, for many problems at once.

P at a frozen W is a scalar chain, and its law π is that of its `exact.transfer_operator` L.  The
signal y that is transferred is P, P plus read noise, or the filtered H ← (1 − b)H + b(P + ε).  With
E[Hⁿ; P] the mean of Hⁿ over the part of the law with a given P, and without ε,

    E[H; P]  = (1 − b) L E[H; P] + bP π,
    E[H²; P] = (1 − b)² L E[H²; P] + 2b(1 − b)P L E[H; P] + b²P² π,

two linear solves; ε adds bσ_ε²/(2 − b) to the variance of H.  y is taken as normal at each value of
P, with the mean and variance that these give; where b = 1 it is P plus the read noise, whatever the
law of that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import erf, roots_legendre

from aimctheory.exact.evaluation import Array
from aimctheory.exact.quadrature import noise_points
from aimctheory.exact.roots import FAR, HAIR
from aimctheory.exact.transfer_operator import Operator, angles, operator, polynomials
from aimctheory.exact.two_arrays import TwoArrays
from aimctheory.laws import gaussian

SIZE = 48
"""Points of P's law: 48 take a normal law on its stretch to 1e-8 of its standard deviation."""
NOISE_NODES = 32
"""Quadrature points of the gradient's noise on either side of its kink."""
PIECE = 96
"""Quadrature points of P's law on either side of a kink of E[|y| | P]: enough for T_k to k = 72."""
DEPTH = 26.0
"""The stretch of weights ends where the density is about exp(−26), a normal's at 7.2 deviations."""
OFFSETS = np.geomspace(1e-12, 1.0, 240)
"""Distances from a point inside to either end of P's range, in units of that distance."""
THIN = 1e-13
"""Probability of a quadrature point below which it is rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class FastLaw:
    """P's law at a frozen W: masses on `grid` for smooth functions, shares on `points` for |y|.

    `signal_mean` and `signal_variance` are those of y at each of the `points`.  All have the shape
    (n, *shape); `strayed`, of `shape`, is the share of the steps that lead off the grid.
    """

    arrays: TwoArrays
    grid: Array
    mass: Array
    points: Array
    shares: Array
    signal_mean: Array
    signal_variance: Array
    strayed: Array

    def expectation(self, values: Array) -> Array:
        """E φ(P) from the values of a smooth φ on the grid."""
        return np.asarray(np.sum(self.mass * values, axis=0))

    def mean(self) -> Array:
        """E P, which is E y too."""
        return self.expectation(self.grid)

    def variance(self) -> Array:
        """Var P."""
        return self.expectation((self.grid - self.mean()) ** 2)

    def mean_abs_signal(self) -> Array:
        """E|y|."""
        normal = gaussian(np.sqrt(self.signal_variance)).mean_abs(self.signal_mean)
        read = self.arrays.read.mean_abs(self.points)
        folded = np.where(np.equal(self.arrays.filter_rate, 1.0), read, normal)
        return np.asarray(np.sum(self.shares * folded, axis=0))

    def mean_sign_signal(self) -> Array:
        """E[sign y], of an y that is normal at each P."""
        width, mean = np.sqrt(2.0 * self.signal_variance), self.signal_mean
        quotient = np.divide(mean, width, out=np.copysign(np.inf, mean), where=width > 0)
        return np.asarray(np.sum(self.shares * erf(quotient), axis=0))

    def all_signal_variance(self) -> Array:
        """Var y: the mean of its variance at each P, and the variance of its mean."""
        square = self.signal_variance + (self.signal_mean - self.mean()) ** 2
        return np.asarray(np.sum(self.shares * square, axis=0))


def fast_law(arrays: TwoArrays, W: Array, inside: Array, size: int = SIZE) -> FastLaw:
    """The law of P and its signal at slow weights W of the arrays' shape; `size` points carry it.

    `inside` are values of P near those that it visits, where the search for its stretch begins.
    """
    low, high = _stretch(arrays, W, inside)
    if np.any(np.maximum(np.abs(low - inside), np.abs(high - inside)) > high - low):
        low, high = _stretch(arrays, W, arrays.rest(W))  # `inside` lay outside, too far to resolve
    middle, half = (low + high) / 2.0, (high - low) / 2.0
    grid = middle + half * _column(np.cos(angles(size)), W)
    g = arrays.gradient(W, grid)
    noise, share = noise_points(arrays.law, g, grid, NOISE_NODES)
    after = grid + arrays.fast_update.step(grid, g + noise, arrays.learning_rate)
    place = (after - middle) / half
    L = operator(np.clip(place, -1.0, 1.0), share)
    mass = L.stationary()
    moments = _signal_moments(arrays, L, np.moveaxis(grid, 0, -1), mass)
    points, shares, mean, square = _split(middle, half, _kinks(arrays), [mass, *moments])
    # Where hardly any mass is the quotients are rounding; H stays between the ends of P.
    b, unfiltered = arrays.filter_rate, np.equal(arrays.filter_rate, 1.0)
    mean = np.where(unfiltered, points, np.clip(mean, low, high))
    read = b / (2.0 - b) * np.square(arrays.read.sigma)
    passed = np.where(unfiltered, 0.0, np.clip(square - mean**2, 0.0, half**2))
    mass = np.moveaxis(mass, -1, 0)
    return FastLaw(
        arrays=arrays,
        grid=grid,
        mass=mass,
        points=points,
        shares=shares,
        signal_mean=mean,
        signal_variance=read + passed,
        strayed=np.abs(np.sum(mass * np.sum(share * (np.abs(place) > 1.0), axis=0), axis=0)),
    )


def _column(values: Array, like: Array) -> Array:
    """`values` (n,) as (n, 1, …), to broadcast against arrays of the shape of `like`."""
    return values.reshape(-1, *(1,) * like.ndim)


def _stretch(arrays: TwoArrays, W: Array, inside: Array) -> tuple[Array, Array]:
    """The ends of the weights at which P is found.

    With drift −αT and α²S the variance of a step the density is about exp(−∫2T/(αS) dP): the law
    of a diffusion, near enough to say where nothing is left.
    """
    update, rate = arrays.fast_update, arrays.learning_rate
    low, high = (np.broadcast_to(end, W.shape) for end in arrays.fast.dynamic_range)
    below, above = (np.minimum(np.abs(end - inside), FAR) * (1.0 - HAIR) for end in (low, high))
    away = _column(OFFSETS, W)
    x = np.concatenate([inside - below * away[::-1], inside[None], inside + above * away])
    g = arrays.gradient(W, x)
    drift = update.drift(x, g)
    square = update.diffusion(x, g)
    # A spread that is rounding, far from where P is, must not drown the depths that matter.
    spread = np.maximum(square - drift**2, 1e-6 * square)
    slope = 2.0 * drift / (rate * spread)
    depth = np.cumsum((slope[1:] + slope[:-1]) / 2.0 * np.diff(x, axis=0), axis=0)
    depth = np.concatenate([np.zeros_like(depth[:1]), depth])
    depth = depth - depth.min(axis=0)
    return _crossing(x, depth), _crossing(x[::-1], depth[::-1])


def _crossing(x: Array, depth: Array) -> Array:
    """Where `depth` first falls below DEPTH along the points x, between two of them."""
    to = np.argmax(depth < DEPTH, axis=0)[None]
    before = np.maximum(to - 1, 0)
    x_0, x_1 = (np.take_along_axis(x, place, axis=0)[0] for place in (before, to))
    d_0, d_1 = (np.take_along_axis(depth, place, axis=0)[0] for place in (before, to))
    share = np.divide(d_0 - DEPTH, d_0 - d_1, out=np.zeros_like(d_0), where=d_0 > DEPTH)
    return np.asarray(x_0 + share * (x_1 - x_0))


def _signal_moments(arrays: TwoArrays, L: Operator, P: Array, mass: Array) -> tuple[Array, Array]:
    """E[y; P] and E[y²; P] on the grid, (*shape, N), without the noise of the reads."""
    b = np.broadcast_to(np.asarray(arrays.filter_rate, dtype=float), mass.shape[:-1])[..., None]
    if np.all(b == 1.0):
        return P * mass, P**2 * mass
    kept = 1.0 - b
    first = L.resolvent(kept, b * P * mass)
    mixed = 2.0 * b * kept * P * L.step(first)
    return first, L.resolvent(kept**2, mixed + b**2 * P**2 * mass)


def _kinks(arrays: TwoArrays) -> list[Array]:
    """The values of P at which E[|y| | P] has a kink or bends sharply."""
    return [np.zeros(arrays.shape)] + [-value for value, _ in arrays.read.atoms()]


def _split(
    middle: Array, half: Array, kinks: list[Array], measures: list[Array]
) -> tuple[Array, Array, Array, Array]:
    """Points between the kinks, their shares of the first measure, and the others per share.

    A measure (*shape, N) with means m_k of the T_k has the density (m_0 + 2Σ m_k cos kθ)/π in
    θ = arccos of the place, smooth and fast to converge, so each piece is Gauss–Legendre's.
    """
    size = measures[0].shape[-1]
    inner = [np.arccos(np.clip((kink - middle) / half, -1.0, 1.0)) for kink in kinks]
    ends = np.sort(np.stack([np.zeros_like(half), *inner, np.full_like(half, np.pi)]), axis=0)
    centre, width = (ends[1:] + ends[:-1])[:, None] / 2.0, np.diff(ends, axis=0)[:, None] / 2.0
    t, part = (_column(each, half)[None] for each in roots_legendre(PIECE))
    angle, length = (each.reshape(-1, *half.shape) for each in (centre + width * t, width * part))
    T = polynomials(angle, size) * _column(np.r_[1.0, np.full(size - 1, 2.0)], angle) / np.pi
    at_grid = polynomials(angles(size), size)
    shares, first, second = (
        length * np.einsum("k...,kq...->q...", np.tensordot(at_grid, measure, (1, -1)), T)
        for measure in measures
    )
    found = shares > THIN
    mean, square = (
        np.divide(each, shares, out=np.zeros_like(each), where=found) for each in (first, second)
    )
    return middle + half * np.cos(angle), shares, mean, square
