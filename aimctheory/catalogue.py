"""The response functions of both papers, ready to be called with numbers.

With x = w/τ, and y = w − w₀ for soft bounds:

===========  ======================================================  ==============  ==========
response     q₊, q₋                                                  dynamic range   source
===========  ======================================================  ==============  ==========
ideal        1, 1                                                    none            RF25 Fig. 1
linear       (1+c)(1−x), (1−c)(1+x)                                  [−τ, τ]         RF25 §1.1
power        (1∓x)^γ                                                 [−τ, τ]         RF25 (144)
exponential  (e^{γ(1∓x)} − 1)/(e^γ − 1)                              [−τ, τ]         RF25 (145)
soft bounds  1 − y/τ_max, 1 − y/τ_min                                [τ_min, τ_max]  EX24 C.1
===========  ======================================================  ==============  ==========

To add a response, append a module-level `Response` to this file; commands find it by its type.
"""

from __future__ import annotations

import math

import sympy
from sympy import Eq, Piecewise, Rational, cosh, exp, log, sqrt

from aimctheory.notation import POSITIVE, REALS, Interval, Parameter, Source, positive, real, w
from aimctheory.response import Response

_tau = positive("tau")
_c = real("c")
_gamma = positive("gamma")
_bend = sympy.Symbol("gamma", real=True, nonzero=True)
_w_0 = real("w_0")
_tau_max = positive("tau_max")
_tau_min = sympy.Symbol("tau_min", negative=True)
_x = w / _tau

HALF_WIDTH = Parameter("tau", _tau, POSITIVE, (0.5, 2.0), "the half-width of the dynamic range")

ideal = Response(
    sympy.Integer(1),
    sympy.Integer(1),
    id="ideal",
    title="ideal cell",
    source=Source("RF25", "Fig. 1, p. 2"),
)
"""q₊ = q₋ = 1: Analog SGD on it is Digital SGD."""


def _linear_penalty() -> sympy.Expr:
    """R_c = ∫ G/F dw from w⋄ = cτ, with G/F = (x − c)/(1 − cx).

    The closed form divides by c, so c = 0 is a branch of its own.
    """
    bent = (1 - _x / _c) + (1 / _c**2 - 1) * log((1 - _c**2) / (1 - _c * _x))
    return Piecewise((w**2 / (2 * _tau), Eq(_c, 0)), (_tau * bent, True))


linear = Response(
    (1 + _c) * (1 - _x),
    (1 - _c) * (1 + _x),
    parameters=(
        HALF_WIDTH,
        Parameter(
            "c",
            _c,
            Interval(-1, 1, open_low=True, open_high=True),
            (-0.5, 0.5),
            "c_Lin, the symmetric point in units of τ",
            default=0.0,
        ),
    ),
    dynamic_range=(-_tau, _tau),
    closed_penalty=_linear_penalty,
    id="linear",
    title="linear response",
    source=Source("RF25", "Section 1.1 and (16); EX24 (7)"),
)
"""q₊ = (1+c)(1−x), q₋ = (1−c)(1+x); w⋄ = cτ, F = 1 − cx, G = x − c."""


def _power_penalty() -> sympy.Expr:
    """R_c for the exponents at which the integral of tanh(γ artanh x) is elementary and short."""
    s, r = sqrt(1 - _x**2), sqrt(2)
    table = {
        Rational(1, 2): 1 - s + log((1 + s) / 2),
        sympy.Integer(1): _x**2 / 2,
        sympy.Integer(2): log(1 + _x**2),
        sympy.Integer(3): _x**2 / 6 + Rational(4, 9) * log(1 + 3 * _x**2),
        sympy.Integer(4): (1 - r / 2) * log(1 + _x**2 * (3 + 2 * r))
        + (1 + r / 2) * log(1 + _x**2 * (3 - 2 * r)),
    }
    return Piecewise(*((_tau * form, Eq(_gamma, value)) for value, form in table.items()))


power = Response(
    (1 - _x) ** _gamma,
    (1 + _x) ** _gamma,
    parameters=(
        HALF_WIDTH,
        Parameter("gamma", _gamma, POSITIVE, (0.3, 4.0), "γ_res, the exponent of the response"),
    ),
    dynamic_range=(-_tau, _tau),
    closed_penalty=_power_penalty,
    id="power",
    title="power response",
    source=Source("RF25", "(144), p. 42"),
)
"""q₊ = (1−x)^γ, q₋ = (1+x)^γ; w⋄ = 0, R = tanh(γ artanh x)."""


def _exponential_penalty() -> sympy.Expr:
    """R_c = ∫ G/F dw from w⋄ = 0: up to a factor F = cosh(γx) − e^{−γ}, and dF/dx = γG."""
    return _tau / _bend * log((cosh(_bend * _x) - exp(-_bend)) / (1 - exp(-_bend)))


exponential = Response(
    (exp(_bend * (1 - _x)) - 1) / (exp(_bend) - 1),
    (exp(_bend * (1 + _x)) - 1) / (exp(_bend) - 1),
    parameters=(
        HALF_WIDTH,
        Parameter(
            "gamma", _bend, REALS, (0.3, 4.0), "γ_res, the bend of the response (convex above 0)"
        ),
    ),
    dynamic_range=(-_tau, _tau),
    closed_penalty=_exponential_penalty,
    id="exponential",
    title="exponential response",
    source=Source("RF25", "(145), p. 42; EX24 C.3 at negative γ"),
)
"""q₊ = (e^{γ(1−x)} − 1)/(e^γ − 1), q₋ mirrored; w⋄ = 0; concave for γ < 0."""

_y = w - _w_0


def _soft_bounds_penalty() -> sympy.Expr:
    """R_c = ∫ G/F dw from w⋄ = w₀, with G/F = by/(1 − ay).

    The closed form divides by a, which is 0 for equal widths: a branch of its own.
    """
    a, b = (1 / _tau_max + 1 / _tau_min) / 2, (1 / _tau_max - 1 / _tau_min) / 2
    bent = -b / a * _y - b / a**2 * log(1 - a * _y)
    return Piecewise((b * _y**2 / 2, Eq(_tau_max, -_tau_min)), (bent, True))


soft_bounds = Response(
    1 - _y / _tau_max,
    1 - _y / _tau_min,
    parameters=(
        Parameter("w_0", _w_0, REALS, (-0.5, 0.5), "the symmetric point", default=0.0),
        Parameter("tau_max", _tau_max, POSITIVE, (0.5, 2.0), "the width above the symmetric point"),
        Parameter(
            "tau_min",
            _tau_min,
            Interval(-math.inf, 0, open_high=True),
            (-2.0, -0.5),
            "minus the width below the symmetric point",
        ),
    ),
    dynamic_range=(_w_0 + _tau_min, _w_0 + _tau_max),
    closed_penalty=_soft_bounds_penalty,
    id="soft-bounds",
    title="soft-bounds response",
    source=Source("EX24", "Appendix C.1, p. 17 (22)"),
)
"""q₊ = 1 − y/τ_max, q₋ = 1 − y/τ_min with y = w − w₀; G = +by (EX24 (23) prints the other sign)."""
