"""The definitions evaluated on arrays and on jets: ∇f and its Hessian, q₊ and q₋, E|g + ξ|.

Along a curve (w(t), g(t)) the mean absolute gradient m = E|g + ξ| has the derivative
m_g g' + m_w w'; m_w is zero unless the law of the noise follows the weight.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NamedTuple

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


def gradient_of(objective: Objective, weight: Any) -> Any:
    """∇f at weights (…, D), of that shape.

    An elementwise objective takes weights of any shape that its numbers broadcast to, and jets,
    which return ∂f/∂w of each coordinate with its derivatives.
    """
    if objective.elementwise:
        ops = jet_ops() if isinstance(weight, Jet) else numpy_ops()
        return objective.gradient(weight, Names("number", objective.numbers), ops)
    w = np.asarray(weight, dtype=float)
    w = np.broadcast_to(w, np.broadcast_shapes(w.shape, (objective.coordinates,)))
    return objective.gradient(w.reshape(-1, objective.coordinates), None).reshape(w.shape)


def hessian_of(objective: Objective, weight: Array) -> Array:
    """∇²f, (D, D), at weights (D,): the objective's own, else central differences of ∇f."""
    if objective.hessian is not None:
        return np.asarray(objective.hessian(weight), dtype=float)
    # About ε^(1/3), so that the truncation of a central difference (reach²) and the rounding of ∇f
    # (ε/reach) are both some 1e-11.  A Newton step bears that; the root does not depend on ∇²f.
    reach = 1e-5 * (1.0 + np.abs(weight))
    forth, back = (gradient_of(objective, weight + sign * np.diag(reach)) for sign in (1.0, -1.0))
    rows = (forth - back) / (2.0 * reach[:, None])
    return np.asarray((rows + rows.T) / 2)


def require_constant(law: Law) -> None:
    """Raise ValueError for a law that changes with the weight where the gradient is taken."""
    if law.form.state_dependent:
        raise ValueError(f"{law.form.id} depends on the weight; give a law that does not")


def pulse_ops(arrays: Iterable[str], device: Device | None, *, jets: bool) -> Ops:
    """The operations of a step on arrays or jets of weights, every array on the one `device`."""
    bare = jet_ops() if jets else numpy_ops()

    def responses(weight: Any) -> Names:
        assert device is not None  # an array has one, and nothing else has pulses
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


def mean_parts(gradient: ArrayLike, mean_abs: ArrayLike) -> tuple[Array, Array]:
    """E(g + ξ)⁺ and E(g + ξ)⁻ from g and m = E|g + ξ|: (m + g)/2 and (m − g)/2."""
    g, m = np.asarray(gradient, dtype=float), np.asarray(mean_abs, dtype=float)
    positive, negative = (m + g) / 2, (m - g) / 2
    # Where the noise never changes the sign of g, m is |g| up to rounding, and one part is that
    # rounding.  Taken for a pull towards the range it would make a false root at saturation.
    lost = 4.0 * np.finfo(float).eps * np.abs(g)
    return np.where(positive > lost, positive, 0.0), np.where(negative > lost, negative, 0.0)


def mean_abs_jet(law: Law, gradient: Jet, weight: Jet) -> Jet:
    """E|g + ξ| with its derivatives along the curve that `gradient` and `weight` follow."""
    g, w = gradient, weight
    formulas = _moment_derivatives(law.form.absolute_moment)

    def partial(formula: sympy.Expr, without_noise: ArrayLike) -> Any:
        value = law.evaluate(formula, g=g.value, w=w.value)
        return np.where(np.asarray(law.sigma) == 0, without_noise, value)  # formulas divide by σ

    m_g, m_w = partial(formulas.g, np.sign(g.value)), partial(formulas.w, 0.0)
    m_gg, m_gw, m_ww = (partial(each, 0.0) for each in (formulas.gg, formulas.gw, formulas.ww))
    curved = m_gg * g.first**2 + 2.0 * m_gw * g.first * w.first + m_ww * w.first**2
    return Jet(
        law.mean_abs(g.value, w.value),
        m_g * g.first + m_w * w.first,
        curved + m_g * g.second + m_w * w.second,
    )


class _Derivatives(NamedTuple):
    """Partial derivatives of a function of the gradient g and the weight w."""

    g: sympy.Expr
    w: sympy.Expr
    gg: sympy.Expr
    gw: sympy.Expr
    ww: sympy.Expr


@functools.cache
def _moment_derivatives(moment: sympy.Expr) -> _Derivatives:
    """The derivatives of E|g + ξ|; at a kink of a discrete law's moment, those of one side."""
    g, w = notation.g, notation.w
    # SymPy's second derivative of Max and Abs is a DiracDelta, without a number; of cases it is 0.
    pieces = moment.replace(sympy.Max, lambda a, b: sympy.Piecewise((a, a >= b), (b, True)))
    pieces = pieces.replace(sympy.Abs, lambda x: sympy.Piecewise((x, x >= 0), (-x, True)))
    return _Derivatives(*(sympy.diff(pieces, *by) for by in ((g,), (w,), (g, g), (g, w), (w, w))))
