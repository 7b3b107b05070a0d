"""Definitions read as numbers and as jets: ∇f and its Hessian, q₊ and q₋, E|g + ξ|.

The one formula: along a curve (w(t), g(t)) the mean absolute gradient m = E|g + ξ| has the slope
m_g g' + m_w w'; m_w is zero unless the law of the noise follows the weight.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

from aimctheory import notation
from aimctheory.device import Device
from aimctheory.exact.jets import CALLS, Jet, as_jet, jet_ops
from aimctheory.laws import Law
from aimctheory.objectives.record import Objective
from aimctheory.tree.pulse import pulse, response
from aimctheory.tree.recorder import NUMPY_CALLS, Names, Ops, numpy_ops

Array = NDArray[np.float64]


def number(value: ArrayLike) -> float | Array:
    """A float where there is one number, else an array."""
    array = np.asarray(value, dtype=float)
    return array if array.ndim else float(array)


def slope(objective: Objective, weight: Any) -> Any:
    """∇f at weights of any broadcastable shape; an elementwise objective takes jets too."""
    if objective.elementwise:
        ops = jet_ops() if isinstance(weight, Jet) else numpy_ops()
        return objective.gradient(weight, Names("number", objective.numbers), ops)
    w = np.asarray(weight, dtype=float)
    w = np.broadcast_to(w, np.broadcast_shapes(w.shape, (objective.coordinates,)))
    return objective.gradient(w.reshape(-1, objective.coordinates), None).reshape(w.shape)


def hessian(objective: Objective, weight: Array) -> Array:
    """∇²f (D, D) at weights (D,): the objective's own, else central differences of ∇f."""
    if objective.hessian is not None:
        return np.asarray(objective.hessian(weight), dtype=float)
    reach = 1e-5 * (1.0 + np.abs(weight))
    forth, back = (slope(objective, weight + sign * np.diag(reach)) for sign in (1.0, -1.0))
    rows = (forth - back) / (2.0 * reach[:, None])
    return np.asarray((rows + rows.T) / 2)


def pulse_ops(arrays: Iterable[str], device: Device | None, *, jets: bool) -> Ops:
    """What a step needs to be called with weights, arrays or jets, on one device.

    Raises ValueError for arrays without a device.
    """
    if arrays and device is None:
        raise ValueError(
            "this algorithm has an array on a device; give device=…, or {array: device}"
        )
    bare = jet_ops() if jets else numpy_ops()

    def responses(weight: Any) -> Names:
        assert device is not None
        return device.responses(weight, CALLS if jets else NUMPY_CALLS)

    def of_every_array(rule: Callable[[Any, Any], Any]) -> Names:
        return Names("array", dict.fromkeys(arrays, rule))

    return replace(
        bare,
        pulse=of_every_array(lambda w, d: pulse(w, d, responses(w), bare)),
        response=of_every_array(lambda w, d: response(d, responses(w), bare)),
    )


def responses_jet(device: Device, weight: Jet) -> tuple[Jet, Jet]:
    """q₊ and q₋ with their derivatives."""
    q = device.responses(weight, CALLS)
    return as_jet(q.up), as_jet(q.down)


def ratio_jet(device: Device, weight: Jet) -> Jet:
    """R = G/F with its derivatives."""
    up, down = responses_jet(device, weight)
    return (down - up) / (down + up)


def halves(gradient: ArrayLike, mean_abs: ArrayLike) -> tuple[Array, Array]:
    """E(g + ξ)⁺ and E(g + ξ)⁻ from g and E|g + ξ|; a difference lost in rounding is 0."""
    g, m = np.asarray(gradient, dtype=float), np.asarray(mean_abs, dtype=float)
    lost = 4.0 * np.finfo(float).eps * np.abs(g)
    up, down = (m + g) / 2, (m - g) / 2
    return np.where(up > lost, up, 0.0), np.where(down > lost, down, 0.0)


def mean_abs_jet(law: Law, gradient: Jet, weight: Jet) -> Jet:
    """E|g + ξ| with its derivatives along the curve that `gradient` and `weight` follow."""
    g, w = gradient, weight
    at, quiet = {"g": g.value, "w": w.value}, np.asarray(law.sigma) == 0
    values = [law.evaluate(formula, **at) for formula in _moment_slopes(law.form.absolute_moment)]
    values[0] = np.where(quiet, np.sign(g.value), values[0])
    m_g, *rest = values
    m_w, m_gg, m_gw, m_ww = (np.where(quiet, 0.0, value) for value in rest)
    bend = m_gg * g.first**2 + 2.0 * m_gw * g.first * w.first + m_ww * w.first**2
    return Jet(
        law.mean_abs(g.value, w.value),
        m_g * g.first + m_w * w.first,
        bend + m_g * g.second + m_w * w.second,
    )


@functools.cache
def _moment_slopes(moment: sympy.Expr) -> tuple[sympy.Expr, ...]:
    """m_g, m_w, m_gg, m_gw, m_ww; at a kink of a discrete law's moment, those of one side."""
    g, w = notation.g, notation.w
    pieces = moment.replace(sympy.Max, lambda a, b: sympy.Piecewise((a, a >= b), (b, True)))
    pieces = pieces.replace(sympy.Abs, lambda x: sympy.Piecewise((x, x >= 0), (-x, True)))
    return tuple(sympy.diff(pieces, *by) for by in ((g,), (w,), (g, g), (g, w), (w, w)))
