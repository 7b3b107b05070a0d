"""Residual Learning, RF25 (10)-(11), and Residual Learning v2, RF25 (14)-(15).

The fast array P follows the gradient of f(W + γP) and settles at the residual (W* − W)/γ; the slow
array W integrates it.  With P's symmetric point at 0 the bias of Analog SGD disappears as α → 0.

    v1   P ← U(P, −α g(W + γP)),   W ← U(W, β P)                        (the new P)
    v2   P as above;  H ← (1 − β_H) H + β_H (P + ε);  W ← U(W, β H) where |H| > θ

With γ = 0 the first is Tiki-Taka (in EX24's names α and β change places and P changes sign).
"""

from __future__ import annotations

from typing import Any

from aimctheory.algorithms.record import (
    FILTER_RATE,
    LEARNING_RATE,
    MIXING,
    THRESHOLD,
    TRANSFER_RATE,
    Algorithm,
)
from aimctheory.notation import Source


def mixed_weight(state: Any, hyper: Any, ops: Any) -> Any:
    """W + γP, RF25 p. 7: where the gradient is taken and what inference uses."""
    return state.W + hyper.mixing * state.P


def step(state: Any, hyper: Any, gradient: Any, ops: Any) -> dict[str, Any]:
    """RF25 (10) and (11): the transfer reads the new P."""
    P = ops.pulse.P(state.P, -hyper.learning_rate * gradient)
    return {"P": P, "W": ops.pulse.W(state.W, hyper.transfer_rate * P)}


def step_v2(state: Any, hyper: Any, gradient: Any, ops: Any) -> dict[str, Any]:
    """RF25 (10), (14), (15): a digital filter of noisy reads, transferred element by element."""
    P = ops.pulse.P(state.P, -hyper.learning_rate * gradient)
    H = (1 - hyper.filter_rate) * state.H + hyper.filter_rate * (P + ops.noise("read"))
    d = ops.where(abs(H) > hyper.threshold, hyper.transfer_rate * H, 0.0)
    return {"P": P, "H": H, "W": ops.pulse.W(state.W, d)}


residual_learning = Algorithm(
    id="residual-learning",
    title="Residual Learning",
    source=Source("RF25", "(10)-(11), p. 7"),
    arrays={"P": 0.0, "W": 0.0},
    hyper=(LEARNING_RATE, TRANSFER_RATE, MIXING),
    query=mixed_weight,
    step=step,
    readout=mixed_weight,
)

residual_learning_v2 = Algorithm(
    id="residual-learning-v2",
    title="Residual Learning v2",
    source=Source("RF25", "(10), p. 7; (14), p. 8; (15), p. 9"),
    arrays={"P": 0.0, "W": 0.0},
    buffers={"H": 0.0},
    noises=("read",),
    hyper=(LEARNING_RATE, TRANSFER_RATE, MIXING, FILTER_RATE, THRESHOLD),
    query=mixed_weight,
    step=step_v2,
    readout=mixed_weight,
)
