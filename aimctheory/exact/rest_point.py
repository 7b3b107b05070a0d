"""The stable rest point of dw/dt = −T(w) for coupled coordinates, by pseudo-transient continuation.

Implicit Euler steps (1/δ + J) s = −T(w), with δ growing while the residual falls: at first they
follow the flow, so they end at a rest point that attracts, and near it they are Newton's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def rest_point(
    update: Callable[[Array], Array],
    jacobian: Callable[[Array], Array],
    start: ArrayLike,
    ends: tuple[ArrayLike, ArrayLike],
    what: str,
    steps: int = 500,
) -> Array:
    """The w with T(w) = 0 to rounding, strictly inside `ends`, where every mode of J decays.

    `update` is T, (D,) → (D,), and `jacobian` its derivative J, (D,) → (D, D); `what` names the
    point in errors.

    Raises ValueError for a start outside, where coordinates end at saturation, where no rest point
    is reached, and where the Jacobian has an eigenvalue without a positive real part.

    >>> print(rest_point(lambda w: w - 0.5, lambda w: np.eye(2), [0.0, 0.1], (-1, 1), "the centre"))
    [0.5 0.5]
    """
    w = np.array(start, dtype=np.float64)
    low, high = (np.broadcast_to(np.asarray(end, dtype=float), w.shape) for end in ends)
    if not np.all((low < w) & (w < high)):
        raise ValueError(f"start = {w} is not strictly inside the dynamic range ({low}, {high})")
    residual = update(w)
    time_step = 0.0
    for _ in range(steps):
        size = float(np.abs(residual).max())
        if size == 0.0:
            break
        J = jacobian(w)
        # Half of 1/‖J‖ is short enough for explicit Euler, so it follows the flow even away from a
        # point that repels, where the residual rises.
        time_step = max(time_step, 0.5 / max(float(np.abs(J).sum(1).max()), 1e-300))
        step = np.asarray(np.linalg.solve(J + np.eye(len(w)) / time_step, -residual))
        step = _share_inside(w, step, low, high) * step
        w = np.asarray(w + step, dtype=np.float64)
        residual = update(w)
        new_size = float(np.abs(residual).max())
        if _is_settled(w, step, stuck=new_size >= size):
            break
        # δ grows as the residual falls, and at least fourfold, so that the steps become Newton's;
        # after a step that raised the residual it is cut.
        time_step *= max(4.0, size / max(new_size, 1e-300)) if new_size < size else 0.25
    else:
        raise ValueError(f"{what} was not found from this start in {steps} steps; give start=…")
    return _checked(w, jacobian(w), low, high, what)


def _is_settled(w: Array, step: Array, *, stuck: bool) -> bool:
    """Whether a step to `w` changed the last bits only, or was small with the residual `stuck`."""
    longest = np.abs(step).max()
    last_bits = np.abs(step) <= 8 * np.finfo(float).eps * (np.abs(w) + longest)
    # A residual that no longer falls at steps of 1e-12 is rounding of T.
    stalled = stuck and longest < 1e-12 * (1 + np.abs(w).max())
    return bool(np.all(last_bits) or stalled)


def _share_inside(w: Array, step: Array, low: Array, high: Array) -> float:
    """The share of `step` that covers at most nine tenths of the way to either end."""
    with np.errstate(divide="ignore", invalid="ignore"):
        to_end = np.where(step > 0, (high - w) / step, np.where(step < 0, (low - w) / step, np.inf))
    return min(1.0, 0.9 * float(to_end.min()))


def _checked(w: Array, J: Array, low: Array, high: Array, what: str) -> Array:
    """`w`, if it lies off saturation and every eigenvalue of J has a positive real part."""
    width = np.where(np.isfinite(high - low), high - low, 1.0)
    # Steps towards an end shrink tenfold each and never arrive, so a coordinate that saturates
    # stops short of the end; a genuine rest point so close would be lost to rounding.
    stuck = np.flatnonzero(np.minimum(w - low, high - w) < 1e-9 * width)
    if stuck.size:
        raise ValueError(
            f"{what} lies at saturation in coordinates {stuck[:5].tolist()}; give a minimiser "
            "inside the dynamic range, or more noise"
        )
    slowest = float(np.linalg.eigvalsh((J + J.T) / 2)[0])  # > 0 suffices, and is cheap to find
    if slowest <= 0:
        slowest = float(np.linalg.eigvals(J).real.min())
    if slowest <= 0:
        raise ValueError(f"{what} at {w} is unstable (eigenvalue {slowest:.3g}); give start=…")
    return w
