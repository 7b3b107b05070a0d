"""The command: every row timed, a table, the code it was compared with, and two figures."""

from __future__ import annotations

import textwrap
from pathlib import Path

import click

from aimctheory import figures
from aimctheory.command import console, discover
from benchmarks import picture, scaling
from benchmarks.machine import machine
from benchmarks.timing import Measurement
from benchmarks.workloads import ROWS, Row

SCALING = "scaling"
KNOWN = (*(row.id for row in ROWS), SCALING)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--only", multiple=True, metavar="ROW", help="A row; may be repeated.")
@click.option("--rounds", type=click.IntRange(1), default=7, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for JSON and figures.")
@click.pass_context
def main(ctx: click.Context, only: tuple[str, ...], rounds: int, out: Path | None) -> None:
    """Time the simulator against NumPy and plain Numba.

    All rows, if none is named, and then figures/benchmarks.* and figures/scaling.* are written;
    with --only a result is printed, and written only to a folder given with --out.
    """
    try:
        _bench(only, rounds, out)
    except ValueError as error:
        click.echo(f"benchmarks: {error}", err=True)
        ctx.exit(2)
    except KeyboardInterrupt:
        click.echo("benchmarks: stopped; nothing was written", err=True)
        ctx.exit(130)


def _bench(only: tuple[str, ...], rounds: int, out: Path | None) -> None:
    for name in only:
        if name not in KNOWN:
            raise ValueError(f"there is no row {name!r}; choose from: {', '.join(KNOWN)}")
    chosen = [row for row in ROWS if not only or row.id in only]
    folder = out or (None if only else discover.here().root / "figures")
    if folder:
        figures.require_writable(folder)
    studies, found = [], {}
    curves = {}
    with console.progress("bench", len(chosen) + (not only or SCALING in only)) as (done, watch):
        for row in chosen:
            watch([row.id])
            found[row.id] = row.measure(rounds)
            done()
        if not only or SCALING in only:
            watch([SCALING])
            curves = scaling.measure(repeats=5)
            done()
    click.echo(describe_machine())
    if chosen:
        show(chosen, found)
        studies.append(picture.table_study(chosen, found))
    if curves:
        click.echo(scaling.explanation(curves))
        studies.append(picture.scaling_study(curves))
    if folder:
        for study in studies:
            figures.reproduce(study, picture.SCALE, folder)
            click.echo(f"figure   {console.near(folder / study.id)}.png, .pdf and .json")


def describe_machine() -> str:
    """The machine and the versions, one line."""
    said = machine()
    caches = ", ".join(f"{name} {said.pop(name)}" for name in list(said) if "cache" in name)
    where = f"{said.pop('processor')}, {said.pop('cores')} cores, {caches}, {said.pop('system')}"
    return f"{where}; {', '.join(f'{name} {number}' for name, number in said.items())}\n"


# ---- what is printed -------------------------------------------------------------------------

HEAD = ("row", "ours", "NumPy", "plain Numba", "unit", "judged", "min", "median", "max", "target")


def cells(row: Row, measured: Measurement) -> tuple[str, ...]:
    """A line of the table."""

    def median(name: str) -> str:
        known = name in measured.names
        return f"{measured.median(name) * row.scale:.3g}" if known else "–"

    low, middle, high = picture.summarised(row.judged(measured))
    first, *others = measured.names
    what = {"≥": "times faster", "≤": "ratio" if others else row.unit}[row.sense]
    return (
        row.id, median(first), median("NumPy"), median("plain Numba"), row.unit, what,
        f"{low:.3g}", f"{middle:.3g}", f"{high:.3g}", f"{row.sense} {row.target:g}",
    )  # fmt: skip


def show(rows: list[Row], found: dict[str, Measurement]) -> None:
    """The table, and below it each row with everything timed and the baselines' own code."""
    console.table(HEAD, [cells(row, found[row.id]) for row in rows])
    for row in rows:
        click.echo(block(row, found[row.id]))


def block(row: Row, measured: Measurement) -> str:
    """A row in full: every contender's times, what was judged, and the code of the baselines."""
    low, middle, high = picture.summarised(row.judged(measured))
    lines = [
        f"{row.id}: {row.title}",
        f"  judged {middle:.3g} ({low:.3g} … {high:.3g}), target {row.sense} {row.target:g}",
    ]
    for name in measured.names:
        least, mid, most = picture.summarised(measured.seconds[name] * row.scale)
        lines.append(f"  {name}: {mid:.3g} {row.unit} ({least:.3g} … {most:.3g})")
    lines += [f"\n{textwrap.indent(code, '    | ')}" for code in picture.codes(row)]
    return "\n".join(lines) + "\n"
