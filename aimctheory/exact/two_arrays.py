"""The two arrays of Residual Learning: the mean drift of P, and linear noise around a state.

With T_P = g F_P + E|g + ξ| G_P, λ = ∂T_P/∂P, κ = ∂T_P/∂W and D the diffusion of P, the deviations
from the stationary means follow

    P ← P − α(λP + κW) + √((1 − ρ²)v_P) ζ,    H ← (1 − b)H + b(P + ε),    W ← W + β s H,

with ρ = 1 − αλ, ζ standard normal, s the response of W to the signal, and b = 1 where there is no
filter.  `exact.mean_field` averages λ, κ and s over the law of P and takes v_P from it.  Where that
law is not known yet, λ and κ at P̄, the zero of T_P, give

    v_P = αD/(λ(2 − αλ)),    v_y = b/(2 − b) · [σ_ε² + v_P (1 + (1 − b)ρ)/(1 − (1 − b)ρ)].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.algorithms.record import Algorithm
from aimctheory.algorithms.residual_learning import residual_learning, residual_learning_v2
from aimctheory.device import Device
from aimctheory.exact.evaluation import Array, gradient_of, require_constant
from aimctheory.exact.jets import Jet, as_jet, variable
from aimctheory.exact.roots import FAR, HAIR, bracketed
from aimctheory.exact.update import Devices, EffectiveUpdate, device_of, shape_of
from aimctheory.laws import Law, gaussian
from aimctheory.objectives.record import Objective

OVERSHOOTING = 1e-3
"""The least 2 − αλ, the distance from overshooting.  On the way to the solution αλ may exceed 2,
where no variance is stationary and any positive one serves; at the solution that is refused."""


class DriftDerivatives(NamedTuple):
    """λ = ∂T_P/∂P and κ = ∂T_P/∂W."""

    by_fast: Array
    by_slow: Array


class Around(NamedTuple):
    """What the linear noise is made of: λ, κ, the response s of W to the signal, and v_P."""

    by_fast: Array
    by_slow: Array
    push: Array
    fast_variance: Array


@dataclass(frozen=True, slots=True, eq=False)
class TwoArrays:
    """Residual Learning's arrays, `fast` (P) and `slow` (W), with the numbers of one problem.

    Methods take and return arrays that broadcast to `shape`; `two_arrays` makes the dataclass.
    """

    fast: Device
    slow: Device
    objective: Objective
    law: Law
    read: Law
    learning_rate: Any
    transfer_rate: Any
    mixing: Any
    filter_rate: Any
    shape: tuple[int, ...]

    @property
    def fast_update(self) -> EffectiveUpdate:
        """P at frozen W is Analog SGD on the fast device, with the gradient taken elsewhere."""
        return EffectiveUpdate(analog_sgd, self.fast, self.objective, self.law)

    def gradient(self, W: Any, P: Any) -> Any:
        """∇f at the mixed weight W + γP, for arrays or jets."""
        return gradient_of(self.objective, W + self.mixing * P)

    def curvature(self, W: Array) -> Array:
        """The second derivative of f in each coordinate."""
        return np.asarray(as_jet(gradient_of(self.objective, variable(W))).first)

    def rest(self, W: Array) -> Array:
        """P̄(W), the zero of T_P at frozen W; an end of P's range where it saturates."""
        update, shape = self.fast_update, np.broadcast_shapes(W.shape, self.shape)
        low, high = (
            np.broadcast_to(np.clip(end, -FAR, FAR), shape) for end in self.fast.dynamic_range
        )
        hair = HAIR * (high - low)

        def drift(P: Array) -> Array:
            return update.drift(P, self.gradient(W, P))

        below, above = drift(low + hair) > 0, drift(high - hair) < 0
        P = bracketed(drift, low + hair, high - hair)
        return np.where(above, high, np.where(below, low, P))

    def derivatives(self, W: Array, P: Array) -> DriftDerivatives:
        """λ and κ, the derivatives of P's mean drift at (W, P)."""
        P_moves, W_moves, P_still = variable(P), variable(W), Jet(P)
        along_P = self.fast_update.jet(P_moves, as_jet(self.gradient(W, P_moves)))
        along_W = self.fast_update.jet(P_still, as_jet(self.gradient(W_moves, P)))
        return DriftDerivatives(along_P.first, along_W.first)

    def diffusion(self, W: Array, P: Array) -> Array:
        """D = E[(P' − P)²]/α²."""
        return self.fast_update.diffusion(P, self.gradient(W, P))

    def fast_variance(self, W: Array, P: Array) -> Array:
        """v_P at frozen W from λ and D at P."""
        diffusion, rate = self.diffusion(W, P), self.learning_rate
        stiffness = np.abs(self.derivatives(W, P).by_fast)
        damping = np.maximum(2.0 - rate * stiffness, OVERSHOOTING)
        return np.asarray(rate * diffusion / (stiffness * damping))

    def signal_variance(self, W: Array, P: Array) -> Array:
        """v_y, the variance of what is transferred, at frozen W from λ and D at P."""
        b, memory = self.filter_rate, 1.0 - self.learning_rate * self.derivatives(W, P).by_fast
        kept = (1.0 - b) * memory
        passed = self.fast_variance(W, P) * (1.0 + kept) / (1.0 - kept)
        return np.asarray(b / (2.0 - b) * (self.read.sigma**2 + passed))

    def covariance(self, around: Around) -> Array:
        """C = A C Aᵀ + Q of (P, H, W), (…, 3, 3), with both arrays moving."""
        alpha, b = self.learning_rate, self.filter_rate
        push = self.transfer_rate * around.push
        # The filter reads the new P and the transfer the new H, so each row contains the one above.
        P_row = (1.0 - alpha * around.by_fast, 0.0, -alpha * around.by_slow)
        H_row = (b * P_row[0], 1.0 - b, b * P_row[2])
        W_row = (push * H_row[0], push * H_row[1], 1.0 + push * H_row[2])
        A = _matrix(self.shape, P_row, H_row, W_row)
        gradient_noise = np.sqrt(np.maximum(1.0 - P_row[0] ** 2, 0.0) * around.fast_variance)
        read_noise = b * self.read.sigma
        shaken = _matrix(
            self.shape,
            (gradient_noise, 0.0),
            (b * gradient_noise, read_noise),
            (push * b * gradient_noise, push * read_noise),
        )
        return _covariance(A, shaken @ np.swapaxes(shaken, -1, -2))

    def require_steady(self, W: Array, P: Array) -> None:
        """Raise ValueError if P sits at an end of its dynamic range, or overshoots its mean."""
        low, high = self.fast.dynamic_range
        if np.any((low >= P) | (high <= P)):
            raise ValueError(
                f"the array P saturates at {np.ravel(P)[0]:g}: the residual is out of its reach; "
                "give a larger mixing, a wider range, or more noise"
            )
        reversal = np.max(self.learning_rate * self.derivatives(W, P).by_fast)
        if reversal >= 2.0 - OVERSHOOTING:
            raise ValueError(
                f"learning_rate = {np.max(self.learning_rate):g}: a step of P reverses a deviation "
                f"{reversal:.3g} times, and must do so less than twice; lower the learning rate"
            )


def _matrix(shape: tuple[int, ...], *rows: tuple[Any, ...]) -> Array:
    """The matrices (*shape, rows, columns) with these entries, each a number or an array."""
    return np.stack([np.stack([np.broadcast_to(x, shape) for x in row], -1) for row in rows], -2)


def _covariance(A: Array, Q: Array) -> Array:
    """C = A C Aᵀ + Q, solved for the nine entries of C."""
    product = np.einsum("...ij,...kl->...ikjl", A, A).reshape(*A.shape[:-2], 9, 9)  # A ⊗ A
    C = np.linalg.solve(np.eye(9) - product, Q.reshape(*Q.shape[:-2], 9, 1))
    return np.asarray(C.reshape(Q.shape))


def two_arrays(
    algorithm: Algorithm,
    device: Devices,
    objective: Objective,
    noise: Law | Mapping[str, Law],
    hyper: Mapping[str, ArrayLike],
) -> TwoArrays:
    """The two arrays of a problem stated as for `simulate`, checked.

    Raises ValueError for another algorithm than Residual Learning and its v2, coupled coordinates,
    a threshold, a law that follows the weight, and for names and numbers as `simulate` does.
    """
    known = (residual_learning, residual_learning_v2)
    if algorithm not in known:
        names = ", ".join(each.id for each in known)
        raise ValueError(f"{algorithm.id}: the two-array mean field is for {names}")
    if not objective.elementwise:
        raise ValueError(f"{objective.id}: the two-array mean field is for uncoupled coordinates")
    law, read = _laws(algorithm, noise)
    fast, slow = device_of(device, "P"), device_of(device, "W")
    values = algorithm.settle(hyper)
    if np.any(values.pop("threshold", 0.0)):
        raise ValueError("threshold > 0: the mean field is for transfers without a threshold")
    shapes = [np.shape(value) for value in (read.sigma, *values.values())]
    return TwoArrays(
        fast=fast,
        slow=slow,
        objective=objective,
        law=law,
        read=read,
        shape=np.broadcast_shapes(shape_of(objective, law, fast, slow), *shapes),
        **{"filter_rate": 1.0, **values},
    )


def _laws(algorithm: Algorithm, noise: Law | Mapping[str, Law]) -> tuple[Law, Law]:
    """The laws of the streams "gradient" and "read"; an unnamed stream is zero."""
    laws = {"gradient": noise} if isinstance(noise, Law) else dict(noise)
    streams = ("gradient", *algorithm.noises)
    for name in laws:
        if name not in streams:
            raise ValueError(
                f"{algorithm.id} has no noise stream {name!r}; it has: {', '.join(streams)}"
            )
    law, read = (laws.get(name, gaussian(0.0)) for name in ("gradient", "read"))
    require_constant(law)
    return law, read
