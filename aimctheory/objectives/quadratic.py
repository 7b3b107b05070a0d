"""Quadratic objectives f(w) = ½ (w − w*)ᵀ H (w − w*), scalar, diagonal or dense."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from aimctheory.objectives.record import Array, Constant, Objective


def _gradient(w: Any, parameters: Any, ops: Any) -> Any:
    return parameters.curvature * (w - parameters.minimiser)


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
    h, center = np.asarray(curvature, dtype=float), np.asarray(minimiser, dtype=float)
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
        value=lambda weights: 0.5 * np.sum(h * (weights - center) ** 2, axis=-1),
        numbers={"curvature": h, "minimiser": center},
        hessian=lambda weights: np.diag(np.broadcast_to(h, (coordinates,))),
        smoothness=Constant(float(h.max())),
        strong_convexity=Constant(float(h.min())),
        minimiser=Constant(center),
        minimum=Constant(0.0),
    )


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

    shift = minimiser @ h

    def gradient(weights: Array, indices: Any = None) -> Array:
        found = np.asarray(weights @ h)  # one array a call: a second costs more than the product
        found -= shift
        return found

    def value(weights: Array) -> Array:
        offset = weights - minimiser
        return np.asarray(0.5 * np.sum(offset * (offset @ h), axis=-1))

    return Objective(
        id="quadratic",
        title="quadratic objective",
        shape=(1, coordinates),
        gradient=gradient,
        value=value,
        elementwise=False,
        hessian=lambda weights: h,
        smoothness=Constant(float(eigenvalues[-1])),
        strong_convexity=Constant(float(eigenvalues[0])),
        minimiser=Constant(minimiser),
        minimum=Constant(0.0),
    )
