"""The transfer operator of scalar chains on the Chebyshev points of a stretch of weights.

A law π is stationary if E_π φ(w') = E_π φ(w) for every φ.  Here φ runs over the Chebyshev
polynomials T_k of a stretch and π is carried by its N Chebyshev points x_i:

    Σ_i π_i (E[T_k(w') | x_i] − T_k(x_i)) = 0,   k = 1 … N−1,     Σ_i π_i = 1,

one linear solve of πP = π.  Many chains of one shape go at once, each on a stretch of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimctheory.exact.evaluation import Array


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """E[T_k(w') | x_i], (*shape, N, N), and T_k(x_i), (N, N), on points in [−1, 1].

    Measures are masses (*shape, N) on the points.
    """

    after: Array
    before: Array

    def stationary(self) -> Array:
        """The masses π with πP = π that add up to 1."""
        matrix = self.after - self.before
        matrix[..., 0, :] = 1.0  # T_0 = 1 gives 0 = 0; Σ π_i = 1 takes its place
        right = np.eye(self.before.shape[0])[:, :1]
        return np.asarray(np.linalg.solve(matrix, np.broadcast_to(right, (*matrix.shape[:-1], 1))))[
            ..., 0
        ]

    def step(self, mass: Array) -> Array:
        """The masses after one step."""
        return masses(np.asarray((self.after @ mass[..., None])[..., 0]))

    def resolvent(self, factor: Array, mass: Array) -> Array:
        """Σ_n factorⁿ Pⁿ of the masses, for 0 ≤ factor < 1, (*shape, 1)."""
        matrix = self.before - factor[..., None] * self.after
        moments = self.before @ mass[..., None]
        return np.asarray(np.linalg.solve(matrix, moments))[..., 0]


def operator(place: Array, share: Array) -> Operator:
    """The operator of steps to places (points, N, *shape) in [−1, 1] with probabilities `share`."""
    size = place.shape[1]
    return Operator(_mean_polynomials(place, share), polynomials(angles(size), size))


def angles(size: int) -> Array:
    """The angles whose cosines are the Chebyshev points in rising order."""
    return np.asarray(np.pi * (np.arange(size)[::-1] + 0.5) / size)


def polynomials(angle: Array, size: int) -> Array:
    """T_k(cos angle) = cos(k · angle), (size, *angle.shape)."""
    return np.asarray(np.cos(np.arange(size).reshape(-1, *(1,) * angle.ndim) * angle))


def masses(moments: Array) -> Array:
    """The masses (*shape, N) that give the T_k the means `moments` (*shape, N)."""
    size = moments.shape[-1]
    inverse = 2.0 / size * polynomials(angles(size), size)
    inverse[0] /= 2.0
    return np.asarray(moments @ inverse)


def lengths(size: int, width: float) -> Array:
    """The weights of Fejér's quadrature: the length of the stretch that each point stands for."""
    angle = angles(size)
    k = np.arange(1, size // 2 + 1)[:, None]
    return np.asarray(
        width / size * (1.0 - 2.0 * np.sum(np.cos(2 * k * angle) / (4 * k**2 - 1), axis=0))
    )


def _mean_polynomials(place: Array, share: Array) -> Array:
    """E[T_k], (*shape, N, N), from places in [−1, 1] and probabilities, (points, N, *shape)."""
    size = place.shape[1]
    means = np.empty((size, *place.shape[1:]))
    T, T_next = np.ones_like(place), place
    for k in range(size):
        means[k] = np.einsum("q...,q...->...", share, T)
        T, T_next = T_next, 2.0 * place * T_next - T
    return np.moveaxis(means, (0, 1), (-2, -1))
