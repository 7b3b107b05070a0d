"""The stationary state of Residual Learning and its v2, from the mean drifts of the two arrays.

With P̄ the mean of the fast array, g = ∇f(W + γP̄), and y the signal that is transferred (P, P plus
read noise, or the filtered H), taken as N(P̄, v_y),

    (P)  g F_P(P̄) + E|g + ξ| G_P(P̄) = 0,        (W)  P̄ = E|y| R_W(W).

All the bias of a zero-shifted P comes from the fluctuation of y: with v_y = 0 only P̄ = 0 is left.
P fluctuates as an AR(1) process with variance v_P = αD/(λ(2 − αλ)), λ the derivative of the left
side of (P) in P̄ (see `exact.two_arrays`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import ArrayLike

from aimctheory.algorithms.record import Algorithm
from aimctheory.algorithms.residual_learning import residual_learning
from aimctheory.device import Device
from aimctheory.exact.evaluation import Array, mean_abs_jet, number, ratio_jet, responses_jet
from aimctheory.exact.jets import Jet, as_jet, variable
from aimctheory.exact.limits import self_consistent
from aimctheory.exact.roots import only_zero
from aimctheory.exact.two_arrays import two_arrays
from aimctheory.exact.update import Devices
from aimctheory.laws import Law, gaussian
from aimctheory.objectives.record import Objective

SAMPLES = 60
"""Points on which the transfer's zero is looked for: few, since each asks for a root of (P)."""


@dataclass(frozen=True, slots=True)
class MeanField:
    """Stationary means of both arrays and of W + γP, ∇f there, and the fluctuations.

    `fast_variance` is v_P, `signal_variance` v_y, and `mean_square_gradient` E‖∇f(W + γP)‖² of each
    coordinate with the fluctuations of both arrays in it.  Floats, or arrays of one shape.
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

    The zero of both mean drifts (P) and (W) above, with the linear noise of `exact.two_arrays`
    around it.  Arguments as for `simulate`: `device` one Device or {"P": …, "W": …}, `noise` a law
    for the stream "gradient" or {"gradient": …, "read": …}.  Numbers broadcast, scalars give
    floats.  Good to about 2 % of the bias for learning rates up to 0.2 and a transfer rate well
    below them.  RF25 (10), (11), (14), (15).

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
    arrays = two_arrays(algorithm, device, objective, noise, hyper)

    def transfer(W: Array) -> Array:
        P = arrays.rest(W)
        size = _mean_abs_normal(P, arrays.signal_variance(W, P))
        return np.asarray(size * arrays.slow.ratio(W) - P)

    ends = arrays.slow.dynamic_range
    W = only_zero(transfer, ends, arrays.shape, "the mean transfer to W", samples=SAMPLES)
    P = arrays.rest(W)
    arrays.require_steady(W, P)
    g = arrays.gradient(W, P)
    return _broadcast(
        arrays.shape,
        P=P,
        W=W,
        readout=W + arrays.mixing * P,
        gradient=g,
        fast_variance=arrays.fast_variance(W, P),
        signal_variance=arrays.signal_variance(W, P),
        mean_square_gradient=g**2 + arrays.gradient_variance(W, P),
    )


def zero_shifted_law(
    device: Devices, objective: Objective, law: Law, hyper: Mapping[str, ArrayLike]
) -> MeanField:
    """Residual Learning's bias for α → 0 where G_P(0) = 0, to its leading order.

    With P ~ N(P̄, v_P), v_P = ασ²F_P(0)²/(2λ), λ = f''γF_P(0) + ΣG_P'(0), P̄ = û √v_P,
    û = R_W(w*) E|û + Z| (Z standard normal), u = f''γ(P − P̄) and m'(0) = E sign ξ,

        ∇f = −E[(Σ + m'(0)u) R_P(P)] − ½ασ² E F_P'(P),
        E‖∇f‖² = ∇f² + v_P(f''²γ² + f''βF_W(w*)/(αF_P(0))).

    A derivative R_P⁽ⁿ⁾(0) gives the order n/2 and F_P⁽ᵏ⁾(0) the order (k + 1)/2, odd n and even k
    only where R_W(w*) ≠ 0.  So the bias is of order √α where R_P'(0) and R_W(w*) are not 0, and of
    a higher order elsewhere; `claims.rf25.corollary_1` derives this.  β/α counts as small.  Not
    right where terms of the leading order cancel, nor beyond the order 3/2 under skew noise.
    Arguments and shapes as for `residual_mean_field`.

    Raises ValueError as `residual_mean_field` does, where R_P(0) ≠ 0 or λ ≤ 0, and for an objective
    whose minimiser is unknown.

    >>> from aimctheory.catalogue import linear
    >>> from aimctheory.objectives.quadratic import quadratic
    >>> hyper = {"learning_rate": 0.0125, "transfer_rate": 0.0008, "mixing": 0.4}
    >>> law = zero_shifted_law(linear(tau=1), quadratic(minimiser=0.5), gaussian(0.5), hyper)
    >>> round(law.readout - 0.5, 4)
    -0.0077
    """
    arrays = two_arrays(residual_learning, device, objective, law, hyper)
    zero, minimiser = variable(np.zeros(arrays.shape)), objective.minimiser.value
    R = ratio_jet(arrays.fast, zero)
    if minimiser is None or np.any(np.abs(R.value) > 1e-12):  # rounding of a shift that cancels
        raise ValueError(
            "the law of small rates is for a known minimiser and a fast array with symmetric point "
            "0; use residual_mean_field, or shifted_limit for the limit of a shifted one"
        )
    alpha, gamma, Sigma = arrays.learning_rate, arrays.mixing, law.mean_abs(0.0)
    W = np.broadcast_to(np.asarray(minimiser, dtype=float), arrays.shape)
    bowl = as_jet(arrays.gradient(variable(W), zero.value))  # ∇f and its derivatives
    F, h = arrays.fast.mean_response(zero.value), bowl.first
    stiffness = h * gamma + Sigma * R.first  # λ/F_P(0)
    if np.any(stiffness <= 0):
        raise ValueError(
            f"the fast array does not settle at 0: f''γ + ΣR_P'(0) = {np.min(stiffness):g} has to "
            "be above 0; give a larger mixing"
        )
    variance = np.broadcast_to(alpha * law.sigma**2 * F / (2.0 * stiffness), arrays.shape)
    P = self_consistent(arrays.slow.ratio(W), gaussian(1.0)) * np.sqrt(variance)
    slope = mean_abs_jet(law, variable(zero.value), Jet(zero.value)).first  # m'(0)
    pull, tilted, drift = _over_normal(arrays.fast, P, variance)
    g = -Sigma * pull - slope * h * gamma * tilted - alpha * law.sigma**2 / 2.0 * drift
    loop = h * arrays.transfer_rate * arrays.slow.mean_response(W)
    spread = variance * ((h * gamma) ** 2 + loop / (alpha * F))  # the variance of ∇f
    readout = W + (g - bowl.second * spread / (2.0 * h**2)) / h
    return _broadcast(
        arrays.shape,
        P=P,
        W=readout - gamma * P,
        readout=readout,
        gradient=g,
        fast_variance=variance,
        signal_variance=variance,
        mean_square_gradient=g**2 + spread,
    )


def _over_normal(device: Device, mean: Array, variance: Array) -> tuple[Array, Array, Array]:
    """E R(P), E (P − mean)R(P) and E F'(P) of P ~ N(mean, variance), both of one shape.

    By Gauss-Hermite quadrature, whose 12 points reach 5.5 standard deviations; polynomials of
    degree 23 come out exactly.
    """
    points, shares = hermegauss(12)
    low, high = device.dynamic_range
    away = np.sqrt(variance) * points.reshape(-1, *(1,) * variance.ndim)
    place = np.clip(mean + away, low, high)
    up, down = responses_jet(device, variable(place))
    F = (up + down) * 0.5
    # A constant response is one number.
    R = np.broadcast_to((down.value - up.value) / (2.0 * F.value), place.shape)
    slope = np.broadcast_to(F.first, place.shape)
    share = shares / shares.sum()
    pull, tilted, drift = (np.tensordot(share, each, 1) for each in (R, away * R, slope))
    return pull, tilted, drift


def _broadcast(shape: tuple[int, ...], **values: ArrayLike) -> MeanField:
    """The mean field with every value of `shape`."""
    return MeanField(
        **{name: number(np.array(np.broadcast_to(v, shape))) for name, v in values.items()}
    )


def _mean_abs_normal(mean: Array, variance: Array) -> Array:
    """E|y| of y ~ N(mean, variance)."""
    return gaussian(np.sqrt(variance)).mean_abs(mean)
