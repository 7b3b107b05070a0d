"""The stable rest point of dw/dt = −T(w) for coupled coordinates.

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

    Raises ValueError for a start outside, where coordinates end at saturation, where no rest point
    is reached, and where the Jacobian has an eigenvalue without a positive real part.
    """
    w = np.array(start, dtype=np.float64)
    low, high = (np.broadcast_to(np.asarray(end, dtype=float), w.shape) for end in ends)
    if not np.all((low < w) & (w < high)):
        raise ValueError(f"start = {w} is not strictly inside the dynamic range ({low}, {high})")
    residual = update(w)
    patience: float | None = None
    for _ in range(steps):
        size = float(np.abs(residual).max())
        if size == 0.0:
            break
        J = jacobian(w)
        patience = patience or 0.5 / max(float(np.abs(J).sum(1).max()), 1e-300)
        pace = np.eye(len(w)) / patience
        move = np.asarray(np.linalg.solve(J + pace, -residual), dtype=np.float64)
        move = _room(w, move, low, high) * move
        w = np.asarray(w + move, dtype=np.float64)
        residual = update(w)
        now = float(np.abs(residual).max())
        settled = np.abs(move) <= 8 * np.finfo(float).eps * (np.abs(w) + np.abs(move).max())
        if np.all(settled) or (now >= size and np.abs(move).max() < 1e-12 * (1 + np.abs(w).max())):
            break
        patience *= max(4.0, size / max(now, 1e-300)) if now < size else 0.25
    else:
        raise ValueError(f"{what} was not found from this start in {steps} steps; give start=…")
    return _checked(w, jacobian(w), low, high, what)


def _room(w: Array, move: Array, low: Array, high: Array) -> float:
    """The share of `move` that leaves a tenth of the way to either end."""
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(move > 0, (high - w) / move, np.where(move < 0, (low - w) / move, np.inf))
    return min(1.0, 0.9 * float(room.min()))


def _checked(w: Array, J: Array, low: Array, high: Array, what: str) -> Array:
    width = np.where(np.isfinite(high - low), high - low, 1.0)
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
