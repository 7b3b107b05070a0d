"""The stationary state of Residual Learning and its v2, from the mean drifts of the two arrays.

With P̄ the mean of the fast array, g = ∇f(W + γP̄), and y the signal that is transferred (P, P plus
read noise, or the filtered H), taken as N(P̄, v_y),

    (P)  g F_P(P̄) + E|g + ξ| G_P(P̄) = 0,        (W)  P̄ = E|y| R_W(W).

All the bias of a zero-shifted P comes from the fluctuation of y: with v_y = 0 only P̄ = 0 is left.
P fluctuates as an AR(1) process with variance v_P = αD/(λ(2 − αλ)), λ the slope of (P) in P̄.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from aimctheory.algorithms.record import Algorithm
from aimctheory.algorithms.residual_learning import residual_learning
from aimctheory.exact.jets import variable
from aimctheory.exact.limits import self_consistent
from aimctheory.exact.two_arrays import Pair, pair_of
from aimctheory.exact.evaluation import Array, number, ratio_jet
from aimctheory.exact.roots import only_zero
from aimctheory.exact.update import Devices
from aimctheory.laws import Law, gaussian
from aimctheory.objectives.record import Objective

SAMPLES = 60


@dataclass(frozen=True, slots=True)
class MeanField:
    """Stationary means of both arrays and of W + γP, ∇f there, and the fluctuations.

    `fast_variance` is v_P, `signal_variance` v_y, and `mean_square_gradient` E‖∇f(W + γP)‖² of each
    coordinate with the fluctuations of both arrays in it.
    """

    P: float | Array
    W: float | Array
    readout: float | Array
    gradient: float | Array
    fast_variance: float | Array
    signal_variance: float | Array
    mean_square_gradient: float | Array


def residual_mean_field(
    algorithm: Algorithm,
    device: Devices,
    objective: Objective,
    noise: Law | Mapping[str, Law],
    hyper: Mapping[str, ArrayLike],
) -> MeanField:
    """The stationary state of Residual Learning or its v2 for small rates, in each coordinate.

    Arguments as for `simulate`: `device` one Device or {"P": …, "W": …}, `noise` a law for the
    stream "gradient" or {"gradient": …, "read": …}.  Numbers broadcast, scalars give floats.  Good
    to about 2 % of the bias for learning rates up to 0.2 and a transfer rate well below them.

    Raises ValueError for another algorithm, a threshold above 0, a law that follows the weight, an
    objective that couples coordinates, and where a drift has no zero in the dynamic range.

    >>> from aimctheory.algorithms.residual_learning import residual_learning
    >>> from aimctheory.catalogue import linear
    >>> from aimctheory.objectives.quadratic import quadratic
    >>> hyper = {"learning_rate": 0.0125, "transfer_rate": 0.0008, "mixing": 0.4}
    >>> bowl, noise = quadratic(minimiser=0.5), gaussian(0.5)
    >>> state = residual_mean_field(residual_learning, linear(tau=1), bowl, noise, hyper)
    >>> round(state.readout - 0.5, 3)
    -0.007
    """
    pair = pair_of(algorithm, device, objective, noise, hyper)

    def transfer(W: Array) -> Array:
        P = pair.rest(W)
        return np.asarray(_folded(P, pair.signal_variance(W, P)) * pair.slow.ratio(W) - P)

    ends = pair.slow.dynamic_range
    W = only_zero(transfer, ends, pair.shape, "the mean transfer to W", samples=SAMPLES)
    P = pair.rest(W)
    pair.require_steady(W, P)
    g = pair.gradient(W, P)
    variances = pair.fast_variance(W, P), pair.signal_variance(W, P)
    square = g**2 + pair.gradient_variance(W, P)
    return _record(pair, P, W, W + pair.mixing * P, g, *variances, square)


def zero_shifted_law(
    device: Devices, objective: Objective, law: Law, hyper: Mapping[str, ArrayLike]
) -> MeanField:
    """Residual Learning's leading order for α → 0 where G_P(0) = 0: the √α law of its bias.

    v_P = ασ²F_P(0)²/(2λ) with λ = f''γF_P(0) + ΣG_P'(0); P̄ = û √v_P with û = R_W(w*) E|û + Z|, Z
    standard normal; ∇f = −ΣR_P'(0) P̄; E‖∇f‖² = ∇f² + v_P(f''²γ² + f''βF_W(w*)/(αF_P(0))).

    Raises ValueError as `residual_mean_field` does, where R_P(0) ≠ 0, and for an objective whose
    minimiser is unknown.
    """
    pair = pair_of(residual_learning, device, objective, law, hyper)
    zero, minimiser = variable(np.zeros(pair.shape)), objective.minimiser.value
    R = ratio_jet(pair.fast, zero)
    if minimiser is None or np.any(np.abs(R.value) > 1e-12):
        raise ValueError(
            "the √α law is for a known minimiser and a fast array with symmetric point 0; use "
            "residual_mean_field, or shifted_limit for the limit of a shifted one"
        )
    W, F = np.broadcast_to(np.asarray(minimiser), pair.shape), pair.fast.mean_response(zero.value)
    h, stiffness = pair.curvature(W), law.mean_abs(0.0) * R.first
    variance = pair.learning_rate * law.sigma**2 * F / (2.0 * (h * pair.mixing + stiffness))
    P = self_consistent(pair.slow.ratio(W), gaussian(1.0)) * np.sqrt(variance)
    g, loop = -stiffness * P, h * pair.transfer_rate * pair.slow.mean_response(W)
    square = g**2 + variance * ((h * pair.mixing) ** 2 + loop / (pair.learning_rate * F))
    readout = W + g / h
    return _record(pair, P, readout - pair.mixing * P, readout, g, variance, variance, square)


def _record(pair: Pair, *values: ArrayLike) -> MeanField:
    return MeanField(*(number(np.array(np.broadcast_to(value, pair.shape))) for value in values))


def _folded(mean: Array, variance: Array) -> Array:
    """E|y| of y ~ N(mean, variance)."""
    return gaussian(np.sqrt(variance)).mean_abs(mean)
