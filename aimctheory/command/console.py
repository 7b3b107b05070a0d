"""What the command line prints: tables on stdout; sentences and progress on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aimctheory.command.jobs import Done

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {"holds": "green", "holds as corrected": "yellow", "fails": "magenta"}
"""The colours of verdicts that are as expected; any other one is red."""


@contextmanager
def progress(
    verb: str, total: int
) -> Iterator[tuple[Callable[[], None], Callable[[list[str]], None]]]:
    """A line on stderr with a bar, the time, and what is being run; nothing where it is piped.

    Yields two functions: one to call when an item is finished, one to say which are being run.
    """
    from rich.console import Console as NewConsole
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    stderr = NewConsole(stderr=True)
    columns = (
        TextColumn(verb), BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )  # fmt: skip
    with Progress(*columns, console=stderr, disable=not stderr.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield (
            lambda: bar.advance(task),
            lambda running: bar.update(task, description=", ".join(running)),
        )


def say(sentences: Iterable[str]) -> None:
    """Sentences on stderr, one a line."""
    for sentence in sentences:
        click.echo(f"aimctheory: {sentence}", err=True)


def near(path: Path) -> str:
    """A path as short as it can be said from here."""
    path = path.resolve()
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def verdicts(rows: Sequence[Mapping[str, Any]]) -> None:
    """The verdict table, those not as expected in red; a narrow terminal goes without numbers."""
    from aimctheory.command.report import number

    if not rows:
        return
    columns = {
        "claim": [r["id"] for r in rows],
        "verdict": [r["verdict"] if r["ok"] else f"{r['verdict']} (!)" for r in rows],
        "level": [r["level"] for r in rows],
        "mutants": [f"{r['mutants']['killed']}/{r['mutants']['total']}" for r in rows],
    }
    if _stdout().width >= 96:
        columns["margin"] = [number(r["margin"]) for r in rows]
        columns["s"] = [f"{r['seconds']:.1f}" for r in rows]
    styles = [STYLES.get(r["verdict"], "") if r["ok"] else "bold red" for r in rows]
    table(list(columns), list(zip(*columns.values(), strict=True)), styles)


def figures(done: Sequence[Done], folder: Path) -> None:
    """The table of studies and where their figures are."""
    if done:
        where = [near(folder / f"{d.job.id}.png") for d in done]
        body = [(d.job.id, path, f"{d.seconds:.1f}") for d, path in zip(done, where, strict=True)]
        table(("study", "figure", "s"), body)


def table(
    head: Sequence[str], body: Sequence[Sequence[str]], styles: Sequence[str] | None = None
) -> None:
    """A table that fits the terminal; piped, one line a row, as wide as it has to be."""
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for i, name in enumerate(head):
        grid.add_column(name, no_wrap=i == 0)
    for cells, style in zip(body, styles or [""] * len(body), strict=True):
        grid.add_row(*map(Text, cells), style=style)
    stdout = _stdout()
    stdout.print(grid, "", sep="\n")


def _stdout() -> Console:
    from rich.console import Console

    stdout = Console()
    return stdout if stdout.is_terminal else Console(width=1000)
