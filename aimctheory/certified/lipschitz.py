"""The steepest place of a function of the response, with certainty."""

from __future__ import annotations

import math

import sympy

from aimctheory.certified.extremes import extremes
from aimctheory.certified.response_pair import Pair
from aimctheory.notation import rational, w


def functions_of(pair: Pair) -> dict[str, tuple[sympy.Expr, ...]]:
    """The functions that have a Lipschitz constant, by the names of `Device.lipschitz`."""
    up, down = pair.up, pair.down
    mean, asymmetry = (down + up) / 2, (down - up) / 2
    return {
        "q": (up, down),
        "q_up": (up,),
        "q_down": (down,),
        "F": (mean,),
        "G": (asymmetry,),
        "R": (asymmetry / mean,),
        "Q": (up * down,),
        "G/sqrt(F)": (asymmetry / sympy.sqrt(mean),),
    }


def lipschitz(
    pair: Pair, function: str, low: float | None, high: float | None, *, owner: str
) -> float:
    """The largest |slope| of a function of the pair on [low, high]; None is the range's own end.

    Raises ValueError, naming the `owner`, for an unknown function and for an interval that is not
    bounded.
    """
    formulas = functions_of(pair)
    if function not in formulas:
        raise ValueError(
            f"{owner} has no function {function!r}; choose one of {', '.join(formulas)}"
        )
    ends = [
        end if given is None else rational(given) if math.isfinite(given) else sympy.sympify(given)
        for end, given in zip((pair.low, pair.high), (low, high), strict=True)
    ]
    if not (ends[0].is_finite and ends[1].is_finite and ends[0] < ends[1]):
        raise ValueError(
            f"{owner}: a Lipschitz constant needs a bounded interval from low up to high, not "
            f"[{ends[0]}, {ends[1]}]; give low < high"
        )
    return max(steepest(formula, *ends) for formula in formulas[function])


def steepest(formula: sympy.Expr, low: sympy.Expr, high: sympy.Expr) -> float:
    """The largest |slope| of a formula on a bounded interval, infinite where none is found."""
    smallest, largest = extremes(sympy.diff(formula, w), low, high)
    return max(-smallest, largest)
