"""A response with numbers: the functions that simulation and numeric theory evaluate.

The formulas of a `Device` are those of its response.  `tree.formulas.lower` turns them into trees,
and the reference engine, the kernels and the theory all evaluate these trees.  The certified facts
(symmetric points, the conditions of RF25's Definition 1, the penalty) come from `certified`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import sympy

from aimctheory.certified import lipschitz
from aimctheory.certified.conditions import Condition, definition_1
from aimctheory.certified.extremes import largest_on_grid, level_places
from aimctheory.certified.penalty import first_valid_form, penalty_values
from aimctheory.certified.response_pair import (
    Pair,
    is_symmetric_everywhere,
    origin,
    symmetric_points,
)
from aimctheory.certified.zeros import Root
from aimctheory.notation import Parameter, rational, settle, w
from aimctheory.tree.formulas import lower
from aimctheory.tree.recorder import NUMPY_CALLS, Names, Node, evaluate

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

Number = Any  # a float, or an array of floats that broadcasts to (replicates, coordinates)


class Symbols(Protocol):
    """What a device asks of its response: formulas and their parameters (`response.Response`)."""

    @property
    def id(self) -> str:
        """The name that sentences use."""

    @property
    def title(self) -> str:
        """The name that figures and kernels use."""

    @property
    def up(self) -> sympy.Expr:
        """q₊ as a formula in `notation.w` and the parameters."""

    @property
    def down(self) -> sympy.Expr:
        """q₋ as a formula in `notation.w` and the parameters."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Symbol, domain and meaning of each number."""

    @property
    def dynamic_range(self) -> tuple[sympy.Expr, sympy.Expr]:
        """The saturation points as formulas in the parameters."""

    @property
    def closed_penalty(self) -> Any:
        """The declared penalty, None where it is derived."""

    def substituted(self, values: dict[sympy.Symbol, sympy.Expr]) -> Symbols:
        """The same formulas with some parameters fixed."""

    def symmetric_points(self) -> tuple[sympy.Expr, ...]:
        """The symmetric points that have a closed form."""

    def symmetric_point(self) -> sympy.Expr:
        """The one symmetric point in closed form, else ValueError."""

    def known_penalty(self) -> sympy.Expr | None:
        """R_c in closed form, or None."""


@dataclass(frozen=True, eq=False)
class Device:
    """A cell: `response` with a number for each parameter.

    An array of numbers describes many cells that differ (device-to-device variation); it broadcasts
    to (replicates, coordinates).

    Raises ValueError, naming the parameter, the value and the allowed set, for a missing, unknown
    or forbidden number, for shapes that do not broadcast, for an empty dynamic range, and for a
    response that is not positive inside its range.

    >>> from aimctheory.catalogue import linear
    >>> cell = linear(tau=2.0)
    >>> float(cell.q_up(1.0)), float(cell.q_down(1.0)), cell.symmetric_point()
    (0.5, 1.5, 0.0)
    """

    response: Symbols
    numbers: Mapping[str, Any]

    def __post_init__(self) -> None:
        owner, parameters = self.response.id, self.response.parameters
        values = settle(parameters, self.numbers, owner, noun="parameter", call="{name}")
        for p in parameters:
            if p.symbol.is_nonzero and not np.all(values[p.name]):
                raise ValueError(f"{owner}: {p.name} = 0 is not allowed; give {p.name} ≠ 0")
        object.__setattr__(self, "numbers", values)
        try:
            np.broadcast_shapes(*map(np.shape, values.values()))
        except ValueError:
            shapes = ", ".join(f"{name} {np.shape(value)}" for name, value in values.items())
            raise ValueError(
                f"{owner}: the shapes {shapes} do not broadcast to one shape; give each parameter "
                "a scalar, or arrays of shape (D,), (R, 1) or (R, D)"
            ) from None
        self._check_positive()

    def _check_positive(self) -> None:
        low, high = self.dynamic_range
        if not np.all(low < high):
            raise ValueError(
                f"{self!r}: the dynamic range [{low}, {high}] is empty; the lower saturation point "
                "has to lie below the upper one"
            )
        a = np.where(np.isfinite(low), low, np.minimum(high, 0.0) - 1.0)
        b = np.where(np.isfinite(high), high, np.maximum(low, 0.0) + 1.0)
        # Five places catch a wrong sign or a range beyond a zero; `conditions` proves positivity.
        for share in (0.43, 0.03, 0.23, 0.77, 0.97):
            point = (1 - share) * a + share * b  # b − a may be beyond the largest float
            for name, q in (("q_up", self.q_up), ("q_down", self.q_down)):
                with np.errstate(all="ignore"):
                    value = q(point)
                if not np.all(value > 0):
                    bad = int(np.argmin(np.ravel(value > 0)))
                    raise ValueError(
                        f"{self!r}: {name} = {np.ravel(value)[bad]:.3g} at w = "
                        f"{np.ravel(point)[bad]:.3g} in its dynamic range, where a response has to "
                        "be positive; use other numbers, another formula or dynamic_range="
                    )

    def __repr__(self) -> str:
        shown = (
            f"{name}={f'array{np.shape(value)}' if np.ndim(value) else f'{value:g}'}"
            for name, value in self.numbers.items()
        )
        return f"{self.response.id}({', '.join(shown)})"

    @property
    def shape(self) -> tuple[int, ...]:
        """What the numbers broadcast to: () for one cell."""
        return np.broadcast_shapes(*map(np.shape, self.numbers.values()))

    # ---- the numeric form -------------------------------------------------------------------

    @functools.cached_property
    def trees(self) -> tuple[Node, Node]:
        """q₊ and q₋ as trees whose inputs are ``w`` and the names of the parameters.

        A scalar exponent is a number of the tree, so that an integer or half-integer exponent
        becomes products and square roots; an array exponent takes the real power.
        """
        fixed = {s: v for s, v in self.exact.items() if s in self._exponents()}
        leaves = {**self._leaves(), w: Node("input", (), "w")}
        q = (self.response.up, self.response.down)
        up, down = (lower(expression.subs(fixed), leaves) for expression in q)
        return up, down

    def _leaves(self) -> dict[sympy.Symbol, Node]:
        return {p.symbol: Node("input", (), p.name) for p in self.response.parameters}

    def _exponents(self) -> set[sympy.Symbol]:
        powers = self.response.up.atoms(sympy.Pow) | self.response.down.atoms(sympy.Pow)
        return set().union(*(p.exp.free_symbols for p in powers if p.base is not sympy.E))

    @functools.cached_property
    def exact(self) -> dict[sympy.Symbol, sympy.Rational]:
        """The scalar numbers by symbol, as the rationals that their shortest decimals say."""
        return {
            p.symbol: rational(self.numbers[p.name])
            for p in self.response.parameters
            if not np.ndim(self.numbers[p.name])
        }

    def responses(
        self, weight: Any, calls: Mapping[str, Callable[..., Any]] = NUMPY_CALLS
    ) -> Names:
        """q₊ and q₋ at a weight, as `up` and `down`: what the rule of `tree.pulse` asks for.

        `calls` evaluates the functions of the tree (see `tree.recorder.evaluate`); the default
        takes arrays.
        """
        values = {**self.numbers, "w": weight}
        up, down = (evaluate(tree, lambda leaf: values[leaf.label], calls) for tree in self.trees)
        return Names("response", {"up": up, "down": down})

    def _evaluate(self, tree: Node, weight: ArrayLike) -> Array:
        values = {**self.numbers, "w": np.asarray(weight, dtype=float)}
        result = evaluate(tree, lambda leaf: values[leaf.label])
        return np.broadcast_to(result, np.broadcast_shapes(np.shape(result), np.shape(weight)))

    def q_up(self, weight: ArrayLike) -> NDArray[np.float64]:
        """q₊(w), the factor of an upward increment."""
        return self._evaluate(self.trees[0], weight)

    def q_down(self, weight: ArrayLike) -> NDArray[np.float64]:
        """q₋(w), the factor of a downward increment."""
        return self._evaluate(self.trees[1], weight)

    def mean_response(self, weight: ArrayLike) -> NDArray[np.float64]:
        """F(w) = (q₋ + q₊)/2."""
        return (self.q_down(weight) + self.q_up(weight)) / 2

    def asymmetry(self, weight: ArrayLike) -> NDArray[np.float64]:
        """G(w) = (q₋ − q₊)/2."""
        return (self.q_down(weight) - self.q_up(weight)) / 2

    def ratio(self, weight: ArrayLike) -> NDArray[np.float64]:
        """R(w) = G/F."""
        return self.asymmetry(weight) / self.mean_response(weight)

    def saturation_product(self, weight: ArrayLike) -> NDArray[np.float64]:
        """Q(w) = q₊q₋."""
        return self.q_up(weight) * self.q_down(weight)

    @functools.cached_property
    def dynamic_range(self) -> tuple[Number, Number]:
        """The saturation points: q₋ is 0 at the lower one, q₊ at the upper one; ±inf for none."""
        low, high = (self._number(end) for end in self.response.dynamic_range)
        return low, high

    def _number(self, formula: sympy.Expr) -> Number:
        if formula.is_infinite:
            return math.inf if formula > 0 else -math.inf
        value = evaluate(lower(formula, self._leaves()), lambda leaf: self.numbers[leaf.label])
        return value if np.ndim(value) else float(value)

    # ---- theory in numbers ------------------------------------------------------------------

    @functools.cached_property
    def fixed(self) -> Symbols:
        """The response with this device's numbers in the formulas.

        Raises ValueError for a device with arrays; make a device of one element's numbers.
        """
        arrays = self._arrays()
        if arrays:
            raise ValueError(
                f"{self!r}: closed forms and certificates are for one cell, and "
                f"{', '.join(arrays)} is an array (device-to-device variation); give scalars"
            )
        return self.response.substituted(dict(self.exact))

    def _arrays(self) -> list[str]:
        return [name for name, value in self.numbers.items() if np.ndim(value)]

    @functools.cached_property
    def pair(self) -> Pair:
        """The formulas of q₊ and q₋ with this device's numbers, and the range between them.

        Raises ValueError for a device with arrays.
        """
        fixed = self.fixed
        return Pair(fixed.up, fixed.down, *fixed.dynamic_range)

    def symmetric_points(self) -> tuple[Root, ...]:
        """The symmetric points in the dynamic range, isolated by ball arithmetic, in order.

        A spot that stayed undecided has multiplicity None; the tuple is empty where every weight is
        symmetric.  Raises ValueError for a device with arrays.
        """
        return self._isolated

    @functools.cached_property
    def _isolated(self) -> tuple[Root, ...]:
        closed = [point.subs(self.exact) for point in self.response.symmetric_points()]
        return symmetric_points(self.pair, closed)

    def symmetric_point(self) -> float:
        """The symmetric point w⋄.

        Raises ValueError, naming those found, unless there is exactly one, and for arrays.
        """
        roots = self.symmetric_points()
        if len(roots) == 1 and roots[0].multiplicity is not None:
            return roots[0].value
        if is_symmetric_everywhere(self.pair):
            raise ValueError(
                f"{self!r}: every weight is symmetric (q_up = q_down); "
                "this needs a response with exactly one symmetric point"
            )
        low, high = self.dynamic_range
        found = sum(root.multiplicity is not None for root in roots)
        rest = f" and {len(roots) - found} undecided" if found < len(roots) else ""
        cure = "use other numbers, or symmetric_points() to choose one"
        if found < len(roots) and not math.isfinite(high - low):
            cure = "give the response dynamic_range=(low, high) with finite ends"
        raise ValueError(
            f"{self!r} has {found}{rest} symmetric points in [{low:g}, {high:g}] "
            f"({', '.join(f'w = {root}' for root in roots) or 'none'}) and exactly one is "
            f"needed; {cure}"
        )

    def penalty_origin(self) -> float | Array:
        """Where the penalty R_c is 0: the symmetric point, or 0 where every weight is symmetric.

        One per element for a device with arrays, from the response's closed form.

        Raises ValueError where there is not exactly one symmetric point.

        >>> from aimctheory.catalogue import linear
        >>> linear(tau=[1.0, 2.0], c=0.5).penalty_origin()
        array([0.5, 1. ])
        """
        if sympy.expand(self.response.down - self.response.up) == 0:
            return 0.0
        if not self._arrays():
            return self.symmetric_point()
        points = self._number(self.response.symmetric_point())
        return np.array(np.broadcast_to(points, self.shape))

    def conditions(self) -> tuple[Condition, ...]:
        """Each condition of RF25's Definition 1: true, false or undecided, with a witness."""
        return definition_1(self.pair, self.symmetric_points())

    def penalty(self, weight: ArrayLike) -> Array:
        """R_c(w) = ∫ R from w⋄ to w, RF25 (42), to the last digits; NaN outside the dynamic range.

        From the closed form where `penalty_form` says so, else by rigorous quadrature.

        Raises ValueError where there is not exactly one symmetric point, and for a declared
        `closed_penalty` that is not the integral of R from there.
        """
        closed, start = self._penalty
        return penalty_values(closed, self.pair, start, weight)

    def penalty_form(self) -> str:
        """``"closed form"``, or ``"quadrature"`` where none is known to be real; see `penalty`."""
        return "quadrature" if self._penalty[0] is None else "closed form"

    @functools.cached_property
    def _penalty(self) -> tuple[sympy.Expr | None, Root]:
        """The closed form of R_c, None without one, and where R_c is zero."""
        if not is_symmetric_everywhere(self.pair):
            self.symmetric_point()  # raises unless there is exactly one
        start = origin(self.pair, self.symmetric_points())
        declared = self.response.closed_penalty is not None
        # Of a declared form there may be no case for these symbols, but one for these numbers.
        general = None if declared else self.response.known_penalty()
        candidates = (
            None if general is None else general.subs(self.exact),
            self.fixed.known_penalty(),
        )
        closed = first_valid_form(candidates, self.pair, start, declared=declared, owner=repr(self))
        return closed, start

    @functools.cached_property
    def F_max(self) -> float:  # the papers' symbol
        """The largest F(w) on the dynamic range over all elements, to a relative 1e-13.

        For arrays a peak between 4001 places is missed; for one cell none is too narrow.
        """
        f = self.mean_response
        low, high = (np.broadcast_to(end, self.shape) for end in self.dynamic_range)
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            if not (self.response.up + self.response.down).has(w):
                return float(np.max(f(np.zeros(1))))
            raise ValueError(
                f"{self!r}: the largest response needs a bounded dynamic range; give the response "
                "dynamic_range=(low, high)"
            )
        found = largest_on_grid(f, low, high)
        if self._arrays():
            return found
        level = level_places((self.pair.up + self.pair.down) / 2, self.pair.low, self.pair.high)
        return float(np.max(f(np.array(level)), initial=found))

    def lipschitz(
        self, function: str, low: float | None = None, high: float | None = None
    ) -> float:
        """The Lipschitz constant of a function of the response on [low, high], certified.

        `function` is ``"q_up"``, ``"q_down"``, ``"q"`` (the larger of both), ``"F"``, ``"G"``,
        ``"R"``, ``"Q"`` or ``"G/sqrt(F)"``; the interval is the dynamic range unless it is given.
        The constant is rounded up, and infinite where the slope has no finite bound.  RF25 Lemma 2
        needs a finite one of ``"q"``.

        Raises ValueError for another name, an unbounded interval, or a device with arrays.

        >>> from aimctheory.catalogue import power
        >>> round(power(tau=1, gamma=3).lipschitz("G/sqrt(F)"), 12)
        3.0
        >>> power(tau=1, gamma=0.5).lipschitz("G/sqrt(F)")
        inf
        """
        return lipschitz.lipschitz(self.pair, function, low, high, owner=repr(self))
