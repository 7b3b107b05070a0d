"""Exact derivatives: a definition called with jets returns its value and its first two slopes.

A jet carries (f, f', f'') of a function of one variable at each point of an array, and arithmetic
on jets is the sum, product and chain rule.  Steps, gradients and responses are written once, for
anything with arithmetic, so they differentiate themselves; nothing is differenced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from aimctheory import elementary


@dataclass(frozen=True, slots=True, eq=False)
class Jet:
    """A function's value and its first two derivatives, three numbers or arrays.

    >>> x = variable(3.0)
    >>> y = 1 / (x * x)
    >>> round(y.value, 4), round(y.first, 4), round(y.second, 4)
    (0.1111, -0.0741, 0.0741)
    """

    value: Any
    first: Any = 0.0
    second: Any = 0.0

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

    def __truediv__(self, other: Any) -> Jet:
        return self * 1.0 / other if not isinstance(other, Jet) else self * _reciprocal(other)

    def __neg__(self) -> Jet:
        return Jet(-self.value, -self.first, -self.second)

    def __sub__(self, other: Any) -> Jet:
        return self + -other

    def __rsub__(self, other: Any) -> Jet:
        return -self + other

    def __rtruediv__(self, other: Any) -> Jet:
        return _reciprocal(self) * other

    def __abs__(self) -> Jet:
        return self * elementary.sign(self.value)

    def __lt__(self, other: Any) -> Any:
        return self.value < as_jet(other).value

    def __le__(self, other: Any) -> Any:
        return self.value <= as_jet(other).value

    def __gt__(self, other: Any) -> Any:
        return self.value > as_jet(other).value

    def __ge__(self, other: Any) -> Any:
        return self.value >= as_jet(other).value

    __radd__, __rmul__ = __add__, __mul__

    def through(self, value: Any, first: Any, second: Any) -> Jet:
        """The chain rule: f of this jet, given f, f' and f'' at its value."""
        return Jet(
            value, first * self.first, second * self.first * self.first + first * self.second
        )


# NumPy arrays leave arithmetic with a jet to the jet
Jet.__array_ufunc__ = None
