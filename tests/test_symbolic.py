"""Lowering fixes the order of the operations; lifting reads a recorded tree as mathematics."""

import pytest
import sympy
from sympy import Rational, cosh, exp, log, sinh, sqrt, tanh

from aimctheory.notation import positive, real, w
from aimctheory.tree.formulas import lift, lower
from aimctheory.tree.printed import text
from aimctheory.tree.recorder import Node

tau, gamma, c = positive("tau"), positive("gamma"), real("c")


def lowered(formula: sympy.Expr) -> str:
    return text(lower(formula, {s: Node("input", (), s.name) for s in (w, tau, gamma, c)}))


# Each line is a rule of the module's docstring, applied by hand.
RULES = [
    (1 - w / tau, "1.0 - w * (1.0 / tau)"),  # a divisor without the weight: its reciprocal
    (1 / (tau + w), "1.0 / (w + tau)"),  # a divisor with the weight: one division
    (c / (tau * (1 + w)), "c * (1.0 / tau) / (1.0 + w)"),
    (-w + c, "c - w"),  # positive terms first
    (-w - c, "-c - w"),
    (w**2, "w * w"),
    (w**3, "w * w * w"),
    (w**-2, "1.0 / (w * w)"),
    (sqrt(tau + w), "sqrt(w + tau)"),
    (sqrt(tau + w) ** 3, "(w + tau) * sqrt(w + tau)"),
    ((tau + w) ** Rational(1, 3), "power(w + tau, 0.3333333333333333)"),
    (w**17, "power(w, 17.0)"),
    ((tau + w) ** gamma, "power(w + tau, gamma)"),
    (exp(c * w), "exp(c * w)"),
    (log(tau + w), "log(w + tau)"),
    (cosh(w), "0.5 * exp(w) + 0.5 * exp(-w)"),
    (sympy.pi * w, "3.141592653589793 * w"),
    (sympy.Integer(2), "2.0"),
]


@pytest.mark.parametrize(("formula", "expected"), RULES, ids=[str(rule[0]) for rule in RULES])
def test_each_rule_of_lowering_gives_its_text(formula, expected):
    assert lowered(formula) == expected


@pytest.mark.parametrize("name", ["sin", "Abs", "Max", "gamma", "floor", "asinh", "erf", "sign"])
def test_a_function_outside_the_grammar_is_named_with_what_is_allowed(name):
    function = getattr(sympy, name)
    formula = 1 + (function(w, tau) if name == "Max" else function(w))
    with pytest.raises(
        ValueError, match=rf"contains {name} in {name}\(.*allowed are numbers, \+ -"
    ):
        lowered(formula)


def test_a_piecewise_formula_is_outside_the_grammar():
    with pytest.raises(ValueError, match="contains Piecewise"):
        lowered(sympy.Piecewise((w, w > 0), (tau, True)))


@pytest.mark.parametrize(
    "formula", [sympy.I * w, sympy.nan, sympy.oo, sympy.zoo * w, (-1) ** Rational(1, 3) * w]
)
def test_a_number_that_is_not_real_is_refused(formula):
    with pytest.raises(ValueError, match="not a real number"):
        lowered(formula)


def test_an_exponent_that_is_not_real_is_refused():
    with pytest.raises(ValueError, match="exponent is not real"):
        lowered(w**sympy.I)


def test_a_symbol_without_a_leaf_is_named():
    with pytest.raises(ValueError, match="the symbol elsewhere has no number"):
        lowered(w * sympy.Symbol("elsewhere"))


FORMULAS = [
    (1 + c) * (1 - w / tau),
    (exp(gamma * (1 - w / tau)) - 1) / (exp(gamma) - 1),
    (1 - w / tau) ** gamma,
    tanh(w) + sinh(w) / cosh(w),
    (w - c) ** 5 / (tau**2 + w**2) ** 2,
    sqrt(tau - w) ** 3 * log(tau + w),
]


@pytest.mark.parametrize("formula", FORMULAS, ids=str)
def test_lifting_a_lowered_formula_gives_the_formula_back(formula):
    symbols = {s.name: s for s in formula.free_symbols}
    tree = lower(formula, {s: Node("input", (), s.name) for s in formula.free_symbols})
    lifted = lift(tree, lambda leaf, args: symbols[leaf.label])
    point = {w: Rational(2, 7), tau: Rational(11, 13), gamma: Rational(5, 3), c: Rational(-3, 10)}
    exact, back = (each.subs(point).evalf(60) for each in (formula, lifted))
    assert abs(back - exact) < Rational(1, 10**50)


def test_a_short_decimal_is_lifted_as_the_rational_it_says():
    x = Node("input", (), "x")
    assert lift(0.1 * x, lambda leaf, args: w) == w / 10


def test_lifting_reads_comparisons_and_where_as_a_piecewise():
    x = Node("input", (), "x")
    choice = Node("where", (x > 0.0, x, -x))
    assert lift(choice, lambda leaf, args: w) == sympy.Piecewise((w, w > 0), (-w, True))


def test_lifting_asks_for_the_meaning_of_a_pulse_with_its_arguments():
    x = Node("state", (), "W")
    pulse = Node("pulse", (x, x * 2.0), "W")
    seen = []

    def meaning(node, args):
        seen.append((node.kind, args))
        return w if not args else args[0] + args[1]

    assert lift(pulse, meaning) == 3 * w
    assert seen[-1] == ("pulse", (w, 2 * w))
