"""The command line.  Everything it does is a Python call that a notebook can make as well.

Data goes to stdout, progress to stderr and only to a terminal.  Exit codes: 0 as expected, 1 a
verdict or a study is not as expected, 2 a usage error in one sentence, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from aimctheory import discover
from aimctheory.jobs import Done, Job, run_all

EXAMPLES = """
\b
Examples:
  aimctheory list                         every claim and study
  aimctheory show rf25-theorem-5          statement, evidence, mutants
  aimctheory show analog-sgd --kernel     the compiled step as a short module
  aimctheory check rf25-theorem-5 --full  one claim, at full size
  aimctheory reproduce                    all of it, and the report
"""


def _one_sentence(command: Callable[..., None]) -> Callable[..., None]:
    """Errors of the user's making as one sentence and exit code 2; Ctrl-C as 130."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except ValueError as error:
            click.echo(f"aimctheory: {error}", err=True)
            sys.exit(2)
        except KeyboardInterrupt:
            click.echo("aimctheory: stopped", err=True)
            sys.exit(130)

    return wrapped


@click.group(epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="aimctheory")
def main() -> None:
    """Check the theory of training on analog hardware, statement by statement."""


def _scale(quick: bool, full: bool) -> str:
    if quick and full:
        raise ValueError("--quick and --full exclude one another; give one of them")
    return "quick" if quick else "full" if full else "default"


def _sizes(command: Callable[..., None]) -> Callable[..., None]:
    command = click.option("--quick", is_flag=True, help="Small sizes; undecided is allowed.")(command)
    command = click.option("--full", is_flag=True, help="Large sizes, narrower intervals.")(command)
    return click.option("-j", "--jobs", type=click.IntRange(1), help="Worker processes.")(command)


def _listed() -> list[dict[str, str]]:
    claims, studies = discover.claims(), discover.studies()
    for sentence in (*claims.broken, *studies.broken):
        click.echo(f"aimctheory: {sentence}", err=True)
    rows = [
        {"id": c.id, "title": c.title, "paper": c.source.paper, "locator": c.source.locator, "kind": "claim"}
        for c in claims.items.values()
    ]
    for s in studies.items.values():
        where = "; ".join(str(source) for source in s.sources)
        paper = s.sources[0].paper if s.sources else ""
        rows.append({"id": s.id, "title": s.title, "paper": paper, "locator": where, "kind": "study"})
    return rows


@main.command("list")
@click.option("--json", "as_json", is_flag=True, help="Plain data on stdout.")
@_one_sentence
def list_command(as_json: bool) -> None:
    """Every claim and study, with where it is printed."""
    rows = _listed()
    if as_json:
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    _print_table(("id", "kind", "title", "printed at"), [
        (r["id"], r["kind"], r["title"], r["locator"] if r["kind"] == "study" else f"{r['paper']} {r['locator']}")
        for r in rows
    ])  # fmt: skip
    for what, found in (("responses", discover.responses()), ("algorithms", discover.algorithms())):
        click.echo(f"{what}: {', '.join(found.items)}")
    if discover.checkout() is None:
        click.echo("studies and figures need a checkout of the project", err=True)


@main.command()
@click.argument("id")
@click.option("--kernel", is_flag=True, help="Print the generated module of an algorithm.")
@_one_sentence
def show(id: str, kernel: bool) -> None:
    """A claim, study, response or algorithm in full."""
    from aimctheory import show as text

    kinds = [discover.claims(), discover.studies(), discover.responses(), discover.algorithms()]
    known = {name: item for found in kinds for name, item in found.items.items()}
    (item,) = discover.pick(known, (id,)).values()
    click.echo(text.kernel(item) if kernel else text.describe(item))


@main.command()
@click.argument("ids", nargs=-1)
@_sizes
@click.option("--json", "as_json", is_flag=True, help="Plain data on stdout.")
@_one_sentence
def check(ids: tuple[str, ...], quick: bool, full: bool, jobs: int | None, as_json: bool) -> None:
    """Judge claims (all if none is named)."""
    scale = _scale(quick, full)
    claims = discover.claims()
    chosen = discover.pick(claims.items, ids)
    done = _run([Job("claim", name, scale, Path()) for name in chosen], jobs, "check")
    rows = [d.result for d in done if d.result]
    if as_json:
        keys = ("id", "title", "paper", "locator", "relation", "verdict", "expected", "level", "stated",
                "computed", "margin", "error", "tightness", "mutants", "seconds")  # fmt: skip
        click.echo(json.dumps([{k: r[k] for k in keys} for r in rows], indent=1, ensure_ascii=False))
    else:
        _print_verdicts(rows)
    _leave(done, claims.broken)


@main.command()
@click.argument("ids", nargs=-1)
@_sizes
@click.option("--out", type=click.Path(path_type=Path), help="Folder for figures and JSON.")
@_one_sentence
def reproduce(ids: tuple[str, ...], quick: bool, full: bool, jobs: int | None, out: Path | None) -> None:
    """Run studies and claims (all if none is named), write figures and the report."""
    from aimctheory import report

    scale, root = _scale(quick, full), discover.checkout()
    if root is None:
        raise ValueError("figures and the report need a checkout of the project; `check` works here")
    folder = out or root / "figures"
    claims, studies = discover.claims(), discover.studies()
    chosen = discover.pick({**claims.items, **studies.items}, ids)
    rows = report.load_rows(folder)
    kinds = {name: "study" if name in studies.items else "claim" for name in chosen}
    todo = sorted((Job(kinds[name], name, scale, folder) for name in chosen), key=lambda job: job.kind != "study")

    def keep(done: Done) -> None:
        if done.result and done.job.kind == "claim":
            rows[done.job.id] = done.result
            report.store_rows(folder, {i: rows[i] for i in claims.items if i in rows}, scale)

    report.store_rows(folder, rows, scale) if rows else None
    done = _run(todo, jobs, "reproduce", keep)
    ordered = {name: rows[name] for name in claims.items if name in rows}
    _print_verdicts([r for r in ordered.values() if r["id"] in chosen])
    for d in done:
        if d.job.kind == "study" and d.result:
            click.echo(f"figure  {folder / d.job.id}.png")
    page = root / "paper_repro.md"
    if out is None:
        report.write(page, ordered, folder)
        for name in report.unmarked(page.read_text(encoding="utf-8"), chosen):
            click.echo(f"aimctheory: {name} has no block in paper_repro.md; add its markers", err=True)
        click.echo(f"report  {page}")
    _leave(done, (*claims.broken, *studies.broken))


@main.command()
@_one_sentence
def doctor() -> None:
    """Versions, processors, the kernel cache, and a one-second self-test."""
    from aimctheory import show as text

    report, healthy = text.doctor()
    click.echo(report)
    sys.exit(0 if healthy else 1)


def _run(todo: list[Job], jobs: int | None, verb: str, keep: Callable[[Done], None] | None = None) -> list[Done]:
    """Every job's outcome, with a progress line; after Ctrl-C what is finished is kept."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    done: list[Done] = []
    workers = jobs or os.cpu_count() or 1
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
            task = bar.add_task(verb, total=len(todo))
            for each in run_all(todo, min(workers, len(todo))):
                done.append(each)
                if keep:
                    keep(each)
                bar.update(task, advance=1, description=f"{verb}: {each.job.id} {each.seconds:.1f} s")
    except KeyboardInterrupt:
        rest = [job.id for job in todo if job.id not in {d.job.id for d in done}]
        click.echo(
            f"aimctheory: stopped; {len(done)} of {len(todo)} finished and kept; go on with: "
            f"aimctheory {verb} {' '.join(rest)}", err=True,
        )  # fmt: skip
        sys.exit(130)
    order = [job.id for job in todo]
    return sorted(done, key=lambda d: order.index(d.job.id))


def _leave(done: list[Done], broken: tuple[str, ...]) -> None:
    """Say what went wrong and exit 1, or return."""
    problems = [f"{d.job.id}: {d.problem}" for d in done if d.problem] + list(broken)
    unexpected = [d.result for d in done if d.result and d.job.kind == "claim" and not d.result["ok"]]
    problems += [f"{r['id']}: {r['verdict']}, expected {r['expected']}; {r['reason']}" for r in unexpected]
    for sentence in problems:
        click.echo(f"aimctheory: {sentence}", err=True)
    if problems:
        sys.exit(1)


def _print_verdicts(rows: list[dict[str, Any]]) -> None:
    from aimctheory.report import number

    _print_table(("claim", "verdict", "level", "margin", "tightness", "mutants", "s"), [
        (r["id"], r["verdict"] + ("" if r["ok"] else " (!)"), r["level"], number(r["margin"]), number(r["tightness"]),
         f"{r['mutants']['killed']}/{r['mutants']['total']}", f"{r['seconds']:.1f}")
        for r in rows
    ])  # fmt: skip


def _print_table(head: tuple[str, ...], body: list[tuple[str, ...]]) -> None:
    """A table that fits the terminal; piped, one line a row, as wide as it must be."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    table = Table(*head, box=SIMPLE, header_style="bold", pad_edge=False)
    for cells in body:
        table.add_row(*cells)
    console.print(table)
