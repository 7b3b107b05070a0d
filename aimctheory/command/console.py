"""Prints for the command line: tables on stdout; sentences and progress on stderr."""

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
"""The colours of expected verdicts; an unexpected one is red."""


@contextmanager
def progress(
    verb: str, total: int
) -> Iterator[tuple[Callable[[], None], Callable[[list[str]], None]]]:
    """A line on stderr with a bar, the time and the running ids; nothing unless on a terminal.

    Yields two functions: the first is to be called after each finished item, the second with the
    list of the running ids.
    """
    from rich.console import Console as NewConsole
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    stderr = NewConsole(stderr=True)
    columns = (
        TextColumn(verb),
        BarColumn(20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=stderr, disable=not stderr.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield (
            lambda: bar.advance(task),
            lambda running: bar.update(task, description=", ".join(running)),
        )


def say(sentences: Iterable[str]) -> None:
    """Print sentences on stderr, one a line."""
    for sentence in sentences:
        click.echo(f"aimctheory: {sentence}", err=True)


def near(path: Path) -> str:
    """The path relative to the current folder if it lies in it, else the absolute path."""
    path = path.resolve()
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def verdicts(results: Sequence[Mapping[str, Any]]) -> None:
    """The verdict table, the unexpected ones in red; without numbers on a narrow terminal."""
    from aimctheory.command.report import number

    if not results:
        return
    columns = {
        "claim": [each["id"] for each in results],
        "verdict": [
            each["verdict"] if each["ok"] else f"{each['verdict']} (!)" for each in results
        ],
        "level": [each["level"] for each in results],
        "mutants": [f"{each['mutants']['killed']}/{each['mutants']['total']}" for each in results],
    }
    if _stdout().width >= 96:
        columns["margin"] = [number(each["margin"]) for each in results]
        columns["s"] = [f"{each['seconds']:.1f}" for each in results]
    styles = [STYLES.get(each["verdict"], "") if each["ok"] else "bold red" for each in results]
    table(list(columns), list(zip(*columns.values(), strict=True)), styles)


def figures(done: Sequence[Done], folder: Path) -> None:
    """The table of studies with the paths of their figures."""
    if done:
        where = [near(folder / f"{d.job.id}.png") for d in done]
        body = [(d.job.id, path, f"{d.seconds:.1f}") for d, path in zip(done, where, strict=True)]
        table(("study", "figure", "s"), body)


def table(
    head: Sequence[str], body: Sequence[Sequence[str]], styles: Sequence[str] | None = None
) -> None:
    """A table that fits the terminal; into a pipe, every line is as long as its entries."""
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for i, name in enumerate(head):
        grid.add_column(name, no_wrap=i == 0)
    for entries, style in zip(body, styles or [""] * len(body), strict=True):
        grid.add_row(*map(Text, entries), style=style)
    stdout = _stdout()
    stdout.print(grid, "", sep="\n")


def _stdout() -> Console:
    from rich.console import Console

    stdout = Console()
    return stdout if stdout.is_terminal else Console(width=1000)
