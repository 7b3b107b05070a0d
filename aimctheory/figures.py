"""Studies: a study computes numbers, stores them as JSON, and draws a figure from the JSON alone.

The figure is drawn from the numbers as read back from the file, so that it can be redrawn without
computing anything.  Numbers are stored with ten significant digits, and durations and dates under
"provenance" only, so that a rerun with the same numbers changes no file.
"""

from __future__ import annotations

import datetime
import functools
import json
import math
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aimctheory import __version__
from aimctheory.notation import Source
from aimctheory.scale import FULL, Scale

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

Data = dict[str, "NDArray[Any]"]

FULL_SIZE = "full"
"""The folder, within the one of the default results, that results at full size go to."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Okabe and Ito's colours, which colour-blind readers can tell apart; dark and light alternate."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 3)))

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.6,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
    "svg.hashsalt": "aimctheory",
}


@dataclass(frozen=True, slots=True)
class Study:
    """A figure, its numbers, and the claims it relies on.

    `compute(scale)` returns arrays by name, with a scalar "seed" among them if it drew random
    numbers.  `draw(data)` returns a Matplotlib figure of those arrays.  `summary(data)` returns the
    few entries that the report prints, each a number or a pair (number, unit or remark).
    """

    id: str
    title: str
    sources: tuple[Source, ...]
    relies_on: tuple[str, ...]
    compute: Callable[[Scale], Mapping[str, Any]]
    draw: Callable[[Data], Figure]
    summary: Callable[[Data], Mapping[str, Any]]


def in_style() -> AbstractContextManager[None]:
    """A context in which Matplotlib draws in the project's style.

    A plot without a look of its own takes the next colour together with the next dash.
    """
    from cycler import cycler
    from matplotlib import rc_context

    cycle = cycler(color=COLOURS) + cycler(linestyle=DASHES)
    settings: Any = {**STYLE, "axes.prop_cycle": cycle}
    return rc_context(settings)


def new_figure(
    rows: int = 1, columns: int = 1, *, height: float = 3.0, **keywords: Any
) -> tuple[Figure, Any]:
    """A figure in the project's style, 7 inches wide, and its axes (one, or an array of them).

    `height` is in inches for each row of panels.  The figure belongs to no window and to no global
    state of pyplot.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as NewFigure

    with in_style():
        figure = NewFigure(figsize=(7.0, height * rows), layout="constrained")
        FigureCanvasAgg(figure)
        return figure, figure.subplots(rows, columns, **keywords)


def line(i: int, **more: Any) -> dict[str, Any]:
    """Plot keywords for the `i`-th theory: its own colour and dash, no marker."""
    return {"color": COLOURS[i % 7], "linestyle": DASHES[i % 7], **more}


def points(i: int, **more: Any) -> dict[str, Any]:
    """Plot keywords for the `i`-th measurement: its own colour and marker, no line."""
    look = {"color": COLOURS[i % 7], "marker": MARKERS[i % 7], "linestyle": "none"}
    return {**look, "markerfacecolor": "white", "capsize": 2, **more}


# ---- numbers on disk -----------------------------------------------------------------------


def encode(array: Any) -> Any:
    """An array as nested lists that JSON can hold; `decode` is the inverse.

    Numbers are rounded to ten significant digits; nan and ±inf become text; an empty array becomes
    its shape.

    >>> encode(np.array([1 / 3, np.inf])), encode(np.zeros((0, 2)))
    ([0.3333333333, 'inf'], {'shape': [0, 2]})

    Raises ValueError for anything but numbers, truth values and strings.
    """
    values = np.asarray(array)
    if values.dtype.kind not in "iubfUS":
        raise ValueError(
            f"an array of {values.dtype} cannot be kept as JSON; give numbers, truth values or "
            "strings (real and imaginary parts apart)"
        )
    if values.size == 0:
        return {"shape": list(values.shape)}
    if values.dtype.kind != "f":
        return values.tolist()
    if values.ndim:
        return [encode(item) for item in values]
    exact = float(values)
    rounded = float(f"{exact:.10g}")  # the largest floats round up to infinity
    return rounded if math.isfinite(rounded) else exact if math.isfinite(exact) else str(exact)


def decode(value: Any) -> NDArray[Any]:
    """The array that `encode` made `value` from."""

    def number(item: Any) -> Any:
        if isinstance(item, list):
            return [number(each) for each in item]
        return float(item) if item in ("nan", "inf", "-inf") else item

    return np.zeros(value["shape"]) if isinstance(value, dict) else np.asarray(number(value))


def versions() -> dict[str, str]:
    """The versions of this package and of the locked packages that the numbers depend on."""
    packages = ("numpy", "scipy", "sympy", "numba", "matplotlib", "python-flint", "scikit-learn")
    return {"aimctheory": __version__, **{name: version(name) for name in packages}}


def provenance(seconds: float) -> dict[str, Any]:
    """The date, the machine and the Python of a computation, and how long it took."""
    return {
        "seconds": round(seconds, 2),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn an OSError in this context into a ValueError: the folder cannot be written."""
    try:
        yield
    except OSError as error:
        raise ValueError(
            f"the folder {folder} cannot be written ({error.strerror}); choose another with --out"
        ) from None


def require_writable(folder: Path) -> None:
    """Make the folder.  Raises ValueError if no file can be written in it."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


def read_json(path: Path) -> dict[str, Any]:
    """The content of a file that `write_json` wrote; {} if it is absent or no such JSON."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `content`, unless the file differs from it in nothing but "provenance"."""
    old = read_json(path)
    if {**old, "provenance": None} == {**content, "provenance": None}:
        return
    part = path.with_suffix(".part")
    part.write_text(_laid_out(content) + "\n", encoding="utf-8")
    part.replace(path)


_plain = functools.partial(json.dumps, ensure_ascii=False, allow_nan=False)


def _laid_out(value: Any, indent: str = "") -> str:
    """JSON with one line for each entry of a dict and each innermost list."""
    deeper = indent + " "
    if isinstance(value, dict) and value:
        entries = [f"{_plain(key)}: {_laid_out(item, deeper)}" for key, item in value.items()]
        opening, closing = "{", "}"
    elif isinstance(value, list) and value and isinstance(value[0], list | dict):
        entries = [_laid_out(item, deeper) for item in value]
        opening, closing = "[", "]"
    else:
        return _plain(value)
    body = f",\n{deeper}".join(entries)
    return f"{opening}\n{deeper}{body}\n{indent}{closing}"


def full_results(study_id: str, folder: Path) -> tuple[Data, str]:
    """The numbers of a study's full-size run and its day, "YYYY-MM-DD"; ({}, "") without one.

    `folder` is the one of the default results, such as ``figures`` of the checkout.  A study that
    computes a part of its numbers at every size reads the other ones with this function, and shows
    in its figure the day that they are from.
    """
    content = read_json(folder / FULL_SIZE / f"{study_id}.json")
    if content.get("scale") != FULL.name:
        return {}, ""
    return _decoded(content), content["provenance"]["date"][:10]


def reproduce(study: Study, scale: Scale, folder: Path) -> dict[str, Any]:
    """Compute a study, write <id>.json, and draw <id>.png and <id>.pdf from it.

    Returns the content of the JSON.  Raises ValueError if the folder cannot be written, or if
    `compute` or `summary` returns something that JSON cannot hold.
    """
    started = time.perf_counter()
    require_writable(folder)
    numbers = {name: _kept(study, name, value) for name, value in study.compute(scale).items()}
    data = {name: decode(value) for name, value in numbers.items()}
    content = {
        "id": study.id,
        "title": study.title,
        "sources": [str(source) for source in study.sources],
        "relies_on": list(study.relies_on),
        "scale": scale.name,
        "seed": numbers.get("seed"),
        "versions": versions(),
        "summary": {name: _summed(value) for name, value in study.summary(data).items()},
        "numbers": numbers,
        "provenance": provenance(time.perf_counter() - started),
    }
    with writing(folder):
        write_json(folder / f"{study.id}.json", content)
        redraw(study, folder)
    return content


def _kept(study: Study, name: str, value: Any) -> Any:
    try:
        return encode(value)
    except ValueError as problem:
        raise ValueError(f"study {study.id!r}, {name!r}: {problem}") from None


def _summed(value: Any) -> Any:
    number, unit = value if isinstance(value, tuple) else (value, "")
    return {"value": encode(number), "unit": unit}


def redraw(study: Study, folder: Path) -> Figure:
    """Draw <id>.png and <id>.pdf from <id>.json alone."""
    figure = drawn(study, folder / f"{study.id}.json")
    # The date and Matplotlib's version would change the bytes of an unchanged figure.
    undated = {"CreationDate": None, "Producer": None, "Creator": None}
    with in_style():
        figure.savefig(folder / f"{study.id}.png", metadata={"Software": None})
        figure.savefig(folder / f"{study.id}.pdf", metadata=undated)
    return figure


def drawn(study: Study, path: Path) -> Figure:
    """The figure of a study from its JSON at `path`; nothing is saved.

    Raises ValueError if there is no such JSON.
    """
    content = read_json(path)
    if "numbers" not in content:
        raise ValueError(f"{path} holds no numbers; run: aimctheory reproduce {study.id}")
    with in_style():
        return study.draw(_decoded(content))


def _decoded(content: dict[str, Any]) -> Data:
    return {name: decode(value) for name, value in content["numbers"].items()}
