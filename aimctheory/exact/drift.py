"""Where the mean drift vanishes, and the two approximations of that point.

    drift root w_T             g(w) + E|g(w) + ξ| R(w) = 0
    penalised minimiser w_Σ    g(w) + Σ R(w) = 0,  Σ = E|ξ|            RF25 Theorem 1
    linearised W^S             H(W − w*) + R'(w⋄)Σ(W − w⋄) = 0         RF25 (46), with a plus

w_T is what the stationary mean tends to as α → 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from aimctheory.algorithms.record import Algorithm
from aimctheory.device import Device
from aimctheory.exact.evaluation import (
    Array,
    gradient_of,
    hessian_of,
    number,
    ratio_jet,
    require_constant,
)
from aimctheory.exact.jets import as_jet, variable
from aimctheory.exact.rest_point import rest_point
from aimctheory.exact.roots import only_zero
from aimctheory.exact.update import Devices, EffectiveUpdate, effective_update, shape_of
from aimctheory.laws import Law
from aimctheory.objectives.record import Objective

SATURATED = "; the cell saturates first: give a minimiser inside the dynamic range, or more noise"


def drift_root(
    algorithm: Algorithm,
    device: Devices,
    objective: Objective,
    law: Law | None = None,
    *,
    start: ArrayLike | None = None,
) -> float | Array:
    """w_T: the stable zero of the mean drift inside the dynamic range, in the weight's unit.

    For Analog SGD the root of g(w) + E|g(w) + ξ| R(w) = 0 in each coordinate (RF25 Theorem 5,
    p. 24, with a plus), which the stationary mean tends to as α → 0.

    A float for scalar numbers, an array of the shape that the numbers broadcast to for elementwise
    objectives, shape (D,) for coupled ones.  `start` chooses among several roots: the nearest one,
    or for coupled coordinates the one that the flow from `start` leads to.

    Raises ValueError for an unsupported algorithm, where there is no root in the range, and where
    an elementwise objective has several (listed) and no `start` is given.  Coupled coordinates are
    not searched for further roots.

    >>> from aimctheory.algorithms.analog_sgd import analog_sgd
    >>> from aimctheory.catalogue import linear
    >>> from aimctheory.laws import gaussian
    >>> from aimctheory.objectives.quadratic import quadratic
    >>> w_T = drift_root(analog_sgd, linear(tau=1), quadratic(minimiser=0.5), gaussian(0.5))
    >>> round(w_T, 5)
    0.3531
    """
    T = effective_update(algorithm, device, objective, law)
    what, ends = f"{algorithm.id}: the mean drift", T.dynamic_range
    if objective.elementwise:
        return number(only_zero(T, ends, T.shape, what, near=start, hint=SATURATED))
    _require_one_problem(T.shape, objective)
    begin = _begin(T) if start is None else np.broadcast_to(np.asarray(start, float), T.shape)
    return rest_point(T, T.jacobian, begin, ends, f"{what}'s zero")


def penalised_minimiser(
    device: Device, objective: Objective, law: Law | ArrayLike, *, start: ArrayLike | None = None
) -> float | Array:
    """w_Σ: the minimiser of f_Σ = f + ⟨Σ, R_c⟩, with Σ = E|ξ| held constant: RF25 Theorem 1.

    The root of g(w) + Σ R(w) = 0, in the weight's unit.  `law` is a law, or Σ itself (measured,
    say).  Shapes and errors as for `drift_root`.

    >>> from aimctheory.catalogue import linear
    >>> from aimctheory.laws import gaussian
    >>> from aimctheory.objectives.quadratic import quadratic
    >>> round(penalised_minimiser(linear(tau=1), quadratic(minimiser=0.5), gaussian(0.5)), 5)
    0.35741
    """
    Sigma = _mean_abs_noise(law)
    shape = np.broadcast_shapes(shape_of(objective, None, device), Sigma.shape)

    def penalised_gradient(weight: Array) -> Array:
        return np.asarray(gradient_of(objective, weight) + Sigma * device.ratio(weight))

    def penalised_hessian(weight: Array) -> Array:
        penalty_curvature = Sigma * ratio_jet(device, variable(weight)).first
        return np.asarray(hessian_of(objective, weight) + np.diag(penalty_curvature))

    what, ends = "the gradient of the penalised objective", device.dynamic_range
    if objective.elementwise:
        return number(only_zero(penalised_gradient, ends, shape, what, near=start, hint=SATURATED))
    _require_one_problem(shape, objective)
    begin = np.asarray(device.penalty_origin() if start is None else start, dtype=float)
    begin = np.array(np.broadcast_to(begin, shape))
    return rest_point(penalised_gradient, penalised_hessian, begin, ends, f"{what}'s zero")


def linearised(device: Device, objective: Objective, law: Law | ArrayLike) -> float | Array:
    """W^S: the zero of the mean drift linearised at w* and w⋄, RF25 Theorem 5 with its sign mended.

    (H + diag(R'(w⋄)Σ))⁻¹(H w* + R'(w⋄)Σ w⋄), a weighted mean of minimiser and symmetric point, in
    the weight's unit; RF25 (46) prints minus signs.  `law` is a law, or Σ itself; shapes as for
    `drift_root`.

    Raises ValueError where the minimiser is unknown or the device has no single symmetric point.

    >>> from aimctheory.catalogue import power
    >>> from aimctheory.laws import gaussian
    >>> from aimctheory.objectives.quadratic import quadratic
    >>> cell = power(tau=1, gamma=2)
    >>> round(linearised(cell, quadratic(minimiser=0.5), gaussian(0.2)), 5)
    0.37903
    """
    if objective.minimiser.value is None:
        raise ValueError(f"{objective.id}: its minimiser is unknown, and W^S is linearised there")
    Sigma, minimiser = _mean_abs_noise(law), np.asarray(objective.minimiser.value, dtype=float)
    center = device.penalty_origin()
    stiffness = Sigma * ratio_jet(device, variable(np.asarray(center, dtype=float))).first  # ΣR'
    if objective.elementwise:
        h = as_jet(gradient_of(objective, variable(minimiser))).first
        return number((h * minimiser + stiffness * center) / (h + stiffness))
    _require_one_problem(np.broadcast_shapes(minimiser.shape, stiffness.shape), objective)
    H = hessian_of(objective, minimiser)
    S = np.broadcast_to(stiffness, minimiser.shape)
    return np.asarray(np.linalg.solve(H + np.diag(S), H @ minimiser + S * center))


def _mean_abs_noise(law: Law | ArrayLike) -> Array:
    """Σ = E|ξ| of a law, or the number itself; ValueError for a law whose Σ follows the weight."""
    if not isinstance(law, Law):
        return np.asarray(law, dtype=float)
    require_constant(law)
    return law.mean_abs(0.0)


def _require_one_problem(shape: tuple[int, ...], objective: Objective) -> None:
    if shape != (objective.coordinates,):
        raise ValueError(
            f"{objective.id}: numbers of shape {shape} with {objective.coordinates} coupled "
            f"coordinates; give scalars or ({objective.coordinates},) and call once per replicate"
        )


def _begin(T: EffectiveUpdate) -> Array:
    """Where the search for a coupled root begins: W^S where it lies inside the range, else w⋄."""
    center = T.cell.penalty_origin() if T.cell else 0.0
    minimiser = T.objective.minimiser.value
    if minimiser is None:
        guess = np.asarray(center, dtype=float)
    else:
        found = linearised(T.cell, T.objective, T.law.mean_abs(0.0)) if T.cell else minimiser
        guess = np.asarray(found, dtype=float)
    low, high = T.dynamic_range
    inside = (guess > low) & (guess < high)
    return np.array(np.broadcast_to(np.where(inside, guess, center), T.shape))
