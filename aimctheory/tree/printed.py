"""A recorded tree as Python text: one expression, or the lines of a function under their names.

What is printed does the same operations in the same order; parentheses stand only where the order
needs them.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping

from aimctheory.tree.recorder import Node, Trace, walk

_LEVEL = {"<": 1, "<=": 1, ">": 1, ">=": 1, "==": 1, "!=": 1, "|": 2, "&": 3, "+": 4, "-": 4,
          "*": 5, "/": 5, "%": 5, "neg": 6}  # fmt: skip
CALLS = ("where", "sign", "sqrt", "exp", "log", "abs", "power")


def leaf_text(node: Node) -> str:
    """How an input is written: state.P as state_P, a number by its shortest exact decimal."""
    if node.kind == "number":
        return repr(node.label)
    if node.kind == "noise":
        return f"noise_{node.label[0]}"
    if node.kind in ("index", "input"):
        return str(node.label)
    return f"{node.kind}_{node.label}"


def _function(node: Node) -> str:
    """What a call is written as: where, sqrt …, or pulse_P, response_P … ."""
    return node.kind if node.kind in CALLS else f"{node.kind}_{node.label}"


def text(
    node: Node,
    names: Mapping[int, str] = {},  # read only
    extra: Mapping[str, str] = {},  # read only
) -> str:
    """`node` as a Python expression, with only the parentheses its order of operations needs.

    `names` gives the name of a node (by its id) that has one; `extra` the further arguments of the
    calls ``pulse_P``, ``response_P`` … .
    """

    def render(node: Node, level: int) -> str:
        return names[id(node)] if id(node) in names else inner(node, level)

    def inner(node: Node, level: int) -> str:
        mine = _LEVEL.get(node.kind)
        if mine is None:
            if not node.args:
                written = leaf_text(node)
                return f"({written})" if written.startswith("-") and level > 4 else written
            function = _function(node)
            inside = ", ".join(render(a, 0) for a in node.args)
            return f"{function}({inside}{extra.get(function, '')})"
        if node.kind == "neg":
            body = "-" + render(node.args[0], mine)
        else:
            first = mine + (mine == 1)  # Python would chain comparisons
            body = f"{render(node.args[0], first)} {node.kind} {render(node.args[1], mine + 1)}"
        return f"({body})" if mine < level else body

    return inner(node, 0)


def lines(trace: Trace, extra: Mapping[str, str] = {}) -> tuple[list[str], dict[str, str]]:
    """The assignments of `trace` as Python text in source order, and where each result stands.

    A value used more than once without a name is called t1, t2 … on a line of its own; a result
    that is no local variable of the function is called by its key.
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
