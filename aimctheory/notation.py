"""Shared symbols, parameters with their domains, and sources: one symbol, one meaning.

Every formula of the package is written in the symbols of this module.  Every parameter is declared
once, with the set of its allowed values.  Every statement names the page where it is printed.

The two papers use some symbols differently:

=============================  ==========================  =====================================
here                           RF25                        EX24
=============================  ==========================  =====================================
``q_up``, ``q_down``           q₊, q₋                      q₊, q₋
F = (q₋ + q₊)/2                F                           F
G = (q₋ − q₊)/2                G                           G
R = G/F (penalty ratio)        R of Section 3.1            –
Q = q₊q₋ (saturation product)  R from (61) on              1 − (w/τ)² (linear response)
w⋄ (symmetric point)           W⋄                          w⋄
learning rate of fast array    α                           β
transfer rate                  β                           α
σ                              per coordinate              total over coordinates, σ²/D each
=============================  ==========================  =====================================
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
from sympy.functions.elementary.hyperbolic import HyperbolicFunction

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def real(name: str) -> sympy.Symbol:
    """A symbol for a real number.

    >>> real("w_0").is_real
    True
    """
    return sympy.Symbol(name, real=True)


def positive(name: str) -> sympy.Symbol:
    """A symbol for a positive number.

    >>> positive("tau").is_positive
    True
    """
    return sympy.Symbol(name, positive=True)


w = real("w")
"""The weight of one element."""
g = real("g")
"""The noise-free gradient of one element."""
xi = real("xi")
"""The gradient noise of one element."""
d = real("d")
"""The requested increment of one element."""
m = sympy.Symbol("m", nonnegative=True)
"""E|d|, the mean absolute increment of a pulse; the mean drift leaves this symbol open."""
sigma = positive("sigma")
"""The standard deviation of a noise law, per coordinate."""
Sigma = sympy.Symbol("Sigma", nonnegative=True)
"""E|ξ|, the mean absolute noise of one coordinate."""


def rational(number: float) -> sympy.Rational:
    """The rational that a float's shortest decimal says: 0.1 is 1/10.

    >>> rational(0.1), rational(2)
    (1/10, 2)
    """
    return sympy.Rational(repr(float(number)))


def in_exponentials(formula: sympy.Expr) -> sympy.Expr:
    """`formula` with its hyperbolic functions written as exponentials.

    >>> in_exponentials(2 * sympy.cosh(w))
    exp(w) + exp(-w)
    """
    return formula.replace(
        lambda e: isinstance(e, HyperbolicFunction), lambda e: e.rewrite(sympy.exp)
    )


def real_numbers(value: Any) -> np.ndarray:
    """A new array of the real numbers in `value`: a number, or an array of numbers.

    Raises ValueError for text, truth values, dates, nothing, complex numbers, numbers that no float
    holds, rows of unequal length and arrays without elements.

    >>> real_numbers([sympy.Rational(1, 2), 2])
    array([0.5, 2. ])
    """
    array = np.array(value)  # rows of unequal length raise ValueError
    if array.dtype.kind == "O":  # integers of any size, fractions, SymPy's and mpmath's numbers
        if not all(hasattr(each, "__float__") for each in array.flat):
            raise ValueError("not numbers")
        try:
            array = array.astype(float)
        except (TypeError, OverflowError):
            raise ValueError("not real numbers") from None
    if array.dtype.kind not in "iuf" or not array.size:
        raise ValueError("not real numbers")
    return array.astype(float)


@dataclass(frozen=True, slots=True)
class Interval:
    """The real numbers between `low` and `high`; an infinite end is open.

    >>> Interval(0, math.inf, open_low=True).contains(0.5)
    True
    >>> str(Interval(0, 1, open_high=True))
    '[0, 1)'
    """

    low: float
    high: float
    open_low: bool = False
    open_high: bool = False

    def contains(self, values: ArrayLike) -> bool:
        """Whether every one of `values` lies in the interval; NaN never does."""
        array = np.asarray(values, dtype=float)
        above = array > self.low if self.open_low else array >= self.low
        below = array < self.high if self.open_high else array <= self.high
        return bool(np.all(above & below & np.isfinite(array)))

    def __str__(self) -> str:
        left = "(" if self.open_low or math.isinf(self.low) else "["
        right = ")" if self.open_high or math.isinf(self.high) else "]"
        return f"{left}{_number(self.low)}, {_number(self.high)}{right}"


def _number(value: float) -> str:
    return f"{value:g}".replace("inf", "∞")


REALS = Interval(-math.inf, math.inf)
POSITIVE = Interval(0.0, math.inf, open_low=True)
NONNEGATIVE = Interval(0.0, math.inf)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named number: its symbol, its allowed set, its typical range and its meaning.

    Property tests draw from `typical`.  `default` is a number, the name of another parameter whose
    value is taken, or None where the user has to give one.
    """

    name: str
    symbol: sympy.Symbol
    domain: Interval
    typical: tuple[float, float]
    meaning: str
    default: float | str | None = None

    def checked(self, value: ArrayLike, owner: str) -> float | np.ndarray:
        """`value` as a float, or as a read-only copy of an array, if all of it lies in the domain.

        Raises ValueError naming parameter, value and domain otherwise.
        """
        try:
            array = real_numbers(value)
        except ValueError:
            raise ValueError(
                f"{owner}: {self.name} = {value!r} is not a number or an array of numbers; "
                f"give {self.name} in {self.domain}"
            ) from None
        if not self.domain.contains(array):
            bad = array[~np.vectorize(self.domain.contains)(array)] if array.ndim else array
            raise ValueError(
                f"{owner}: {self.name} = {float(np.ravel(bad)[0]):g} is outside {self.domain}; "
                f"{self.name} is {self.meaning}"
            )
        array.flags.writeable = False
        return float(array) if array.ndim == 0 else array


def settle(
    parameters: Iterable[Parameter], given: Mapping[str, Any], owner: str, *, noun: str, call: str
) -> dict[str, Any]:
    """The checked value of every parameter: the given one, else its default.

    `noun` and `call` are for sentences: what a parameter is, and how `{name}` is given.

    Raises ValueError, naming the owner, for an unknown, missing or forbidden value.

    >>> width = Parameter("tau", positive("tau"), POSITIVE, (0.5, 2.0), "the half-width")
    >>> settle([width], {"tau": 2}, "linear", noun="parameter", call="{name}")
    {'tau': 2.0}
    """
    known = {p.name: p for p in parameters}
    if not isinstance(given, Mapping):
        raise ValueError(
            f"{owner}: {given!r} does not give each {noun} by name; write {{name: value}} for "
            f"{', '.join(known) or 'none'}"
        )
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise ValueError(
                f"{owner} has no {noun} {name!r}; it has: {', '.join(known) or 'none'}"
                + (f" (did you mean {near[0]!r}?)" if near else "")
            )
    values: dict[str, Any] = {}
    for name, p in known.items():
        value = given.get(name, p.default)
        if isinstance(value, str) and value in known:
            value = given.get(value, known[value].default)
        if value is None:
            how = call.format(name=name)
            raise ValueError(f"{owner} needs {how}, {p.meaning}; give a value in {p.domain}")
        values[name] = p.checked(value, owner)
    return values


@dataclass(frozen=True, slots=True)
class Source:
    """Where a statement is printed.

    >>> str(Source("RF25", "Theorem 5, p. 24"))
    'RF25 Theorem 5, p. 24'
    """

    paper: str
    locator: str

    def __str__(self) -> str:
        return f"{self.paper} {self.locator}"


PAPERS = {
    "RF25": "Analog In-memory Training on General Non-ideal Resistive Elements: "
    "The Impact of Response Functions (arXiv 2502.06309v3)",
    "EX24": "Towards Exact Gradient-based Training on Analog In-memory Computing "
    "(arXiv 2406.12774v1)",
}
"""The papers a `Source` may name, with the version that its pages and numbers refer to."""
