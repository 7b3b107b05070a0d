"""What is certain about a device: its symmetric points, RF25's Definition 1, its penalty.

A condition is reported with a witness: proved by ball arithmetic, refuted by a point where it
fails, or undecided.  A product of powers is positive where it is positive at one point and none of
its bases has a zero; a zero at the saturation point itself is excluded by Taylor's formula there.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import sympy
from flint import acb, arb, ctx

from aimctheory.certified.balls import PRECISION, at, enclosure
from aimctheory.certified.closed_form import gathered, has_heavy_powers
from aimctheory.certified.zeros import (
    Root,
    bounded,
    extremes,
    has_real_powers,
    is_undefined_at,
    vanishes_at,
    zeros,
    zeros_between,
)
from aimctheory.notation import w

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from aimctheory.device import Device
    from aimctheory.response import Response

__all__ = ["Condition", "Root", "definition_1", "penalty_form", "penalty_values", "prove_positive"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A statement, whether it holds (None: undecided), and what shows it, at which weight."""

    name: str
    verdict: bool | None
    witness: str
    at: float | None = None

    def __str__(self) -> str:
        word = {True: "true", False: "false", None: "undecided"}[self.verdict]
        return f"{self.name}: {word} ({self.witness})"


# ---- positivity ------------------------------------------------------------------------------


def prove_positive(
    formula: sympy.Expr,
    low: sympy.Expr,
    high: sympy.Expr,
    *,
    open_low: bool = False,
    open_high: bool = False,
    name: str = "",
) -> Condition:
    """Whether `formula` > 0 for every w from `low` to `high`: proved, refuted or undecided.

    >>> one = sympy.Integer(1)
    >>> print(prove_positive(2 + w**3, -one, one))
    w**3 + 2 > 0: true (no zero, 1 at w = -1)
    >>> print(prove_positive(w + sympy.Rational(1, 2), -one, one))
    w + 1/2 > 0: false (-0.5 at w = -1)
    """
    name = name or f"{formula} > 0"
    ends = [end for end, is_open in ((low, open_low), (high, open_high)) if is_open]
    clip = has_real_powers(formula, low, high)
    with ctx.workprec(PRECISION):
        samples = [(at(formula, p, clip=clip), p) for p in _samples(low, high, ends)]
        value, point = min(samples, key=lambda s: s[0].mid() if s[0].is_finite() else arb.neg_inf())
        x = float(point)
        if not value.is_finite():
            verdict = False if is_undefined_at(formula, point) else None
            return Condition(name, verdict, f"not a finite real number at w = {x:.6g}", x)
        if value <= 0:
            return Condition(name, False, f"{_short(value)} at w = {x:.6g}", x)
    for base in _bases(formula):
        for root in zeros_between(base, low, high, ends):
            if root.multiplicity is None:
                return Condition(name, None, f"{base} may vanish, w = {root}")
            return Condition(name, False, f"{base} = 0 at w = {root}", root.value)
    return Condition(name, True, f"no zero, {_short(value)} at w = {x:.6g}", x)


def _samples(low: sympy.Expr, high: sympy.Expr, ends: list[sympy.Expr]) -> Iterator[sympy.Expr]:
    """The closed ends and points between them."""
    a, b = bounded(low, high)
    yield from (end for end in (low, high) if end.is_finite and end not in ends)
    yield from (a + (b - a) * sympy.Rational(k, 64) for k in range(1, 64))


def _bases(formula: sympy.Expr) -> Iterator[sympy.Expr]:
    """The factors of a formula that have to stay away from zero, without their exponents."""
    for factor in sympy.Mul.make_args(gathered(formula)):
        base, exponent = factor.as_base_exp()
        if base is sympy.E and not exponent.is_polynomial(w):
            yield factor
        elif base.has(w):
            yield base


def _short(value: arb) -> str:
    return f"{float(value.mid()):.6g}" if value.is_finite() else "not a finite real number"


# ---- symmetric points and Definition 1 -------------------------------------------------------


def symmetric_points(device: Device) -> tuple[Root, ...]:
    """Every zero of q₋ − q₊ in the closed dynamic range, isolated and in order.

    A root of multiplicity None is a spot that could not be settled.  Where q₋ = q₊ everywhere there
    is nothing to isolate and the tuple is empty.

    Raises ValueError for a device with arrays.
    """
    numbers = device.exact
    closed = tuple(point.subs(numbers) for point in device.response.symmetric_points())
    return _symmetric_points(device.fixed, closed)


@functools.lru_cache(maxsize=256)
def _symmetric_points(fixed: Response, hints: tuple[sympy.Expr, ...]) -> tuple[Root, ...]:
    low, high = fixed.dynamic_range
    if is_symmetric_everywhere(fixed):
        return ()
    middle = [(low + high) / 2] if low.is_finite and high.is_finite else []
    return zeros(fixed.down - fixed.up, low, high, [*hints, *middle, sympy.S.Zero])


@functools.lru_cache(maxsize=256)
def is_symmetric_everywhere(fixed: Response) -> bool:
    """Whether q₋ = q₊ is proved for every weight."""
    gap = fixed.down - fixed.up
    if sympy.expand(gap) == 0:
        return True
    with ctx.workprec(PRECISION):
        somewhere = at(gap, sympy.Rational(3, 17) + sum(bounded(*fixed.dynamic_range)) / 2)
    open_case = somewhere.contains(0) and not has_heavy_powers(gap)
    return bool(open_case) and sympy.simplify(gap) == 0


def definition_1(device: Device) -> tuple[Condition, ...]:
    """The conditions of RF25's Definition 1 (p. 4), and that there is one symmetric point."""
    fixed = device.fixed
    low, high = fixed.dynamic_range
    return (
        prove_positive(fixed.up, low, high, open_high=True, name="q_up > 0 below saturation"),
        prove_positive(fixed.down, low, high, open_low=True, name="q_down > 0 above saturation"),
        _differentiable("q_up", fixed.up, low, high),
        _differentiable("q_down", fixed.down, low, high),
        _saturates("q_up", fixed.up, high),
        _saturates("q_down", fixed.down, low),
        _one_symmetric_point(device),
    )


def _differentiable(name: str, q: sympy.Expr, low: sympy.Expr, high: sympy.Expr) -> Condition:
    name = f"{name} differentiable on the closed range"
    slope = sympy.diff(q, w)
    if not (low.is_finite and high.is_finite):
        settled = True if q.is_polynomial(w) else None
        return Condition(name, settled, "a polynomial" if settled else "the range is unbounded")
    for end, inward in ((low, high - low), (high, low - high)):
        if not at(slope, end).is_finite() and slope.subs(w, end).has(sympy.oo, sympy.zoo):
            near = end + inward / 10**12
            steep = float(at(slope, near))
            return Condition(
                name,
                False,
                f"slope {steep:.2g} at a distance of {float(abs(end - near)):.0e} from w = "
                f"{float(end):.6g}, infinite there",
                float(end),
            )
    steepest = _steepest(q, low, high)
    if np.isfinite(steepest):
        return Condition(name, True, f"|slope| ≤ {steepest:.6g}")
    return Condition(name, None, "no finite bound of the slope was found")


def _saturates(name: str, q: sympy.Expr, end: sympy.Expr) -> Condition:
    name = f"{name} = 0 at saturation"
    if not end.is_finite:
        return Condition(name, False, "the dynamic range is unbounded")
    where = float(end)
    if vanishes_at(q, end):
        return Condition(name, True, f"0 at w = {where:.6g}", where)
    with ctx.workprec(8 * PRECISION):
        ball = at(q, end)
    verdict = None if ball.is_finite() and ball.contains(0) else False
    return Condition(name, verdict, f"{_short(ball)} at w = {where:.6g}", where)


def _one_symmetric_point(device: Device) -> Condition:
    name = "exactly one symmetric point"
    points = device.symmetric_points()
    if is_symmetric_everywhere(device.fixed):
        return Condition(name, False, "q_up = q_down everywhere")
    settled = all(point.multiplicity is not None for point in points)
    verdict = len(points) == 1 if settled else None
    return Condition(name, verdict, f"w = {', '.join(map(str, points))}" if points else "none")


# ---- Lipschitz constants ---------------------------------------------------------------------


def lipschitz(device: Device, function: str, low: float | None, high: float | None) -> float:
    """The largest |slope| of a function of the response between two weights; see `Device`."""
    fixed = device.fixed
    up, down = fixed.up, fixed.down
    mean, asymmetry = (down + up) / 2, (down - up) / 2
    formulas = {
        "q": (up, down),
        "q_up": (up,),
        "q_down": (down,),
        "F": (mean,),
        "G": (asymmetry,),
        "R": (asymmetry / mean,),
        "Q": (up * down,),
        "G/sqrt(F)": (asymmetry / sympy.sqrt(mean),),
    }
    if function not in formulas:
        raise ValueError(
            f"{device!r} has no function {function!r}; choose one of {', '.join(formulas)}"
        )
    ends = [
        end if given is None else sympy.Rational(repr(float(given)))
        for end, given in zip(fixed.dynamic_range, (low, high), strict=True)
    ]
    if not (ends[0].is_finite and ends[1].is_finite and ends[0] < ends[1]):
        raise ValueError(
            f"{device!r}: a Lipschitz constant needs a bounded interval, not [{ends[0]}, "
            f"{ends[1]}]; give low and high"
        )
    return max(_steepest(formula, *ends) for formula in formulas[function])


def _steepest(formula: sympy.Expr, low: sympy.Expr, high: sympy.Expr) -> float:
    smallest, largest = extremes(sympy.diff(formula, w), low, high)
    return max(-smallest, largest)


# ---- the penalty -----------------------------------------------------------------------------


def penalty_form(device: Device) -> str:
    """How `penalty_values` finds R_c: "closed form", or "quadrature" where none is known or real.

    Raises ValueError where there is not exactly one symmetric point, and for a declared
    `closed_penalty` that is not the integral of R from there.
    """
    return "quadrature" if _closed_penalty(device, _centre(device)) is None else "closed form"


def penalty_values(device: Device, weight: ArrayLike) -> NDArray[np.float64]:
    """R_c(w) = ∫ R from w⋄ to w, to the last digits of a float; NaN outside the dynamic range.

    A closed form is evaluated with as many digits as its cancellations need; quadrature has a
    rigorous error bound.

    Raises ValueError as `penalty_form` does.
    """
    weights = np.asarray(weight, dtype=float)
    points, back = np.unique(weights, return_inverse=True)
    centre = _centre(device)
    closed = _closed_penalty(device, centre)
    if closed is None:
        values = _integrals(device.fixed, centre, points)
    else:
        values = [_accurate(closed, point, device.fixed) for point in points]
    return np.array(values)[back].reshape(weights.shape)


def _centre(device: Device) -> Root:
    """The symmetric point; 0 where every weight is one."""
    if is_symmetric_everywhere(device.fixed):
        return Root(Fraction(0), Fraction(0), None)
    device.symmetric_point()  # raises unless there is exactly one
    return device.symmetric_points()[0]


def _closed_penalty(device: Device, centre: Root) -> sympy.Expr | None:
    """The closed form, checked, or None."""
    declared = device.response.closed_penalty is not None
    general = None if declared else device.response.penalty()
    special = None if general is None else general.subs(device.exact)
    for closed in (special, device.fixed.penalty()):
        if closed is None or closed.has(sympy.nan, sympy.zoo):
            continue
        flaw = _flaw(closed, device.fixed, centre)
        if flaw is None:
            return closed
        if flaw and declared:
            raise ValueError(f"{device!r}: closed_penalty {flaw}")
    return None


@functools.lru_cache(maxsize=256)
def _flaw(closed: sympy.Expr, fixed: Response, centre: Root) -> str | None:
    """Why a formula is not R_c, "" if only that it is not real in the whole range."""
    slope = sympy.diff(closed, w) - (fixed.down - fixed.up) / (fixed.down + fixed.up)
    low, high = fixed.dynamic_range
    with ctx.workprec(8 * PRECISION):
        points = list(_samples(low, high, [low, high]))
        if not all(at(closed, point).is_finite() for point in points):
            return ""
        start = enclosure(closed)(centre.ball())
        if not start.contains(0):
            return f"is {_short(start)} at the symmetric point, not 0; subtract that"
        for point in points:
            miss = at(slope, point)
            if not miss.contains(0):
                return (
                    f"has a slope that misses R by {_short(miss)} at w = {float(point):.6g}; "
                    "correct it or leave it out"
                )
    return None


def _inside(point: float, fixed: Response) -> arb:
    """A ball around `point`, moved onto an end of the range that rounding made it miss, or NaN."""
    ball = arb(point)
    low, high = fixed.dynamic_range
    if low.is_finite:
        ball = ball.max(at(low))
    if high.is_finite:
        ball = ball.min(at(high))
    return ball if abs(ball - point) < 1e-15 * max(1e-300, abs(point)) else arb.nan()


def _accurate(formula: sympy.Expr, point: float, fixed: Response) -> float:
    """`formula` with as many digits as it takes."""
    f = enclosure(formula, clip=has_real_powers(formula, *fixed.dynamic_range))
    for doubling in range(8):
        with ctx.workprec(PRECISION << doubling):
            value = f(_inside(point, fixed))
            if value.rad() <= abs(value.mid()) * 2.0**-60:
                return float(value.mid())
            if value.contains(0) and value.rad() < 2.0**-1070:
                return 0.0
    return math.nan


def _integrals(fixed: Response, centre: Root, points: NDArray[np.float64]) -> list[float]:
    """The integrals of R from the centre to each of the sorted `points`."""
    up, down = enclosure(fixed.up), enclosure(fixed.down)

    def ratio(x: acb, analytic: bool) -> acb:
        a, b = down(x, analytic), up(x, analytic)
        return acb((a - b) / (a + b))

    values: dict[float, float] = {}
    above = [point for point in points if point > centre.value]
    below = [point for point in points[::-1] if point <= centre.value]
    with ctx.workprec(PRECISION):
        for path in (above, below):
            start, total = centre.ball(), arb(0)
            for point in path:
                end = _inside(point, fixed)
                if end.is_finite():
                    total += acb.integral(ratio, start, end, rel_tol=2.0**-60).real
                    start = end
                accurate = end.is_finite() and total.rad() <= 1e-14 * abs(total.mid()) + 1e-300
                values[point] = float(total.mid()) if accurate else math.nan
    return [values.get(point, math.nan) for point in points]
