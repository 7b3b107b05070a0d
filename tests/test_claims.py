"""Every claim file: found by walking, readable beside the page, right, and able to fail."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import fields, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from aimctheory.claims.rf25 import _formulas
from aimctheory.command import discover
from aimctheory.judge.claim import Case, Claim
from aimctheory.judge.relation import quantity
from aimctheory.judge.verdict import check
from aimctheory.scale import DEFAULT, QUICK
from tests.independence import SIDES, keywords

FOUND = discover.claims()
TESTABLE = [each for each in FOUND.items.values() if each.value.expected != "not testable"]
FILES = sorted({each.path for each in FOUND.items.values()})
CLAIMS = discover.here().claims
README = CLAIMS.parents[1] / "README.md"

# A claim read as a story: what it says, how the evidence is made, what is compared, what must die.
ORDER = [each.name for each in fields(Claim) if each.kw_only]
STATISTICAL = {each.id for each in TESTABLE if each.value.level == "statistical"}
LONG = STATISTICAL | {"rf25-theorem-1-stationary", "rf25-corollary-1-orders"}


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
def test_a_file_is_named_after_its_claim(path):
    ids = [each.id for each in FOUND.items.values() if each.path == path]
    names = (f"{path.parent.name}_{path.stem}", path.stem)
    assert all(name.replace("-", "_").startswith(names) for name in ids)


def calls_of(text, name):
    """The calls of `name` ("Claim" or "Mutant") in a file, by that name."""
    calls = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    return [call for call in calls if getattr(call.func, "id", "") == name]


def disorder(text):
    """What is out of order in the claims and mutants of a file."""
    found = []
    for name in ("Claim", "Mutant"):
        for call in calls_of(text, name):
            given = [keyword.arg for keyword in call.keywords]
            if len(call.args) != {"Claim": 4, "Mutant": 1}[name] or set(given) - set(ORDER):
                found.append(f"line {call.lineno}: what stands by position, and what by name")
            elif given != sorted(given, key=ORDER.index):
                found.append(f"line {call.lineno}: {', '.join(given)}")
    return found


@pytest.mark.parametrize("path", [*FILES, README], ids=lambda path: path.stem)
def test_a_claim_and_its_mutants_have_their_keywords_in_one_order(path):
    text = path.read_text(encoding="utf-8")
    if path == README:
        (text,) = re.findall(r"```python\n(# new file: aimctheory/claims/.*?)```", text, re.DOTALL)
    assert calls_of(text, "Claim")
    assert disorder(text) == []


@pytest.mark.parametrize(
    "planted",
    [
        'Claim("c", "t", "s", SOURCE, relation=equal(within=1), expected="holds")',
        'Claim("c", "t", "s", SOURCE, observe=f, instances=g)',
        'Claim("c", "t", "s", expected="holds", source=SOURCE)',
        'Mutant("why", stated=f, instances=g)',
    ],
)
def test_another_order_is_noticed(planted):
    assert len(disorder(planted)) == 1


def borrowed(text):
    """The modules of the claims folder that a file imports from, and the names it takes."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("aimctheory.claims."):
            for alias in node.names:
                whole = file_of(f"{node.module}.{alias.name}")
                yield (whole, "") if whole.exists() else (file_of(node.module), alias.name)


def file_of(module):
    return CLAIMS.joinpath(*module.split(".")[2:]).with_suffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_that_uses_another_claim_says_that_it_varies_its_experiment(path):
    text = path.read_text(encoding="utf-8")
    said = ast.get_docstring(ast.parse(text))
    others = {file.stem for file, _ in borrowed(text) if not file.name.startswith("_")}
    assert len(others) <= 1
    assert all(f"A variation of the experiment of `{other}`" in said for other in others)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_function_of_the_stated_side_names_a_page(path):
    silent = [
        f"{file.name}: {function.name}"
        for file, function in stated_functions(path)
        if not re.search(r"\bp\. \d", source_of(file, function))
    ]
    assert silent == []


def source_of(file: Path, function: ast.FunctionDef):
    lines = file.read_text(encoding="utf-8").splitlines()
    return "\n".join(lines[function.lineno - 1 : function.end_lineno])


def stated_functions(path):
    """Every function that the stated sides of a file reach by name, with the file it stands in."""
    text = path.read_text(encoding="utf-8")
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    sides = SIDES | {"error", "within"}
    ahead = [
        (path, value) for call in calls for name, value in keywords(call).items() if name in sides
    ]
    reached = {}
    while ahead:
        file, place = ahead.pop()
        for name in {node.id for node in ast.walk(place) if isinstance(node, ast.Name)}:
            home, function = function_named(name, file)
            if function is not None and (home, name) not in reached:
                reached[home, name] = function
                ahead.append((home, function))
    return [(file, function) for (file, _), function in sorted(reached.items(), key=lambda x: x[0])]


def function_named(name, file):
    """The function that a name of a claim file means, there or in the file it is imported from."""
    text = file.read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return file, node
    homes = [home for home, taken in borrowed(text) if taken == name]
    return function_named(name, homes[0]) if homes else (file, None)


def test_the_shared_formulas_are_among_the_functions_of_the_stated_sides():
    reached = {f"{file.stem}.{f.name}" for path in FILES for file, f in stated_functions(path)}
    assert {"_formulas.F", "_formulas.G", "_formulas.F_max", "theorem_5.slope_of_R"} <= reached


@pytest.mark.parametrize("name", [each.id for each in TESTABLE])
def test_the_docstring_that_is_shown_is_that_of_the_claims_own_file(name):
    assert Path(module_of(name).__file__) == FOUND.items[name].path


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
        lambda c, m: m.stationary_point(c, +1, c.Sigma) + 0.01 * c.d[:, None] ** 2,
    ),
    "a penalty that also sees R²": (
        "rf25-theorem-1",
        lambda c, m: m.minimiser(
            c, c.Sigma, lambda c, w: _formulas.R(c, w) * (1 + _formulas.G(c, w) / 4)
        ),
    ),
    "the response for the sign of the step, not of the gradient": (
        "rf25-theorem-6",
        lambda c, m: m.metric(c, np.where(c.g[:, :-1] > 0, 1.0, -1.0)),
    ),
    "the Hessian without the coupling of two coordinates": (
        "rf25-theorem-5",
        lambda c, m: m.stationary_point(c, +1, c.Sigma, np.where(c.H == -0.8, 0.0, c.H)),
    ),
    "Σ of another coordinate": (
        "rf25-theorem-5",
        lambda c, m: m.stationary_point(c, +1, np.roll(c.Sigma, 1)),
    ),
    "f(W_0) + f* for f(W_0) − f*": (
        "ex24-equation-5",
        lambda c, m: m.bound(c, below=-1),
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
    wrong = replace(
        claim,
        stated=lambda c: form(c, module),
        corrected=None,
        hypotheses={**claim.hypotheses, **claim.unprinted},
        unprinted={},
        expected="fails",
    )
    assert check(wrong, QUICK).verdict == "fails"


# The order that is left without a hypothesis: it is the reason why the mutant is false.
ORDERS_LEFT = [
    ("rf25-theorem-1", "skew noise: order 2", 2.0),
    ("rf25-theorem-1", "noise with an atom at 0: order 2", 2.0),
    ("rf25-theorem-1", "a density of |ξ|^(−1/2): order 5/2", 2.5),
    ("rf25-theorem-1-stationary", "skew noise: order 2", 2.0),
    ("rf25-theorem-5", "f'' not Lipschitz: order 3/2", 1.5),
    ("rf25-theorem-5-cubic", "skew noise", 2.0),
    ("rf25-theorem-5-cubic", "noise with an atom at 0", 2.0),
]


@pytest.mark.parametrize(("name", "why", "order"), ORDERS_LEFT)
def test_without_its_hypothesis_a_rate_has_the_order_that_the_mutant_names(name, why, order):
    claim = FOUND.items[name].value
    (mutant,) = [each for each in claim.mutants if each.why == why]
    for setting in mutant.instances(QUICK):
        case = claim.observe(**setting)
        assert not all(np.all(test(case)) for test in claim.hypotheses.values())
        computed = quantity(claim.computed(case), "computed") if claim.computed else None
        stated = (claim.corrected or claim.stated)(case)
        found = claim.relation.judge(case, computed, stated)
        assert found.computed == pytest.approx(order, abs=0.02)


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
        "rf25-theorem-5",
        lambda observe: with_exchanged_cell(observe, "T"),
    ),
    "E|g + noise| is one per cent too large": (
        "rf25-theorem-5",
        lambda observe: with_scaled(observe, "Sigma", 1.01),
    ),
    "the drift root is off by a millionth": (
        "rf25-theorem-1",
        lambda observe: with_scaled(observe, "w_T", 1 + 1e-6),
    ),
    "the first-order term has the other sign": (
        "rf25-theorem-1-stationary",
        lambda observe: with_scaled(observe, "first", -1.0),
    ),
    "the simulated cell has the other sign of G": (
        "rf25-theorem-6",
        lambda observe: with_exchanged_cell(observe, "W", "g"),
    ),
    "the gradient is ten per cent too large": (
        "rf25-theorem-6-gradient",
        lambda observe: with_scaled(observe, "g", 1.1),
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_on_our_side_is_noticed(bug):
    name, planted = BUGS[bug]
    claim = FOUND.items[name].value
    found = check(replace(claim, observe=planted(claim.observe)), QUICK).verdict
    assert found not in (claim.expected, "undecided")
