"""The command line.  Everything it does is a Python call that a notebook can make as well.

Data goes to stdout, progress to stderr and only to a terminal.  Exit codes: 0 all as expected, 1 a
verdict or a study is not as expected, 2 a usage error in one sentence, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from aimctheory import __version__
from aimctheory.command import console, discover
from aimctheory.command.jobs import Done, Job, run_all
from aimctheory.simulator.kernel_engine import processors

EXAMPLES = """
\b
Examples:
  aimctheory list                         what there is
  aimctheory show rf25-theorem-5          a claim: statement, mutants, what was found
  aimctheory show analog-sgd --kernel     the compiled step as a short module
  aimctheory check rf25-theorem-5 --full  judge one claim, at full size
  aimctheory check --json > verdicts.json judge all, as plain data
  aimctheory reproduce                    every study and claim, and the report
"""


class _OneSentence(click.Group):
    """Commands whose errors are one sentence with exit code 2, and Ctrl-C exit code 130."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ValueError as error:
            if ctx.params.get("debug"):
                raise
            click.echo(f"aimctheory: {error}", err=True)
            ctx.exit(2)
        except BrokenPipeError:  # `aimctheory list | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        except KeyboardInterrupt:
            click.echo("aimctheory: stopped", err=True)
            ctx.exit(130)


@click.group(
    cls=_OneSentence, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__)
@click.option("--debug", is_flag=True, help="Show Python tracebacks.")
@click.pass_context
def main(ctx: click.Context, debug: bool) -> None:
    """Check the theory of training on analog hardware, statement by statement."""
    ctx.obj = ctx.obj or discover.here()


def _sizes(command: Callable[..., None]) -> Callable[..., None]:
    """The options of the commands that run something."""
    for option in (
        click.option(
            "-j", "--jobs", type=click.IntRange(1), help="Worker processes; default: all CPUs."
        ),
        click.option("--full", is_flag=True, help="Large sizes, narrower intervals."),
        click.option("--quick", is_flag=True, help="Small sizes; a verdict may be undecided."),
        click.argument("ids", nargs=-1, metavar="[ID]..."),
    ):
        command = option(command)
    return command


def _scale(quick: bool, full: bool) -> str:
    if quick and full:
        raise ValueError("--quick and --full exclude one another; give one of them, or none")
    return "quick" if quick else "full" if full else "default"


# ---- list and show ---------------------------------------------------------------------------


@main.command("list")
@click.option("--json", "as_json", is_flag=True, help="Claims and studies as plain data.")
@click.pass_obj
def list_command(project: discover.Project, as_json: bool) -> None:
    """List claims, studies, responses and algorithms."""
    if as_json:
        found = discover.claims(project) | discover.studies(project)
        console.say(found.broken)
        entries = [_entry(item) for item in found.items.values()]
        click.echo(json.dumps(entries, indent=1, ensure_ascii=False))
        return
    found = discover.everything(project)
    console.say(found.broken)
    entries = [_entry(item) for item in found.items.values()]
    console.table(
        ("id", "kind", "title", "printed at"),
        [(e["id"], e["kind"], e["title"], f"{e['paper']} {e['locator']}".strip()) for e in entries],
    )
    if project.checkout is None:
        click.echo("Studies need a checkout of the project.", err=True)


def _entry(item: discover.Item) -> dict[str, str]:
    """Id, title, paper, locator and kind; of several sources, all."""
    record = item.record
    sources = record.sources if item.kind == "study" else (record.source,)
    sources = [source for source in sources if source is not None]
    locator = "; ".join([s.locator for s in sources[:1]] + [str(s) for s in sources[1:]])
    paper = sources[0].paper if sources else ""
    head = {"id": item.id, "title": record.title, "paper": paper, "locator": locator}
    return {**head, "kind": item.kind}


@main.command()
@click.argument("id")
@click.option("--kernel", is_flag=True, help="The generated module of an algorithm or a response.")
@click.pass_obj
def show(project: discover.Project, id: str, kernel: bool) -> None:
    """Show a claim, study, response or algorithm in full."""
    from aimctheory.command import show as shown

    found = discover.everything(project)
    (first,) = found.pick([id])
    items = [item for item in found.items.values() if first.id == item.id]
    if kernel:
        click.echo(shown.kernel([item.record for item in items]))
    else:
        click.echo("\n\n".join(shown.describe(item, project) for item in items))


# ---- check and reproduce ---------------------------------------------------------------------


@main.command()
@_sizes
@click.option("--json", "as_json", is_flag=True, help="Plain data on stdout.")
@click.pass_context
def check(
    ctx: click.Context,
    ids: tuple[str, ...],
    quick: bool,
    full: bool,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Judge claims, all of them if none is named.

    Exits with 1 if a verdict is not the expected one, or a file cannot be used.
    """
    from aimctheory.command.report import KEYS, union_bound

    project: discover.Project = ctx.obj
    scale, claims = _scale(quick, full), discover.claims(project)
    for name in ids:
        if name not in claims.items and name in discover.studies(project).items:
            raise ValueError(f"{name!r} is a study; run: aimctheory reproduce {name}")
    todo = [Job("claim", item.id, scale, Path(), project) for item in claims.pick(ids)]
    done = _run(todo, jobs, "check")
    rows = [d.result for d in done if d.result]
    if as_json:
        data = [{key: row[key] for key in KEYS} for row in rows]
        click.echo(json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False))
    else:
        console.verdicts(rows)
        click.echo(union_bound(rows))
    _leave(ctx, todo, done, claims.broken, "check")


@main.command()
@_sizes
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results.")
@click.pass_context
def reproduce(
    ctx: click.Context,
    ids: tuple[str, ...],
    quick: bool,
    full: bool,
    jobs: int | None,
    out: Path | None,
) -> None:
    """Run studies and claims; write figures and the report.

    Runs all of them if none is named.  Results go to figures/ and paper_repro.md of the checkout,
    or to the folder given with --out, and are kept as each one finishes.
    """
    from aimctheory import figures
    from aimctheory.command import report

    project: discover.Project = ctx.obj
    scale, folder = _scale(quick, full), out or project.root / "figures"
    claims, studies = discover.claims(project), discover.studies(project)
    known = claims | studies
    chosen = known.pick(ids)
    figures.require_writable(folder)
    rows = report.load_rows(folder)
    costs = _seconds(chosen, folder, rows)
    todo = [Job(item.kind, item.id, scale, folder, project) for item in chosen]
    todo.sort(key=lambda job: -costs[job.id])

    def keep(done: Done) -> None:
        if done.result and done.job.kind == "claim":
            rows[done.job.id] = done.result
            report.store_rows(folder, {i: rows[i] for i in claims.items if i in rows})

    done = _run(todo, jobs, "reproduce", keep)
    finished = {d.job.id: d for d in done if d.result}
    console.verdicts(
        [rows[item.id] for item in chosen if item.kind == "claim" and item.id in finished]
    )
    console.figures(
        [finished[i.id] for i in chosen if i.kind == "study" and i.id in finished], folder
    )
    click.echo(report.union_bound([row for name, row in rows.items() if name in claims.items]))
    page = project.root / "paper_repro.md"
    target = out / page.name if out else page
    contents = report.Contents(
        claims.items.keys(), studies.items.keys(), discover.transcribed(project)
    )
    unknown, missing = report.write(page, target, folder, contents)
    console.say(missing)
    click.echo(f"report   {console.near(target)}")
    _leave(ctx, todo, done, (*known.broken, *unknown), "reproduce")


def _seconds(
    chosen: Sequence[discover.Item], folder: Path, rows: Mapping[str, Mapping[str, Any]]
) -> dict[str, float]:
    """What each item took last time, so that long ones start first; unknown ones before all."""
    from aimctheory.figures import read_json

    def last(item: discover.Item) -> float:
        if item.kind == "claim":
            seconds = rows.get(item.id, {}).get("seconds")
        else:
            seconds = read_json(folder / f"{item.id}.json").get("provenance", {}).get("seconds")
        return float("inf") if seconds is None else float(seconds)

    return {item.id: last(item) for item in chosen}


@main.command()
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Examine the installation."""
    from aimctheory.command.doctor import examine

    findings = examine(ctx.obj)
    console.table(
        ("", "found", ""), [(f.what, f.found, "" if f.ok else "NOT OK") for f in findings]
    )
    ctx.exit(0 if all(f.ok for f in findings) else 1)


# ---- running ---------------------------------------------------------------------------------


def _run(
    todo: list[Job],
    workers: int | None,
    verb: str,
    keep: Callable[[Done], None] = lambda done: None,
) -> list[Done]:
    """The outcomes, in the catalogue's order, with progress; after Ctrl-C those that there are."""
    done: list[Done] = []
    try:
        with console.progress(verb, len(todo)) as (advance, watch):
            for each in run_all(todo, workers or processors(), watch):
                keep(each)
                done.append(each)
                advance()
    except KeyboardInterrupt:
        pass  # `_leave` sees what is missing
    return sorted(done, key=lambda d: discover.natural(d.job.id))


def _leave(
    ctx: click.Context, todo: list[Job], done: list[Done], problems: Iterable[str], verb: str
) -> None:
    """Say on stderr what is not as it should be, and leave with the exit code for it."""
    failed = [d for d in done if d.problem]
    surprises = [d.result for d in done if d.result and not d.result.get("ok", True)]
    sentences = [f"{d.job.id}: {d.problem}" for d in failed]
    sentences += [
        f"{r['id']}: {r['verdict']}, expected {r['expected']}"
        + (f"; {r['reason']}" if r["reason"] else "")
        for r in surprises
    ]
    sentences += problems
    console.say(sentences)
    root = ctx.find_root()
    if root.params.get("debug"):
        console.say(d.trace for d in failed)
    rest = [job.id for job in todo if job.id not in {d.job.id for d in done}]
    if rest:
        size = "" if todo[0].scale == "default" else f" --{todo[0].scale}"
        console.say([
            f"stopped; {len(done)} of {len(todo)} finished"
            f"{' and kept' if verb == 'reproduce' else ''}; go on with: "
            f"aimctheory {verb}{size} {' '.join(rest)}"
        ])  # fmt: skip
        ctx.exit(130)
    ctx.exit(1 if sentences else 0)
