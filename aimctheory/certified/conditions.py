"""Statements about a pair of response formulas: proved, refuted with a witness, or undecided.

A product of powers is positive where it is positive at one point and none of its bases has a zero.
A zero at the saturation point itself is excluded by Taylor's formula there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import sympy
from flint import arb, ctx

from aimctheory.certified.balls import PRECISION, at, shown
from aimctheory.certified.closed_form import gathered
from aimctheory.certified.lipschitz import steepest
from aimctheory.certified.points import is_undefined_at, vanishes_at
from aimctheory.certified.response_pair import Pair, is_symmetric_everywhere
from aimctheory.certified.zeros import Root, bounded, has_real_powers, zeros_between
from aimctheory.notation import w


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
        found = [(at(formula, p, clip=clip), p) for p in samples(low, high, ends)]
        value, point = min(found, key=lambda s: s[0].mid() if s[0].is_finite() else arb.neg_inf())
        x = float(point)
        if not value.is_finite():
            verdict = False if is_undefined_at(formula, point) else None
            return Condition(name, verdict, f"not a finite real number at w = {x:.6g}", x)
        if value <= 0:
            return Condition(name, False, f"{short(value)} at w = {x:.6g}", x)
    for base in _bases(formula):
        for root in zeros_between(base, low, high, ends):
            if root.multiplicity is None:
                return Condition(name, None, f"{base} may vanish, w = {root}")
            return Condition(name, False, f"{base} = 0 at w = {root}", root.value)
    return Condition(name, True, f"no zero, {short(value)} at w = {x:.6g}", x)


def samples(low: sympy.Expr, high: sympy.Expr, ends: list[sympy.Expr]) -> Iterator[sympy.Expr]:
    """The ends that are not open, and 63 points between them."""
    a, b = bounded(low, high)
    yield from (end for end in (low, high) if end.is_finite and end not in ends)
    yield from (a + (b - a) * sympy.Rational(k, 64) for k in range(1, 64))


def _bases(formula: sympy.Expr) -> Iterator[sympy.Expr]:
    """The factors of a formula that have to stay away from zero, without their exponents."""
    # Exponentials stay where they are: 1/e^(w²) for e^(−w²) would have balls that are too wide.
    kept = {part: sympy.Dummy(positive=True) for part in formula.atoms(sympy.exp)}
    back = {dummy: part for part, dummy in kept.items()}
    for factor in sympy.Mul.make_args(gathered(formula.xreplace(kept))):
        base, exponent = (part.xreplace(back) for part in factor.as_base_exp())
        if isinstance(base, sympy.exp):
            if not base.args[0].is_polynomial(w):
                yield base
        elif base.has(w) or exponent.has(w):
            yield base**exponent if exponent.has(w) else base


def short(value: arb) -> str:
    """A ball's midpoint with six digits."""
    return f"{float(value.mid()):.6g}" if value.is_finite() else "not a finite real number"


# ---- Definition 1 -----------------------------------------------------------------------------


def definition_1(pair: Pair, points: Sequence[Root]) -> tuple[Condition, ...]:
    """The conditions of RF25's Definition 1 (p. 4), and that there is one symmetric point.

    `points` are the pair's symmetric points.
    """
    low, high = pair.low, pair.high
    return (
        prove_positive(pair.up, low, high, open_high=True, name="q_up > 0 below saturation"),
        prove_positive(pair.down, low, high, open_low=True, name="q_down > 0 above saturation"),
        _differentiable("q_up", pair.up, low, high),
        _differentiable("q_down", pair.down, low, high),
        _saturates("q_up", pair.up, high),
        _saturates("q_down", pair.down, low),
        _one_symmetric_point(pair, points),
    )


def _differentiable(name: str, q: sympy.Expr, low: sympy.Expr, high: sympy.Expr) -> Condition:
    name = f"{name} differentiable on the closed range"
    slope = sympy.diff(q, w)
    if not (low.is_finite and high.is_finite):
        settled = True if q.is_polynomial(w) else None
        return Condition(name, settled, "a polynomial" if settled else "the range is unbounded")
    for end, inward in ((low, high - low), (high, low - high)):
        if not at(slope, end).is_finite() and slope.subs(w, end).has(sympy.oo, sympy.zoo):
            nearer, near = (abs(at(slope, end + inward / 10**k)) for k in (12, 6))
            if not nearer > near:  # a coefficient of the infinite part may be 0 in disguise
                break
            steep = float(nearer)
            return Condition(
                name,
                False,
                f"|slope| {steep:.2g} at a distance of {float(abs(inward)) / 1e12:.0e} from w = "
                f"{float(end):.6g}, infinite there",
                float(end),
            )
    bound = steepest(q, low, high)
    if np.isfinite(bound):
        return Condition(name, True, f"|slope| ≤ {shown(bound, down=False)}")
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
    return Condition(name, verdict, f"{short(ball)} at w = {where:.6g}", where)


def _one_symmetric_point(pair: Pair, points: Sequence[Root]) -> Condition:
    name = "exactly one symmetric point"
    if is_symmetric_everywhere(pair):
        return Condition(name, False, "q_up = q_down everywhere")
    settled = all(point.multiplicity is not None for point in points)
    verdict = len(points) == 1 if settled else None
    return Condition(name, verdict, f"w = {', '.join(map(str, points))}" if points else "none")
