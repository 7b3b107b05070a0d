"""The stated side of a claim is typed from the paper: it reaches nothing of our own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.independence import inspected

CLAIMS = Path(__file__).resolve().parents[1] / "aimctheory" / "claims"


def test_no_stated_side_reaches_our_theory_or_simulator():
    assert (CLAIMS.parent / "judge" / "claim.py").exists()
    files = [f for f in sorted(CLAIMS.rglob("*.py")) if not f.name.startswith("_")]
    assert len(files) >= 16
    results = {file.name: inspected(file, CLAIMS) for file in files}
    objections = [line for found, _ in results.values() for line in found]
    assert objections == []
    assert [name for name, (_, sides) in results.items() if sides < 2] == []


HEADER = """
import math
import mpmath
import numpy as np
from aimctheory import exact
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import rate
from aimctheory.exact import drift_root as root, drift_root
import aimctheory.simulator.simulate as sim

def slope(c: Case, sign: float = 1.0) -> np.ndarray:
    return sign * np.array([math.sqrt(x) for x in c.d if x > 0])
"""

CLEAN = (
    HEADER
    + """
TABLE = {"a": 2.0, "b": lambda c: c.q_up(0.0)}

def observe(cell):
    values = exact.drift_root(cell)
    return Case(d=values, w=sim.simulate(cell))

def law(order, factor=lambda c: 1.0):
    return Claim("c", relation=rate(along="d", order=order, error=lambda c, s: abs(c.T(s))),
        observe=observe, hypotheses={"A2": lambda c: c.d.ndim == 1}, computed=None,
        stated=lambda c: order * factor(c) * slope(c, -1) * TABLE["b"](c),
        mutants=[Mutant("why", stated=lambda c: mpmath.mpf(2) * max(c.d))])

claim = law(2)
claims = (law(3, lambda c: c.d), claim)
more = [Claim("c", computed=lambda c: k * c.d, stated=slope) for k in (1.0, 2.0)]
"""
)


def objections(tmp_path: Path, text: str, **others: str) -> list[str]:
    for name, other in others.items():
        file = tmp_path / f"{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(other, encoding="utf-8")
    path = tmp_path / "planted.py"
    path.write_text(text, encoding="utf-8")
    return inspected(path)[0]


def test_a_clean_file_passes(tmp_path):
    assert objections(tmp_path, CLEAN) == []
    assert inspected(tmp_path / "planted.py")[1] == 7


PLANTED = {
    "directly": 'Claim("c", stated=exact.drift_root)',
    "in a lambda": 'Claim("c", stated=lambda c: exact.drift_root(c.d))',
    "by an alias": 'Claim("c", stated=lambda c: root(c.d))',
    "by a module alias": 'Claim("c", stated=lambda c: sim.simulate(c.d))',
    "in the correction": 'Claim("c", corrected=lambda c: drift_root(c.d))',
    "in the computed side": 'Claim("c", computed=lambda c: drift_root(c.d))',
    "in a hypothesis": 'Claim("c", hypotheses={"A": lambda c: drift_root(c.d) > 0})',
    "in a mutant": 'Mutant("why", stated=lambda c: drift_root(c.d))',
    "in an error": 'rate(along="d", order=1, error=lambda c, s: drift_root(s))',
    "in a tolerance": "exists(equal(within=lambda c: drift_root(c.d)))",
    "in a helper": 'def f(c): return drift_root(c.d)\nClaim("c", stated=lambda c: f(c))',
    "in a helper's helper": """
def g(c): return drift_root(c.d)
def f(c): return g(c)
Claim("c", stated=f)""",
    "in a named lambda": 'f = lambda c: drift_root(c.d)\nClaim("c", stated=f)',
    "behind a local name": """
def f(c):
    solve = exact
    return solve.drift_root(c.d)
Claim("c", stated=f)""",
    "by an import inside": """
def f(c):
    from aimctheory.derive import drift
    return drift(c)
Claim("c", stated=f)""",
    "in a default": 'def f(c, T=drift_root): return T(c)\nClaim("c", stated=f)',
    "in a decorator": '@drift_root\ndef f(c): return 1\nClaim("c", stated=f)',
    "in a table": 'TABLE = {"a": drift_root}\nClaim("c", stated=lambda c: TABLE["a"](c))',
    "in an unpacking": 'a, b = 1, drift_root(2)\nClaim("c", stated=lambda c: b)',
    "in a loop": 'for f in (drift_root,):\n    Claim("c", stated=lambda c: f(c))',
    "in a comprehension": '[Claim("c", stated=lambda c: f(c)) for f in (drift_root,)]',
    "in a later loop of one": '[Claim("c", stated=g) for f in (drift_root,) for g in (f, abs)]',
    "in a class": """
class F:
    def __call__(self, c): return drift_root(c.d)
Claim("c", stated=F())""",
    "in a factory": """
def law(f): return Claim("c", stated=lambda c: f(c))
claims = law(lambda c: drift_root(c.d)), law(f=math.sqrt)""",
    "in a factory's default": """
def law(f=drift_root): return Claim("c", stated=lambda c: f(c))
claim = law()""",
    "in a factory's local": """
def law():
    f = drift_root
    return Claim("c", stated=lambda c: f(c))""",
    "shadowed elsewhere": """
def f(c):
    inner = [exact for exact in c.d]
    return exact.drift_root(c.d)
Claim("c", stated=f)""",
    "written into a table": """
TABLE = {}
def observe(cell): TABLE["a"] = drift_root(cell)
Claim("c", stated=lambda c: TABLE["a"])""",
    "appended to a list": """
LIST = []
def observe(cell): LIST.append(drift_root(cell))
Claim("c", stated=lambda c: LIST[0])""",
    "as a global": """
value = 0
def observe(cell):
    global value
    value = drift_root(cell)
Claim("c", stated=lambda c: value)""",
    "behind a function's attributes": 'Claim("c", stated=lambda c: c.T.__closure__)',
    "by getattr": 'Claim("c", stated=lambda c: getattr(c, "T"))',
    "by eval": 'Claim("c", stated=lambda c: eval("exact"))',
    "by replace": "from dataclasses import replace\nreplace(claim, stated=drift_root)",
    "by two stars": 'parts = {"stated": drift_root}\nClaim("c", **parts)',
    "by two stars into a renamed Claim": """
from aimctheory.judge.claim import Claim as C
C("c", **{"stated": drift_root})""",
    "by a star import": 'from aimctheory.exact import *\nClaim("c", stated=lambda c: 1)',
    "by a library of ours": 'from aimctheory.statistics import student as s\nClaim("c", stated=s)',
    "by the notation": 'from aimctheory.notation import w\nClaim("c", stated=lambda c: w)',
    "by another library": 'import os\nClaim("c", stated=lambda c: os.environ)',
    "by an unknown name": 'Claim("c", stated=lambda c: mystery(c))',
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_violation_is_caught(tmp_path, planted):
    assert objections(tmp_path, HEADER + planted)


def test_an_objection_names_the_line_and_the_name(tmp_path):
    text = 'from aimctheory.exact import drift_root\nClaim("c", stated=drift_root)'
    assert objections(tmp_path, text) == [
        "planted.py:1: the stated of line 2 reaches aimctheory.exact.drift_root"
    ]


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("from aimctheory.claims.other import f", "other"),
        ("from .other import f", "other"),
        ("from aimctheory.claims._formulas import f", "_formulas"),
        ("from aimctheory.claims.rf25._formulas import f", "rf25/_formulas"),
    ],
)
def test_another_file_of_claims_is_followed(tmp_path, line, file):
    text = f'{line}\nClaim("c", stated=lambda c: f(c))'
    assert objections(tmp_path, text, **{file: "def f(c): return c.d"}) == []
    caught = objections(tmp_path, text, **{file: HEADER + "def f(c): return drift_root(c.d)"})
    name = Path(file).name
    assert caught == [f"{name}.py:8: the stated of line 2 reaches aimctheory.exact.drift_root"]


def test_a_reach_planted_in_a_shared_formula_is_caught_in_every_claim_that_uses_it(tmp_path):
    copy = Path(shutil.copytree(CLAIMS, tmp_path / "claims"))
    shared = copy / "rf25" / "_formulas.py"
    text = shared.read_text(encoding="utf-8")
    planted = text.replace("    return (c.q_down(w) - c.q_up(w)) / 2", "    return drift_root(w)")
    assert planted != text
    shared.write_text(planted + "\n\nfrom aimctheory.exact import drift_root\n", encoding="utf-8")
    caught = {
        file.stem
        for file in sorted(copy.rglob("[!_]*.py"))
        if any("aimctheory.exact.drift_root" in line for line in inspected(file, copy)[0])
    }
    # Theorem 2 uses G too, but only to observe E_K: its stated sides do not reach it.
    assert caught == {
        "theorem_1",
        "theorem_1_simulated",
        "theorem_1_stationary",
        "theorem_5",
        "theorem_5_cubic",
        "theorem_6",
    }
