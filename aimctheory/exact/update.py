"""The mean drift of an algorithm with one state, in numbers, for any dimension.

A step is proportional to |g + ξ|, and its direction depends on the sign of g + ξ.  With fall(w) and
rise(w) the increments on gradients of +1 and −1 at learning rate 1, g = ∇f(w) and m = E|g + ξ|,

    T(w) = −[(m + g)/2 · fall(w) + (m − g)/2 · rise(w)],     E[w' − w] = −α T(w).

For Analog SGD fall = −q₋ and rise = q₊, so T = gF + mG: RF25 Theorem 5, with the sign that RF25
(2) gives (its p. 24 prints a minus).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.algorithms.digital_sgd import digital_sgd
from aimctheory.algorithms.record import LEARNING_RATE, Algorithm
from aimctheory.device import Device
from aimctheory.exact.evaluation import (
    Array,
    gradient_of,
    hessian_of,
    mean_abs_jet,
    mean_parts,
    pulse_ops,
)
from aimctheory.exact.jets import Jet, as_jet, variable
from aimctheory.laws import Law, gaussian
from aimctheory.objectives.record import Objective
from aimctheory.tree.recorded_step import recorded
from aimctheory.tree.recorder import Names

Devices = Device | Mapping[str, Device]


def effective_update(
    algorithm: Algorithm, device: Devices, objective: Objective, law: Law | None = None
) -> EffectiveUpdate:
    """T with E[w' − w] = −α T(w): a function of weights of the shape of the numbers or (…, D).

    For Analog SGD T = gF(w) + E|g + ξ| G(w) with g = ∇f(w): RF25 Theorem 5, p. 24, with a plus.
    T has the unit of the gradient.  `device` is a Device or {array: Device}; `law` None means no
    noise.

    Raises ValueError for an algorithm with more than one state, or with a step that is not
    proportional to |g + ξ| and to the learning rate, and for an array without a device.

    >>> from aimctheory.catalogue import linear
    >>> from aimctheory.laws import rademacher
    >>> from aimctheory.objectives.quadratic import quadratic
    >>> T = effective_update(analog_sgd, linear(tau=1), quadratic(minimiser=0.5), rademacher(0.5))
    >>> float(T(0.25)), float(T(0.5))
    (-0.125, 0.25)
    """
    update = EffectiveUpdate(algorithm, device, objective, law or gaussian(0.0))
    if not _is_proportional(update):
        raise ValueError(
            f"{algorithm.id}: the effective update needs one state and a step proportional to the "
            f"gradient's size and the learning rate, as in {analog_sgd.id} and {digital_sgd.id}; "
            "for Residual Learning use exact.residual_mean_field"
        )
    return update


@dataclass(frozen=True, slots=True, eq=False)
class EffectiveUpdate:
    """T(w), its derivatives, and the problem they belong to; `effective_update` makes it."""

    algorithm: Algorithm
    device: Devices
    objective: Objective
    law: Law

    @property
    def cell(self) -> Device | None:
        """The device of the one array, None for an algorithm without arrays."""
        if not self.algorithm.arrays:
            return None
        (array,) = self.algorithm.arrays
        return device_of(self.device, array)

    @property
    def dynamic_range(self) -> tuple[Any, Any]:
        """The dynamic range of the array, the whole line without one."""
        return self.cell.dynamic_range if self.cell else (-np.inf, np.inf)

    @property
    def shape(self) -> tuple[int, ...]:
        """What all numbers broadcast to: () for a scalar problem."""
        return shape_of(self.objective, self.law, self.cell)

    def step(self, weight: Any, gradient: Any, learning_rate: Any = 1.0) -> Any:
        """The increment of one step on a noisy gradient, for arrays or jets of weights."""
        (name,) = self.algorithm.states
        ops = pulse_ops(self.algorithm.arrays, self.cell, jets=isinstance(weight, Jet))
        state = Names("state", {name: weight})
        hyper = Names("hyper-parameter", {LEARNING_RATE.name: learning_rate})
        return self.algorithm.step(state, hyper, gradient, ops)[name] - weight

    def unit_steps(self, weight: Any) -> tuple[Any, Any]:
        """The increments (fall, rise) on gradients of +1 and −1 at learning rate 1."""
        return self.step(weight, 1.0), self.step(weight, -1.0)

    def __call__(self, weight: ArrayLike) -> Array:
        """T(w), of the shape that `weight` and the numbers broadcast to."""
        w = np.asarray(weight, dtype=float)
        return self.drift(w, gradient_of(self.objective, w))

    def drift(self, weight: Array, gradient: Array) -> Array:
        """T at a weight where the mean gradient is `gradient`."""
        positive, negative = mean_parts(gradient, self.law.mean_abs(gradient, weight))
        fall, rise = self.unit_steps(weight)
        return np.asarray(-(positive * fall + negative * rise))

    def jet(self, weight: Jet, gradient: Jet) -> Jet:
        """T, T', T'' along the curve that `weight` and `gradient` follow."""
        m = mean_abs_jet(self.law, gradient, weight)
        fall, rise = self.unit_steps(weight)
        return as_jet(-0.5 * ((m + gradient) * fall + (m - gradient) * rise))

    def along(self, weight: ArrayLike) -> Jet:
        """T, dT/dw and d²T/dw² of each coordinate; elementwise objectives only."""
        w = variable(np.broadcast_to(np.asarray(weight, dtype=float), self.shape))
        return self.jet(w, as_jet(gradient_of(self.objective, w)))

    def jacobian(self, weight: Array) -> Array:
        """∂T/∂w, (D, D), at weights (D,): diag(∂T/∂w at fixed g) + diag(∂T/∂g at fixed w) ∇²f."""
        g, one, zero = (
            gradient_of(self.objective, weight),
            np.ones_like(weight),
            np.zeros_like(weight),
        )
        by_weight = self.jet(Jet(weight, one, zero), Jet(g, zero, zero)).first
        by_gradient = self.jet(Jet(weight, zero, zero), Jet(g, one, zero)).first
        return np.asarray(
            np.diag(by_weight) + by_gradient[:, None] * hessian_of(self.objective, weight)
        )

    def diffusion(self, weight: Array, gradient: Array) -> Array:
        """D = E[(w' − w)²]/α²; for Analog SGD (F² + G²)E(g + ξ)² + 2FG E[(g + ξ)|g + ξ|]."""
        total = np.square(gradient) + np.square(self.law.sigma)  # E(g + ξ)²
        signed = self.law.signed_square(gradient, weight)
        fall, rise = self.unit_steps(weight)
        # Where the noise never changes the sign of g one part is rounding, of either sign.
        up, down = (np.maximum(part, 0.0) / 2 for part in (total + signed, total - signed))
        return np.asarray(up * fall**2 + down * rise**2)


def device_of(device: Devices, array: str) -> Device:
    """The device of an array: the one for all, or its own.  Raises ValueError without one."""
    found = device if isinstance(device, Device) else device.get(array)
    if found is None:
        raise ValueError(
            f"the array {array!r} has no device; give one for all arrays, or {{array: device}}"
        )
    return found


def shape_of(objective: Objective, law: Law | None, *devices: Device | None) -> tuple[int, ...]:
    """What all numbers of a problem broadcast to; a coupled objective has the shape (D,)."""
    numbers = [number for device in devices if device for number in device.numbers.values()]
    numbers += list(law.numbers.values()) if law else []
    if objective.elementwise:
        numbers += list(objective.numbers.values())
    own = () if objective.elementwise else (objective.coordinates,)
    return np.broadcast_shapes(own, *(np.shape(number) for number in numbers))


def _is_proportional(update: EffectiveUpdate) -> bool:
    """Whether the step has one state, no index, no noise of its own and scales with |g| and α."""
    algorithm = update.algorithm
    rates = [p.name for p in algorithm.hyper]
    if len(algorithm.states) != 1 or algorithm.noises or rates != [LEARNING_RATE.name]:
        return False
    step = recorded(algorithm)
    if any(node.kind == "index" for node in step.nodes()) or step.query.kind != "state":
        return False
    low, high = (np.nan_to_num(end, posinf=1.0, neginf=-1.0) for end in update.dynamic_range)
    w = low + 0.37 * (high - low)  # any weight inside, on no special point of a response
    # Sizes far below and above 1 show a threshold or a clip wherever it is.
    return all(
        np.allclose(size * update.step(w, sign), part, rtol=1e-9, atol=0.0)
        for sign, size in itertools.product((1.0, -1.0), (1e-5, 0.5, 1e5))
        for part in (update.step(w, size * sign), update.step(w, sign, size))
    )
