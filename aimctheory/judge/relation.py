"""How the computed side of a claim must compare with the stated one.

The kinds: equal, bounded from above or below, an error vanishing at an order, equal in at least one
case, or the same by definition.  A relation judges one case: from the case, the computed and the
stated side it makes a Finding, whose margin (allowed − found)/scale is at least 0 where the
statement holds and below 0 where it fails (`margin`).

Both sides are a number or an array of numbers; a measured side is the pair (value, half_width).

A new kind of relation is a function in this file that returns a `Relation`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aimctheory.judge.case import Case
from aimctheory.judge.margin import Margin, bound, equivalence
from aimctheory.judge.rates import Limit, limit_slope

Array = NDArray[np.float64]
ErrorOf = Callable[[Case, Any], Any]


class Quantity(NamedTuple):
    """Numbers and the half-widths of their intervals: two arrays of one shape."""

    value: Array
    half_width: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one case at its worst element: the margin, the error and both sides.

    `comparisons` counts the measured numbers that were compared.  Of a bound, `tightness` is the
    smallest ratio of the larger side to the smaller.  Of a rate, `slopes` are the local slopes, and
    `exact` says that every error was below the floor.
    """

    margin: Margin
    error: float
    stated: float | None
    computed: float | None
    comparisons: int = 0
    tightness: float | None = None
    slopes: tuple[float, ...] = ()
    exact: bool = False

    def __str__(self) -> str:
        if self.exact:
            return f"exact, every error below {self.error:.3g}"
        sides = [("stated", self.stated), ("computed", self.computed), ("error", self.error)]
        shown = [f"{name} {value:.6g}" for name, value in sides if value is not None]
        if self.slopes:
            shown.append("local slopes " + " ".join(f"{s:.3g}" for s in self.slopes))
        return ", ".join([*shown, f"margin {self.margin.value:.3g}"])


Judge = Callable[[Case, Quantity | None, Any], Finding]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Relation:
    """The function that judges one case, the name of the relation and a phrase for readers.

    `judge(case, computed, stated)` returns the Finding.  An `implicit` relation computes the error
    by a function of its own and needs no computed side.  With `somewhere` the claim holds where one
    case holds; else every case must hold.
    """

    kind: str
    phrase: str
    judge: Judge
    implicit: bool = False
    somewhere: bool = False


def quantity(result: Any, role: str) -> Quantity:
    """A number, an array or a pair (value, half_width) as numbers with half-widths.

    Raises
    ------
    ValueError
        If `result` is anything else or empty, a value is not finite, or a half-width is negative.

    Examples
    --------
    >>> quantity((0.5, 0.1), "computed").half_width
    array(0.1)
    """
    value, width = result if isinstance(result, tuple) and len(result) == 2 else (result, 0.0)
    try:
        numbers, widths = np.asarray(value, dtype=float), np.asarray(width, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(
            f"{role} returned {type(result).__name__}; return a number, an array of numbers or "
            "the pair (value, half_width)"
        ) from None
    if numbers.size == 0 or not np.all(np.isfinite(numbers)) or not np.all(widths >= 0):
        raise ValueError(
            f"{role} returned {_brief(numbers)} ± {_brief(widths)}; every value must be finite, "
            "every half-width 0 or more, and there must be at least one"
        )
    return Quantity(numbers, np.broadcast_to(widths, numbers.shape))


def equal(*, within: float | Callable[[Case], Any], error: ErrorOf | None = None) -> Relation:
    """|computed − stated| ≤ within for every element; the margin is 1 − |computed − stated|/within.

    Parameters
    ----------
    within
        The largest difference allowed, in the units of the two sides; or a function of the case
        that returns this difference.
    error
        `error(case, stated)` in place of computed − stated.

    Examples
    --------
    >>> relation = equal(within=0.1)
    >>> finding = relation.judge(Case(), quantity((1.02, 0.01), "computed"), 1.0)
    >>> print(finding, "->", finding.margin.state)
    stated 1, computed 1.02, error 0.02, margin 0.8 -> holds
    """

    def judge(case: Case, computed: Quantity | None, stated: Any) -> Finding:
        found, pair = _difference(case, computed, stated, error)
        allowed = within(case) if callable(within) else within
        margin = equivalence(found.value, found.half_width, allowed)
        return _finding(margin, found, pair)

    phrase = "equal" if callable(within) else f"equal within {within:g}"
    return Relation(kind="equal", phrase=phrase, judge=judge, implicit=error is not None)


def at_most(*, within: float = 1e-12, error: ErrorOf | None = None) -> Relation:
    """Computed ≤ stated for every element, up to rounding.

    The margin is (stated − computed)/scale with the scale max(|stated|, |computed|), or
    |stated − computed| where that is larger: 1 for a measured 0, 0 where the bound is attained.

    Parameters
    ----------
    within
        A relative allowance for rounding, so that a bound which is attained still holds.
    error
        `error(case, stated)` in place of computed − stated: the excess, ≤ 0 where the bound holds.
        The scale of the margin is then |stated| or |excess|, whichever is larger.
    """
    return _one_sided("at_most", "at most", +1, within, error)


def at_least(*, within: float = 1e-12, error: ErrorOf | None = None) -> Relation:
    """Computed ≥ stated for every element, up to rounding.

    The margin is (computed − stated)/scale, with the scale of `at_most`.

    Parameters
    ----------
    within
        A relative allowance for rounding, so that a bound which is attained still holds.
    error
        `error(case, stated)` in place of stated − computed: the shortfall, ≤ 0 where the bound
        holds.  The scale of the margin is then |stated| or |shortfall|, whichever is larger.
    """
    return _one_sided("at_least", "at least", -1, within, error)


def _one_sided(kind: str, phrase: str, sign: int, within: float, error: ErrorOf | None) -> Relation:
    """sign·(computed − stated) ≤ 0, up to rounding: +1 bounds from above, −1 from below."""

    def judge(case: Case, computed: Quantity | None, stated: Any) -> Finding:
        found, (ours, theirs) = _difference(case, computed, stated, error)
        excess = found.value if error else sign * found.value
        # The scale is the larger side, element by element; with error= a side may have any shape,
        # and one that does not fit the excess is left out.
        sides = [abs(q.value) for q in (ours, theirs) if q and _fits(q.value, excess)]
        scale = np.max(np.broadcast_arrays(np.zeros(excess.shape), *sides), axis=0)
        # Where both sides are 0 there is no scale, and the allowance is absolute.
        allowed = within * np.where(scale > 0, scale, 1.0)
        margin = bound(excess, found.half_width, scale, rounding=allowed)
        tightness = None
        if ours is not None and error is None:
            small, large = (ours, theirs) if sign > 0 else (theirs, ours)
            tightness = _least_ratio(large.value, small.value)
        return _finding(margin, found, (ours, theirs), tightness)

    return Relation(kind=kind, phrase=phrase, judge=judge, implicit=error is not None)


def rate(
    along: str,
    order: float,
    *,
    kind: str = "at least",
    within: float = 0.1,
    floor: float = 1e-13,
    error: ErrorOf | None = None,
) -> Relation:
    """The error vanishes as x^order, where x is the case's array `along`.

    One case is a family of errors, one for each x.  Their local slopes over the smallest decade
    give an interval for the limit of the slopes (`rates.limit_slope`).  The statement fails where
    the interval excludes `order`, for "at least" where it lies below.  Else let d be the largest
    distance to `order` from a limit in the interval, for "at least" from one below: the margin is
    1 − d/within, and the statement is undecided where d > within.  Where it fails the margin is
    −d/within, with d the distance from `order` to the interval.  A family whose errors are all
    below `floor` satisfies "at least" with margin 1 and is called exact.

    Parameters
    ----------
    along
        The name of the case's array of positive distances or rates, of one axis.
    within
        The largest doubt about the limit with which the statement holds; also the largest movement
        of the local slopes that counts as settled.
    floor
        The size of rounding errors in the error.
    error
        `error(case, stated)` in place of |computed − stated|; has the shape of `along`.

    Raises
    ------
    ValueError
        If `kind` is neither "at least" nor "exactly".
    """
    if kind not in ("at least", "exactly"):
        raise ValueError(f"rate: kind = {kind!r} is neither 'at least' nor 'exactly'")
    margin_of = _at_least_order if kind == "at least" else _exactly_order

    def judge(case: Case, computed: Quantity | None, stated: Any) -> Finding:
        found, _ = _difference(case, computed, stated, error)
        size, width = np.abs(found.value), found.half_width
        exact = bool(np.all(size + width <= floor))
        limit = None
        if not exact:
            x = getattr(case, along)
            limit = limit_slope(x, size, half_width=width, floor=floor, settled=within)
        return Finding(
            margin=margin_of(limit, exact, order, within),
            error=limit.error if limit else float(size.max()),
            stated=order,
            computed=limit.value if limit else None,
            comparisons=int(np.count_nonzero(width)),
            slopes=limit.slopes if limit else (),
            exact=exact,
        )

    phrase = f"error of order {kind} {order:g} in {along}"
    return Relation(kind="rate", phrase=phrase, judge=judge, implicit=error is not None)


def exists(of: Relation | None = None, *, error: ErrorOf | None = None) -> Relation:
    """The relation `of`, by default equality within 1e-9, holds in at least one case.

    The claim fails only where `of` fails in every case: none of the cases tried is one that the
    paper says exists.

    Raises
    ------
    ValueError
        If `error` is given beside `of`.
    """
    if of is not None and error is not None:
        raise ValueError("exists: give error= to the relation inside, not to both")
    inner = of or equal(within=1e-9, error=error)
    return replace(inner, kind="exists", phrase=f"in some case {inner.phrase}", somewhere=True)


def definition(*, error: ErrorOf | None = None) -> Relation:
    """Both sides are the same by definition: equal within 1e-12; truth values count as 0 and 1.

    For statements that introduce a name, and for arguments such as "the hypotheses exclude one
    another".
    """
    inner = equal(within=1e-12, error=error)
    return replace(inner, kind="definition", phrase="the same by definition")


_UNKNOWN = Margin(0.0, -1.0, 1.0)
"""The undecided margin of a family that has no local slopes."""


def _at_least_order(limit: Limit | None, exact: bool, order: float, within: float) -> Margin:
    """Whether the limit of the slopes is `order` or more; errors below rounding have no slope."""
    if exact:
        return Margin(1.0, 1.0, 1.0)
    if limit is None:
        return _UNKNOWN
    return _margin_of_order(missed=order - limit.high, doubt=order - limit.low, within=within)


def _exactly_order(limit: Limit | None, exact: bool, order: float, within: float) -> Margin:
    """Whether the limit of the slopes is `order`; an exact family has no slope."""
    if limit is None:
        return _UNKNOWN
    below, above = order - limit.low, limit.high - order
    return _margin_of_order(missed=-min(below, above), doubt=max(below, above), within=within)


def _margin_of_order(*, missed: float, doubt: float, within: float) -> Margin:
    """The margin of an order that the interval misses by `missed`, or holds with this `doubt`."""
    if missed > 0:
        fails = -missed / within
        return Margin(fails, fails, fails)
    value = 1 - max(doubt, 0.0) / within
    # A limit somewhere in the interval meets the order exactly.
    return Margin(value=value, low=value, high=1.0)


Sides = tuple[Quantity | None, Quantity]


def _difference(
    case: Case, computed: Quantity | None, stated: Any, error: ErrorOf | None
) -> tuple[Quantity, Sides]:
    """Computed − stated, or the result of `error`; and both sides as numbers."""
    theirs = quantity(stated, "stated")
    if error is not None:
        return quantity(error(case, stated), "error"), (computed, theirs)
    if computed is None:
        raise ValueError("nothing to compare: give the claim computed= or its relation error=")
    shapes = computed.value.shape, theirs.value.shape
    if shapes[0] != shapes[1] and () not in shapes:
        raise ValueError(
            f"computed has shape {shapes[0]} and stated has shape {shapes[1]}; return the same "
            "shape from both, or a single number from one"
        )
    # The two intervals need not be independent, so their half-widths add.
    width = computed.half_width + theirs.half_width
    return Quantity(computed.value - theirs.value, width), (computed, theirs)


def _finding(
    margin: Margin, found: Quantity, sides: Sides, tightness: float | None = None
) -> Finding:
    """The finding at the worst element of `margin`; `found` is the error, element by element."""
    worst = margin.worst()
    computed, stated = (_element(side, worst, found.value) for side in sides)
    return Finding(
        margin=margin.at(worst),
        error=abs(float(np.ravel(found.value)[worst])),
        stated=stated,
        computed=computed,
        comparisons=int(np.count_nonzero(found.half_width)),
        tightness=tightness,
    )


def _fits(value: Array, like: Array) -> bool:
    """Whether `value` is a single number or has the shape of `like`."""
    return value.ndim == 0 or value.shape == like.shape


def _element(side: Quantity | None, index: int, like: Array) -> float | None:
    """The element of `side` at the flat index `index` of `like`; None where the shapes differ."""
    if side is None or not _fits(side.value, like):
        return None
    return float(np.ravel(np.broadcast_to(side.value, like.shape))[index])


def _least_ratio(large: Array, small: Array) -> float | None:
    """The smallest large/small over the elements where both are positive."""
    large, small = np.broadcast_arrays(large, small)
    both = (large > 0) & (small > 0)
    return float(np.min(large[both] / small[both])) if np.any(both) else None


def _brief(array: Array) -> str:
    return np.array2string(array, precision=4, threshold=6, separator=", ").replace("\n", "")
