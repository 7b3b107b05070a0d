"""What a reading in symbols starts from: each array's F and G, the slope f′, a symbol per input.

A cell may be left open (functions F, G of the weight), be a `Response` (its own symbols) or a
`Device` (its numbers, exactly); an objective may be left open (a function g, the slope f′), be
f(w) itself, or an elementwise `Objective`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import sympy

from aimctheory.algorithms.record import Algorithm
from aimctheory.device import Device
from aimctheory.notation import g, rational, real, w
from aimctheory.objectives.record import Objective
from aimctheory.response import Response
from aimctheory.tree.formulas import lift
from aimctheory.tree.recorder import Names, Node, record, recording_ops

DeviceLike: TypeAlias = Response | Device | None
ObjectiveLike: TypeAlias = Objective | sympy.Expr | None


@dataclass(frozen=True, slots=True)
class SymbolicResponse:
    """F and G of one array, as expressions in `notation.w`."""

    mean_response: sympy.Expr
    asymmetry: sympy.Expr

    def at(self, weight: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
        """(F, G) at `weight`."""
        here = {w: weight}
        return self.mean_response.xreplace(here), self.asymmetry.xreplace(here)


def open_response(array: str = "") -> SymbolicResponse:
    """F and G as unknown functions of the weight, named after the array."""
    suffix = f"_{array}" if array else ""
    return SymbolicResponse(*(sympy.Function(name + suffix, real=True)(w) for name in "FG"))


def in_symbols(cell: Response | Device) -> Response:
    """The response, with a device's numbers in its formulas as exact rationals.

    Raises ValueError for anything else and for a device with arrays of numbers.
    """
    if isinstance(cell, Device):
        fixed = cell.fixed
        assert isinstance(fixed, Response)
        return fixed
    if isinstance(cell, Response):
        return cell
    raise ValueError(f"a cell is a Response, a Device or None (left open), not {cell!r}")


def symbolic_responses(
    algorithm: Algorithm, given: DeviceLike | Mapping[str, DeviceLike]
) -> dict[str, SymbolicResponse]:
    """The F and G of every array of `algorithm`.

    One response or device for all arrays keeps its symbols; in a mapping each array's symbols
    carry its name (tau_P), and a symbol that a hyper-parameter uses too becomes gamma_res.
    """
    arrays = list(algorithm.arrays)
    each = given if isinstance(given, Mapping) else dict.fromkeys(arrays, given)
    if set(each) != set(arrays):
        raise ValueError(
            f"{algorithm.id} has the arrays {', '.join(arrays) or 'none'}, and cells were given "
            f"for {', '.join(each) or 'none'}; give one cell for all, or one for each"
        )
    own = isinstance(given, Mapping) and len(arrays) > 1
    taken = {p.symbol.name for p in algorithm.hyper} | set(algorithm.states)
    return {a: _symbolic_response(each[a], a, own, len(arrays) > 1, taken) for a in arrays}


def _symbolic_response(
    given: DeviceLike, array: str, own: bool, several: bool, taken: set[str]
) -> SymbolicResponse:
    if given is None:
        return open_response(array if several else "")
    cell = in_symbols(given)
    names: dict[sympy.Symbol, sympy.Symbol] = {}
    for p in cell.parameters:
        suffix = array if own else "res" if p.symbol.name in taken else ""
        if suffix:
            names[p.symbol] = sympy.Symbol(f"{p.symbol.name}_{suffix}", **p.symbol.assumptions0)
    return SymbolicResponse(cell.mean_response.xreplace(names), cell.asymmetry.xreplace(names))


def input_symbols(
    algorithm: Algorithm, hyper: Mapping[str, Any] | None = None
) -> dict[tuple[str, str], sympy.Expr]:
    """Every input of a step by kind and label; numbers in place of the hyper-parameters given."""
    hyper, known = hyper or {}, {p.name: p.symbol for p in algorithm.hyper}
    for name in hyper:
        if name not in known:
            raise ValueError(
                f"{algorithm.id} has no hyper-parameter {name!r}; it has: {', '.join(known)}"
            )
    fixed = {name: exact_number(value) for name, value in hyper.items()}
    places = ("k", "row", "column", "rows", "columns")
    return {
        **{("state", name): real(name) for name in algorithm.states},
        **{("hyper", name): value for name, value in {**known, **fixed}.items()},
        **{("index", name): sympy.Symbol(name, integer=True, nonnegative=True) for name in places},
    }


def filled(expression: sympy.Expr, known: Mapping[str, SymbolicResponse]) -> sympy.Expr:
    """`expression` with the F and G of open cells (see `cells`) put in."""
    for array, cell in known.items():
        unknown = open_response(array if len(known) > 1 else "")
        for name in ("mean_response", "asymmetry"):
            formula = getattr(cell, name)
            expression = expression.replace(
                getattr(unknown, name).func, lambda at, formula=formula: formula.xreplace({w: at})
            )
    return expression


def exact_number(value: Any) -> sympy.Expr:
    """A number as the rational that its shortest decimal says; an expression as it is.

    Raises ValueError for an array: a formula is for one element.
    """
    if isinstance(value, sympy.Basic):
        return value
    if np.size(value) != 1:
        raise ValueError(f"a formula is for one element, and {value!r} is an array; give a scalar")
    return rational(value)


def slope(objective: ObjectiveLike) -> sympy.Expr:
    """f′ as an expression in `notation.w`; the function g(w) where the objective is left open.

    Raises ValueError for an objective whose coordinates are coupled.
    """
    if objective is None:
        return sympy.Function(g.name, real=True)(w)
    if isinstance(objective, Objective):
        return _traced_slope(objective)
    formula = sympy.sympify(objective)
    others = {s.name for s in formula.free_symbols - {w}}
    if w.name in others:
        raise ValueError(
            "the objective contains a symbol w that is not aimctheory.w; use aimctheory.w"
        )
    return sympy.factor_terms(formula.diff(w))


def _traced_slope(objective: Objective) -> sympy.Expr:
    if not objective.elementwise:
        raise ValueError(
            f"the objective {objective.id} couples its coordinates, so one element has no slope of "
            "its own; leave it open (None) to read one element with the others held"
        )
    parameters = Names("parameter", {n: Node("objective", (), n) for n in objective.numbers})
    weight = Node("input", (), "w")
    tree = record(objective.gradient, weight, parameters, recording_ops()).result["value"]
    numbers = {name: _scalar(name, value) for name, value in objective.numbers.items()}
    return lift(tree, lambda leaf, args: w if leaf is weight else numbers[leaf.label])


def _scalar(name: str, value: Any) -> sympy.Expr:
    # a sweep (an array of numbers) is read with the number's name as its symbol
    return real(name) if np.size(value) > 1 else exact_number(np.ravel(value)[0])
