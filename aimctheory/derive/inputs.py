"""The inputs of the theory in symbols: F and G of each array, the slope f′, a symbol per input.

The device of an array may be left open (functions F, G of the weight), be a `Response` (its own
symbols) or a `Device` (its numbers, exactly); an objective may be left open (a function g, the
slope f′), be f(w) itself, or an elementwise `Objective`.
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
from aimctheory.tree.recorded_step import RecordedStep
from aimctheory.tree.recorder import INDICES, Names, Node, record, recording_ops

DeviceLike: TypeAlias = Response | Device | None
ObjectiveLike: TypeAlias = Objective | sympy.Expr | None
InputSymbols: TypeAlias = Mapping[tuple[str, str], sympy.Expr]
"""The symbol, or the number, of each input of a step by its node's kind and label."""


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


def in_symbols(device: Response | Device) -> Response:
    """The response, with a device's numbers in its formulas as exact rationals.

    Raises ValueError for anything else and for a device with arrays of numbers.
    """
    if isinstance(device, Device):
        fixed = device.fixed
        assert isinstance(fixed, Response)
        return fixed
    if isinstance(device, Response):
        return device
    raise ValueError(f"a device is a Response, a Device or None (left open), not {device!r}")


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
            f"{algorithm.id} has the arrays {', '.join(arrays) or 'none'}, and devices were given "
            f"for {', '.join(each) or 'none'}; give one device for all, or one for each"
        )
    several, named = len(arrays) > 1, isinstance(given, Mapping) and len(arrays) > 1
    taken = {p.symbol.name for p in algorithm.hyper} | set(algorithm.states)
    found = {}
    for array in arrays:
        device = each[array]
        if device is None:
            found[array] = open_response(array if several else "")
        else:
            response = in_symbols(device)
            names = _new_names(response, array if named else "", taken)
            found[array] = SymbolicResponse(
                response.mean_response.xreplace(names), response.asymmetry.xreplace(names)
            )
    return found


def _new_names(response: Response, array: str, taken: set[str]) -> dict[sympy.Symbol, sympy.Symbol]:
    """New symbols for the parameters: tau_P for an array P, and gamma_res for a name `taken`."""
    names: dict[sympy.Symbol, sympy.Symbol] = {}
    for p in response.parameters:
        suffix = array or ("res" if p.symbol.name in taken else "")
        if suffix:
            names[p.symbol] = sympy.Symbol(f"{p.symbol.name}_{suffix}", **p.symbol.assumptions0)
    return names


def input_symbols(algorithm: Algorithm, hyper: Mapping[str, Any] | None = None) -> InputSymbols:
    """The symbols of the states, hyper-parameters and indices of a step.

    The hyper-parameters in `hyper` are given as exact numbers instead.  Raises ValueError for an
    unknown one.
    """
    hyper, known = hyper or {}, {p.name: p.symbol for p in algorithm.hyper}
    for name in hyper:
        if name not in known:
            raise ValueError(
                f"{algorithm.id} has no hyper-parameter {name!r}; it has: {', '.join(known)}"
            )
    fixed = {name: exact_number(value) for name, value in hyper.items()}
    return {
        **{("state", name): real(name) for name in algorithm.states},
        **{("hyper", name): value for name, value in {**known, **fixed}.items()},
        **{("index", name): sympy.Symbol(name, integer=True, nonnegative=True) for name in INDICES},
    }


def query_point(step: RecordedStep, inputs: InputSymbols) -> sympy.Expr:
    """The weight at which `step` takes the gradient."""
    return lift(step.query, lambda leaf, _: inputs[leaf.kind, leaf.label])


def filled(expression: sympy.Expr, known: Mapping[str, SymbolicResponse]) -> sympy.Expr:
    """`expression` with each array's F and G put in for the open functions of `open_response`."""
    for array, response in known.items():
        unknown = open_response(array if len(known) > 1 else "")
        for function, formula in (
            (unknown.mean_response.func, response.mean_response),
            (unknown.asymmetry.func, response.asymmetry),
        ):
            expression = expression.replace(
                function, lambda at, formula=formula: formula.xreplace({w: at})
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
    """f′ of one coordinate, in `notation.w`; the function g(w) where the objective is left open.

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
    """A number of an objective, exactly; of a sweep (an array of numbers) its name as a symbol."""
    return real(name) if np.size(value) > 1 else exact_number(np.ravel(value)[0])
