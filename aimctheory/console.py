"""What the command line prints: tables on stdout; sentences and progress on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from aimctheory.jobs import Done

STYLES = {"holds": "green", "holds as corrected": "yellow", "fails": "magenta"}
"""The colours of verdicts that are as expected; any other one is red."""


@contextmanager
def progress(
    verb: str, total: int
) -> Iterator[tuple[Callable[[], None], Callable[[list[str]], None]]]:
    """A line on stderr with a bar, the time, and what is being run; nothing where it is piped.

    Yields two functions: one to call when an item is finished, one to say which are being run.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    stderr = Console(stderr=True)
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
    """The verdict table; those not as expected in red."""
    from aimctheory.report import number

    if not rows:
        return
    head = ("claim", "verdict", "level", "margin", "mutants", "s")
    body = []
    for r in rows:
        verdict = r["verdict"] if r["ok"] else f"{r['verdict']} (expected: {r['expected']})"
        killed = f"{r['mutants']['killed']}/{r['mutants']['total']}"
        seconds = f"{r['seconds']:.1f}"
        body.append((r["id"], verdict, r["level"], number(r["margin"]), killed, seconds))
    styles = [STYLES.get(r["verdict"], "") if r["ok"] else "bold red" for r in rows]
    table(head, body, styles)


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
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    stdout = Console()
    if not stdout.is_terminal:
        stdout = Console(width=1000)
    grid = Table(box=SIMPLE, header_style="bold", pad_edge=False)
    for i, name in enumerate(head):
        grid.add_column(name, no_wrap=i == 0)
    for cells, style in zip(body, styles or [""] * len(body), strict=True):
        grid.add_row(*map(Text, cells), style=style)
    stdout.print(grid)
