"""The recorder: a step is called once with nodes instead of numbers and becomes a tree.

A node holds an operation and its arguments.  Nodes simplify nothing, so a kernel printed from the
tree does the same floating-point operations, in the same order, as the step called with NumPy
arrays.  The tree keeps the names of the step's local variables.
"""

from __future__ import annotations

import itertools
import numbers
import operator
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, NoReturn

import numpy as np

from aimctheory.tree import elementary

_serial = itertools.count()


class Node:
    """One recorded operation on `args`.

    `kind` names the operation; `label` names the array, the stream, the input or the number that
    the operation is about.
    """

    __array_ufunc__ = None  # NumPy functions refuse nodes instead of building object arrays
    __slots__ = ("args", "kind", "label", "serial")

    def __init__(self, kind: str, args: tuple[Node, ...] = (), label: Any = "") -> None:
        self.kind, self.args, self.label = kind, args, label
        self.serial = next(_serial)

    def __add__(self, other: Any) -> Node:
        return _binary("+", self, other)

    def __radd__(self, other: Any) -> Node:
        return _binary("+", other, self)

    def __sub__(self, other: Any) -> Node:
        return _binary("-", self, other)

    def __rsub__(self, other: Any) -> Node:
        return _binary("-", other, self)

    def __mul__(self, other: Any) -> Node:
        return _binary("*", self, other)

    def __rmul__(self, other: Any) -> Node:
        return _binary("*", other, self)

    def __truediv__(self, other: Any) -> Node:
        return _binary("/", self, other)

    def __rtruediv__(self, other: Any) -> Node:
        return _binary("/", other, self)

    def __mod__(self, other: Any) -> Node:
        return _binary("%", self, other)

    def __lt__(self, other: Any) -> Node:
        return _binary("<", self, other)

    def __le__(self, other: Any) -> Node:
        return _binary("<=", self, other)

    def __gt__(self, other: Any) -> Node:
        return _binary(">", self, other)

    def __ge__(self, other: Any) -> Node:
        return _binary(">=", self, other)

    def __eq__(self, other: object) -> Node:  # type: ignore[override]  # recorded, not answered
        return _binary("==", self, other)

    def __ne__(self, other: object) -> Node:  # type: ignore[override]  # recorded, not answered
        return _binary("!=", self, other)

    def __and__(self, other: Any) -> Node:
        return _binary("&", self, other)

    def __or__(self, other: Any) -> Node:
        return _binary("|", self, other)

    def __neg__(self) -> Node:
        if _is_condition(self):
            raise ValueError("a step cannot negate a condition; write the opposite comparison")
        return Node("neg", (self,))

    def __pos__(self) -> Node:
        return self

    def __abs__(self) -> Node:
        return Node("abs", (self,))

    def __hash__(self) -> int:
        return id(self)

    def __pow__(self, other: Any) -> NoReturn:
        raise ValueError("a step has no ** operator; write the product out, or use ops.sqrt")

    def __floordiv__(self, other: Any) -> NoReturn:
        raise ValueError("a step has no // operator; use % (x - x % 1 is the whole part of x)")

    def __invert__(self) -> NoReturn:
        raise ValueError("a step has no ~ operator; write the opposite comparison")

    def __bool__(self) -> NoReturn:
        raise ValueError("a step cannot branch on a traced value; use ops.where(condition, a, b)")

    def __float__(self) -> NoReturn:
        raise ValueError(
            "a traced value has no number yet; use ops.exp, ops.log, ops.sqrt, ops.sign or abs "
            "instead of math or NumPy functions"
        )

    __int__ = __index__ = __float__

    def __iter__(self) -> Iterator[Any]:
        raise ValueError("a step is written for one element; it cannot iterate or unpack a value")

    def __repr__(self) -> str:
        inside = ", ".join(map(repr, self.args)) or repr(self.label)
        return f"{self.kind}({inside})"


def as_node(value: Any) -> Node:
    """`value` itself if it is a node, a constant node if it is a real number."""
    if isinstance(value, Node):
        return value
    scalar = not isinstance(value, str) and np.ndim(value) == 0 and np.isrealobj(value)
    if isinstance(value, numbers.Real) or scalar:
        return Node("number", (), float(value))
    raise ValueError(f"a step works on numbers and traced values, not on {value!r}")


def _binary(kind: str, left: Any, right: Any) -> Node:
    pair = as_node(left), as_node(right)
    if kind in "+-" and _is_condition(pair[0]) and _is_condition(pair[1]):
        raise ValueError(
            f"a step cannot take {kind} of two conditions; say what they count for, as in "
            "ops.where(condition, 1.0, 0.0)"
        )
    return Node(kind, pair)


_CONDITIONS = frozenset(("<", "<=", ">", ">=", "==", "!=", "&", "|"))


def _is_condition(node: Node) -> bool:
    """Whether NumPy would hold the value as a bool; a sum of bools is no number."""
    chosen = node.kind == "where" and all(map(_is_condition, node.args[1:]))
    return chosen or node.kind in _CONDITIONS


class Names:
    """Values as attributes; an unknown name raises ValueError and lists the known ones."""

    def __init__(self, what: str, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)
        self.__dict__["_what"] = what

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        known = ", ".join(key for key in self.__dict__ if key != "_what") or "none"
        raise ValueError(f"there is no {self._what} {name!r}; this one has: {known}")


INDICES = ("k", "row", "column", "rows", "columns")
"""What `Ops` knows of the place of an update: the step, and the element in its layer."""


@dataclass(frozen=True)
class Ops:
    """What a step may use besides arithmetic.  Each reading fills in its own functions.

    `pulse.<array>(w, d)` is the weight after a pulse, `response.<array>(w, d)` the q that it meets;
    `noise(stream)` is one draw; `k` is the step; `row`, `column`, `rows`, `columns` say where the
    element lies in its layer.
    """

    pulse: Names
    response: Names
    noise: Callable[..., Any]
    k: Any
    row: Any
    column: Any
    rows: Any
    columns: Any
    where: Callable[[Any, Any, Any], Any]
    sign: Callable[[Any], Any]
    sqrt: Callable[[Any], Any]
    exp: Callable[[Any], Any]
    log: Callable[[Any], Any]
    abs: Callable[[Any], Any] = abs


def recording_ops(arrays: tuple[str, ...] = (), streams: tuple[str, ...] = ()) -> Ops:
    """Operations that return nodes, for an algorithm with these arrays and noise streams."""
    draws: dict[str, Node] = {}

    def noise(name: str, per: str = "element") -> Node:
        if name not in streams:
            raise ValueError(
                f"there is no noise stream {name!r}; this one has: {', '.join(streams) or 'none'}"
            )
        if per not in ("element", "row", "column"):
            raise ValueError(f"noise {name!r} per={per!r}: choose 'element', 'row' or 'column'")
        drawn = draws.setdefault(name, Node("noise", (), (name, per)))
        if drawn.label[1] != per:
            raise ValueError(
                f"noise {name!r} is drawn per {drawn.label[1]} and per {per} in one step; "
                "name two streams"
            )
        return drawn

    def call(kind: str, label: str = "") -> Callable[..., Node]:
        return lambda *args: Node(kind, tuple(as_node(a) for a in args), label)

    indices: dict[str, Any] = {n: Node("index", (), n) for n in INDICES}
    functions: dict[str, Any] = {n: call(n) for n in ("where", "sign", "sqrt", "exp", "log")}
    return Ops(
        pulse=Names("array", {name: call("pulse", name) for name in arrays}),
        response=Names("array", {name: call("response", name) for name in arrays}),
        noise=noise,
        **indices,
        **functions,
    )


def numpy_ops(**rest: Any) -> Ops:
    """Operations on NumPy arrays; `rest` gives pulse, response, noise and the indices."""
    empty = Names("array", {})
    unset = dict.fromkeys(("noise", *INDICES))
    functions = {name: getattr(elementary, name) for name in ("where", "sign", "exp", "log")}
    return Ops(**{**unset, "pulse": empty, "response": empty, **functions, "sqrt": np.sqrt, **rest})


@dataclass(frozen=True, slots=True)
class Trace:
    """A recorded function: its named lines in source order, and its results by name."""

    lines: tuple[tuple[str, Node], ...]
    result: dict[str, Node]


def record(
    function: Callable[..., Any], *args: Any, watched: tuple[Callable[..., Any], ...] = ()
) -> Trace:
    """The trace of `function` called with `args`, which are nodes.

    Lines are named after the local variables of `function` and of the `watched` functions that it
    calls.  A single returned value is called ``value``.

    >>> from aimctheory.tree.printed import lines
    >>> x = Node("state", (), "W")
    >>> def double_well(w):
    ...     square = w * w
    ...     return square * square - square
    >>> print("; ".join(lines(record(double_well, x))[0]))
    square = state_W * state_W; value = square * square - square
    """
    with _local_names((function, *watched)) as names:
        result = function(*args)
    outputs = result if isinstance(result, dict) else {"value": result}
    nodes = {name: as_node(value) for name, value in outputs.items()}
    in_order = sorted(names.values(), key=lambda item: item[1].serial)
    reached = {id(node) for node in walk(nodes.values())}
    return Trace(tuple(item for item in in_order if id(item[1]) in reached), nodes)


@contextmanager
def _local_names(
    functions: Iterable[Callable[..., Any]],
) -> Iterator[dict[int, tuple[str, Node]]]:
    """Fills a dict with the nodes that `functions` hold in local variables when they return.

    A node keeps the first name it is seen under; arguments do not count.

    Python tells a function's local names to nobody but a profiler or a debugger.  The names are
    worth one: a kernel then reads like the step it was made from.  Parsing the source would miss
    steps made by a factory, in a notebook or in a string; asking authors to name values by a call
    would put our machinery into their formulas.  A profile function sees the return of every Python
    function in this thread, at a cost that only the recording pays.  A profiler that was active
    before is put back.
    """
    codes = {getattr(each, "__code__", None) for each in functions}
    names: dict[int, tuple[str, Node]] = {}

    def at_return(frame: FrameType, event: str, _: Any) -> None:
        if event == "return" and frame.f_code in codes:
            arguments = frame.f_code.co_varnames[: frame.f_code.co_argcount]
            for name, value in frame.f_locals.items():
                if name not in arguments and isinstance(value, Node) and value.args:
                    names.setdefault(id(value), (name, value))

    before: Any = sys.getprofile()
    sys.setprofile(at_return)
    try:
        yield names
    finally:
        if hasattr(before, "enable"):  # cProfile: setprofile would not start its clock again
            before.enable()
        else:
            sys.setprofile(before)


def walk(nodes: Any) -> Iterator[Node]:
    """Every node below `nodes` once, arguments first."""
    seen: set[int] = set()
    stack = [(node, False) for node in reversed(list(nodes))]
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((arg, False) for arg in reversed(node.args))


# ---- evaluation ------------------------------------------------------------------------------

ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "&": operator.and_,
    "|": operator.or_,
    "neg": operator.neg,
    "abs": abs,
}
NUMPY_CALLS: dict[str, Callable[..., Any]] = {
    "sqrt": np.sqrt,
    **{name: getattr(elementary, name) for name in ("where", "sign", "exp", "log", "power")},
}


def evaluate(
    node: Node,
    leaf: Callable[[Node], Any],
    calls: Mapping[str, Callable[..., Any]] = NUMPY_CALLS,
) -> Any:
    """The value of `node`; `leaf` gives the value of an input, `calls` the functions.

    The default of `calls` takes NumPy arrays and has the exp, log and power of the kernels.
    """
    values: dict[int, Any] = {}
    table = {**ARITHMETIC, **calls}
    for each in walk([node]):
        if each.kind == "number":
            values[id(each)] = each.label
        elif each.kind in table:
            values[id(each)] = table[each.kind](*(values[id(a)] for a in each.args))
        else:
            values[id(each)] = leaf(each)
    return values[id(node)]
