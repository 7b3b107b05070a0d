"""The mean of a recorded step: where it is affine, E of the function is the function of E.

Every value is carried as mean + Σ coefficient · source; the sources are this step's draws (the
gradient noise ξ and the named streams, all of mean 0) and what closed spots and pulses add to them.
Sums, and products with what is not random, keep that form; a pulse gives w + d·F(w) − m·G(w) with
m = E|d|; anything else is a `Spot`, whose mean a closure must give.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import sympy

from aimctheory.derive.closures import Closure, RandomSource, Spot, offered, open_symbol
from aimctheory.derive.inputs import InputSymbols, SymbolicResponse
from aimctheory.derive.pulse_formula import chosen, moved
from aimctheory.notation import rational, real
from aimctheory.tree.formulas import MEANINGS
from aimctheory.tree.recorded_step import RecordedStep
from aimctheory.tree.recorder import Node, walk


@dataclass(frozen=True, slots=True)
class Affine:
    """mean + Σ coefficients[source]·source, every source of mean zero."""

    mean: sympy.Expr
    coefficients: Mapping[RandomSource, sympy.Expr] = field(default_factory=dict)

    @property
    def is_random(self) -> bool:
        """Whether any source moves the value."""
        return bool(self.coefficients)

    def scaled(self, by: sympy.Expr) -> Affine:
        """`by` times this, for a factor that is not random."""
        return Affine(self.mean * by, {source: c * by for source, c in self.coefficients.items()})


def combined(linear: Callable[..., sympy.Expr], *parts: Affine) -> Affine:
    """A linear function of affine values, source by source."""
    zero = sympy.S.Zero
    sources = dict.fromkeys(source for part in parts for source in part.coefficients)
    sums = {s: linear(*(part.coefficients.get(s, zero) for part in parts)) for s in sources}
    # A draw that cancels, as in W + ξ − ξ, leaves a value that is not random.
    kept = {source: c for source, c in sums.items() if c != 0}
    return Affine(linear(*(part.mean for part in parts)), kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Averaging:
    """The mean of every node of one step; `spots` and `values` fill up as nodes are asked for.

    `inputs` gives the symbol of every input of the step, `slope` E of the gradient, `point` where
    it is taken, and `settled` the mean of nodes that are known (new states at a fixed point).
    """

    step: RecordedStep
    responses: Mapping[str, SymbolicResponse]
    inputs: InputSymbols
    slope: sympy.Expr
    point: sympy.Expr
    closures: Mapping[str, Closure]
    settled: Mapping[int, sympy.Expr] = field(default_factory=dict)
    spots: dict[str, Spot] = field(default_factory=dict)
    values: dict[int, Affine] = field(default_factory=dict)

    def of(self, node: Node) -> Affine:
        """`node` as an affine value; raises ValueError naming the first spot without a closure."""
        if id(node) not in self.values:
            value = _RULES.get(node.kind, _function)(self, node) if node.args else self.leaf(node)
            mean = self.settled.get(id(node), value.mean)
            self.values[id(node)] = Affine(mean, value.coefficients)
        return self.values[id(node)]

    def leaf(self, node: Node) -> Affine:
        """An input of the step."""
        if node.kind == "number":
            return Affine(rational(node.label))
        if node.kind == "gradient":
            return Affine(self.slope, {("noise", "gradient"): sympy.S.One})
        if node.kind == "noise":
            stream, _ = node.label
            return Affine(sympy.S.Zero, {("noise", stream): sympy.S.One})
        return Affine(self.inputs[node.kind, node.label])

    def at_means(self, node: Node) -> sympy.Expr:
        """`node` with every random number below it at its mean."""
        if id(node) in self.settled:
            return self.settled[id(node)]
        if not node.args:
            return self.leaf(node).mean
        if node.kind == "pulse":
            return self.of(node).mean
        return self.apply(node, tuple(self.at_means(arg) for arg in node.args))

    def apply(self, node: Node, args: tuple[sympy.Expr, ...]) -> sympy.Expr:
        """The operation of `node` on `args` that are not random."""
        if node.kind not in ("pulse", "response"):
            return MEANINGS[node.kind](*args)
        weight, d = args
        return (moved if node.kind == "pulse" else chosen)(self.responses[node.label], weight, d)

    def mean_at(self, spot: Spot, default: Closure | None = None) -> sympy.Expr:
        """The mean that the closure of `spot` gives; raises ValueError, naming it, without one."""
        self.spots[spot.name] = spot
        closure = self.closures.get(spot.name, default)
        if closure is not None:
            return closure(spot)
        raise ValueError(
            f"{self.step.algorithm.id}: {spot.text} is not affine in this step's random numbers, "
            "so its mean is not the function of their means; pass "
            f"closures={{{spot.name!r}: …}}, one of {offered(spot.kind)} or an expression"
        )


# ---- the rules that keep a value affine ------------------------------------------------------


def _sum(averaging: Averaging, node: Node) -> Affine:
    return combined(MEANINGS[node.kind], *map(averaging.of, node.args))


def _product(averaging: Averaging, node: Node) -> Affine:
    a, b = map(averaging.of, node.args)
    if a.is_random and b.is_random:
        return _function(averaging, node)
    return b.scaled(a.mean) if b.is_random else a.scaled(b.mean)


def _quotient(averaging: Averaging, node: Node) -> Affine:
    a, b = map(averaging.of, node.args)
    return _function(averaging, node) if b.is_random else a.scaled(1 / b.mean)


def _where(averaging: Averaging, node: Node) -> Affine:
    condition, first, second = node.args
    # The condition is asked for draws, not for its affine value: a comparison has none.
    if any(n.kind in ("gradient", "noise") for n in walk([condition])):
        return _opaque(averaging, node, averaging.of(first))
    holds = averaging.of(condition).mean
    branches = map(averaging.of, (first, second))
    return combined(lambda a, b: sympy.Piecewise((a, holds), (b, True)), *branches)


def _pulse(averaging: Averaging, node: Node) -> Affine:
    weight, d = map(averaging.of, node.args)
    if weight.is_random:  # a second pulse in one step: F and G of a random weight have no mean
        return _opaque(averaging, node, weight)
    name = averaging.step.pulse_name(node)
    spot = Spot(
        name=name,
        kind="pulse",
        text=averaging.step.text(node),
        symbol=sympy.Symbol(name, nonnegative=True),
        mean=d.mean,
        coefficients=d.coefficients,
        point=averaging.point,
        at_mean=partial(sympy.Abs, d.mean),
    )
    m = averaging.mean_at(spot, open_symbol)
    moved_mean = moved(averaging.responses[node.label], weight.mean, d.mean, m)
    return Affine(moved_mean, {("pulse", node.label): sympy.S.One} if d.is_random else {})


def _function(averaging: Averaging, node: Node) -> Affine:
    """Any other operation: applied where nothing is random, else a spot."""
    args = [averaging.of(arg) for arg in node.args]
    if any(arg.is_random for arg in args):
        return _opaque(averaging, node, args[0])
    return Affine(averaging.apply(node, tuple(arg.mean for arg in args)))


def _opaque(averaging: Averaging, node: Node, subject: Affine) -> Affine:
    """A value whose mean only a closure knows; `subject` is the argument that closures read."""
    name = averaging.step.name(node)
    spot = Spot(
        name=name,
        kind="second pulse" if node.kind == "pulse" else node.kind,
        text=averaging.step.text(node),
        symbol=real(f"E[{name}]"),
        mean=subject.mean,
        coefficients=subject.coefficients,
        point=averaging.point,
        at_mean=lambda: averaging.apply(node, tuple(map(averaging.at_means, node.args))),
    )
    return Affine(averaging.mean_at(spot), {("spot", name): sympy.S.One})


_RULES: dict[str, Callable[[Averaging, Node], Affine]] = {
    "+": _sum,
    "-": _sum,
    "neg": _sum,
    "*": _product,
    "/": _quotient,
    "where": _where,
    "pulse": _pulse,
}
