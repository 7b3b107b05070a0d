"""The command: times every benchmark, prints a table and the compared code, draws two figures."""

from __future__ import annotations

import textwrap
from pathlib import Path

import click

from aimctheory import figures
from aimctheory.command import console, discover
from benchmarks import picture, scaling
from benchmarks.machine import machine
from benchmarks.timing import Measurement
from benchmarks.workloads import BENCHMARKS, Benchmark

SCALING = "scaling"
KNOWN = (*(each.id for each in BENCHMARKS), SCALING)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--only", multiple=True, metavar="NAME", help="A benchmark; may be repeated.")
@click.option("--rounds", type=click.IntRange(1), default=7, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for JSON and figures.")
@click.pass_context
def main(ctx: click.Context, only: tuple[str, ...], rounds: int, out: Path | None) -> None:
    """Time the simulator against NumPy and plain Numba.

    Without --only all benchmarks run, and figures/benchmarks.* and figures/scaling.* are written.
    With --only results are printed, and written only if a folder is given with --out.
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
            raise ValueError(f"there is no benchmark {name!r}; choose from: {', '.join(KNOWN)}")
    chosen = [each for each in BENCHMARKS if not only or each.id in only]
    folder = out or (None if only else discover.here().root / "figures")
    if folder:
        figures.require_writable(folder)
    studies, found = [], {}
    curves = {}
    with console.progress("bench", len(chosen) + (not only or SCALING in only)) as (done, watch):
        for benchmark in chosen:
            watch([benchmark.id])
            found[benchmark.id] = benchmark.measure(rounds)
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
    """The machine and the versions, in one line."""
    said = machine()
    caches = ", ".join(f"{name} {said.pop(name)}" for name in list(said) if "cache" in name)
    where = f"{said.pop('processor')}, {said.pop('cores')} cores, {caches}, {said.pop('system')}"
    return f"{where}; {', '.join(f'{name} {number}' for name, number in said.items())}\n"


# ---- what is printed -------------------------------------------------------------------------


def entries(benchmark: Benchmark, measured: Measurement) -> dict[str, str]:
    """The line of a benchmark in the table: its entries by column."""

    def median(name: str) -> str:
        known = name in measured.names
        return f"{measured.median(name) * benchmark.scale:.3g}" if known else "–"

    low, middle, high = picture.summarised(benchmark.judged(measured))
    first, *others = measured.names
    what = {"≥": "times faster", "≤": "ratio" if others else benchmark.unit}[benchmark.sense]
    return {
        "benchmark": benchmark.id,
        "ours": median(first),
        "NumPy": median("NumPy"),
        "plain Numba": median("plain Numba"),
        "unit": benchmark.unit,
        "judged": what,
        "min": f"{low:.3g}",
        "median": f"{middle:.3g}",
        "max": f"{high:.3g}",
        "target": f"{benchmark.sense} {benchmark.target:g}",
    }


def show(benchmarks: list[Benchmark], found: dict[str, Measurement]) -> None:
    """Print the table, then for each benchmark all its times and the code of the baselines."""
    lines = [entries(benchmark, found[benchmark.id]) for benchmark in benchmarks]
    console.table(list(lines[0]), [list(line.values()) for line in lines])
    for benchmark in benchmarks:
        click.echo(block(benchmark, found[benchmark.id]))


def block(benchmark: Benchmark, measured: Measurement) -> str:
    """A benchmark in full: what was judged, the times of each contender, the baselines' code."""
    low, middle, high = picture.summarised(benchmark.judged(measured))
    target = f"target {benchmark.sense} {benchmark.target:g}"
    lines = [
        f"{benchmark.id}: {benchmark.title}",
        f"  judged {middle:.3g} ({low:.3g} … {high:.3g}), {target}",
    ]
    for name in measured.names:
        least, mid, most = picture.summarised(measured.seconds[name] * benchmark.scale)
        lines.append(f"  {name}: {mid:.3g} {benchmark.unit} ({least:.3g} … {most:.3g})")
    lines += [f"\n{textwrap.indent(code, '    | ')}" for code in picture.codes(benchmark)]
    return "\n".join(lines) + "\n"
