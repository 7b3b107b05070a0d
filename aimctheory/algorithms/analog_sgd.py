"""Analog SGD, RF25 (2) and EX24 (3): every gradient is written into the array by a pulse.

W ← U(W, −α g),   U(w, d) = w + d·q₊(w) for d ≥ 0,  w + d·q₋(w) for d < 0
"""

from __future__ import annotations

from typing import Any

from aimctheory.algorithms.record import LEARNING_RATE, Algorithm
from aimctheory.notation import Source


def weight(state: Any, hyper: Any, ops: Any) -> Any:
    """The array W: the gradient is taken there, and inference uses it."""
    return state.W


def step(state: Any, hyper: Any, gradient: Any, ops: Any) -> dict[str, Any]:
    """RF25 (2): one pulsed update by −α g."""
    return {"W": ops.pulse.W(state.W, -hyper.learning_rate * gradient)}


analog_sgd = Algorithm(
    id="analog-sgd",
    title="Analog SGD",
    source=Source("RF25", "(2), p. 3; EX24 (3)"),
    arrays={"W": 0.0},
    hyper=(LEARNING_RATE,),
    query=weight,
    step=step,
    readout=weight,
)
