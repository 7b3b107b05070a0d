"""A choice between two formulas of one form: choose their inputs, and evaluate the form once.

where(c, f(a), f(b)) and f(where(c, a, b)) have the same bits.  A kernel computes both sides of a
choice, so q₊ and q₋ of an exponential response would otherwise cost two exponentials a pulse.
"""

from __future__ import annotations

from aimctheory.tree.printed import text
from aimctheory.tree.recorder import Node, as_node, walk

COSTLY = frozenset(("exp", "log", "power", "sqrt"))
"""The operations worth choosing inputs for; a select costs as much as a sum or a product."""

Merged = dict[tuple[int, int], Node]  # by the ids of both sides


def merged_where(condition: Node, a: Node, b: Node) -> Node:
    """where(condition, a, b), with the operations that both sides share evaluated once.

    The plain choice where neither side has a costly operation.

    >>> x, y, c = (Node("input", (), name) for name in "xyc")
    >>> text(merged_where(c > 0.0, 2.0 * Node("exp", (x,)), 2.0 * Node("exp", (y,))))
    '2.0 * exp(where(c > 0.0, x, y))'
    """
    known: dict[str, Node] = {}
    a, b = shared(as_node(a), known), shared(as_node(b), known)
    costly = COSTLY & {node.kind for node in walk([a, b])}
    return _merged(condition, a, b, {}) if costly else Node("where", (condition, a, b))


def shared(node: Node, known: dict[str, Node]) -> Node:
    """The same tree in which equal parts are one node; `known` holds the parts by their text."""
    if node.args:
        node = Node(node.kind, tuple(shared(arg, known) for arg in node.args), node.label)
    return known.setdefault(text(node), node)


def _merged(condition: Node, a: Node, b: Node, known: Merged) -> Node:
    """The choice, made as deep in the trees as they agree in form."""
    if a is b:
        return a
    pair = id(a), id(b)
    if pair not in known:
        known[pair] = _choice(condition, a, b, known)
    return known[pair]


def _choice(condition: Node, a: Node, b: Node, known: Merged) -> Node:
    plain = Node("where", (condition, a, b))
    if {a.kind, b.kind} == {"+", "-"}:  # a − b has the bits of a + (−b)
        a, b = _as_sum(a), _as_sum(b)
    differ = a.kind != b.kind or not a.args
    if differ or a.kind == "neg":
        return plain
    pairs = zip(a.args, b.args, strict=True)
    return Node(a.kind, tuple(_merged(condition, x, y, known) for x, y in pairs))


def _as_sum(node: Node) -> Node:
    return Node("+", (node.args[0], -node.args[1])) if node.kind == "-" else node
