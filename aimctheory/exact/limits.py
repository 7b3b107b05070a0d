"""The limit α → 0 of Residual Learning on a shifted fast array, and where Analog SGD beats it.

With a symmetric point of P other than 0, Residual Learning settles where ∇f = −E|∇f + ξ| R_P(0),
whatever the minimiser, the mixing and the slow array; Analog SGD settles where
∇f = −E|∇f + ξ| R_W(w_T).  So under symmetric noise Residual Learning ends at the smaller |∇f| if
and only if |R_P(0)| < |R_W(w_T)|.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.device import Device
from aimctheory.exact.drift import drift_root
from aimctheory.exact.evaluation import Array, number, require_constant
from aimctheory.exact.roots import bracketed
from aimctheory.exact.update import Devices, device_of
from aimctheory.laws import Law
from aimctheory.objectives.record import Objective


def shifted_limit(device: Device, law: Law) -> float | Array:
    """The ∇f that Residual Learning ends at for α → 0: the root of g + E|g + ξ| R_P(0) = 0.

    `device` is the fast array P.  For the linear response R_P(0) = −c, so g = c E|g + ξ|; 0 for a
    zero-shifted array.  In EX24's convention, where P follows +∇f, the sign is the opposite one.
    A float for scalar numbers, else an array of the shape that they broadcast to.

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
    """The u with u = r E|u + ξ|, for |r| < 1; |u| ≤ |r|σ/√(1 − r²) by Jensen's inequality.

    Raises ValueError for a law that follows the weight.
    """
    require_constant(law)
    numbers = (np.asarray(each) for each in law.numbers.values())
    r, sigma, *_ = np.broadcast_arrays(ratio, law.sigma, *numbers)
    # Where |u + ξ| has one value (a two-point law) u is the bound itself: the factor keeps the root
    # inside the bracket.
    bound = np.abs(r) * sigma / np.sqrt(1.0 - r**2) * (1.0 + 1e-9)
    return bracketed(lambda u: np.asarray(u - r * law.mean_abs(u)), -bound, bound)


def crossover(
    family: Callable[[float], Devices], objective: Objective, law: Law, low: float, high: float
) -> float:
    """The c between `low` and `high` at which |R_P(0)| = |R_W(w_T)|, for devices `family(c)`.

    There Residual Learning (for α → 0) and Analog SGD end at the same |∇f|.  `family(c)` is one
    device for both arrays, or {"P": …, "W": …}.  Scalar problems.

    Raises ValueError where the same algorithm is the better one at both ends, and as `drift_root`
    does.

    >>> from aimctheory.catalogue import linear
    >>> from aimctheory.laws import gaussian
    >>> from aimctheory.objectives.quadratic import quadratic
    >>> bowl = quadratic(minimiser=0.5)
    >>> round(crossover(lambda c: linear(tau=1, c=c), bowl, gaussian(0.5), 0.0, 0.5), 3)
    0.216
    """

    def advantage(c: float) -> float:
        """|R_W(w_T)| − |R_P(0)|: positive where Residual Learning is the better one."""
        device = family(c)
        fast, slow = device_of(device, "P"), device_of(device, "W")
        root = drift_root(analog_sgd, slow, objective, law)
        return float(np.squeeze(np.abs(slow.ratio(root)) - np.abs(fast.ratio(0.0))))

    at_low, at_high = advantage(low), advantage(high)
    if at_low * at_high > 0:
        better = "Residual Learning" if at_low > 0 else "Analog SGD"
        raise ValueError(
            f"{better} is the better one at both c = {low:g} and c = {high:g}; widen the interval"
        )
    return float(brentq(advantage, low, high, xtol=1e-14, rtol=1e-14))
