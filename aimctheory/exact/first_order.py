"""The stationary law of a scalar chain to first order in the learning rate, in numbers.

With T the mean drift, w_T its root and D = E[(w' − w)²]/α² there,

    Var w ≃ αD / (2T'),     E w ≃ w_T − T''/(2T') · Var w,     both to a relative O(α).

`derive.first_order` solves the balances of the moments for the same law, in symbols.  The two share
no code on purpose, so that each checks the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.algorithms.record import Algorithm
from aimctheory.exact.drift import drift_root
from aimctheory.exact.evaluation import Array, gradient_of, number
from aimctheory.exact.update import Devices, effective_update
from aimctheory.laws import Law
from aimctheory.objectives.record import Objective


@dataclass(frozen=True, slots=True)
class FirstOrder:
    """The drift root, how far the stationary mean lies from it, and the stationary variance."""

    root: float | Array
    shift: float | Array
    variance: float | Array

    @property
    def mean(self) -> float | Array:
        """The stationary mean, root + shift."""
        return self.root + self.shift


def first_order(
    device: Devices,
    objective: Objective,
    law: Law,
    learning_rate: ArrayLike,
    *,
    algorithm: Algorithm = analog_sgd,
    start: ArrayLike | None = None,
) -> FirstOrder:
    """w_T, −T''/(2T')·Var and Var = αD/(2T') at w_T: root, shift of the mean, variance.

    T' and T'' are exact derivatives.  Root and shift have the unit of the weight; each field is a
    float for scalar numbers, else an array of the shape that the numbers broadcast to.  `start`
    chooses among several roots, as in `drift_root`.

    Raises ValueError as `drift_root` does, for an objective that couples coordinates, and for a
    learning rate that is not positive.

    >>> from aimctheory.catalogue import linear
    >>> from aimctheory.laws import gaussian
    >>> from aimctheory.objectives.quadratic import quadratic
    >>> law = first_order(linear(tau=1), quadratic(minimiser=0.5), gaussian(0.2), 0.02)
    >>> round(1e4 * law.shift, 2)
    -1.56
    """
    if not objective.elementwise:
        raise ValueError(f"{objective.id}: the first-order law is for one coordinate at a time")
    alpha = np.asarray(learning_rate, dtype=float)
    if not np.all(alpha > 0):
        raise ValueError(f"learning_rate = {alpha.min():g} is outside (0, ∞)")
    T = effective_update(algorithm, device, objective, law)
    root = drift_root(algorithm, device, objective, law, start=start)
    w, drift = np.asarray(root), T.along(root)
    variance = alpha * T.diffusion(w, gradient_of(objective, w)) / (2.0 * drift.first)
    shift = -drift.second / (2.0 * drift.first) * variance
    return FirstOrder(root, number(shift), number(variance))
