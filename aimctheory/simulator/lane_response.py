"""q₊ and q₋ as a lane evaluates them, with everything costly computed beforehand.

Where the numbers of a device differ between lanes, a reciprocal or an exponential of such numbers
alone would be computed at every step.  It becomes one more number of the lane, with the same bits.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from aimctheory.device import Device
from aimctheory.tree.printed import leaf_text, text
from aimctheory.tree.recorder import Node, evaluate, walk

_COSTLY = {"/", "exp", "log", "power", "sqrt"}


@dataclass(frozen=True, eq=False)
class LaneResponse:
    """q₊ and q₋ as trees in ``w`` and `numbers`; `fixed` says what some of these stand for."""

    up: Node
    down: Node
    numbers: Mapping[str, Any]
    fixed: Mapping[str, Node]


_KNOWN: WeakKeyDictionary[Device, LaneResponse] = WeakKeyDictionary()


def lane_response(device: Device) -> LaneResponse:
    """The responses of a device as a lane evaluates them; made once for each device.

    >>> from aimctheory import linear
    >>> response = lane_response(linear(tau=np.array([1.0, 2.0])))
    >>> {name: text(node) for name, node in response.fixed.items()}
    {'fixed1': '1.0 / tau'}
    """
    if device in _KNOWN:
        return _KNOWN[device]
    names = identifiers(device.numbers)
    given = {names[name]: value for name, value in device.numbers.items()}
    differing = {name for name, value in given.items() if np.ndim(value)}
    fixed: dict[str, Node] = {}
    named: dict[str, Node] = {}
    free = (f"fixed{i}" for i in itertools.count(1) if f"fixed{i}" not in given)

    def settle(node: Node) -> Node:
        below = inputs([node])
        costly = any(part.kind in _COSTLY for part in walk([node]))
        if costly and "w" not in below and below & differing:
            key = text(node)
            if key not in named:
                name = next(free)
                named[key], fixed[name] = Node("input", (), name), node
            return named[key]
        return Node(node.kind, tuple(map(settle, node.args)), node.label)

    up, down = (settle(_renamed(tree, names)) for tree in device.trees)
    used = inputs([up, down])
    numbers = {name: value for name, value in given.items() if name in used}
    for name, node in fixed.items():
        numbers[name] = evaluate(node, lambda leaf: np.asarray(given[leaf.label]))
    _KNOWN[device] = LaneResponse(up, down, numbers, fixed)
    return _KNOWN[device]


def identifiers(names: Iterable[str]) -> dict[str, str]:
    r"""A Python name for every parameter, itself where it is one.

    >>> identifiers(["tau", r"\tau_+", "w^*"])
    {'tau': 'tau', '\\tau_+': '_tau__', 'w^*': 'w__'}
    """
    found: dict[str, str] = {}
    for name in names:
        plain = unicodedata.normalize("NFKC", name)
        plain = plain if plain.isidentifier() else re.sub(r"\W", "_", plain)
        plain = plain if plain.isidentifier() and not iskeyword(plain) else f"p_{plain}"
        while plain in found.values() or plain == "w":  # the weight
            plain += "_"
        found[name] = plain
    return found


def _renamed(node: Node, names: Mapping[str, str]) -> Node:
    """The same tree with its inputs under other names; the weight keeps its own."""
    if node.kind == "input" and node.label != "w":
        return Node("input", (), names[node.label])
    return Node(node.kind, tuple(_renamed(arg, names) for arg in node.args), node.label)


def inputs(nodes: Iterable[Node]) -> set[str]:
    """The text of every input below `nodes`."""
    return {leaf_text(node) for node in walk(nodes) if not node.args and node.kind != "number"}
