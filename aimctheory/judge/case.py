"""The evidence of one instance of a claim: plain numbers, arrays, strings and functions.

A claim's formulas see nothing but a Case.  A Case refuses every object of the package, so a formula
typed from the page cannot be checked against itself.
"""

from __future__ import annotations

import functools
import numbers
from collections.abc import Callable, Mapping
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType
from typing import Any

import mpmath
import numpy as np

_FUNCTIONS = (FunctionType, MethodType, BuiltinFunctionType, np.ufunc, functools.partial)


class Case:
    """The evidence of one instance: numbers, arrays, strings and functions of plain numbers.

    Values are read as attributes.  Arrays are copied and cannot be written to.  Functions are
    wrapped: they take and return plain numbers, and a method gives no access to its object.

    >>> case = Case(rate=0.1, distance=np.array([0.2, 0.1]), q_up=lambda w: 1 - w)
    >>> case.q_up(case.distance) * case.rate
    array([0.08, 0.09])

    Raises
    ------
    TypeError
        For a value of any other kind.
    AttributeError
        On reading a name that the case does not carry.
    """

    __slots__ = ("_values",)
    _values: Mapping[str, Any]

    def __init__(self, **values: Any) -> None:
        admitted = {name: _admitted(name, value) for name, value in values.items()}
        object.__setattr__(self, "_values", MappingProxyType(admitted))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._values[name]
        except KeyError:
            known = ", ".join(self._values) or "nothing"
            raise AttributeError(f"the case carries no {name!r}; it carries {known}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a case cannot be changed; give {name!r} when it is made")

    def __repr__(self) -> str:
        return f"Case({', '.join(self._values)})"


def _admitted(name: str, value: Any) -> Any:
    """`value` as a case stores it; TypeError for a kind that a case does not take."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufcU":
        copy = value.copy()
        copy.flags.writeable = False
        return copy
    if isinstance(value, str) or _is_plain(value):
        return value
    if isinstance(value, _FUNCTIONS):
        return _of_plain_numbers(name, value)
    raise TypeError(
        f"case: {name} is a {type(value).__name__}; a case carries only numbers, arrays, strings "
        "and functions of plain numbers (make an array of a list, carry value and half_width as "
        "two numbers)"
    )


def _is_plain(value: Any) -> bool:
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.kind in "biufc"
    return isinstance(value, numbers.Number)


def _require_plain(name: str, value: Any) -> None:
    if not _is_plain(value):
        raise TypeError(
            f"case: {name} is a function of plain numbers, and a {type(value).__name__} is none; "
            "give and return numbers or arrays of numbers"
        )


def _of_plain_numbers(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, refusing arguments and results that are not plain numbers."""

    def plain(*arguments: Any, **keywords: Any) -> Any:
        for value in (*arguments, *keywords.values()):
            _require_plain(name, value)
        result = function(*arguments, **keywords)
        _require_plain(name, result)
        # mpmath.diff takes steps of 2^-63.  A function that rounds its argument to a double does
        # not see such a step, and every derivative would come out as 0.
        finer = (x for x in arguments if isinstance(x, mpmath.mpf) and x != float(x))
        if not isinstance(result, mpmath.mpf | mpmath.mpc) and any(finer):
            raise TypeError(
                f"case: {name} rounds mpmath's numbers to double precision; differentiate by a "
                f"step of your own, or call {name}(float(x)) where that is fine"
            )
        return result

    return plain
