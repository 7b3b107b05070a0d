"""A response function in symbols, and the theory that follows from the formula alone.

A cell asked for an increment d moves by d·q₊(w) upwards and d·q₋(w) downwards.  From the pair

    F = (q₋ + q₊)/2,   G = (q₋ − q₊)/2,   R = G/F,   Q = q₊q₋,   R_c(w) = ∫ R from w⋄ to w,

follow, with w⋄ the symmetric point, q₊(w⋄) = q₋(w⋄).  A `Response` called with numbers returns a
`Device`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy

from aimctheory.certified.closed_form import gathered, integral_from_zero
from aimctheory.certified.integrals import antiderivative
from aimctheory.certified.saturation import saturation_points, value_at
from aimctheory.certified.solutions import real_zeros
from aimctheory.device import Device
from aimctheory.notation import POSITIVE, REALS, Parameter, Source, rational, w
from aimctheory.tree.formulas import lower
from aimctheory.tree.recorder import Node

EVERYWHERE = (-sympy.oo, sympy.oo)


@dataclass(frozen=True, slots=True)
class Response:
    """The pair q₊, q₋ as SymPy expressions in `notation.w`; calling it with numbers makes a Device.

    A decimal in a formula is read as the rational it says (0.3 is 3/10).  `parameters` are by
    default the free symbols of the formulas with their assumptions.  The package finds
    `dynamic_range` (the zeros of q₋ and q₊) and `closed_penalty` (a formula, or a function without
    arguments that returns it) from the formulas; give them where it cannot.

    Raises ValueError for a formula outside the grammar, naming what is not allowed, and for a pair
    that is nowhere positive together.

    >>> import sympy
    >>> from aimctheory.notation import positive, w
    >>> tau = positive("tau")
    >>> cell = Response(up=1 - w / tau, down=1 + w / tau)
    >>> cell.ratio, cell.penalty(), cell.symmetric_point()
    (w/tau, w**2/(2*tau), 0)
    """

    up: sympy.Expr
    down: sympy.Expr
    parameters: tuple[Parameter, ...] = field(default=(), kw_only=True)
    dynamic_range: tuple[sympy.Expr, sympy.Expr] = field(default=EVERYWHERE, kw_only=True)
    closed_penalty: sympy.Expr | Callable[[], sympy.Expr] | None = field(default=None, kw_only=True)
    id: str = field(default="response", kw_only=True)
    title: str = field(default="", kw_only=True)
    source: Source | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        put = functools.partial(object.__setattr__, self)
        put("up", _exact(self.up, f"{self.id}: q_up"))
        put("down", _exact(self.down, f"{self.id}: q_down"))
        put("title", self.title or self.id)
        symbols = sorted((self.up.free_symbols | self.down.free_symbols) - {w}, key=str)
        put("parameters", self.parameters or tuple(_parameter(s) for s in symbols))
        _check_symbols(self, symbols)
        for side in ("up", "down"):
            _check_grammar(self, side)
        low, high = _range(self)
        put("dynamic_range", (low, high))
        if not (self.closed_penalty is None or callable(self.closed_penalty)):
            put(
                "closed_penalty",
                _exact(self.closed_penalty, f"{self.id}: closed_penalty", in_kernels=False),
            )
            _check_symbols(self, sorted(self.closed_penalty.free_symbols - {w}, key=str))
        if (low, high) == EVERYWHERE:
            put("dynamic_range", _saturation_points(self))

    @property
    def mean_response(self) -> sympy.Expr:
        """F = (q₋ + q₊)/2, RF25 (4)."""
        return _tidy((self.down + self.up) / 2, self)

    @property
    def asymmetry(self) -> sympy.Expr:
        """G = (q₋ − q₊)/2, positive where the cell moves down more easily, RF25 (4)."""
        return _tidy((self.down - self.up) / 2, self)

    @property
    def ratio(self) -> sympy.Expr:
        """R = G/F, the slope of the implicit penalty, RF25 Section 3.1."""
        return _ratio(self)

    @property
    def saturation_product(self) -> sympy.Expr:
        """Q = q₊q₋ = F² − G², zero where the cell saturates, RF25 (61)."""
        return _tidy(self.up * self.down, self)

    def symmetric_points(self) -> tuple[sympy.Expr, ...]:
        """The w with q₊(w) = q₋(w) inside the dynamic range that have a closed form."""
        return _symmetric_points(self)

    def symmetric_point(self) -> sympy.Expr:
        """The symmetric point w⋄ in closed form.

        Raises ValueError unless exactly one is known.
        """
        points = self.symmetric_points()
        if _gap(self) == 0:
            raise ValueError(
                f"{self.id}: every weight is symmetric (q_up = q_down = {self.up}); "
                "this needs a response with exactly one symmetric point"
            )
        if len(points) != 1:
            raise ValueError(
                f"{self.id}: {len(points)} symmetric points in closed form {list(points)}, one is "
                "needed; call the response with numbers and ask the device for symmetric_points()"
            )
        return points[0]

    def penalty(self) -> sympy.Expr:
        """R_c in closed form: dR_c/dw = R and R_c(w⋄) = 0, RF25 (42).

        Raises ValueError where no closed form is known.
        """
        closed = self.known_penalty()
        if closed is None:
            raise ValueError(
                f"{self.id}: no closed form of the penalty is known; call the response with "
                "numbers and ask the device for penalty(w), which integrates"
            )
        return closed

    def known_penalty(self) -> sympy.Expr | None:
        """R_c as `penalty` has it, or None where no closed form is known."""
        return _penalty(self)

    def substituted(self, values: dict[sympy.Symbol, sympy.Expr]) -> Response:
        """The same response with some parameters fixed."""
        closed = self.closed_penalty
        if closed is not None:
            closed = _branch(closed() if callable(closed) else closed, values)
        low, high = self.dynamic_range
        return Response(
            self.up.subs(values),
            self.down.subs(values),
            parameters=tuple(p for p in self.parameters if p.symbol not in values),
            dynamic_range=(low.subs(values), high.subs(values)),
            closed_penalty=closed,
            id=self.id,
            title=self.title,
            source=self.source,
        )

    def __call__(self, **numbers: Any) -> Device:
        """The device with these numbers: scalars, or arrays for device-to-device variation.

        Raises ValueError for a missing, unknown or forbidden number.
        """
        return Device(self, numbers)


# ---- reading the formulas --------------------------------------------------------------------


def _exact(formula: Any, name: str, *, in_kernels: bool = True) -> sympy.Expr:
    """`formula` with a rational for each decimal; a number of a kernel has to be a float's."""
    try:
        expression = sympy.sympify(formula)
    except (sympy.SympifyError, TypeError):
        expression = None
    if isinstance(formula, str) or not isinstance(expression, sympy.Expr):
        raise ValueError(
            f"{name} = {formula!r} is not a formula; write a SymPy expression in aimctheory.w"
        )
    decimals = expression.atoms(sympy.Float)
    for number in expression.atoms(sympy.Number, type(sympy.zoo), type(sympy.I)):
        if not (number.is_real and number.is_finite and (not in_kernels or math.isfinite(number))):
            raise ValueError(
                f"{name} contains {sympy.N(number, 6)}, which is not a finite real number that a "
                "float holds; give finite real numbers, in other units if need be"
            )
    return expression.xreplace({x: rational(x) for x in decimals})


def _range(response: Response) -> tuple[sympy.Expr, sympy.Expr]:
    """`dynamic_range` as exact formulas, an end at −∞ or +∞ allowed."""
    given, name = response.dynamic_range, f"{response.id}: dynamic_range"
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != 2:
        raise ValueError(f"{name} = {given!r} is not a pair; give (low, high)")
    low, high = (
        infinite if end == infinite else _exact(end, name)
        for end, infinite in zip(given, EVERYWHERE, strict=True)
    )
    if w in low.free_symbols | high.free_symbols:
        raise ValueError(f"{name} = {given} contains the weight w; its ends are numbers")
    _check_symbols(response, sorted(low.free_symbols | high.free_symbols, key=str))
    return low, high


def _branch(formula: sympy.Expr, values: dict[sympy.Symbol, sympy.Expr]) -> sympy.Expr | None:
    """A formula at these values, the right case of a Piecewise chosen; None if it has no case."""
    if not isinstance(formula, sympy.Piecewise):
        return formula.subs(values)
    for branch, condition in formula.args:
        decided = condition.subs(values)
        if decided == sympy.true:
            return branch.subs(values)
        if decided != sympy.false:
            return formula.subs(values)
    return None


def _parameter(symbol: sympy.Symbol) -> Parameter:
    domain = POSITIVE if symbol.is_positive else REALS
    typical = (0.5, 2.0) if symbol.is_positive else (-0.5, 0.5)
    return Parameter(symbol.name, symbol, domain, typical, f"the parameter {symbol.name}")


def _check_symbols(response: Response, symbols: list[sympy.Symbol]) -> None:
    declared = {p.symbol for p in response.parameters}
    for symbol in symbols:
        if symbol.name == w.name:
            raise ValueError(
                f"{response.id}: the formulas contain a symbol w that is not aimctheory.w; "
                "write the weight with aimctheory.w, which is declared real"
            )
        if symbol not in declared:
            known = ", ".join(p.name for p in response.parameters)
            raise ValueError(
                f"{response.id}: the symbol {symbol} is not among the parameters {known}; declare "
                "it (with the same assumptions: a positive symbol is not a real one of that name)"
            )


def _check_grammar(response: Response, side: str) -> None:
    formula = getattr(response, side)
    leaves = {s: Node("input", (), s.name) for s in formula.free_symbols}
    try:
        lower(formula, leaves)
    except ValueError as error:
        raise ValueError(f"{response.id}: q_{side} = {formula}: {error}") from None


def _typical(response: Response) -> dict[sympy.Symbol, sympy.Expr]:
    """One number per parameter, 0.37 of the way through its typical range: no special place."""
    return {
        p.symbol: rational(round(p.typical[0] + 0.37 * (p.typical[1] - p.typical[0]), 6))
        for p in response.parameters
    }


def _saturation_points(response: Response) -> tuple[sympy.Expr, sympy.Expr]:
    """The dynamic range that the formulas imply.  Raises ValueError where there is none."""
    numbers = _typical(response)
    try:
        found = saturation_points(response.up, response.down, numbers)
    except ValueError as error:
        raise ValueError(f"{response.id}: {error}") from None
    if found is None:
        tried = ", ".join(f"{symbol} = {float(value):g}" for symbol, value in numbers.items())
        raise ValueError(
            f"{response.id}: q_up = {response.up} and q_down = {response.down} are nowhere both "
            "positive from a zero of q_down (or -∞) up to a zero of q_up (or ∞)"
            f"{f', tried at {tried}' if tried else ''}; correct the formulas, declare widths as "
            "positive symbols, or give dynamic_range=(low, high)"
        )
    return found


# ---- theory that follows from the formulas ---------------------------------------------------


@functools.cache
def _tidy(expression: sympy.Expr, response: Response) -> sympy.Expr:
    """The shortest of a few equal forms; one of them is in powers of w − w⋄."""
    forms = [expression, sympy.expand(expression)]
    if expression.is_rational_function(w):
        forms.append(sympy.factor(expression))
        forms += [_centred(sympy.expand(_shifted(expression, c)), c) for c in _centre(response)]
    else:
        forms.append(gathered(expression))
    return min(forms, key=sympy.count_ops)


_y = sympy.Dummy("y", real=True)


def _centre(response: Response) -> tuple[sympy.Expr, ...]:
    points = response.symmetric_points()
    return points if len(points) == 1 and points[0] != 0 and _is_short(points[0]) else ()


def _is_short(point: sympy.Expr) -> bool:
    """Whether SymPy is quick with polynomials around a point: it is not with roots of a cubic."""
    return not point.has(sympy.CRootOf)


def _shifted(expression: sympy.Expr, centre: sympy.Expr) -> sympy.Expr:
    return expression.subs(w, _y + centre)


def _centred(expression: sympy.Expr, centre: sympy.Expr) -> sympy.Expr:
    """An expression in y = w − `centre`, its powers of y collected, as an expression in w."""
    return sympy.collect(expression, _y).subs(_y, w - centre)


@functools.cache
def _ratio(response: Response) -> sympy.Expr:
    """G/F in lowest terms, its denominator positive."""
    quotient = (response.down - response.up) / (response.down + response.up)
    if not quotient.is_rational_function(w):
        return gathered(quotient)
    forms, numbers = [], _typical(response)
    for centre in (sympy.S.Zero, *_centre(response)):
        above, below = sympy.fraction(sympy.cancel(_shifted(quotient, centre)))
        if value_at(below.subs(_y, _middle(response) - centre), numbers) < 0:
            above, below = sympy.expand(-above), sympy.expand(-below)
        forms.append(_centred(above, centre) / _centred(below, centre))
    return min(forms, key=sympy.count_ops)


def _middle(response: Response) -> sympy.Expr:
    low, high = response.dynamic_range
    return (low + high) / 2 if low.is_finite and high.is_finite else sympy.S.Zero


@functools.cache
def _gap(response: Response) -> sympy.Expr:
    """q₋ − q₊, structurally zero where the two are the same."""
    return sympy.expand(response.down - response.up)


@functools.cache
def _symmetric_points(response: Response) -> tuple[sympy.Expr, ...]:
    gap, (low, high) = _gap(response), response.dynamic_range
    if gap == 0:
        return ()
    numbers = _typical(response)
    if gap.is_rational_function(w):
        found = list(real_zeros(sympy.together(gap)) or ())
    else:
        shifts = [p.symbol for p in response.parameters if not p.symbol.is_positive]
        found = []
        for c in (sympy.S.Zero, _middle(response), *shifts):
            place = value_at(c, numbers)  # the same place may come in two forms
            is_new = all(abs(place - value_at(other, numbers)) > 1e-9 for other in found)
            if is_new and _vanishes(gap.subs(w, c), numbers):
                found.append(c)
    a, b = value_at(low, numbers), value_at(high, numbers)
    return tuple(dict.fromkeys(point for point in found if a < value_at(point, numbers) < b))


def _vanishes(value: sympy.Expr, numbers: dict[sympy.Symbol, sympy.Expr]) -> bool:
    # `simplify` is slow, so it is asked only where the value is nearly 0 at typical numbers.
    return value == 0 or (abs(value_at(value, numbers)) < 1e-9 and sympy.simplify(value) == 0)


@functools.cache
def _penalty(response: Response) -> sympy.Expr | None:
    """The declared closed form, else ∫ R from w⋄ where an antiderivative of R is known."""
    if response.closed_penalty is not None:
        closed = response.closed_penalty
        return closed() if callable(closed) else closed
    if _gap(response) == 0:
        return sympy.S.Zero
    points = response.symmetric_points()
    if len(points) != 1:
        return None
    numbers = _typical(response)
    if (response.up / response.down).is_rational_function(w) and _is_short(points[0]):
        shifted = response.ratio.subs(w, w + points[0])
        integral = integral_from_zero(shifted, lambda formula: value_at(formula, numbers) > 0)
        if integral is not None:
            return integral.subs(w, w - points[0])
    primitive = antiderivative(response.ratio)
    return None if primitive is None else _from(points[0], primitive, numbers)


def _from(
    origin: sympy.Expr, primitive: sympy.Expr, numbers: dict[sympy.Symbol, sympy.Expr]
) -> sympy.Expr:
    """`primitive` less its value at `origin`, every logarithm of a positive number there.

    log|u| and log u have the same derivative, and u keeps its sign on the range: R has no pole.
    """
    signs = {
        log: sympy.log(-log.args[0])
        for log in primitive.atoms(sympy.log)
        if log.has(w) and value_at(log.args[0].subs(w, origin), numbers) < 0
    }
    real = primitive.xreplace(signs)
    return real - real.subs(w, origin)
