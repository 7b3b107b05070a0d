"""The stationary state of Residual Learning and its v2, from the two mean drifts.

With P̄ the mean of the fast array, g = ∇f(W + γP̄) and y the signal that is transferred (P, P plus
read noise, or the filtered H), y ≈ N(P̄, v_y),

    (P)  g + E|g + ξ| R_P(P̄) = 0,        (W)  P̄ = E|y| R_W(W).

What is left of the bias comes from the fluctuation of y: with v_y = 0 the only solution is P̄ = 0.
The fast array is an AR(1) process around P̄ with variance v_P = αD/(2λ), λ the slope of (P) in P.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erf

from aimctheory.algorithms.record import Algorithm
from aimctheory.algorithms.residual_learning import residual_learning, residual_learning_v2
from aimctheory.device import Device
from aimctheory.exact.drift import number
from aimctheory.exact.jets import Jet, as_jet, variable
from aimctheory.exact.reading import Array, halves, mean_abs_jet, responses_jet, slope
from aimctheory.exact.roots import bracketed, only_zero
from aimctheory.exact.update import Devices, shape_of
from aimctheory.laws import Law, gaussian
from aimctheory.objectives.record import Objective

SAMPLES = 60
FAR = 1e3


@dataclass(frozen=True, slots=True)
class MeanField:
    """Stationary means of both arrays and of the mixed weight, and the fluctuations around them.

    `gradient` is ∇f at the mixed weight; `mean_square_gradient` E‖∇f‖² with the fluctuations of
    both arrays in it, for a quadratic coordinate and the plain transfer of P.
    """

    P: Any
    W: Any
    readout: Any
    gradient: Any
    variance_P: Any
    variance_signal: Any
    mean_square_gradient: Any


def residual_mean_field(
    algorithm: Algorithm,
    device: Devices,
    objective: Objective,
    noise: Law | Mapping[str, Law],
    hyper: Mapping[str, ArrayLike],
) -> MeanField:
    """The stationary state of Residual Learning or its v2 for small rates, coordinate by coordinate.

    Arguments as for `simulate`: `device` one Device or {"P": …, "W": …}, `noise` a law for the
    stream "gradient" or {"gradient": …, "read": …}.  Numbers broadcast; scalars give floats.  Good
    to 1 % of the bias for learning rates below 0.05; the transfer rate must be small beside it.

    Raises ValueError for another algorithm, a threshold above 0, an objective that couples
    coordinates, and where a drift has no zero, or several, in a dynamic range.

    >>> from aimctheory.catalogue import linear
    >>> from aimctheory.objectives.quadratic import quadratic
    >>> hyper = {"learning_rate": 0.0125, "transfer_rate": 0.0008, "mixing": 0.4}
    >>> bowl, noise = quadratic(minimiser=0.5), gaussian(0.5)
    >>> state = residual_mean_field(residual_learning, linear(tau=1), bowl, noise, hyper)
    >>> round(state.readout - 0.5, 4)
    -0.0074
    """
    pair = _pair(algorithm, device, objective, noise, hyper)

    def transfer(W: Array) -> Array:
        P = pair.fast(W)
        signal = np.sqrt(pair.variance_signal(W, P))
        return np.asarray(folded_mean(P, signal) * pair.slow.ratio(W) - P)

    W = only_zero(transfer, pair.slow.dynamic_range, pair.shape, "the transfer", samples=SAMPLES)
    return pair.state(W, pair.fast(W))


def zero_shifted_law(
    algorithm: Algorithm,
    device: Devices,
    objective: Objective,
    noise: Law | Mapping[str, Law],
    hyper: Mapping[str, ArrayLike],
) -> MeanField:
    """The leading order for α → 0 with G_P(0) = 0: P̄ = û √v_y and ∇f = −Σ R_P'(0) P̄, both ∝ √α.

    û solves û = R_W(W*) E|û + Z|, Z standard normal; everything is taken at W = W* and P = 0.
    Arguments as for `residual_mean_field`.  Raises ValueError also where R_P(0) ≠ 0.
    """
    pair = _pair(algorithm, device, objective, noise, hyper)
    origin = np.zeros(pair.shape)
    if np.any(np.abs(pair.quick.ratio(origin)) > 1e-12):
        raise ValueError(
            "the fast array's symmetric point is not 0, so its bias does not vanish with the "
            "learning rate; use residual_mean_field, or shifted_limit"
        )
    W = np.broadcast_to(np.asarray(objective.minimiser.value, dtype=float), pair.shape)
    signal = np.sqrt(pair.variance_signal(W, origin))
    P = _standard_root(pair.slow.ratio(W)) * signal
    bend = pair.fast_slopes(W, origin)
    g = -(bend.first - pair.stiffness(W, origin)) / pair.quick.mean_response(origin) * P
    h = pair.curvature(W)
    return pair.state(W + g / h - pair.mixing * P, P)
