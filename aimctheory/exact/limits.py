"""What is left for α → 0 when the fast array's symmetric point is not 0, and when that is worse.

Residual Learning then settles where ∇f = −E|∇f + ξ| R_P(0), whatever the minimiser, the mixing and
the slow array; Analog SGD settles where ∇f = −E|∇f + ξ| R_W(w_T).  So Residual Learning is the
better one if and only if |R_P(0)| < |R_W(w_T)|.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.device import Device
from aimctheory.exact.drift import drift_root
from aimctheory.exact.evaluation import Array, number
from aimctheory.exact.roots import bracketed
from aimctheory.exact.update import Devices
from aimctheory.laws import Law
from aimctheory.objectives.record import Objective


def shifted_limit(device: Device, law: Law) -> float | Array:
    """The ∇f that Residual Learning ends at for α → 0: the root of g + E|g + ξ| R_P(0) = 0.

    `device` is the fast array P.  For the linear response R_P(0) = −c, so g = c E|g + ξ|; 0 for a
    zero-shifted array.  In EX24's convention, where P follows +∇f, the sign is the opposite one.

    Raises ValueError where 0 lies outside P's dynamic range and for a law that follows the weight.

    >>> from aimctheory.catalogue import linear
    >>> from aimctheory.laws import gaussian
    >>> round(shifted_limit(linear(tau=1, c=0.3), gaussian(0.5)), 4)
    0.1233
    """
    low, high = device.dynamic_range
    if not np.all((np.asarray(low) < 0) & (np.asarray(high) > 0)):
        raise ValueError(f"{device!r}: the array P starts at 0, outside its range ({low}, {high})")
    return number(self_consistent(-device.ratio(0.0), law))


def self_consistent(ratio: ArrayLike, law: Law) -> Array:
    """The u with u = r E|u + ξ|, for |r| < 1; |u| ≤ |r|σ/√(1 − r²) by Jensen's inequality."""
    if law.form.state_dependent:
        raise ValueError(f"{law.form.id} depends on the weight; give a law that does not")
    numbers = (np.asarray(each) for each in law.numbers.values())
    r, sigma, *_ = np.broadcast_arrays(ratio, law.sigma, *numbers)
    bound = np.abs(r) * sigma / np.sqrt(1.0 - r**2) * (1.0 + 1e-9)
    return bracketed(lambda u: np.asarray(u - r * law.mean_abs(u)), -bound, bound)


def crossover(
    family: Callable[[float], Devices], objective: Objective, law: Law, low: float, high: float
) -> float:
    """The c between `low` and `high` at which |R_P(0)| = |R_W(w_T)|, for devices `family(c)`.

    There Residual Learning (for α → 0) and Analog SGD end at the same |∇f|.  `family(c)` is one
    device for both arrays, or {"P": …, "W": …}.  Scalar problems.

    Raises ValueError where the same algorithm is the better one at both ends.

    >>> from aimctheory.catalogue import linear
    >>> from aimctheory.laws import gaussian
    >>> from aimctheory.objectives.quadratic import quadratic
    >>> bowl = quadratic(minimiser=0.5)
    >>> round(crossover(lambda c: linear(tau=1, c=c), bowl, gaussian(0.5), 0.0, 0.5), 3)
    0.216
    """

    def advantage(c: float) -> float:
        device = family(c)
        fast, slow = (device, device) if isinstance(device, Device) else (device["P"], device["W"])
        root = drift_root(analog_sgd, slow, objective, law)
        return float(np.squeeze(np.abs(slow.ratio(root)) - np.abs(fast.ratio(0.0))))

    ends = advantage(low), advantage(high)
    if ends[0] * ends[1] > 0:
        better = "Residual Learning" if ends[0] > 0 else "Analog SGD"
        raise ValueError(
            f"{better} is the better one at both c = {low:g} and c = {high:g}; widen the interval"
        )
    return float(brentq(advantage, low, high, xtol=1e-14, rtol=1e-14))
