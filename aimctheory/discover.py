"""What there is: claims, studies, responses, algorithms, found by walking their folders.

Nothing is registered anywhere.  A file that cannot be imported is named in one sentence and does not
take the others down.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aimctheory.algorithms.record import Algorithm
    from aimctheory.claim import Claim
    from aimctheory.figures import Study
    from aimctheory.response import Response


@dataclass(frozen=True, slots=True)
class Found:
    """What a walk found, by id, and a sentence for each file that could not be read."""

    items: dict[str, Any]
    broken: tuple[str, ...]


def checkout() -> Path | None:
    """The project's folder if the package runs from a checkout, else None."""
    here = Path(__file__).resolve().parent.parent
    return here if (here / "analyses").is_dir() and (here / "pyproject.toml").is_file() else None


def claims() -> Found:
    """Every claim of `aimctheory.claims`: each module has `claim`, or several in `claims`."""
    from aimctheory import claims as package
    from aimctheory.claim import Claim

    return _collect(_modules(package), Claim)


def studies() -> Found:
    """Every study of the checkout's `analyses` folder; none in an installed package."""
    from aimctheory.figures import Study

    root = checkout()
    return _collect(_scripts(root / "analyses") if root else iter(()), Study)


def algorithms() -> Found:
    """Every algorithm of `aimctheory.algorithms`."""
    from aimctheory import algorithms as package
    from aimctheory.algorithms.record import Algorithm

    return _collect(_modules(package), Algorithm)


def responses() -> Found:
    """Every response of `aimctheory.catalogue`."""
    from aimctheory import catalogue
    from aimctheory.response import Response

    return _collect(iter([("aimctheory.catalogue", catalogue)]), Response)


def _modules(package: Any) -> Iterator[tuple[str, Any]]:
    for info in pkgutil.iter_modules(package.__path__):
        if not info.name.startswith("_"):
            name = f"{package.__name__}.{info.name}"
            yield name, lambda name=name: importlib.import_module(name)


def _scripts(folder: Path) -> Iterator[tuple[str, Any]]:
    for path in sorted(folder.glob("[!_]*.py")):
        yield str(path.name), lambda path=path: _script(path)


def _script(path: Path) -> Any:
    name = f"analyses_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def _collect(modules: Iterator[tuple[str, Any]], kind: type) -> Found:
    items: dict[str, Any] = {}
    broken: list[str] = []
    for name, module in modules:
        try:
            loaded = module() if callable(module) else module
        except Exception as error:
            lines = str(error).splitlines() or [""]
            broken.append(f"{name} cannot be read: {type(error).__name__}: {lines[0]}")
            continue
        for value in vars(loaded).values():
            for each in value if isinstance(value, tuple | list) else (value,):
                if isinstance(each, kind):
                    items[each.id] = each  # type: ignore[attr-defined]  # every kind has an id
    return Found(items, tuple(broken))


def pick(known: dict[str, Any], wanted: tuple[str, ...]) -> dict[str, Any]:
    """The items with these ids, all of them if none is named.

    Raises ValueError for an unknown id, suggesting a near one.
    """
    for name in wanted:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ValueError(f"unknown id {name!r}; {hint}see `aimctheory list`")
    return {name: known[name] for name in wanted or known}


__all__ = ["Found", "algorithms", "checkout", "claims", "pick", "responses", "studies"]
if TYPE_CHECKING:
    Item = Claim | Study | Algorithm | Response
