"""From SymPy expressions to trees (`lower`) and from trees to SymPy expressions (`lift`).

`lower` fixes the order of a formula's floating-point operations once, for every engine; SymPy
itself never prints a kernel.  Its rules:

- sums and products keep SymPy's canonical order of arguments, positive terms first;
- a product has one division; a divisor without the weight becomes a factor, its reciprocal, which a
  kernel computes once for each lane;
- an integer power is a product, a half-integer power goes through sqrt;
- other powers, exp and log are the polynomials of `elementary`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sympy

from aimctheory.notation import in_exponentials, rational, w
from aimctheory.tree.recorder import Node, as_node, walk

ALLOWED = "numbers, + - * /, powers, sqrt, exp, log, sinh, cosh, tanh"


def lower(expression: sympy.Expr, leaves: Mapping[sympy.Symbol, Node]) -> Node:
    """The tree of `expression`, with `leaves` in the place of its symbols.

    Raises ValueError, naming the part, for a part outside the grammar (`ALLOWED`).

    >>> from aimctheory.tree.recorder import Node
    >>> from aimctheory.tree.printed import text
    >>> tau = sympy.Symbol("tau", positive=True)
    >>> text(lower(1 - w / tau, {w: Node("input", (), "w"), tau: Node("input", (), "tau")}))
    '1.0 - w * (1.0 / tau)'
    """
    return _lower(in_exponentials(sympy.sympify(expression)), leaves)


def _lower(e: sympy.Expr, leaves: Mapping[sympy.Symbol, Node]) -> Node:
    if e.is_Symbol:
        if e not in leaves:
            raise ValueError(f"the symbol {e} has no number; declare it as a parameter")
        return leaves[e]
    if e.is_number and not e.is_real:
        raise ValueError(f"the formula contains {e}, which is not a real number")
    if e.is_number and (e.is_Atom or isinstance(e, sympy.CRootOf)):
        return as_node(float(e))
    if e.is_Add:
        return _sum(e, leaves)
    if e.is_Mul:
        return _product(e, leaves)
    if e.is_Pow:
        return _power(e.base, e.exp, leaves)
    if isinstance(e, sympy.exp | sympy.log):
        return Node(e.func.__name__, (_lower(e.args[0], leaves),))
    raise ValueError(f"the formula contains {e.func.__name__} in {e}; allowed are {ALLOWED}")


def _sum(e: sympy.Expr, leaves: Mapping[sympy.Symbol, Node]) -> Node:
    plus = [term for term in e.args if not term.could_extract_minus_sign()]
    minus = [term for term in e.args if term.could_extract_minus_sign()]
    total = _lower(plus[0], leaves) if plus else -_lower(-minus[0], leaves)
    for term in plus[1:]:
        total = total + _lower(term, leaves)
    for term in minus[not plus :]:
        total = total - _lower(-term, leaves)
    return total


def _product(e: sympy.Expr, leaves: Mapping[sympy.Symbol, Node]) -> Node:
    coefficient, rest = e.as_coeff_Mul()
    if coefficient.is_negative:
        return -_lower(-e, leaves)
    above: list[Node] = []
    below: list[Node] = []
    scale: list[Node] = []
    for factor in sympy.Mul.make_args(rest):
        inverse = factor.is_Pow and factor.exp.is_number and factor.exp.is_negative
        part = sympy.Pow(factor.base, -factor.exp) if inverse else factor
        target = above if not inverse else below if factor.has(w) else scale
        target.append(_lower(part, leaves))
    if coefficient != 1:
        above.insert(0, as_node(float(coefficient)))
    value = _multiply(above) if above else as_node(1.0)
    if scale:
        inverse_scale = 1.0 / _multiply(scale)
        value = value * inverse_scale if above else inverse_scale
    return value / _multiply(below) if below else value


def _multiply(factors: list[Node]) -> Node:
    value = factors[0]
    for factor in factors[1:]:
        value = value * factor
    return value


def _power(base: sympy.Expr, exponent: sympy.Expr, leaves: Mapping[sympy.Symbol, Node]) -> Node:
    if base is sympy.E:
        return Node("exp", (_lower(exponent, leaves),))
    if exponent.is_number and not exponent.is_real:
        raise ValueError(f"the formula contains {base**exponent}, whose exponent is not real")
    if exponent.is_number and exponent.is_negative:
        return 1.0 / _power(base, -exponent, leaves)
    x = _lower(base, leaves)
    twice = 2 * exponent
    # The rounding error of a product chain grows with the exponent, that of `power` hardly does.
    if exponent.is_number and twice == int(twice) and abs(exponent) <= 16:
        whole = _whole_power(x, int(exponent)) if int(exponent) else None
        if exponent == int(exponent):
            return as_node(1.0) if whole is None else whole
        root = Node("sqrt", (x,))
        return whole * root if whole is not None else root
    return Node("power", (x, _lower(exponent, leaves)))


def _whole_power(x: Node, n: int) -> Node:
    if n == 1:
        return x
    half = _whole_power(x, n // 2)
    return half * half * x if n % 2 else half * half


# ---- from a tree to a formula ----------------------------------------------------------------

MEANINGS: dict[str, Callable[..., sympy.Expr]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": sympy.Mod,
    "<": sympy.Lt,
    "<=": sympy.Le,
    ">": sympy.Gt,
    ">=": sympy.Ge,
    "==": sympy.Eq,
    "!=": sympy.Ne,
    "&": sympy.And,
    "|": sympy.Or,
    "neg": lambda a: -a,
    "abs": sympy.Abs,
    "sign": sympy.sign,
    "sqrt": sympy.sqrt,
    "exp": sympy.exp,
    "log": sympy.log,
    "power": sympy.Pow,
    "where": lambda c, a, b: sympy.Piecewise((a, c), (b, True)),
}


_LITERAL: dict[str, Callable[..., sympy.Expr]] = {
    "+": lambda a, b: sympy.Add(a, b, evaluate=False),
    "-": lambda a, b: sympy.Add(a, _minus(b), evaluate=False),
    "*": lambda a, b: sympy.Mul(a, b, evaluate=False),
    "/": lambda a, b: sympy.Mul(a, sympy.Pow(b, -1, evaluate=False), evaluate=False),
    "neg": lambda a: _minus(a),
}


def _minus(a: sympy.Expr) -> sympy.Expr:
    return sympy.Mul(sympy.S.NegativeOne, a, evaluate=False)


def lift(
    node: Node,
    meaning: Callable[[Node, tuple[sympy.Expr, ...]], sympy.Expr],
    *,
    literal: bool = False,
) -> sympy.Expr:
    """The SymPy expression of `node`.

    `meaning(node, arguments)` gives the expression of an input, a draw, a pulse or a response.
    Numbers become the rationals that their decimals say (0.1 is 1/10).  A `literal` expression
    keeps every sum and product as it was written, for display with ``order="none"``: the
    compensated sum (s + y) − s − y stays, although it is 0 for real numbers.

    >>> from aimctheory.tree.recorder import Node
    >>> s, y = (Node("input", (), name) for name in "sy")
    >>> read = lambda leaf, args: sympy.Symbol(leaf.label)
    >>> lift(s + y - s - y, read)
    0
    >>> sympy.sstr(lift(s + y - s - y, read, literal=True), order="none")
    '((s + y) - s) - y'
    """
    table = {**MEANINGS, **_LITERAL} if literal else MEANINGS
    values: dict[int, sympy.Expr] = {}
    for each in walk([node]):
        args = tuple(values[id(a)] for a in each.args)
        if each.kind == "number":
            values[id(each)] = rational(each.label)
        elif each.kind in table:
            values[id(each)] = table[each.kind](*args)
        else:
            values[id(each)] = meaning(each, args)
    return values[id(node)]
