"""The dynamic range of two response formulas: from a zero of q₋ up to a zero of q₊."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from fractions import Fraction

import numpy as np
import sympy
from flint import arb, ctx

from aimctheory.certified.balls import PRECISION, at, enclosure
from aimctheory.certified.implicit import IsolatedZero
from aimctheory.certified.solutions import real_zeros
from aimctheory.certified.zeros import FAR, Root, bounded, zeros
from aimctheory.notation import rational, w

Numbers = Mapping[sympy.Symbol, sympy.Rational]


def saturation_points(
    up: sympy.Expr, down: sympy.Expr, numbers: Numbers
) -> tuple[sympy.Expr, sympy.Expr] | None:
    """The zeros of q₋ = `down` and q₊ = `up` between which both are positive; RF25 Definition 1.

    Of several such pairs the widest one is taken, at the typical `numbers` of the symbols; an end
    without a zero is −∞ or ∞.  None where both are nowhere positive.

    Raises ValueError where the zeros of a formula with symbols have no closed form, and where a
    spot stays undecided.
    """
    lows, highs = (_located(q, numbers) for q in (down, up))
    breaks = [*lows.values(), *highs.values(), *_breaks(up, numbers), *_breaks(down, numbers)]
    far = 16 + 2 * max(map(abs, breaks), default=0.0)  # stands for ∞
    lows[-sympy.oo], highs[sympy.oo] = -far, far
    here = [q.subs(numbers) for q in (up, down)]
    best: tuple[float, sympy.Expr, sympy.Expr] | None = None
    for (low, a), (high, b) in itertools.product(lows.items(), highs.items()):
        if a >= b or any(a < place < b for place in breaks):
            continue
        wider = best is None or b - a > best[0]
        # No zero and no pole lies inside, and both are real there, so a few points decide.
        inside = a + (b - a) * np.arange(1, 12) / 12
        if wider and all(_is_positive(q, rational(x)) for q in here for x in inside):
            best = (b - a, low, high)
    return None if best is None else best[1:]


def _located(formula: sympy.Expr, numbers: Numbers) -> dict[sympy.Expr, float]:
    """Every real zero of `formula`, and where it lies for these numbers."""
    found = real_zeros(formula)
    if found is None:
        symbols = formula.free_symbols - {w}
        if symbols:
            raise ValueError(
                f"the zeros of {formula} have no closed form in {', '.join(map(str, symbols))}; "
                "give dynamic_range=(low, high), or write the formula with numbers"
            )
        found = tuple(_isolated(formula))
    places = {zero: value_at(zero, numbers) for zero in found}
    return {zero: place for zero, place in places.items() if np.isfinite(place)}


def _located_here(formula: sympy.Expr, numbers: Numbers) -> dict[sympy.Expr, float]:
    """As `_located`, and for these numbers alone where no closed form is known."""
    return _located(formula if real_zeros(formula) is not None else formula.subs(numbers), numbers)


def _isolated(formula: sympy.Expr) -> Iterator[sympy.Expr]:
    """The zeros of a formula without symbols where it is real, as exact numbers, in order."""
    for low, high in _real_stretches(formula, {}):
        for root in zeros(formula, low, high):
            far = abs(root.value) > float(FAR)
            if not far and not (root.multiplicity is None and _diverges(formula, root)):
                yield _exact(formula, root)


def _diverges(formula: sympy.Expr, spot: Root) -> bool:
    """Whether c·log(u) + rest has no zero on an undecided spot because log(u) → −∞ in it.

    Proved where |c log(u)| exceeds |rest| for the largest u on the spot.
    """
    logarithm = sympy.Dummy("logarithm")
    for log in formula.atoms(sympy.log):
        split = formula.xreplace({log: logarithm}).as_poly(logarithm)
        if split is None or split.degree() != 1 or split.nth(1).has(w):
            continue
        rest = enclosure(split.nth(0))(spot.ball())
        largest = enclosure(log.args[0])(spot.ball()).upper()
        least = abs(at(split.nth(1))) * -arb(largest).log()
        if rest.is_finite() and least > abs(rest):
            return True
    return False


def _real_stretches(
    formula: sympy.Expr, numbers: Numbers
) -> Iterator[tuple[sympy.Expr, sympy.Expr]]:
    """The intervals on which the bases of real powers and the arguments of logarithms are ≥ 0."""
    inside = {p.base for p in formula.atoms(sympy.Pow) if p.base.has(w) and not p.exp.is_Integer}
    inside |= {log.args[0] for log in formula.atoms(sympy.log) if log.has(w)}
    edges: dict[sympy.Expr, float] = {-sympy.oo: -np.inf, sympy.oo: np.inf}
    for part in inside:
        edges |= _located_here(part, numbers)
    for low, high in itertools.pairwise(sorted(edges, key=edges.__getitem__)):
        ends = ((edges[end], end) for end in (low, high))
        a, b = bounded(*(rational(x) if np.isfinite(x) else end for x, end in ends))
        if all(at(part.subs(numbers), (a + b) / 2) > 0 for part in inside):
            yield low, high


def _exact(formula: sympy.Expr, root: Root) -> sympy.Expr:
    """A root as an exact number."""
    if root.multiplicity is None:
        raise ValueError(
            f"whether {formula} has a zero at w = {root} stays open; give dynamic_range=(low, high)"
        )
    low, high = (sympy.Rational(*Fraction(end).as_integer_ratio()) for end in (root.low, root.high))
    return low if low == high else IsolatedZero(formula, low, high)


def _breaks(formula: sympy.Expr, numbers: Numbers) -> Iterator[float]:
    """Where `formula` may have a pole, and where it stops being real, at these numbers."""
    for power in formula.atoms(sympy.Pow):
        if power.exp.is_negative and power.base.has(w):
            yield from _located_here(power.base, numbers).values()
    edges = list(itertools.chain.from_iterable(_real_stretches(formula, numbers)))
    # The edge between two stretches is no break.
    single = (edge for edge in edges if edge.is_finite and edges.count(edge) == 1)
    yield from (value_at(edge, numbers) for edge in single)


def value_at(formula: sympy.Expr, numbers: Numbers) -> float:
    """A formula without w at `numbers`, NaN where it is not real."""
    number = formula.subs(numbers)
    if number.is_extended_real is False:
        return float("nan")
    value = complex(number)  # whose imaginary part is rounding at most
    return value.real if abs(value.imag) <= 1e-12 * abs(value) else float("nan")


def _is_positive(formula: sympy.Expr, point: sympy.Rational) -> bool:
    """Whether `formula` > 0 at a point is proved, however close to 0 it is."""
    for bits in (PRECISION, 16 * PRECISION):
        with ctx.workprec(bits):
            value = at(formula, point)
        if value.is_finite() and not value.contains(0):
            return bool(value > 0)
    return False
