"""The mean of a recorded step: where it is affine, E of the function is the function of E.

Every value is carried as mean + Σ coefficient · source; the sources are this step's draws (the
gradient noise ξ and the named streams, all of mean 0) and what closed spots and pulses add to them.
Sums, and products with what is not random, keep that form; a pulse gives w + d·F(w) − m·G(w) with
m = E|d|; anything else is a `Spot` that a closure must speak for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import sympy

from aimctheory.derive.closures import Closure, Source, Spot, offered, open_symbol
from aimctheory.derive.inputs import SymbolicResponse
from aimctheory.derive.pulses import chosen, moved
from aimctheory.notation import rational, real
from aimctheory.tree.formulas import MEANINGS
from aimctheory.tree.recorder import Node, walk
from aimctheory.tree.steps import RecordedStep


@dataclass(frozen=True, slots=True)
class Affine:
    """mean + Σ spread[source]·source, every source of mean zero."""

    mean: sympy.Expr
    spread: Mapping[Source, sympy.Expr] = field(default_factory=dict)

    def scaled(self, by: sympy.Expr) -> Affine:
        """`by` times this, for a factor that is not random."""
        return Affine(self.mean * by, {source: c * by for source, c in self.spread.items()})


def combined(linear: Callable[..., sympy.Expr], *parts: Affine) -> Affine:
    """A linear function of affine values, source by source."""
    zero = sympy.S.Zero
    sources = dict.fromkeys(source for part in parts for source in part.spread)
    spread = {s: linear(*(part.spread.get(s, zero) for part in parts)) for s in sources}
    kept = {source: c for source, c in spread.items() if c != 0}
    return Affine(linear(*(part.mean for part in parts)), kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Everything the mean of a step is computed from; `spots` and `values` fill up meanwhile.

    `symbols` gives every input by (kind, label), `slope` E of the gradient, `settled` the mean of
    nodes that are known (new states at a fixed point).
    """

    source: RecordedStep
    responses: Mapping[str, SymbolicResponse]
    symbols: Mapping[tuple[str, str], sympy.Expr]
    slope: sympy.Expr
    point: sympy.Expr
    closures: Mapping[str, Closure]
    settled: Mapping[int, sympy.Expr]
    spots: dict[str, Spot] = field(default_factory=dict)
    values: dict[int, Affine] = field(default_factory=dict)

    def of(self, node: Node) -> Affine:
        """`node` as mean and spread; raises ValueError naming the first spot without a closure."""
        if id(node) not in self.values:
            value = _RULES.get(node.kind, _function)(self, node) if node.args else self.leaf(node)
            mean = self.settled.get(id(node), value.mean)
            self.values[id(node)] = Affine(mean, value.spread)
        return self.values[id(node)]

    def leaf(self, node: Node) -> Affine:
        """An input of the step."""
        if node.kind == "number":
            return Affine(rational(node.label))
        if node.kind == "gradient":
            return Affine(self.slope, {("noise", "gradient"): sympy.S.One})
        if node.kind == "noise":
            return Affine(sympy.S.Zero, {("noise", node.label[0]): sympy.S.One})
        return Affine(self.symbols[node.kind, node.label])

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

    def closed(self, spot: Spot, default: Closure | None = None) -> sympy.Expr:
        """What the closure of `spot` says; raises ValueError, naming the spot, without one."""
        self.spots[spot.name] = spot
        closure = self.closures.get(spot.name, default)
        if closure is not None:
            return closure(spot)
        raise ValueError(
            f"{self.source.algorithm.id}: {spot.text} is not affine in this step's random numbers, "
            "so its mean is not the function of their means; pass "
            f"closures={{{spot.name!r}: …}}, one of {offered(spot.kind)} or an expression"
        )


# ---- the rules that keep a value affine ------------------------------------------------------


def _sum(reading: Reading, node: Node) -> Affine:
    return combined(MEANINGS[node.kind], *map(reading.of, node.args))


def _product(reading: Reading, node: Node) -> Affine:
    a, b = map(reading.of, node.args)
    if a.spread and b.spread:
        return _function(reading, node)
    return b.scaled(a.mean) if b.spread else a.scaled(b.mean)


def _quotient(reading: Reading, node: Node) -> Affine:
    a, b = map(reading.of, node.args)
    return _function(reading, node) if b.spread else a.scaled(1 / b.mean)


def _where(reading: Reading, node: Node) -> Affine:
    condition, first, second = node.args
    if any(n.kind in ("gradient", "noise") for n in walk([condition])):
        return _opaque(reading, node, reading.of(first))
    holds = reading.of(condition).mean
    branches = map(reading.of, (first, second))
    return combined(lambda a, b: sympy.Piecewise((a, holds), (b, True)), *branches)


def _pulse(reading: Reading, node: Node) -> Affine:
    weight, d = map(reading.of, node.args)
    if weight.spread:
        return _opaque(reading, node, weight)
    name = reading.source.pulse_name(node)
    spot = Spot(
        name=name,
        kind="pulse",
        text=reading.source.text(node),
        symbol=sympy.Symbol(name, nonnegative=True),
        mean=d.mean,
        spread=d.spread,
        point=reading.point,
        at_mean=partial(sympy.Abs, d.mean),
    )
    m = reading.closed(spot, open_symbol)
    added: dict[Source, sympy.Expr] = {("pulse", node.label): sympy.S.One} if d.spread else {}
    return Affine(moved(reading.responses[node.label], weight.mean, d.mean, m), added)


def _function(reading: Reading, node: Node) -> Affine:
    """Any other operation: applied where nothing is random, else a spot."""
    args = [reading.of(arg) for arg in node.args]
    if any(arg.spread for arg in args):
        return _opaque(reading, node, args[0])
    return Affine(reading.apply(node, tuple(arg.mean for arg in args)))


def _opaque(reading: Reading, node: Node, subject: Affine) -> Affine:
    """A value whose mean only a closure knows."""
    name = reading.source.name(node)
    spot = Spot(
        name=name,
        kind="second pulse" if node.kind == "pulse" else node.kind,
        text=reading.source.text(node),
        symbol=real(f"E[{name}]"),
        mean=subject.mean,
        spread=subject.spread,
        point=reading.point,
        at_mean=lambda: reading.apply(node, tuple(map(reading.at_means, node.args))),
    )
    return Affine(reading.closed(spot), {("spot", name): sympy.S.One})


_RULES: dict[str, Callable[[Reading, Node], Affine]] = {
    "+": _sum,
    "-": _sum,
    "neg": _sum,
    "*": _product,
    "/": _quotient,
    "where": _where,
    "pulse": _pulse,
}
