"""The floor of Digital SGD on a quadratic: the stationary law of a linear recursion, exactly.

w' = w − α(H(w − w*) + ξ) with ξ independent over steps and coordinates; in the eigenbasis of H the
stationary variance of mode i is α s_i²/(λ_i(2 − αλ_i)), s_i² the noise variance along it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from aimctheory.exact.evaluation import Array, gradient_of, number
from aimctheory.exact.jets import variable
from aimctheory.objectives.record import Objective


@dataclass(frozen=True, slots=True)
class DigitalFloor:
    """E[f − f*] and E‖∇f‖² in the stationary state; floats, or arrays (R,) for a sweep."""

    excess: float | Array
    mean_square_gradient: float | Array


def digital_floor(objective: Objective, sigma: ArrayLike, learning_rate: ArrayLike) -> DigitalFloor:
    """Σᵢ αsᵢ²/(2(2 − αλᵢ)) and Σᵢ αλᵢsᵢ²/(2 − αλᵢ), the stationary E[f − f*] and E‖∇f‖².

    λᵢ are the eigenvalues of the Hessian, sᵢ² the noise variance along their eigenvectors.  `sigma`
    is the noise's standard deviation per coordinate, a number or (D,); for an uncoupled objective
    the numbers may also sweep as (R, 1) or (R, D).  EX24 (5) bounds the second sum.

    Raises ValueError for an objective that is not quadratic and where αλ ≥ 2 (no stationary state).

    >>> from aimctheory.objectives.quadratic import quadratic
    >>> floor = digital_floor(quadratic(curvature=1.0), sigma=0.5, learning_rate=0.1)
    >>> round(floor.excess, 6), round(floor.mean_square_gradient, 6)
    (0.006579, 0.013158)
    """
    alpha = np.asarray(learning_rate, dtype=float)
    curvature, variance = _modes(objective, np.square(np.asarray(sigma, dtype=float)))
    if not np.all((alpha * curvature > 0) & (alpha * curvature < 2)):
        raise ValueError(
            f"learning_rate × curvature = {np.max(alpha * curvature):.4g} is outside (0, 2); "
            f"Digital SGD is stable for a learning_rate in (0, {2.0 / float(curvature.max()):.4g})"
        )
    share = alpha * variance / (2.0 - alpha * curvature)
    excess, square = 0.5 * share, curvature * share
    if share.ndim:
        excess, square = excess.sum(axis=-1), square.sum(axis=-1)
    return DigitalFloor(number(excess), number(square))


def _modes(objective: Objective, variance: Array) -> tuple[Array, Array]:
    """The eigenvalues of the Hessian and the noise variance along each eigenvector."""
    if objective.elementwise:
        origin = np.zeros(objective.coordinates if objective.coordinates > 1 else ())
        here, there = (gradient_of(objective, variable(origin + shift)) for shift in (0.0, 1.0))
        if np.any(here.first != there.first) or np.any(here.second):
            raise _not_quadratic(objective)
        return np.asarray(here.first), variance
    origin, H = np.zeros(objective.coordinates), objective.hessian
    if H is None or not np.array_equal(H(origin), H(origin + 1.0)):
        raise _not_quadratic(objective)
    curvature, directions = np.linalg.eigh(H(origin))
    return curvature, np.broadcast_to(variance, origin.shape) @ directions**2


def _not_quadratic(objective: Objective) -> ValueError:
    return ValueError(f"{objective.id}: the digital floor is for a quadratic objective")
