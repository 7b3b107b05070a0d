"""The pulse rule as a formula: w + d·F(w) − |d|·G(w), RF25 (2).

`tree.pulse` states the rule; this module records it and writes it in F and G.  With q₊ = F − G and
q₋ = F + G the q of an increment d is F − sign(d)·G, so a pulse is affine in d and |d|, and its mean
needs E d and E|d| only.
"""

from __future__ import annotations

import functools

import sympy

from aimctheory.derive.inputs import SymbolicResponse
from aimctheory.tree import pulse as rules
from aimctheory.tree.formulas import lift
from aimctheory.tree.recorder import Names, Node, record, recording_ops

_w, _d, _F, _G = sympy.symbols("w d F G", cls=sympy.Dummy, real=True)
_size = sympy.Dummy("size", nonnegative=True)  # stands for |d|
_SYMBOLS = {"w": _w, "d": _d, "q_up": _F - _G, "q_down": _F + _G}


def moved(
    response: SymbolicResponse,
    weight: sympy.Expr,
    d: sympy.Expr,
    size: sympy.Expr | None = None,
    *,
    literal: bool = False,
) -> sympy.Expr:
    """The weight after a pulse of increment d; `size` stands for |d| where it is given.

    With E d and E|d| in their places the result is the mean of the new weight.  A `literal` sum
    keeps its terms in this order.
    """
    put = {**_at(response, weight), _d: d, _size: sympy.Abs(d) if size is None else size}
    return sympy.Add(*(term.xreplace(put) for term in _terms()), evaluate=not literal)


def chosen(response: SymbolicResponse, weight: sympy.Expr, d: sympy.Expr) -> sympy.Expr:
    """The q that an increment d meets: q₊(w) for d ≥ 0, q₋(w) below."""
    return _chosen().xreplace({**_at(response, weight), _d: d})


def _at(response: SymbolicResponse, weight: sympy.Expr) -> dict[sympy.Basic, sympy.Expr]:
    """What replaces w, F and G in a formula of the rule."""
    F, G = response.at(weight)
    return {_w: weight, _F: F, _G: G}


def _nodes() -> tuple[Node, Node, Names]:
    """What the rules are recorded with: the weight, the increment, and q₊ and q₋."""
    w, d, up, down = (Node("input", (), name) for name in _SYMBOLS)
    return w, d, Names("response", {"up": up, "down": down})


def _lifted(tree: Node) -> sympy.Expr:
    return lift(tree, lambda leaf, _: _SYMBOLS[leaf.label])


@functools.cache
def _chosen() -> sympy.Expr:
    """The q of an increment, read off the recorded rule."""
    _, d, responses = _nodes()
    return _lifted(record(rules.response, d, responses, recording_ops()).result["value"])


@functools.cache
def _terms() -> tuple[sympy.Expr, sympy.Expr, sympy.Expr]:
    """The terms of a pulse: w, d·F and −|d|·G, read off the recorded rule.

    Raises ValueError for a rule that is not affine in d and |d|.
    """
    w, d, responses = _nodes()
    tree = record(rules.pulse, w, d, responses, recording_ops()).result["value"]
    formula = sympy.expand(_lifted(tree).replace(sympy.Piecewise, _without_cases))
    by_d, by_size = formula.coeff(_d), formula.coeff(_size)
    still = sympy.expand(formula - _d * by_d - _size * by_size)
    if still.has(_d, _size) or by_d.has(_d, _size) or by_size.has(_d, _size):
        raise ValueError(f"the pulse rule {formula} is not affine in d and |d|")
    return still, _d * by_d, _size * by_size


def _without_cases(first: sympy.Tuple, second: sympy.Tuple) -> sympy.Expr:
    """where(d ≥ 0, a, b) as (a + b)/2 + (|d|/d)·(a − b)/2."""
    (a, condition), (b, _) = first, second
    if condition != (_d >= 0):
        raise ValueError(f"the pulse rule asks whether {condition}, not whether d >= 0")
    return (a + b) / 2 + _size / _d * (a - b) / 2
