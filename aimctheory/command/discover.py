"""Finds claims, studies, responses and algorithms by loading the files of their folders.

There is no list to add to: every `Claim` in a file of the folder of claims is a claim, and so on.
A file that cannot be loaded becomes one line in `Catalogue.broken`; the others are found all the
same.
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
    """The folder of claims, and the checkout: None if the package was installed from a wheel."""

    claims: Path
    checkout: Path | None

    @property
    def root(self) -> Path:
        """The folder of the checkout.  Raises ValueError where there is none."""
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
    """A `Claim`, `Study`, `Response` or `Algorithm`, and the file that it was found in.

    `kind` says in lower case which of the four `value` is.
    """

    kind: str
    id: str
    value: Any
    path: Path


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Items by id, in natural order, and one line for each file that cannot be used."""

    items: Mapping[str, Item] = field(default_factory=dict)
    broken: tuple[str, ...] = ()

    def __or__(self, other: Catalogue) -> Catalogue:
        """The items of both; of two with the same id the first is kept, the second is `broken`."""
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
    """Every claim in the folder of claims and in its folders, of which each paper has one."""
    from aimctheory.judge.claim import Claim

    return _found("claim", Claim, (project or here()).claims)


def studies(project: Project | None = None) -> Catalogue:
    """Every study in the checkout's folder `analyses`; none without a checkout."""
    from aimctheory.figures import Study

    checkout = (project or here()).checkout
    return _found("study", Study, checkout / "analyses") if checkout else Catalogue()


def algorithms() -> Catalogue:
    """Every algorithm in the package's folder `algorithms`."""
    from aimctheory.algorithms.record import Algorithm

    return _found("algorithm", Algorithm, PACKAGE / "algorithms", required=False)


def responses() -> Catalogue:
    """Every response in `catalogue.py`."""
    from aimctheory.response import Response

    return _found("response", Response, PACKAGE / "catalogue.py")


def transcribed(project: Project | None = None) -> dict[str, bool]:
    """For each algorithm, whether the tests compare it with a transcription of its paper.

    A transcription is a file in `tests/transcriptions/` with the algorithm's id as its name.
    """
    checkout = (project or here()).checkout
    folder = checkout / "tests" / "transcriptions" if checkout else None
    return {
        name: folder is not None and (folder / f"{name.replace('-', '_')}.py").is_file()
        for name in algorithms().items
    }


def everything(project: Project | None = None) -> Catalogue:
    """Claims, studies, responses and algorithms by id.

    A response or an algorithm whose id is taken has the key "kind id", as in "response linear".
    """
    found = claims(project) | studies(project)
    for more in (responses(), algorithms()):
        keyed = {f"{i.kind} {k}" if k in found.items else k: i for k, i in more.items.items()}
        found |= Catalogue(keyed, more.broken)
    return found


def _found(kind: str, wanted: type, place: Path, required: bool = True) -> Catalogue:
    """The instances of `wanted` in a file, or in the files of a folder and of the folders in it.

    A file or folder whose name begins with an underscore is passed over.  A file without an
    instance is broken if one is `required`.
    """
    items: dict[str, Item] = {}
    broken: list[str] = []
    for path in _files(place) if place.is_dir() else [place]:
        try:
            values: list[Any] = [each for each in _held(_load(path)) if isinstance(each, wanted)]
            if required and not values:
                raise ValueError(f"it holds no {wanted.__name__}")
            for value in values:
                known = items.setdefault(value.id, Item(kind, value.id, value, path))
                if known.value is not value:
                    raise ValueError(_taken(known))
        except Exception as problem:
            broken.append(f"{_short(path)}: {sentence(problem, path)}")
    return Catalogue({name: items[name] for name in sorted(items, key=natural)}, tuple(broken))


def _files(folder: Path) -> list[Path]:
    return sorted([*folder.glob("[!_]*.py"), *folder.glob("[!_]*/[!_]*.py")])


def _held(module: ModuleType) -> Iterable[Any]:
    """The values of a module; of a tuple or a list its elements."""
    for value in vars(module).values():
        yield from value if isinstance(value, tuple | list) else (value,)


def sentence(problem: BaseException, path: Path | None = None) -> str:
    """An exception in one line: its type, its first line, and the line of `path` that raised it."""
    text = (str(problem).strip() or "no message").splitlines()[0]
    frames = traceback.extract_tb(problem.__traceback__)
    lines = [frame.lineno for frame in frames if path and Path(frame.filename) == path]
    return f"{type(problem).__name__}: {text}" + (f" (line {lines[-1]})" if lines else "")


def _taken(item: Item) -> str:
    return f"the id {item.id!r} is taken by {_short(item.path)}; choose another"


def _short(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def natural(name: str) -> list[tuple[int, str]]:
    """The sort key of an id, with its numbers as numbers: theorem-2 comes before theorem-10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in name.split("-")]


def _load(path: Path) -> ModuleType:
    """The module of a file: imported by name if it belongs to the package, else loaded by path."""
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
