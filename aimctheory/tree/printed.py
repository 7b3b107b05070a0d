"""A recorded tree as Python text: one expression, or the named lines of a function.

The text does the operations of the tree in their order.  Parentheses stand only where that order
needs them.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping

from aimctheory.tree.recorder import Node, Trace, walk

# Python's operators from the loosest to the tightest.
_PRECEDENCE = (
    ("<", "<=", ">", ">=", "==", "!="),
    ("|",),
    ("&",),
    ("+", "-"),
    ("*", "/", "%"),
    ("neg",),
)
_LEVEL = {kind: level for level, kinds in enumerate(_PRECEDENCE, 1) for kind in kinds}
_COMPARISON, _SUM = _LEVEL["<"], _LEVEL["+"]
CALLS = ("where", "sign", "sqrt", "exp", "log", "abs", "power")


def leaf_text(node: Node) -> str:
    """An input as a variable name, state.P as state_P; a number as its shortest exact decimal."""
    if node.kind == "number":
        return repr(node.label)
    if node.kind == "noise":
        return f"noise_{node.label[0]}"
    if node.kind in ("index", "input"):
        return str(node.label)
    return f"{node.kind}_{node.label}"


def _function(node: Node) -> str:
    """The function that a call names: where, sqrt …, or pulse_P, response_P … ."""
    return node.kind if node.kind in CALLS else f"{node.kind}_{node.label}"


def text(
    node: Node,
    names: Mapping[int, str] = {},  # read only
    extra: Mapping[str, str] = {},  # read only
) -> str:
    """`node` as a Python expression.

    `names` maps the id of a node to the variable that holds it.  `extra` maps ``pulse_P``,
    ``response_P`` … to further arguments of that call, ", P_tau" for example.
    """

    def render(node: Node, level: int) -> str:
        return names[id(node)] if id(node) in names else inner(node, level)

    def inner(node: Node, level: int) -> str:
        mine = _LEVEL.get(node.kind)
        if mine is None:
            if not node.args:
                written = leaf_text(node)
                return f"({written})" if written.startswith("-") and level > _SUM else written
            function = _function(node)
            inside = ", ".join(render(a, 0) for a in node.args)
            return f"{function}({inside}{extra.get(function, '')})"
        if node.kind == "neg":
            body = "-" + render(node.args[0], mine)
        else:
            # Python reads a < b < c as a chain: a comparison inside one gets parentheses
            first = mine + (mine == _COMPARISON)
            body = f"{render(node.args[0], first)} {node.kind} {render(node.args[1], mine + 1)}"
        return f"({body})" if mine < level else body

    return inner(node, 0)


def lines(trace: Trace, extra: Mapping[str, str] = {}) -> tuple[list[str], dict[str, str]]:
    """The assignments of `trace` in source order, and the variable or expression of each result.

    A value that is used twice and has no name gets a line of its own, t1, t2 … .  A result that is
    no local variable of the function is named by its key.
    """
    nodes = sorted(walk(trace.result.values()), key=lambda node: node.serial)
    uses = Counter(id(arg) for node in nodes for arg in node.args)
    taken = {_function(node) if node.args else leaf_text(node) for node in nodes}
    taken |= {name for more in extra.values() for name in more.split(", ")}

    def free(name: str) -> str:
        while name in taken:
            name += "_"
        taken.add(name)
        return name

    chosen = {id(node): free(name) for name, node in trace.lines}
    for key, node in trace.result.items():
        if node.args and id(node) not in chosen:
            chosen[id(node)] = free(key)
    counter = itertools.count(1)
    written: dict[int, str] = {}
    output = []
    for node in nodes:
        if not node.args:
            continue
        if id(node) not in chosen and uses[id(node)] > 1:
            chosen[id(node)] = free(f"t{next(counter)}")
        if id(node) in chosen:
            output.append(f"{chosen[id(node)]} = {text(node, written, extra)}")
            written[id(node)] = chosen[id(node)]
    found = {k: written.get(id(n)) or text(n, written, extra) for k, n in trace.result.items()}
    return output, found
