"""Exact derivatives: a definition called with a jet returns its value and first two derivatives.

A jet carries (f, f', f'') of a function of one variable, and arithmetic on jets is the sum, product
and chain rule.  Steps, gradients and responses are written once, for anything with arithmetic, so
a call with a jet differentiates them without finite differences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from aimctheory.tree.recorder import NUMPY_CALLS, Ops, numpy_ops

_exp_of, _log_of, _power_of, _sign_of, _select = (
    NUMPY_CALLS[name] for name in ("exp", "log", "power", "sign", "where")
)


@dataclass(frozen=True, slots=True, eq=False)
class Jet:
    """A function's value and its first two derivatives: three numbers or arrays.

    >>> x = variable(2.0)
    >>> y = 1 / (x * x)
    >>> print(y.value, y.first, y.second)
    0.25 -0.25 0.375
    """

    value: Any
    first: Any = 0.0
    second: Any = 0.0

    __array_ufunc__ = None  # NumPy arrays leave arithmetic with a jet to the jet

    def __add__(self, other: Any) -> Jet:
        o = as_jet(other)
        return Jet(self.value + o.value, self.first + o.first, self.second + o.second)

    def __mul__(self, other: Any) -> Jet:
        o = as_jet(other)
        return Jet(
            self.value * o.value,
            self.first * o.value + self.value * o.first,
            self.second * o.value + 2.0 * self.first * o.first + self.value * o.second,
        )

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Jet:
        return Jet(-self.value, -self.first, -self.second)

    def __sub__(self, other: Any) -> Jet:
        return self + -as_jet(other)

    def __rsub__(self, other: Any) -> Jet:
        return as_jet(other) + -self

    def __truediv__(self, other: Any) -> Jet:
        return self * _reciprocal(as_jet(other))

    def __rtruediv__(self, other: Any) -> Jet:
        return as_jet(other) * _reciprocal(self)

    def __abs__(self) -> Jet:
        return self * Jet(_sign_of(self.value))  # at the kink all derivatives are 0

    def __lt__(self, other: Any) -> Any:
        return self.value < as_jet(other).value

    def __le__(self, other: Any) -> Any:
        return self.value <= as_jet(other).value

    def __gt__(self, other: Any) -> Any:
        return self.value > as_jet(other).value

    def __ge__(self, other: Any) -> Any:
        return self.value >= as_jet(other).value

    def through(self, value: Any, first: Any, second: Any) -> Jet:
        """The chain rule: f of this jet, from f, f' and f'' at its value."""
        return Jet(
            value,
            first * self.first,
            second * self.first * self.first + first * self.second,
        )


def variable(value: Any) -> Jet:
    """The variable itself at the point or points `value`: its derivatives are 1 and 0."""
    return Jet(value, np.ones_like(value)[()], np.zeros_like(value)[()])


def as_jet(value: Any) -> Jet:
    """`value` if it is a jet, else the constant of this value."""
    return value if isinstance(value, Jet) else Jet(value)


def _reciprocal(x: Jet) -> Jet:
    inverse = 1.0 / x.value
    return x.through(inverse, -inverse * inverse, 2.0 * inverse * inverse * inverse)


def _sqrt(x: Jet) -> Jet:
    root = np.sqrt(x.value)
    return x.through(root, 0.5 / root, -0.25 / (root * x.value))


def _exp(x: Jet) -> Jet:
    value = _exp_of(x.value)
    return x.through(value, value, value)


def _log(x: Jet) -> Jet:
    inverse = 1.0 / x.value
    return x.through(_log_of(x.value), inverse, -inverse * inverse)


def _power(x: Jet, y: Any) -> Jet:
    if isinstance(y, Jet):  # an exponent that follows the variable
        return _exp(_log(x) * y)
    value = _power_of(x.value, y)
    first = y * value / x.value
    return x.through(value, first, (y - 1.0) * first / x.value)


def _where(condition: Any, a: Any, b: Any) -> Jet:
    x, y = as_jet(a), as_jet(b)
    return Jet(
        _select(condition, x.value, y.value),
        _select(condition, x.first, y.first),
        _select(condition, x.second, y.second),
    )


def _either(of_jet: Callable[..., Jet], of_number: Callable[..., Any]) -> Callable[..., Any]:
    """`of_jet` where the first argument is a jet, else `of_number`."""
    return lambda x, *rest: (of_jet if isinstance(x, Jet) else of_number)(x, *rest)


CALLS: dict[str, Callable[..., Any]] = {
    "sqrt": _either(_sqrt, np.sqrt),
    "exp": _either(_exp, _exp_of),
    "log": _either(_log, _log_of),
    "power": _either(_power, _power_of),
    "sign": lambda x: _sign_of(as_jet(x).value),
    "where": _where,
}
"""The functions that `tree.recorder.evaluate` needs besides arithmetic, for jets and numbers."""


def jet_ops(**rest: Any) -> Ops:
    """`tree.recorder.numpy_ops` for jets and numbers."""
    functions = {name: f for name, f in CALLS.items() if name != "power"}  # steps have no powers
    return numpy_ops(**functions, **rest)
