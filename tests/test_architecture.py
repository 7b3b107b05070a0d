"""The import law, and the few rules about files that tools do not check."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "aimctheory"

# A package stands for all of its modules; what is not listed belongs to "report", on top of all.
SIDES = {
    "definitions": {
        "notation", "trace", "written", "elementary", "symbolic", "response", "closed_form",
        "catalogue", "device", "balls", "roots", "certify", "laws", "algorithms", "objectives",
    },
    "theory": {"derive", "exact"},
    "experiment": {
        "noise", "lanes", "lane_cell", "problem", "plan", "kernel_text", "compiled", "kernels",
        "engine", "reference", "march", "simulate", "run",
    },
    "statistics": {"statistics", "controls"},
    "scale": {"scale"},
    "runner": {"claim", "relation", "rates", "verdict"},
    "claims": {"claims"},
    "figures": {"figures"},
    "analyses": {"analyses"},
    "report": set(),
}  # fmt: skip
SIDE_OF = {module: side for side, modules in SIDES.items() for module in modules}
FRONT_DOOR = "__init__"

# What each side may import, besides itself.
MAY_IMPORT = {
    "definitions": set(),
    "theory": {"definitions"},
    "experiment": {"definitions", "statistics"},
    "statistics": set(),
    "scale": set(),
    "runner": {"scale", "statistics", "notation"},
    "claims": {"definitions", "theory", "experiment", "statistics", "scale", "runner"},
    "figures": {"scale", "notation"},
    "analyses": {"definitions", "theory", "experiment", "statistics", "scale", "runner", "figures"},
    "report": {*SIDES} - {"analyses"},
}

# Modules whose imports are narrower than their side's.
ONLY = {
    "notation": set(),
    "elementary": set(),
    "noise": {"elementary"},
    "lanes": {"noise", "elementary"},
    "trace": {"notation", "elementary"},
    "written": {"trace"},
    "symbolic": {"notation", "trace", "written"},
    "laws": {"notation"},
    "algorithms": {"notation", "algorithms"},
    "objectives": {"notation", "objectives"},
    "derive": SIDES["definitions"] | {"derive"} - {"elementary"},
}

# Libraries that belong to some modules only.
RESERVED = {
    "matplotlib": {"figures", "analyses"},
    "numba": {"compiled", "doctor"},
    "llvmlite": {"compiled"},
    "sklearn": {"objectives"},
    "flint": {"balls", "certify", "roots", "claims"},
}
NO_NUMPY = {"algorithms"}


def files() -> list[Path]:
    return sorted([*PACKAGE.rglob("*.py"), *ROOT.glob("analyses/*.py")])


def place(file: Path) -> str:
    """The name by which the tables above know a file: its module or its package."""
    if file.is_relative_to(PACKAGE):
        return file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "analyses"


def imports(source: str) -> Iterator[tuple[str, str]]:
    """(package, module below it) of every import, wherever in the file it stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide what is imported"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            package, _, rest = name.partition(".")
            yield package, rest.partition(".")[0]


def objections(module: str, source: str) -> list[str]:
    """What a file imports against the law."""
    side = SIDE_OF.get(module, "report")
    below = MAY_IMPORT[side] | {side}
    found = []
    for package, name in imports(source):
        if package == "aimctheory" and name != "__version__":
            whole = (
                name
                if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").exists()
                else FRONT_DOOR
            )
            if whole == FRONT_DOOR:
                lawful = side in ("claims", "analyses", "report")
            else:
                lawful = name in ONLY.get(module, {name}) and (
                    SIDE_OF.get(name, "report") in below or name in below
                )
            if not lawful:
                found.append(f"{module} imports {whole}")
        elif module not in RESERVED.get(package, {module}) or (
            package == "numpy" and module in NO_NUMPY
        ):
            found.append(f"{module} imports {package}")
    return found


@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(ROOT)))
def test_a_module_imports_only_what_its_side_may(file):
    assert objections(place(file), file.read_text()) == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("derive", "from aimctheory.simulate import simulate"),
        ("exact", "from aimctheory import statistics"),
        ("exact", "import aimctheory.noise"),
        ("simulate", "from aimctheory.exact.drift import drift_root"),
        ("statistics", "from aimctheory.notation import w"),
        ("noise", "from aimctheory.trace import Node"),
        ("elementary", "from aimctheory import noise"),
        ("algorithms", "import numpy as np"),
        ("algorithms", "from aimctheory.device import Device"),
        ("derive", "import matplotlib.pyplot as plt"),
        ("reference", "import numba"),
        ("claim", "from aimctheory.exact import drift_root"),
        ("device", "def f():\n    from aimctheory.simulate import simulate"),
        ("trace", "import aimctheory as at"),
        ("simulate", "from aimctheory.claims import rf25_theorem_5"),
    ],
)
def test_a_planted_import_is_objected_to(module, line):
    assert len(objections(module, line)) == 1


def test_every_module_is_on_one_side_and_exists():
    assert len(SIDE_OF) == sum(len(modules) for modules in SIDES.values())
    assert sorted(SIDE_OF.keys() - {place(file) for file in files()}) == []


@pytest.mark.parametrize(
    "file",
    [*files(), *sorted(ROOT.glob("tests/**/*.py"))],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_no_file_exceeds_400_lines(file):
    assert len(file.read_text().splitlines()) <= 400


def public_without_docstring(tree: ast.Module) -> Iterator[str]:
    """The module and every public class, method and function of it without a docstring."""
    holders: list[ast.Module | ast.ClassDef] = [tree]
    if ast.get_docstring(tree) is None:
        yield "the module"
    while holders:
        for node in holders.pop().body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                if ast.get_docstring(node) is None:
                    yield node.name
                if isinstance(node, ast.ClassDef):
                    holders.append(node)


@pytest.mark.parametrize(
    "file",
    [f for f in files() if place(f) not in ("claims", "analyses") and f.stat().st_size],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_everything_public_says_what_it_is(file):
    assert list(public_without_docstring(ast.parse(file.read_text()))) == []


@pytest.mark.parametrize(
    "file",
    [f for f in files() if place(f) not in ("cli", "__main__")],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_nothing_prints_but_the_command_line(file):
    calls = [
        node.func for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)
    ]
    assert [call.id for call in calls if isinstance(call, ast.Name) and call.id == "print"] == []
