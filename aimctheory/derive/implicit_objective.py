"""What Analog SGD minimises: the implicit objective f_Σ and its linearised minimiser W^S.

Both follow from the recorded step with Σ = E|ξ| in place of E|g + ξ| (RF25 Theorem 1): the mean
drift is −α·F·(f′ + Σ·R), and f′ + Σ·R is the slope of

    f_Σ(w) = f(w) + Σ·R_c(w),   R_c = ∫ R from w⋄
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.algorithms.record import LEARNING_RATE
from aimctheory.derive.closures import noise_floor
from aimctheory.derive.drift import mean_drift
from aimctheory.derive.inputs import (
    DeviceLike,
    ObjectiveLike,
    exact_number,
    in_symbols,
    open_response,
    slope,
)
from aimctheory.derive.latex import aligned
from aimctheory.device import Device
from aimctheory.notation import Sigma, positive, real, w
from aimctheory.objectives.record import Objective
from aimctheory.response import Response

SYMMETRIC = real(r"w^\diamond")
"""w⋄ of a response left open."""
_h, _minimum, _ratio_slope, _symmetric = sympy.symbols(
    "h w_min slope w_sym", cls=sympy.Dummy, real=True
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImplicitObjective:
    """f_Σ and its slope as expressions in `notation.w`.

    `closed` says whether R_c has a closed form; if not, it stands as an unevaluated Integral.
    """

    value: sympy.Expr
    slope: sympy.Expr
    closed: bool

    def latex(self) -> str:
        """f_Σ and its slope as aligned LaTeX."""
        label = "" if self.closed else r"\quad\text{(no closed form)}"
        return aligned(
            (
                rf"f_{{\Sigma}}(w) &= {sympy.latex(self.value)}{label}",
                rf"f_{{\Sigma}}'(w) &= {sympy.latex(self.slope)}",
            )
        )


def implicit_objective(
    device: DeviceLike = None, objective: ObjectiveLike = None
) -> ImplicitObjective:
    """f_Σ = f + Σ·R_c, RF25 (7), with its slope read off the mean drift of Analog SGD.

    f is an open function without an `objective`, and known up to a constant for an `Objective`.

    Raises ValueError for a response without exactly one symmetric point in closed form, and for a
    declared penalty whose derivative is not R.

    >>> from aimctheory.catalogue import linear
    >>> cell = linear(tau=2)
    >>> h = positive("h")
    >>> print(implicit_objective(cell, h * (w - 1)**2 / 2).value)
    Sigma*w**2/4 + h*(w - 1)**2/2
    """
    penalty, closed = _penalty(device)
    ratio = _open_ratio(w) if device is None else in_symbols(device).ratio
    return ImplicitObjective(
        value=_value(objective) + Sigma * penalty,
        slope=balance(slope(objective), ratio),
        closed=closed,
    )


def linearised_stationary_point(
    device: DeviceLike = None, curvature: Any = None, minimiser: Any = None
) -> sympy.Expr:
    """W^S = (f″W* + R′(w⋄)Σw⋄)/(f″ + R′(w⋄)Σ), RF25 (48) and (50) with the sign mended.

    The zero of the mean drift with f′ linearised at the minimiser W* and R at w⋄.  Without a
    curvature, a minimiser or a device the symbols h (for f″), w^*, w^⋄ and R′ stand for them.

    Raises ValueError for a device without exactly one symmetric point.

    >>> from aimctheory.catalogue import linear
    >>> print(linearised_stationary_point(linear(tau=2, c=0.5), curvature=1, minimiser=2))
    (2*Sigma/3 + 2)/(2*Sigma/3 + 1)
    """
    if device is None:
        symmetric, ratio_slope = SYMMETRIC, real("R'")
    else:
        symmetric = symmetric_point(device)
        ratio_slope = sympy.simplify(in_symbols(device).ratio.diff(w).subs(w, symmetric))
    given = {
        _h: positive("h") if curvature is None else exact_number(curvature),
        _minimum: real("w^*") if minimiser is None else exact_number(minimiser),
        _ratio_slope: ratio_slope,
        _symmetric: symmetric,
    }
    (solution,) = sympy.solve(balance(_h * (w - _minimum), _ratio_slope * (w - _symmetric)), w)
    return solution.xreplace(given)


def balance(slope_of_f: sympy.Expr, ratio: sympy.Expr) -> sympy.Expr:
    """f′ + Σ·R with these f′ and R: the mean drift of Analog SGD over −αF, with Σ for E|g + ξ|."""
    drift = mean_drift(analog_sgd, closures={"m_W": noise_floor})
    weight, R = drift.states["W"], sympy.Dummy("R", real=True)
    F, G = open_response().at(weight)
    scaled = sympy.expand(drift.increments["W"].subs(G, R * F) / (-LEARNING_RATE.symbol * F))
    return scaled.subs({slope(None).xreplace({w: weight}): slope_of_f, R: ratio})


def symmetric_point(device: Response | Device) -> sympy.Expr:
    """w⋄, in closed form where there is one, else the device's certified number."""
    try:
        return in_symbols(device).symmetric_point()
    except ValueError:
        if isinstance(device, Device):
            return sympy.Float(device.symmetric_point())
        raise


def _open_ratio(weight: sympy.Expr) -> sympy.Expr:
    """R = G/F of a response left open."""
    F, G = open_response().at(weight)
    return G / F


def _value(objective: ObjectiveLike) -> sympy.Expr:
    """f, up to a constant."""
    if objective is None:
        return sympy.Function("f", real=True)(w)
    if isinstance(objective, Objective):
        return sympy.integrate(slope(objective), w)
    return sympy.sympify(objective)


def _penalty(device: DeviceLike) -> tuple[sympy.Expr, bool]:
    """R_c and whether it is in closed form; without one, an unevaluated Integral."""
    t = real("t")
    if device is None:
        return sympy.Integral(_open_ratio(t), (t, SYMMETRIC, w)), False
    response = in_symbols(device)
    closed = response.known_penalty()
    # A Piecewise over the parameters without a last case holds for some of them only.
    if closed is not None and (not closed.has(sympy.Piecewise) or closed.has(sympy.true)):
        _check_derivative(response, closed)
        return closed, True
    return sympy.Integral(response.ratio.xreplace({w: t}), (t, symmetric_point(device), w)), False


def _check_derivative(response: Response, penalty: sympy.Expr) -> None:
    """Raise ValueError unless dR_c/dw = R at three places inside the range, to 20 digits.

    The places and the parameters lie at rationals of no special role, where a wrong formula agrees
    with the right one only by accident.
    """
    typical = {p.symbol: [exact_number(end) for end in p.typical] for p in response.parameters}
    numbers = {symbol: (5 * a + 3 * b) / 8 for symbol, (a, b) in typical.items()}
    lower, upper = (end.subs(numbers) for end in response.dynamic_range)
    low, high = lower if lower.is_finite else -1, upper if upper.is_finite else 1
    for share in (sympy.Rational(3, 10), sympy.Rational(11, 20), sympy.Rational(4, 5)):
        here = {**numbers, w: low + share * (high - low)}
        gap = (penalty.diff(w) - response.ratio).subs(here).evalf(30)
        if gap.is_finite and abs(gap) > sympy.Float("1e-20"):
            raise ValueError(
                f"{response.id}: the declared penalty {penalty} has the derivative "
                f"{penalty.diff(w)}, not R = {response.ratio}; give an integral of R"
            )
