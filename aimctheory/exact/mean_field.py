"""The stationary state of Residual Learning and its v2, for a slow array that moves slowly.

While W hardly moves, the fast array P and the signal y that is transferred (P, P plus read noise,
or the filtered H) have the stationary law of `exact.fast_law`.  W settles where its mean transfer
over that law vanishes,

    (W)  E y F_W(W) = E|y| G_W(W),    E y = E P,

with every derivative of F_P, G_P and E|g + ξ| in the law.  All the bias of a zero-shifted P comes
from the fluctuation of y: without it only P = 0 is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import ArrayLike
from scipy.special import erf

from aimctheory.algorithms.record import Algorithm
from aimctheory.algorithms.residual_learning import residual_learning
from aimctheory.device import Device
from aimctheory.exact.evaluation import Array, mean_abs_jet, number, ratio_jet, responses_jet
from aimctheory.exact.fast_law import SIZE, FastLaw, fast_law
from aimctheory.exact.jets import Jet, as_jet, variable
from aimctheory.exact.limits import self_consistent
from aimctheory.exact.roots import Function, bracketed, only_zero
from aimctheory.exact.two_arrays import Around, TwoArrays, two_arrays
from aimctheory.exact.update import Devices
from aimctheory.laws import Law, gaussian
from aimctheory.objectives.record import Objective

SAMPLES = 60
"""Points on which the transfer's zero is looked for: few, since each asks for a root of (P)."""
NEAR = 0.3
"""How near the zero of the linear noise is found, in distances of those points: a start."""
OVERSHOOT, STEPS = 1.5, 40
"""How far beyond a Newton step the other side of a zero is looked for, and how often."""
ACCURACY = 1e-9
"""What W is known to, in standard deviations of y."""
UNSETTLED = 1e-3
"""The largest change of E|y| on a finer grid that is let pass, in standard deviations of y, and the
largest share of steps that lead off the grid."""
QUIET = 1e-9
"""The standard deviation of the gradient's noise that stands for no noise."""


@dataclass(frozen=True, slots=True)
class MeanField:
    """Stationary means of both arrays, of W + γP and of ∇f there, and the fluctuations.

    `fast_variance` and `signal_variance` are those of P and of y at a W that rests;
    `mean_square_gradient` is E‖∇f(W + γP)‖² of each coordinate with the fluctuations of both arrays
    in it.  Floats, or arrays of one shape.
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
    """The stationary state of Residual Learning or its v2 for a small transfer rate β.

    W is the zero of (W) above, found with P's whole law, so the means are exact for β/α → 0, at any
    learning rate α that keeps P in its dynamic range.  What β does beyond that is left out of the
    means; E‖∇f‖² has it in the linear noise of `exact.two_arrays`.  In v2 a filter of rate b asks
    for β ≪ b too, and its H is taken as normal where P is given.

    Measured against simulations of linear, soft-bounds, power, exponential and cubic cells at
    α ≤ 0.2 (`tests/test_exact_mean_field.py`): for β/α ≤ 0.07 and β/b ≤ 0.15 the bias and E‖∇f‖²
    are off by at most 3 %.  Errors grow like β/α: on soft bounds at α = 0.1 both were off by 3 % at
    0.25, by 6 % and 13 % at 1.

    Arguments as for `simulate`: `device` one Device or {"P": …, "W": …}, `noise` a law for the
    stream "gradient" or {"gradient": …, "read": …}.  Numbers broadcast, scalars give floats.  A
    sweep costs some 20 ms of CPU an entry, a single call 0.2 s.  RF25 (10), (11), (14), (15).

    Raises ValueError for another algorithm, a threshold above 0, a law that follows the weight, an
    objective that couples coordinates, where a drift has no zero in the dynamic range, and where
    steps of P leave it or its law does not settle (a discrete law of few atoms at a large rate).

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
    W, law = _balanced(arrays)
    weights, mixing = W + arrays.mixing * law.grid, arrays.mixing
    g, curvature = arrays.gradient(W, law.grid), law.expectation(arrays.curvature(weights))
    by_fast, by_slow = (law.expectation(each) for each in arrays.derivatives(W, law.grid))
    push = arrays.slow.mean_response(W) - law.mean_sign_signal() * arrays.slow.asymmetry(W)
    v = law.variance()
    C = arrays.covariance(Around(by_fast, by_slow, push, v))
    mixed = mixing**2 * (C[..., 0, 0] - v) + 2.0 * mixing * C[..., 0, 2] + C[..., 2, 2]
    return _broadcast(
        arrays.shape,
        P=law.mean(),
        W=W,
        readout=W + mixing * law.mean(),
        gradient=law.expectation(g),
        fast_variance=v,
        signal_variance=law.all_signal_variance(),
        mean_square_gradient=law.expectation(g**2) + curvature**2 * mixed,
    )


def _balanced(arrays: TwoArrays) -> tuple[Array, FastLaw]:
    """The W at which the mean transfer is 0, and the law of P there."""
    start, P = _start(arrays)
    arrays = _with_noise(arrays)

    def law_at(W: Array, size: int = SIZE) -> FastLaw:
        return fast_law(arrays, W, P, size)

    def transfer(W: Array) -> Array:
        law = law_at(W)
        return np.asarray(law.mean_abs_signal() * arrays.slow.ratio(W) - law.mean())

    by_fast, by_slow = arrays.derivatives(start, P)
    other = _across(transfer, start, by_slow / by_fast, arrays.slow.dynamic_range)
    scale = np.sqrt(law_at(start).all_signal_variance())
    W = bracketed(transfer, start, other, within=ACCURACY * scale)
    law, finer = law_at(W), law_at(W, 3 * SIZE // 2)
    if np.any(law.strayed > UNSETTLED):
        raise ValueError(
            f"learning_rate = {np.max(arrays.learning_rate):g}: a step of P leaves its range with "
            f"probability {np.max(law.strayed):.2g}; lower the learning rate or the noise"
        )
    change = np.abs(finer.mean_abs_signal() - law.mean_abs_signal())
    if np.any(change > UNSETTLED * np.sqrt(finer.all_signal_variance())):
        raise ValueError(
            f"the law of P at W = {np.ravel(W)[0]:.6g} does not settle: a finer grid moves E|y| by "
            f"{np.max(change):.2g}; lower the learning rate, or simulate"
        )
    return W, law


def _with_noise(arrays: TwoArrays) -> TwoArrays:
    """The arrays with a noise of σ = QUIET where there is none, so that P has a density."""
    sigma = np.asarray(arrays.law.sigma)
    numbers = {**arrays.law.numbers, "sigma": np.where(sigma == 0.0, QUIET, sigma)}
    return replace(arrays, law=replace(arrays.law, numbers=numbers))


def _start(arrays: TwoArrays) -> tuple[Array, Array]:
    """W and P̄ with y taken as N(P̄, v_y), the linear noise of `exact.two_arrays`."""

    def transfer(W: Array) -> Array:
        P = arrays.rest(W)
        size = _mean_abs_normal(P, arrays.signal_variance(W, P))
        return np.asarray(size * arrays.slow.ratio(W) - P)

    ends = arrays.slow.dynamic_range
    what = "the mean transfer to W"
    W = only_zero(transfer, ends, arrays.shape, what, samples=SAMPLES, share=NEAR)
    P = arrays.rest(W)
    arrays.require_steady(W, P)
    return W, P


def _across(
    function: Function, start: Array, slope: Array, ends: tuple[ArrayLike, ArrayLike]
) -> Array:
    """A point strictly inside `ends` on the other side of the rising `function`'s zero."""
    value = function(start)
    step = -OVERSHOOT * value / np.abs(slope)
    for _ in range(STEPS):
        end = np.where(step > 0, ends[1], ends[0])
        far = np.abs(step) > 0.9 * np.abs(end - start)
        other = np.where(far, start + 0.9 * (end - start), start + step)
        same = (function(other) > 0) == (value > 0)
        if not np.any(same & (value != 0)):
            return np.asarray(other)
        start, step = np.where(same, other, start), np.where(same, 2.0 * step, step)
    raise ValueError("the mean transfer to W has no zero near that of its linear noise; simulate")


def zero_shifted_law(
    device: Devices, objective: Objective, law: Law, hyper: Mapping[str, ArrayLike]
) -> MeanField:
    """Residual Learning's bias for α → 0 where G_P(0) = 0, to its leading order.

    With P ~ N(P̄, v_P), v_P = ασ²F_P(0)²/(2λ), λ = f''γF_P(0) + ΣG_P'(0), P̄ = û √v_P,
    û = R_W(w*) E|û + Z| (Z standard normal), u = f''γ(P − P̄) and m'(0) = E sign ξ,

        ∇f = −E[(Σ + m'(0)u) R_P(P)] − ½ασ² E F_P'(P),
        E‖∇f‖² = ∇f² + v_P(f''²γ² + f''βs/(αF_P(0))),    s = F_W(w*) − G_W(w*) E sign(û + Z).

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
    mean = self_consistent(arrays.slow.ratio(W), gaussian(1.0))  # û
    P = mean * np.sqrt(variance)
    slope = mean_abs_jet(law, variable(zero.value), Jet(zero.value)).first  # m'(0)
    pull, tilted, drift = _over_normal(arrays.fast, P, variance)
    g = -Sigma * pull - slope * h * gamma * tilted - alpha * law.sigma**2 / 2.0 * drift
    push = arrays.slow.mean_response(W) - erf(mean / np.sqrt(2.0)) * arrays.slow.asymmetry(W)
    loop = h * arrays.transfer_rate * push
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
