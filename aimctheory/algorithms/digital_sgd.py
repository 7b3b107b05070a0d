"""Digital SGD, EX24 (2): the baseline without devices.

W ← W − α g
"""

from __future__ import annotations

from typing import Any

from aimctheory.algorithms.record import LEARNING_RATE, Algorithm
from aimctheory.notation import Source


def weight(state: Any, hyper: Any, ops: Any) -> Any:
    """The digital weight W."""
    return state.W


def step(state: Any, hyper: Any, gradient: Any, ops: Any) -> dict[str, Any]:
    """EX24 (2)."""
    return {"W": state.W - hyper.learning_rate * gradient}


digital_sgd = Algorithm(
    id="digital-sgd",
    title="Digital SGD",
    source=Source("EX24", "(2)"),
    arrays={},
    buffers={"W": 0.0},
    hyper=(LEARNING_RATE,),
    query=weight,
    step=step,
    readout=weight,
)
