"""Quadratic objectives f(w) = ½ (w − w*)ᵀ H (w − w*), scalar, diagonal or dense."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from aimctheory.notation import real_numbers
from aimctheory.objectives.record import Array, Constant, Objective

# The functions of an objective have names, so that it can be pickled: a process that is spawned
# gets its objective so.


def _gradient(w: Any, parameters: Any, ops: Any) -> Any:
    return parameters.curvature * (w - parameters.minimiser)


def _value(h: Array, center: Array, weights: Array) -> Array:
    return np.asarray(0.5 * np.sum(h * (weights - center) ** 2, axis=-1))


def _hessian(h: Array, coordinates: int, weights: Array) -> Array:
    return np.diag(np.broadcast_to(h, (coordinates,)))


def quadratic(curvature: ArrayLike = 1.0, minimiser: ArrayLike = 0.0) -> Objective:
    """½ (w − w*)ᵀ H (w − w*) with H = `curvature`, w* = `minimiser`; the minimum is 0.

    A scalar or (D,) curvature gives uncoupled coordinates; a symmetric (D, D) one with D > 1
    couples them.  Numbers of shape (R, 1) or (R, D) differ between replicates.

    Raises ValueError for a curvature that is not positive (definite and symmetric), for numbers
    that are not finite and for shapes that do not broadcast.

    >>> bowl = quadratic(curvature=2.0, minimiser=0.5)
    >>> bowl.coordinates, bowl.smoothness.value
    (1, 2.0)
    """
    h, center = _numbers("curvature", curvature), _numbers("minimiser", minimiser)
    for name, array in (("curvature", h), ("minimiser", center)):
        if not np.isfinite(array).all():
            raise ValueError(f"quadratic: {name} = {array} is not finite; give real numbers")
    if h.ndim == 2 and h.shape[0] == h.shape[1] > 1:
        return _dense(h, center)
    if not (h > 0).all():
        raise ValueError(
            f"quadratic: curvature = {h.min():g} is outside (0, ∞); a bowl opens upwards"
        )
    try:
        shape = np.broadcast_shapes(h.shape, center.shape)
    except ValueError:
        raise ValueError(
            f"quadratic: curvature {h.shape} and minimiser {center.shape} do not broadcast; "
            "use scalars, (D,), (R, 1) or (R, D)"
        ) from None
    coordinates = shape[-1] if shape else 1
    return Objective(
        id="quadratic",
        title="quadratic objective",
        shape=(1, coordinates),
        gradient=_gradient,
        value=partial(_value, h, center),
        numbers={"curvature": h, "minimiser": center},
        hessian=partial(_hessian, h, coordinates),
        smoothness=Constant(float(h.max())),
        strong_convexity=Constant(float(h.min())),
        minimiser=Constant(center),
        minimum=Constant(0.0),
    )


def _numbers(name: str, value: ArrayLike) -> Array:
    try:
        return real_numbers(value)
    except ValueError:
        raise ValueError(
            f"quadratic: {name} = {value!r} is not a number or an array of numbers"
        ) from None


def _dense_gradient(h: Array, shift: Array, weights: Array, indices: Any = None) -> Array:
    found = np.asarray(weights @ h)  # one array a call: a second costs more than the product
    found -= shift
    return found


def _dense_value(h: Array, minimiser: Array, weights: Array) -> Array:
    offset = weights - minimiser
    return np.asarray(0.5 * np.sum(offset * (offset @ h), axis=-1))


def _dense_hessian(h: Array, weights: Array) -> Array:
    return h


def _dense(h: Array, center: Array) -> Objective:
    if not np.allclose(h, h.T, rtol=1e-12, atol=0.0):
        raise ValueError("quadratic: a (D, D) curvature is a Hessian and must be symmetric")
    eigenvalues = np.linalg.eigvalsh(h)
    if eigenvalues[0] <= 0:
        raise ValueError(
            f"quadratic: the curvature has eigenvalue {eigenvalues[0]:.3g}; "
            "give a positive definite one"
        )
    coordinates = h.shape[0]
    try:
        minimiser = np.broadcast_to(center, np.broadcast_shapes(center.shape, (coordinates,)))
    except ValueError:
        raise ValueError(
            f"quadratic: minimiser {center.shape} does not broadcast to {coordinates} coordinates"
        ) from None
    return Objective(
        id="quadratic",
        title="quadratic objective",
        shape=(1, coordinates),
        gradient=partial(_dense_gradient, h, minimiser @ h),
        value=partial(_dense_value, h, minimiser),
        elementwise=False,
        hessian=partial(_dense_hessian, h),
        smoothness=Constant(float(eigenvalues[-1])),
        strong_convexity=Constant(float(eigenvalues[0])),
        minimiser=Constant(minimiser),
        minimum=Constant(0.0),
    )
