"""Every claim file: found by walking, readable beside the page, right, and able to fail."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from aimctheory.command import discover
from aimctheory.judge.claim import Case
from aimctheory.judge.verdict import check
from aimctheory.scale import DEFAULT, QUICK
from tests.independence import SIDES, keywords

FOUND = discover.claims()
TESTABLE = [each for each in FOUND.items.values() if each.value.expected != "not testable"]
FILES = sorted({each.path for each in FOUND.items.values()})
STATISTICAL = {each.id for each in TESTABLE if each.value.level == "statistical"}
LONG = STATISTICAL | {"rf25-theorem-1-stationary"}


def claims_marked(slow):
    """One parameter for each testable claim, those of `slow` marked so."""
    marks = [[pytest.mark.slow] if each.id in slow else [] for each in TESTABLE]
    return [pytest.param(c.id, marks=m, id=c.id) for c, m in zip(TESTABLE, marks, strict=True)]


@cache
def verdict(name, scale):
    return check(FOUND.items[name].value, scale)


# -- the files ------------------------------------------------------------------------------------


def test_every_file_can_be_used():
    assert FOUND.broken == ()
    assert len(FOUND.items) >= 11


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_at_most_70_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 70


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_named_after_its_claim(path):
    ids = [each.id for each in FOUND.items.values() if each.path == path]
    names = (f"{path.parent.name}_{path.stem}", path.stem)
    assert all(name.replace("-", "_").startswith(names) for name in ids)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_function_of_the_stated_side_names_a_page(path):
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    silent = [
        function.name
        for function in stated_functions(ast.parse(text))
        if not re.search(r"\bp\. \d", "\n".join(lines[function.lineno - 1 : function.end_lineno]))
    ]
    assert silent == []


def stated_functions(tree):
    """The module's own functions that the stated sides reach, by name."""
    own = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    sides = SIDES | {"error", "within"}
    ahead = [value for call in calls for name, value in keywords(call).items() if name in sides]
    reached = {}
    while ahead:
        names = {node.id for node in ast.walk(ahead.pop()) if isinstance(node, ast.Name)}
        new = {name: own[name] for name in names & own.keys() - reached.keys()}
        reached |= new
        ahead += new.values()
    return [reached[name] for name in sorted(reached)]


@pytest.mark.parametrize("name", [each.id for each in TESTABLE])
def test_a_claim_has_three_mutants_or_more(name):
    assert len(FOUND.items[name].value.mutants) >= 3


# -- the verdicts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", claims_marked(slow=STATISTICAL))
def test_a_quick_look_gives_the_expected_verdict(name):
    found, claim = verdict(name, QUICK), FOUND.items[name].value
    allowed = {claim.expected} | ({"undecided"} if claim.level == "statistical" else set())
    assert found.verdict in allowed, found.reason


@pytest.mark.parametrize("name", claims_marked(slow=LONG))
def test_a_full_check_gives_the_expected_verdict_and_kills_every_mutant(name):
    found, claim = verdict(name, DEFAULT), FOUND.items[name].value
    assert (found.verdict, found.ok) == (claim.expected, True), found.reason
    assert [str(trial) for trial in found.mutants if not trial.killed] == []


# -- they can fail --------------------------------------------------------------------------------

# Statements that are wrong in ways no mutant of the claim is.
WRONG = {
    "minimiser and symmetric point exchanged": (
        "rf25-theorem-5",
        lambda c, m: c.center + c.w_star - m.stationary_point(c, +1, c.Sigma),
    ),
    "a penalty ten per cent too strong": (
        "rf25-theorem-5",
        lambda c, m: m.stationary_point(c, +1, 1.1 * c.Sigma),
    ),
    "a shift of second order": (
        "rf25-theorem-5-cubic",
        lambda c, m: m.stationary_point(c, +1, c.Sigma) + 0.01 * c.d**2,
    ),
    "a penalty that also sees R²": (
        "rf25-theorem-1",
        lambda c, m: m.minimiser(
            c, c.Sigma, lambda c, w: m.G(c, w) / m.F(c, w) * (1 + m.G(c, w) / 4)
        ),
    ),
    "the response for the sign of the step, not of the gradient": (
        "rf25-theorem-6",
        lambda c, m: m.metric(c, np.where(c.g[:, :-1] > 0, 1.0, -1.0)),
    ),
    "the sum over K steps as a mean over K + 1": (
        "rf25-theorem-6-gradient",
        lambda c, m: m.bound(c) * c.K / (c.K + 1),
    ),
}


@pytest.mark.parametrize("why", WRONG)
def test_a_wrong_statement_is_rejected(why):
    name, form = WRONG[why]
    claim, module = FOUND.items[name].value, module_of(name)
    wrong = replace(claim, stated=lambda c: form(c, module), corrected=None, expected="fails")
    assert check(wrong, QUICK).verdict == "fails"


def module_of(name):
    return sys.modules[FOUND.items[name].value.observe.__module__]


def exchanged(cell):
    """The cell with up and down exchanged: the sign of G is wrong."""
    return replace(cell.response, up=cell.response.down, down=cell.response.up)(**cell.numbers)


def with_parts(right, wrong, *names):
    """The case `right`, with these parts of the case `wrong`."""
    return Case(**{**right._values, **{name: getattr(wrong, name) for name in names}})


def with_exchanged_cell(observe, *names):
    """`observe` with these parts of its case from a cell whose G has the wrong sign."""
    return lambda cell, **at: with_parts(
        observe(cell, **at), observe(exchanged(cell), **at), *names
    )


def with_scaled(observe, name, factor):
    """`observe` with one number off by a factor."""

    def planted(**at):
        case = observe(**at)
        return Case(**{**case._values, name: getattr(case, name) * factor})

    return planted


# What our side may get wrong: a name, and the observation with the bug.
BUGS = {
    "the drift has the other sign of G": (
        "rf25-theorem-5", lambda observe: with_exchanged_cell(observe, "T"),
    ),
    "E|g + noise| is one per cent too large": (
        "rf25-theorem-5", lambda observe: with_scaled(observe, "Sigma", 1.01),
    ),
    "the drift root is off by a millionth": (
        "rf25-theorem-1", lambda observe: with_scaled(observe, "w_T", 1 + 1e-6),
    ),
    "the first-order term has the other sign": (
        "rf25-theorem-1-stationary", lambda observe: with_scaled(observe, "first", -1.0),
    ),
    "the simulated cell has the other sign of G": (
        "rf25-theorem-6", lambda observe: with_exchanged_cell(observe, "W", "g"),
    ),
    "the gradient is ten per cent too large": (
        "rf25-theorem-6-gradient", lambda observe: with_scaled(observe, "g", 1.1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_on_our_side_is_noticed(bug):
    name, planted = BUGS[bug]
    claim = FOUND.items[name].value
    found = check(replace(claim, observe=planted(claim.observe)), QUICK).verdict
    assert found not in (claim.expected, "undecided")
