"""What there is: claims, studies, responses and algorithms, found by walking their files.

Nothing is registered anywhere: a record counts because it stands in a file of the right folder.  A
file that cannot be loaded becomes one line in `Catalogue.broken`, and everything else is served.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Project:
    """Where things are: the folder of claims and, unless installed from a wheel, the checkout."""

    claims: Path
    checkout: Path | None

    @property
    def root(self) -> Path:
        """The checkout.  Raises ValueError where there is none."""
        if self.checkout is None:
            raise ValueError(
                "studies, figures and the report need a checkout, and this is aimctheory installed "
                "without one; clone the project and run it there (list, show and check work here)"
            )
        return self.checkout


def here() -> Project:
    """The project that this package belongs to."""
    root = PACKAGE.parent
    is_checkout = (root / "analyses").is_dir() and (root / "pyproject.toml").is_file()
    return Project(PACKAGE / "claims", root if is_checkout else None)


@dataclass(frozen=True, slots=True)
class Item:
    """A record, its kind ("claim", "study", "response", "algorithm") and the file it stands in."""

    kind: str
    id: str
    record: Any
    path: Path


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Items by id, in natural order, and one line for each file that could not be used."""

    items: Mapping[str, Item] = field(default_factory=dict)
    broken: tuple[str, ...] = ()

    def __or__(self, other: Catalogue) -> Catalogue:
        """Both catalogues; of two items with one id the first stays, and the second is broken."""
        both = [name for name in other.items if name in self.items]
        twice = (f"{_short(other.items[name].path)}: {_taken(self.items[name])}" for name in both)
        items = {**self.items, **{k: v for k, v in other.items.items() if k not in both}}
        return Catalogue(items, (*self.broken, *other.broken, *twice))

    def pick(self, names: Iterable[str] = ()) -> list[Item]:
        """The named items, or all of them if none is named.

        Raises ValueError for an unknown id, suggesting a near one.
        """
        chosen = list(dict.fromkeys(names))
        for name in chosen:
            if name not in self.items:
                raise ValueError(f"there is no {name!r}; {self._hint(name)}")
        return [self.items[name] for name in chosen or self.items]

    def _hint(self, name: str) -> str:
        wanted = name.replace("-", "_")
        for line in self.broken:
            folder, _, file = line.partition(".py:")[0].partition("/")
            if wanted in (file, f"{folder}_{file}"):
                return f"its file cannot be used: {line}"
        near = get_close_matches(name, self.items, n=1)
        return f"did you mean {near[0]!r}?" if near else "`aimctheory list` shows what there is"


def claims(project: Project | None = None) -> Catalogue:
    """Every claim in the folder of claims, and in the folder of each paper in it."""
    from aimctheory.judge.claim import Claim

    return _found("claim", Claim, (project or here()).claims)


def studies(project: Project | None = None) -> Catalogue:
    """Every study in the checkout's analyses; none without a checkout."""
    from aimctheory.figures import Study

    checkout = (project or here()).checkout
    return _found("study", Study, checkout / "analyses") if checkout else Catalogue()


def algorithms() -> Catalogue:
    """Every algorithm in its folder."""
    from aimctheory.algorithms.record import Algorithm

    return _found("algorithm", Algorithm, PACKAGE / "algorithms", required=False)


def responses() -> Catalogue:
    """Every response of the catalogue."""
    from aimctheory.response import Response

    return _found("response", Response, PACKAGE / "catalogue.py")


def transcribed(project: Project | None = None) -> dict[str, bool]:
    """Each algorithm, and whether the tests compare it with a transcription of its paper.

    A transcription is a file named after the algorithm in `tests/transcriptions/`.
    """
    checkout = (project or here()).checkout
    folder = checkout / "tests" / "transcriptions" if checkout else None
    return {
        name: folder is not None and (folder / f"{name.replace('-', '_')}.py").is_file()
        for name in algorithms().items
    }


def everything(project: Project | None = None) -> Catalogue:
    """Claims, studies, responses and algorithms.

    A response or an algorithm may have the id of a claim or a study; its key is "kind id" then.
    """
    found = claims(project) | studies(project)
    for more in (responses(), algorithms()):
        keyed = {f"{i.kind} {k}" if k in found.items else k: i for k, i in more.items.items()}
        found |= Catalogue(keyed, more.broken)
    return found


def _found(kind: str, record: type, place: Path, required: bool = True) -> Catalogue:
    """The records of this type in a file, or in the files of a folder and of its folders.

    Files and folders whose name begins with an underscore are passed over.
    """
    items: dict[str, Item] = {}
    broken: list[str] = []
    for path in _files(place) if place.is_dir() else [place]:
        try:
            records: list[Any] = [r for r in _held(_load(path)) if isinstance(r, record)]
            if required and not records:
                raise ValueError(f"it holds no {record.__name__}")
            for each in records:
                known = items.setdefault(each.id, Item(kind, each.id, each, path))
                if known.record is not each:
                    raise ValueError(_taken(known))
        except Exception as problem:
            broken.append(f"{_short(path)}: {sentence(problem, path)}")
    return Catalogue({name: items[name] for name in sorted(items, key=natural)}, tuple(broken))


def _files(folder: Path) -> list[Path]:
    return sorted([*folder.glob("[!_]*.py"), *folder.glob("[!_]*/[!_]*.py")])


def _held(module: ModuleType) -> Iterable[Any]:
    """The values of a module, and what its tuples and lists hold."""
    for value in vars(module).values():
        yield from value if isinstance(value, tuple | list) else (value,)


def sentence(problem: BaseException, path: Path | None = None) -> str:
    """An exception in one line: its kind, its first line, and the line of `path` that raised it."""
    text = (str(problem).strip() or "no message").splitlines()[0]
    frames = traceback.extract_tb(problem.__traceback__)
    lines = [frame.lineno for frame in frames if path and Path(frame.filename) == path]
    return f"{type(problem).__name__}: {text}" + (f" (line {lines[-1]})" if lines else "")


def _taken(item: Item) -> str:
    return f"the id {item.id!r} is taken by {_short(item.path)}; choose another"


def _short(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts theorem-2 before theorem-10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in name.split("-")]


def _load(path: Path) -> ModuleType:
    """The module of a file: the package's own by its name, any other one by its path."""
    if path.is_relative_to(PACKAGE):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        return importlib.import_module(".".join(("aimctheory", *parts)))
    name = f"{path.parent.name}.{path.stem} at {path.parent}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before executing: dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
