"""The record that says what is minimised: a gradient, and the constants theory needs.

An elementwise objective gives a traced gradient of one coordinate; one whose coordinates are
coupled gives an array function that serves all replicates in one call.
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
    """A constant of an objective and where it comes from: "exact", "computed" or "unknown"."""

    value: Any
    provenance: str = "exact"


UNKNOWN = Constant(None, "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What is minimised over a layer of `shape` (rows, columns), flattened to D coordinates.

    `gradient` is ``(w, parameters, ops) -> value`` for one coordinate, traced, if `elementwise`
    (its `numbers` broadcast to (replicates, D)); else ``(weights (R, D), rows (R, B) | None) ->
    (R, D)``, where `rows` are each replicate's mini-batch and None asks for the full gradient;
    weights and rows are lent for the call, and hold other numbers after it.
    `value` maps weights (R, D) to (R,); `hessian` weights (D,) to (D, D).
    `sampling_noise` maps weights (D,) to E|g − ∇f| and the standard deviation of g, both (D,).
    `accuracy` maps weights (…, D) to the share of held-out samples classified rightly, (…).
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
