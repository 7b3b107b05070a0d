"""The dataclass `Objective` says what is minimised: its gradient and the constants of theory.

An elementwise objective has a traced gradient of one coordinate.  An objective with coupled
coordinates has an array function, which gives the gradients of all replicates in one call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant of an objective, and whether it is "exact", "computed" or "unknown"."""

    value: Any
    provenance: str = "exact"


UNKNOWN = Constant(None, "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What is minimised over a layer of `shape` (rows, columns), flattened to D coordinates.

    If `elementwise`, `gradient` is a traced function ``(w, parameters, ops) -> value`` of one
    coordinate, and `numbers`, the values of its parameters, broadcast to (replicates, D).

    Otherwise `gradient` is ``(weights (R, D), indices (R, B) | None) -> (R, D)``.  `indices` are
    the sample indices of each replicate's mini-batch, None asks for the full gradient.  Both arrays
    are lent for the call only: the simulator overwrites them afterwards.

    `value` maps weights (R, D) to f, (R,); `hessian` maps weights (D,) to (D, D).
    `sampling_noise` maps weights (D,) to E|g − ∇f| and the standard deviation of g, both (D,).
    `accuracy` maps weights (…, D) to the share of held-out samples classified rightly, (…).
    `samples` counts the samples of the data, `batch` those of a mini-batch; 0 stands for none.
    """

    id: str
    title: str
    shape: tuple[int, int]
    gradient: Callable[..., Any]
    value: Callable[[Array], Array]
    elementwise: bool = True
    numbers: Mapping[str, Any] = field(default_factory=dict)
    hessian: Callable[[Array], Array] | None = None
    smoothness: Constant = UNKNOWN
    strong_convexity: Constant = UNKNOWN
    minimiser: Constant = UNKNOWN
    minimum: Constant = UNKNOWN
    samples: int = 0
    batch: int = 0
    sampling_noise: Callable[[Array], tuple[Array, Array]] | None = None
    accuracy: Callable[[Array], Array] | None = None

    @property
    def coordinates(self) -> int:
        """D, the number of weights."""
        return self.shape[0] * self.shape[1]
