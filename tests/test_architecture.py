"""The import law, and the few rules about files that tools do not check."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "aimctheory"

# A folder stands for all of its modules; what is not listed belongs to "command", on top of all.
SIDES = {
    "definitions": {
        "notation",
        "tree",
        "certified",
        "response",
        "device",
        "catalogue",
        "laws",
        "algorithms",
        "objectives",
    },
    "theory": {"derive", "exact"},
    "experiment": {"simulator"},
    "statistics": {"statistics", "controls"},
    "scale": {"scale"},
    "judge": {"judge"},
    "claims": {"claims"},
    "figures": {"figures"},
    "display": {"display"},
    "analyses": {"analyses"},
    "command": {"command"},
}
SIDE_OF = {folder: side for side, folders in SIDES.items() for folder in folders}
FRONT_DOOR = "__init__"

# What each side may import, besides itself.
MAY_IMPORT = {
    "definitions": set(),
    "theory": {"definitions"},
    "experiment": {"definitions", "statistics"},
    "statistics": set(),
    "scale": set(),
    "judge": {"scale", "statistics", "notation", "certified"},
    "claims": {"definitions", "theory", "experiment", "statistics", "scale", "judge"},
    "figures": {"scale", "notation"},
    "display": {"definitions", "theory", "experiment", "statistics", "scale", "figures"},
    "analyses": {"definitions", "theory", "experiment", "statistics", "scale", "judge", "figures"},
    "command": {*SIDES} - {"analyses"},
}

# Folders and modules whose imports are narrower than their side's.
ONLY = {
    "notation": set(),
    "tree": {"notation", "tree", "algorithms"},
    "tree.elementary": set(),
    "tree.pulse": set(),
    "tree.recorder": {"notation", "tree.elementary"},
    "tree.printed": {"tree.recorder"},
    "tree.formulas": {"notation", "tree.recorder", "tree.printed"},
    "laws": {"notation"},
    "algorithms": {"notation", "algorithms"},
    "objectives": {"notation", "objectives"},
    "simulator.draw_counter": {"tree.elementary"},
    "simulator.noise": {"simulator.draw_counter", "tree.elementary"},
    "simulator.block_layout": set(),
    "simulator.dynamic_range": {"tree.elementary"},
    "simulator.engine": set(),
    "simulator.lane_draws": {
        "simulator.block_layout",
        "simulator.draw_counter",
        "simulator.noise",
    },
    "simulator.lane_loops": {
        "simulator.block_layout",
        "simulator.draw_counter",
        "simulator.engine",
        "simulator.lane_draws",
        "simulator.lane_watch",
    },
    "simulator.lane_watch": {"simulator.block_layout", "simulator.dynamic_range"},
}
NEVER = {"derive": {"tree.elementary"}}

# Libraries that belong to some folders and modules only.
RESERVED = {
    "matplotlib": {"figures", "analyses"},
    "numba": {"simulator.numba_rules", "command.doctor"},
    "llvmlite": {"simulator.numba_rules"},
    "sklearn": {"objectives"},
    "flint": {"certified", "claims"},
}
NO_NUMPY = {"algorithms"}


def files() -> list[Path]:
    return sorted([*PACKAGE.rglob("*.py"), *ROOT.glob("analyses/*.py")])


def place(file: Path) -> str:
    """The name by which the tables above know a file: its module, as in "tree.recorder"."""
    if file.is_relative_to(PACKAGE):
        return ".".join(file.relative_to(PACKAGE).with_suffix("").parts)
    return "analyses"


def folder(module: str) -> str:
    return module.partition(".")[0]


def within(module: str, names: set[str]) -> bool:
    """Whether a module is one of these, or lies in one of these folders."""
    return any(f"{module}.".startswith(f"{name}.") for name in names)


def imports(source: str) -> Iterator[tuple[str, str]]:
    """(package, what is below it) of every import, wherever in the file it stands."""
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
            yield package, rest


def is_lawful(module: str, target: str) -> bool:
    """Whether a module may import what is called `target` below the package."""
    side, name = SIDE_OF.get(folder(module), "command"), folder(target)
    if not ((PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").exists()):
        return side in ("claims", "analyses", "command")  # a name of the front door
    below = MAY_IMPORT[side] | {side}
    narrower = all(within(target, only) for place, only in ONLY.items() if within(module, {place}))
    barred = any(within(target, never) for place, never in NEVER.items() if within(module, {place}))
    return narrower and not barred and (SIDE_OF.get(name, "command") in below or name in below)


def objections(module: str, source: str) -> list[str]:
    """What a file imports against the law."""
    found = []
    for package, target in imports(source):
        if package == "aimctheory" and target != "__version__":
            if not is_lawful(module, target):
                found.append(f"{module} imports {target or FRONT_DOOR}")
        elif not within(module, RESERVED.get(package, {module})) or (
            package == "numpy" and within(module, NO_NUMPY)
        ):
            found.append(f"{module} imports {package}")
    return found


@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(ROOT)))
def test_a_module_imports_only_what_its_side_may(file):
    assert objections(place(file), file.read_text()) == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("derive", "from aimctheory.simulator.simulate import simulate"),
        ("exact", "from aimctheory import statistics"),
        ("exact", "import aimctheory.simulator.noise"),
        ("simulator.simulate", "from aimctheory.exact.drift import drift_root"),
        ("statistics", "from aimctheory.notation import w"),
        ("simulator.noise", "from aimctheory.tree.recorder import Node"),
        ("tree.elementary", "from aimctheory.simulator import noise"),
        ("tree.elementary", "from aimctheory.tree.recorder import Node"),
        ("algorithms", "import numpy as np"),
        ("algorithms", "from aimctheory.device import Device"),
        ("derive", "import matplotlib.pyplot as plt"),
        ("simulator.reference_engine", "import numba"),
        ("judge.claim", "from aimctheory.exact import drift_root"),
        ("device", "def f():\n    from aimctheory.simulator.simulate import simulate"),
        ("tree.recorder", "import aimctheory as at"),
        ("simulator.simulate", "from aimctheory.claims.rf25 import theorem_5"),
        ("judge.relation", "from aimctheory.response import Response"),
        ("derive.averaging", "from aimctheory.tree.elementary import exp"),
        ("certified.zeros", "import numba"),
        ("display.kernels", "from aimctheory.command.report import number"),
        ("simulator.simulate", "from aimctheory.display.kernels import describe_kernel"),
    ],
)
def test_a_planted_import_is_objected_to(module, line):
    assert len(objections(module, line)) == 1


def test_every_module_is_on_one_side_and_exists():
    assert len(SIDE_OF) == sum(len(modules) for modules in SIDES.values())
    assert sorted(SIDE_OF.keys() - {folder(place(file)) for file in files()}) == []
    known = {place(file) for file in files()}
    named = {*ONLY, *NEVER}.union(*ONLY.values(), *NEVER.values(), *RESERVED.values())
    assert [name for name in sorted(named) if not any(within(each, {name}) for each in known)] == []


def file_of(target: str) -> str:
    """The module that an import of what is called `target` below the package reaches."""
    parts = target.split(".")
    while parts and not PACKAGE.joinpath(*parts).with_suffix(".py").exists():
        if PACKAGE.joinpath(*parts, "__init__.py").exists():
            return ".".join([*parts, "__init__"])
        parts.pop()
    return ".".join(parts) or FRONT_DOOR


def imported_files(sources: dict[str, str]) -> dict[str, set[str]]:
    """Which module imports which, wherever in it the import stands; the front door apart."""
    return {
        module: {file_of(target) for package, target in imports(source) if package == "aimctheory"}
        - {FRONT_DOOR, module}
        for module, source in sources.items()
        if module != FRONT_DOOR
    }


SOURCES = {place(file): file.read_text() for file in files() if file.is_relative_to(PACKAGE)}


def test_no_modules_import_each_other_in_a_circle():
    order = list(TopologicalSorter(imported_files(SOURCES)).static_order())
    assert order.index("notation") < order.index("device") < order.index("simulator.simulate")


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("device", "def f():\n    from aimctheory.response import Response"),
        ("certified.zeros", "if TYPE_CHECKING:\n    from aimctheory.device import Device"),
    ],
)
def test_a_planted_circle_is_found(module, line):
    planted = {**SOURCES, module: f"{SOURCES[module]}\n{line}\n"}
    with pytest.raises(CycleError):
        list(TopologicalSorter(imported_files(planted)).static_order())


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
    [f for f in files() if folder(place(f)) not in ("claims", "analyses") and f.stat().st_size],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_everything_public_says_what_it_is(file):
    assert list(public_without_docstring(ast.parse(file.read_text()))) == []


@pytest.mark.parametrize(
    "file",
    [f for f in files() if place(f) not in ("command.cli", "__main__")],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_nothing_prints_but_the_command_line(file):
    calls = [
        node.func for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)
    ]
    assert [call.id for call in calls if isinstance(call, ast.Name) and call.id == "print"] == []
