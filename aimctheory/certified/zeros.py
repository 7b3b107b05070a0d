"""The zeros of a formula on an interval: certain, or called undecided.

Where the slope f′(X) has one sign on a box X, the interval Newton step

    X ← X ∩ (m − f(m) / f′(X)),   m the middle of X,

closes in on the only zero there can be.  A box where f has no zero is dropped; any other is split.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import sympy
from flint import arb, ctx, fmpq

from aimctheory.certified.balls import PRECISION, Ball, at, enclosure, hull, outward, shown
from aimctheory.certified.closed_form import gathered
from aimctheory.certified.points import numerator, vanishes_at
from aimctheory.certified.solutions import real_zeros
from aimctheory.notation import w

Box = tuple[fmpq, fmpq]

MOST_BOXES = 4000  # about a second of work; boxes left over are reported as undecided
SPLIT = fmpq(487, 1000)  # off the middle: a symmetric formula has its zero exactly there
FAR = fmpq(1024)  # how far an unbounded range is searched
_x = sympy.Dummy("x")


@dataclass(frozen=True, slots=True)
class Root:
    """A zero between the exact numbers `low` and `high`; multiplicity None: undecided.

    >>> from fractions import Fraction
    >>> print(Root(Fraction(1, 4), Fraction(1, 4), 3))
    0.25 (multiplicity 3)
    """

    low: Fraction | float
    high: Fraction | float
    multiplicity: int | None

    @property
    def value(self) -> float:
        """The midpoint as a float."""
        return float((self.low + self.high) / 2)

    def contains(self, number: sympy.Expr) -> bool:
        """Whether a `number` that is a zero is this one; False for an undecided root."""
        return self.multiplicity is not None and bool(self.low <= number <= self.high)

    def ball(self) -> arb:
        """The interval as a ball."""
        low, high = Fraction(self.low), Fraction(self.high)
        return hull(*(fmpq(end.numerator, end.denominator) for end in (low, high)))

    def __str__(self) -> str:
        kinds = {None: "undecided", 1: "simple"}
        kind = kinds.get(self.multiplicity, f"multiplicity {self.multiplicity}")
        radius = float(self.high - self.low) / 2
        if radius > 1e-6:
            low, high = shown(self.low, down=True), shown(self.high, down=False)
            return f"between {low} and {high} ({kind})"
        return f"{self.value:.10g}{f' ± {radius:.0e}' if radius else ''} ({kind})"


def zeros(
    formula: sympy.Expr,
    low: sympy.Expr,
    high: sympy.Expr,
    hints: Iterable[sympy.Expr] = (),
) -> tuple[Root, ...]:
    """Every zero of `formula` in the closed interval [low, high], in order.

    The zeros of rational functions with rational coefficients are exact, multiplicities included.
    Of other formulas, simple zeros are found by bisection and interval Newton steps, and a multiple
    zero is recognised where one of the `hints` or an end of the interval names it exactly.  A spot
    that stays open, a zero without a change of sign for example, has multiplicity None.

    >>> for root in zeros(w**3 - w, sympy.Integer(-1), sympy.Rational(1, 2)):
    ...     print(root)
    -1 (simple)
    0 (simple)
    """
    polynomial = numerator(formula)
    with ctx.workprec(PRECISION):
        if polynomial is not None:
            return _exact_zeros(polynomial, low, high)
        # No search covers an unbounded range, so a complete list in closed form is tried first.
        listed = None if low.is_finite and high.is_finite else real_zeros(formula)
        if listed is not None and all(zero.is_real for zero in listed):
            return _listed_zeros(formula, low, high, listed)
        return enclosed_zeros(formula, low, high, (low, high, *hints))


def zeros_between(
    formula: sympy.Expr, low: sympy.Expr, high: sympy.Expr, ends: Sequence[sympy.Expr]
) -> list[Root]:
    """The zeros on [low, high] except at those of the `ends` where the formula vanishes exactly."""
    known = [end for end in ends if end.is_finite and vanishes_at(formula, end)]
    roots = zeros(formula, low, high, known)
    return [root for root in roots if not any(root.contains(end) for end in known)]


def bounded(low: sympy.Expr, high: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    """The range itself, or a bounded part of an unbounded one."""
    a = low if low.is_finite else sympy.Min(-16, high - 16)
    b = high if high.is_finite else sympy.Max(16, low + 16)
    return a, b


def _exact_zeros(polynomial: sympy.Poly, low: sympy.Expr, high: sympy.Expr) -> tuple[Root, ...]:
    if polynomial.is_zero:
        raise ValueError("the formula is zero everywhere: its zeros cannot be listed")
    inf = None if low == -sympy.oo else sympy.Rational(str(outward(low, down=True)))
    sup = None if high == sympy.oo else sympy.Rational(str(outward(high, down=False)))
    found = []
    for factor, multiplicity in polynomial.factor_list()[1]:
        if factor.degree() == 1:
            zero = -factor.nth(0) / factor.nth(1)
            outside = (inf is not None and zero < inf) or (sup is not None and zero > sup)
            places = [] if outside else [(zero, zero)]
        else:
            isolated = factor.intervals(eps=sympy.Rational(1, 10**30), inf=inf, sup=sup)
            places = [place for place, _ in isolated]
        found += [Root(Fraction(a.p, a.q), Fraction(b.p, b.q), multiplicity) for a, b in places]
    return tuple(sorted(found, key=lambda root: root.low))


def _listed_zeros(
    formula: sympy.Expr, low: sympy.Expr, high: sympy.Expr, listed: Iterable[sympy.Expr]
) -> tuple[Root, ...]:
    """The `listed` zeros on [low, high], which are all there are, with their multiplicities."""
    found = []
    places = {zero: (outward(zero, down=True), outward(zero, down=False)) for zero in listed}
    for zero, (a, b) in places.items():
        if low <= zero <= high:
            others = [place for other, place in places.items() if other != zero]
            order = 1 if _is_crossed(formula, a, b, others) else _order(formula, zero)
            found.append(Root(_fraction(a), _fraction(b), order if 0 < order < 9 else None))
    return tuple(sorted(found, key=lambda root: root.low))


def _is_crossed(formula: sympy.Expr, a: fmpq, b: fmpq, others: Iterable[Box]) -> bool:
    """Whether balls alone prove the one listed zero on [a, b] simple; SymPy may take minutes.

    The sign changes around it, so there is a zero; the slope does not change its sign, so it is the
    only one, and simple; no other place that the list names is near, so it is the one on [a, b].
    """
    margin = b - a + (1 + abs(a)) / 2**40
    low, high = a - margin, b + margin
    if any(low <= end and start <= high for start, end in others):
        return False
    near = Curve(formula, *(sympy.Rational(int(x.p), int(x.q)) for x in (low, high)))
    slope = near(hull(low, high), 1)
    monotone = slope.is_finite() and not slope.contains(0)
    return monotone and near.sign(low) * near.sign(high) < 0


def _order(formula: sympy.Expr, point: sympy.Expr) -> int:
    """How many derivatives, the formula first, are proved to vanish at a point; at most 9."""
    order = 0
    while order <= 8 and vanishes_at(derivative(formula, order), point):
        order += 1
    return order


def enclosed_zeros(
    formula: sympy.Expr, low: sympy.Expr, high: sympy.Expr, hints: Iterable[sympy.Expr]
) -> tuple[Root, ...]:
    """The zeros as `zeros` finds them by bisection; a pole is an undecided spot."""
    curve = Curve(formula, low, high)
    roots: list[Root] = []
    holes: list[Box] = []
    for hint in dict.fromkeys(hints):
        # In a hole the one zero is known, of which this may be another form.
        if not hint.is_finite or any(a <= outward(hint, down=True) <= b for a, b in holes):
            continue
        known = _known(curve, hint)
        if known is not None:
            roots.append(known[0])
            holes.append(known[1])
    found, undecided = _search(curve, _complement((curve.low, curve.high), holes))
    open_spots = [Root(_fraction(a), _fraction(b), None) for a, b in _merged(undecided)]
    if low == -sympy.oo:
        open_spots.append(Root(-math.inf, float(-FAR), None))
    if high == sympy.oo:
        open_spots.append(Root(float(FAR), math.inf, None))
    return tuple(sorted(_distinct(roots + found) + open_spots, key=lambda root: root.low))


def _distinct(roots: list[Root]) -> list[Root]:
    # A zero on the edge of two boxes is found from both, each time inside a wider box.
    kept: list[Root] = []
    for root in sorted(roots, key=lambda root: root.low):
        if not kept or root.low > kept[-1].high:
            kept.append(root)
    return kept


@functools.lru_cache(maxsize=512)
def derivative(formula: sympy.Expr, order: int) -> sympy.Expr:
    """The derivative of `formula` in w."""
    if order == 0:
        return formula
    # SymPy is quicker with a symbol that has no assumptions: it asks for many.
    return sympy.diff(derivative(formula, order - 1).xreplace({w: _x}), _x).xreplace({_x: w})


class Curve:
    """A formula on an interval with the enclosures of its derivatives."""

    def __init__(self, formula: sympy.Expr, low: sympy.Expr, high: sympy.Expr) -> None:
        self.formula = formula
        self.clip = has_real_powers(formula, low, high)
        self.low = -FAR if low == -sympy.oo else outward(low, down=True)
        self.high = FAR if high == sympy.oo else outward(high, down=False)
        self.ends = {self.low: low, self.high: high}

    def __call__(self, box: Ball, order: int = 0) -> arb:
        """The values of a derivative on `box`."""
        return arb(enclosure(derivative(self.formula, order), clip=self.clip)(box))

    def tight(self, box: arb) -> arb:
        """The values on `box`, by the mean-value form where that is narrower."""
        plain, middle = self(box), box.mid()
        slope = self(box, 1)
        centred = self(middle) + slope * (box - middle) if slope.is_finite() else arb.nan()
        if plain.is_finite() and centred.is_finite():
            return plain.intersection(centred)
        return centred if centred.is_finite() else plain

    def exact(self, point: fmpq) -> arb:
        """A ball around a point, around the number itself where it is an irrational end."""
        end = self.ends.get(point)
        return arb(point) if end is None or end.is_infinite else at(end)

    def sign(self, point: fmpq) -> int:
        """The sign at a point, 0 where many digits do not tell it."""
        for bits in (PRECISION, 8 * PRECISION):
            with ctx.workprec(bits):
                value = self(self.exact(point))
            if value.is_finite() and not value.contains(0):
                return 1 if value > 0 else -1
        return 0


def _known(curve: Curve, point: sympy.Expr) -> tuple[Root, Box] | None:
    """The zero at `point` and a box around it without another; None if `point` is no zero.

    Where the derivatives below the m-th vanish at a point and the m-th is not zero on a box around
    it, Taylor's formula leaves no other zero in the box.
    """
    order = _order(curve.formula, point)
    if order in (0, 9):
        return None
    a, b = outward(point, down=True), outward(point, down=False)
    if b < curve.low or a > curve.high:
        return None
    for k in range(2, 60):
        r = (curve.high - curve.low) / 2**k
        box = (max(a - r, curve.low), min(b + r, curve.high))
        top = curve(hull(*box), order)
        if top.is_finite() and not top.contains(0):
            return Root(_fraction(a), _fraction(b), order), box
    return None


def _complement(whole: Box, holes: list[Box]) -> list[Box]:
    edges = [whole[0], *itertools.chain.from_iterable(sorted(holes)), whole[1]]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(a, b) for a, b in pairs if a < b]


def _search(curve: Curve, boxes: Sequence[Box]) -> tuple[list[Root], list[Box]]:
    """The simple zeros in `boxes`, and the boxes that stay undecided."""
    smallest = (curve.high - curve.low) / 2**40
    stack = list(boxes)
    roots: list[Root] = []
    undecided: list[Box] = []
    for _ in range(MOST_BOXES):
        if not stack:
            break
        a, b = stack.pop()
        if not curve.tight(hull(a, b)).contains(0):
            continue
        slope = curve(hull(a, b), 1)
        answer = _monotone(curve, a, b) if slope.is_finite() and not slope.contains(0) else None
        if answer is not None:
            roots += answer
        elif b - a < smallest:
            undecided.append((a, b))
        else:
            c = a + (b - a) * SPLIT
            stack += [(c, b), (a, c)]
    return roots, undecided + stack


def _monotone(curve: Curve, a: fmpq, b: fmpq) -> list[Root] | None:
    """The zero, if any, of a curve that is monotone on [a, b]; None if an end may be the zero."""
    for margin in (fmpq(0), (b - a) / 8):
        a, b = max(a - margin, curve.low), min(b + margin, curve.high)
        slope = curve(hull(a, b), 1)
        signs = curve.sign(a) * curve.sign(b)
        if signs and slope.is_finite() and not slope.contains(0):
            return [_refined(curve, a, b)] if signs < 0 else []
    return None


def _refined(curve: Curve, a: fmpq, b: fmpq) -> Root:
    box = hull(a, b)
    for _ in range(200):
        middle = box.mid()
        smaller = box.intersection(middle - curve(middle) / curve(box, 1))
        if not smaller.rad() < box.rad():
            break
        box = smaller
    low, high = max(a, box.lower().fmpq()), min(b, box.upper().fmpq())
    return Root(_fraction(low), _fraction(high), 1)


def _merged(boxes: list[Box]) -> list[Box]:
    merged: list[Box] = []
    for a, b in sorted(boxes):
        if merged and a <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
        else:
            merged.append((a, b))
    return merged


@functools.lru_cache(maxsize=512)
def has_real_powers(formula: sympy.Expr, low: sympy.Expr, high: sympy.Expr) -> bool:
    """Whether the base of each real power is proved not to be negative on [low, high].

    >>> has_real_powers(sympy.sqrt(1 - w**2), sympy.Integer(-1), sympy.Integer(1))
    True
    """
    powers = formula.atoms(sympy.Pow)
    bases = {p.base for p in powers if p.base.has(w) and not p.exp.is_Integer}
    return all(_is_nonnegative(base, low, high) for base in bases)


def _is_nonnegative(base: sympy.Expr, low: sympy.Expr, high: sympy.Expr) -> bool:
    """Positive in the middle, with zeros and poles at the ends at most."""
    a, b = bounded(low, high)
    parts = (base, sympy.denom(gathered(base)))
    return bool(at(base, (a + b) / 2) > 0) and not any(
        zeros_between(part, low, high, (low, high)) for part in parts if part.has(w)
    )


def _fraction(number: fmpq) -> Fraction:
    return Fraction(int(number.p), int(number.q))
