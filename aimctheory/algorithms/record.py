"""What an algorithm is: its arrays, its hyper-parameters and three pure functions.

`query` returns the point where the gradient is taken, `step` the states after one iteration of one
element, `readout` the combination of states that is "the weight".  An algorithm knows no device, no
kernel and no NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy

from aimctheory.notation import NONNEGATIVE, POSITIVE, Interval, Parameter, Source, settle

Query = Callable[[Any, Any, Any], Any]
Step = Callable[[Any, Any, Any, Any], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """Arrays (on devices) and buffers (digital) with their start values, and the rule of one step.

    `query(state, hyper, ops)` and `readout(state, hyper, ops)` return one value;
    `step(state, hyper, gradient, ops)` returns a dict with every state once.  All three are written
    for one element with + − × ÷, comparisons, ``abs`` and the operations of `ops` (see
    `tree.recorder.Ops`).  `noises` names the streams that the step draws from.
    """

    id: str
    title: str
    source: Source
    arrays: Mapping[str, float]
    step: Step
    query: Query
    readout: Query
    hyper: tuple[Parameter, ...]
    buffers: Mapping[str, float] = field(default_factory=dict)
    noises: tuple[str, ...] = ()

    @property
    def states(self) -> dict[str, float]:
        """Every state with its start value, arrays first."""
        return {**self.arrays, **self.buffers}

    def settle(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The value of every hyper-parameter: the given one, else its default.

        Raises ValueError for an unknown, missing or forbidden value, listing the known names.
        """
        return settle(
            self.hyper, given, self.id, noun="hyper-parameter", call="hyper={{{name!r}: …}}"
        )


LEARNING_RATE = Parameter(
    "learning_rate",
    sympy.Symbol("alpha", positive=True),
    POSITIVE,
    (0.005, 0.1),
    "the step size α of the array that takes the gradient",
)
TRANSFER_RATE = Parameter(
    "transfer_rate",
    sympy.Symbol("beta", positive=True),
    POSITIVE,
    (0.001, 0.05),
    "the step size β of the transfer from the fast array to the slow one",
)
MIXING = Parameter(
    "mixing",
    sympy.Symbol("gamma", nonnegative=True),
    NONNEGATIVE,
    (0.1, 1.0),
    "the weight γ of the fast array in the mixed weight",
)
FILTER_RATE = Parameter(
    "filter_rate",
    sympy.Symbol("beta_H", positive=True),
    Interval(0.0, 1.0, open_low=True),
    (0.05, 1.0),
    "the rate of the digital low-pass filter (RF25 prints one β for this and the transfer)",
    default="transfer_rate",
)
THRESHOLD = Parameter(
    "threshold",
    sympy.Symbol("theta", nonnegative=True),
    Interval(0.0, math.inf),
    (0.0, 0.05),
    "the size that an element of the buffer must exceed to be transferred",
    default=0.0,
)
