"""The command line: parses what was typed, calls the modules beside it, sets the exit code.

Data goes to stdout; sentences go to stderr, and progress too if that is a terminal.  The exit code
is 0 if all is as expected, 1 if a verdict is not or something failed, 2 for a usage error, which is
one sentence, and 130 after Ctrl-C.
"""

from __future__ import annotations

import json
import os
import shlex
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
  aimctheory show power                   a response: formulas, RF25's Definition 1
  aimctheory show analog-sgd --kernel     the compiled step as a short module
  aimctheory check rf25-theorem-5 --full  judge one claim, at full size
  aimctheory check --json > verdicts.json judge all, as plain data
  aimctheory reproduce                    every study and claim, and the report
  aimctheory reproduce digits --full      one study at full size, into figures/full/
"""


class _OneSentence(click.Group):
    """Turns a ValueError of any command into one sentence and exit code 2, and Ctrl-C into 130."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ValueError as error:
            if ctx.params.get("debug"):
                raise
            click.echo(f"aimctheory: {error}", err=True)
            ctx.exit(2)
        except BrokenPipeError:
            # `aimctheory list | head`: nobody reads stdout any more, and flushing it at exit would
            # raise again, so stdout is replaced.
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
    """Add the arguments that `check` and `reproduce` share: ids, sizes and workers."""
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
    """Id, title, paper, locator and kind; further sources stand in full in the locator."""
    value = item.value
    sources = value.sources if item.kind == "study" else (value.source,)
    sources = [source for source in sources if source is not None]
    locator = "; ".join([s.locator for s in sources[:1]] + [str(s) for s in sources[1:]])
    paper = sources[0].paper if sources else ""
    head = {"id": item.id, "title": value.title, "paper": paper, "locator": locator}
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
        click.echo(shown.kernel(items))
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
    results = [d.result for d in done if d.result]
    if as_json:
        data = [{key: each[key] for key in KEYS} for each in results]
        click.echo(json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False))
    else:
        console.verdicts(results)
        click.echo(union_bound(results))
    _leave(ctx, todo, done, claims.broken, kept="", again=_command("check", scale))


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
    or to the folder given with --out, and are kept as each one finishes.  With --full they go to
    figures/full/ instead, or to that folder, and the checkout's report is left as it is; it shows
    them, with their dates, when the default size is next run.
    """
    from aimctheory import figures
    from aimctheory.command import report

    project: discover.Project = ctx.obj
    scale, folder = _scale(quick, full), _folder(project, full, out)
    claims, studies = discover.claims(project), discover.studies(project)
    known = claims | studies
    chosen = known.pick(ids)
    figures.require_writable(folder)
    results = report.load_results(folder)
    costs = _seconds(chosen, folder, results)
    todo = [Job(item.kind, item.id, scale, folder, project) for item in chosen]
    todo.sort(key=lambda job: -costs[job.id])

    def keep(done: Done) -> None:
        if done.result and done.job.kind == "claim":
            results[done.job.id] = done.result
            report.store_results(folder, {i: results[i] for i in claims.items if i in results})

    done = _run(todo, jobs, "reproduce", keep)
    finished = {d.job.id: d for d in done if d.result}
    console.verdicts(
        [results[item.id] for item in chosen if item.kind == "claim" and item.id in finished]
    )
    console.figures(
        [finished[i.id] for i in chosen if i.kind == "study" and i.id in finished], folder
    )
    click.echo(report.union_bound([each for name, each in results.items() if name in claims.items]))
    unknown: list[str] = []
    if full and not out:
        click.echo(
            f"results  {console.near(folder)}; paper_repro.md is left as it is and shows them "
            "after the next run at default size"
        )
    else:
        contents = report.Contents(
            claims.items.keys(), studies.items.keys(), discover.transcribed(project)
        )
        page = project.root / "paper_repro.md"
        target = out / page.name if out else page
        unknown, missing = report.write(page, target, folder, contents)
        console.say(missing)
        click.echo(f"report   {console.near(target)}")
    again = _command("reproduce", scale, out)
    _leave(ctx, todo, done, (*known.broken, *unknown), kept=" and kept", again=again)


def _folder(project: discover.Project, full: bool, out: Path | None) -> Path:
    """Where results go: never, at full size, where those at default size are."""
    from aimctheory.figures import FULL_SIZE

    default = project.root / "figures"
    if full and out and out.resolve() == default.resolve():
        raise ValueError(
            f"--full does not write over the results at default size in {console.near(default)}; "
            "leave --out away, or give another folder"
        )
    return out or (default / FULL_SIZE if full else default)


def _seconds(
    chosen: Sequence[discover.Item], folder: Path, results: Mapping[str, Mapping[str, Any]]
) -> dict[str, float]:
    """The seconds that each item took last time; infinity where that is not known.

    The items that take longest are started first.
    """
    from aimctheory.figures import read_json

    def last(item: discover.Item) -> float:
        if item.kind == "claim":
            seconds = results.get(item.id, {}).get("seconds")
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
    """The outcome of every job, sorted by id; after Ctrl-C, of those that finished before it.

    `keep` is called with each outcome as soon as there is one.
    """
    done: list[Done] = []
    try:
        with console.progress(verb, len(todo)) as (advance, watch):
            for each in run_all(todo, workers or processors(), watch):
                keep(each)
                done.append(each)
                advance()
    except KeyboardInterrupt:
        pass  # `_leave` names the jobs that have no outcome
    return sorted(done, key=lambda d: discover.natural(d.job.id))


def _command(verb: str, scale: str, out: Path | None = None) -> str:
    """What to type, before the ids, to go on in the same size and the same folder."""
    size = "" if scale == "default" else f" --{scale}"
    return f"aimctheory {verb}{size}" + (f" --out {shlex.quote(str(out))}" if out else "")


def _leave(
    ctx: click.Context,
    todo: list[Job],
    done: list[Done],
    problems: Iterable[str],
    *,
    kept: str,
    again: str,
) -> None:
    """Say on stderr what failed or surprised, and which jobs are missing; exit with 0, 1 or 130."""
    failed = [d for d in done if d.problem]
    surprises = [d.result for d in done if d.result and not d.result.get("ok", True)]
    sentences = [f"{d.job.id}: {d.problem}" for d in failed]
    sentences += [
        f"{each['id']}: {each['verdict']}, expected {each['expected']}"
        + (f"; {each['reason']}" if each["reason"] else "")
        for each in surprises
    ]
    sentences += problems
    console.say(sentences)
    if ctx.find_root().params.get("debug"):
        console.say(d.trace for d in failed)
    rest = [job.id for job in todo if job.id not in {d.job.id for d in done}]
    if rest:
        count = f"{len(done)} of {len(todo)} finished{kept}"
        console.say([f"stopped; {count}; go on with: {again} {' '.join(rest)}"])
        ctx.exit(130)
    ctx.exit(1 if sentences else 0)
