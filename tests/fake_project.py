"""A study, and a small project of claims and studies in a folder: fast, and free to be wrong."""

from pathlib import Path
from textwrap import dedent

import numpy as np
from click.testing import CliRunner

from aimctheory.command import cli, jobs
from aimctheory.command.discover import Project
from aimctheory.figures import Study, line, new_figure
from aimctheory.notation import Source

CLAIM = '''
"""A claim for the tests."""

import os

from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import equal
from aimctheory.notation import Source

claim = Claim(
    {id!r}, "A title [with brackets]", r"$|a| \\le \\|b\\|$", Source("RF25", "(1), p. 1"),
    relation=equal(within=1e-9), expected={expected!r},
    instances=lambda scale: [{{"x": 3.0}}], observe=lambda x: {observed},
    computed=lambda c: c.x + 1, stated=lambda c: {stated},
    mutants=[Mutant("the other sign", stated=lambda c: {mutant})],
)
'''

STUDY = '''
"""A study for the tests."""

import os

import numpy as np

from aimctheory.figures import Study, line, new_figure
from aimctheory.notation import Source


def compute(scale):
    {before}
    x = np.linspace(0, 1, scale.pick(3, 5, 9))
    return {{"x": x, "y": x**2 / 3, "seed": 0}}


def draw(data):
    figure, axes = new_figure()
    axes.plot(data["x"], data["y"], **line(0), label="a square")
    axes.set(xlabel="x (dimensionless)", ylabel="y (dimensionless)")
    return figure


study = Study(
    {id!r}, "A square", (Source("RF25", "Fig. 1"),), {relies_on!r}, compute, draw,
    lambda data: {{"largest y": (data["y"].max(), "units")}},
)
'''

REPORT = """# A report

<!-- begin:verdicts -->
<!-- end:verdicts -->

Prose.

<!-- begin:claim true-thing -->
<!-- end:claim -->

<!-- begin:study square -->
old
<!-- end:study square -->
"""


def write_claim(
    folder: Path,
    id: str,
    *,
    expected: str = "holds",
    stated: str = "c.x + 1",
    mutant: str = "c.x - 1",
    observed: str = "Case(x=x)",
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = CLAIM.format(id=id, expected=expected, stated=stated, mutant=mutant, observed=observed)
    (folder / f"{id.replace('-', '_')}.py").write_text(text)


def write_study(
    folder: Path, id: str, *, before: str = "", relies_on: tuple[str, ...] = ()
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = STUDY.format(id=id, before=dedent(before), relies_on=relies_on)
    (folder / f"{id.replace('-', '_')}.py").write_text(text)


def make_project(root: Path) -> Project:
    """One true claim, one study, a report."""
    project = Project(root / "claims", root)
    write_claim(project.claims, "true-thing")
    write_study(root / "analyses", "square", relies_on=("true-thing",))
    (root / "paper_repro.md").write_text(REPORT)
    return project


def caller(project, monkeypatch):
    """A function that runs a command on the project in this process: `call("check", "--quick")`."""
    monkeypatch.setattr(cli, "run_all", lambda todo, workers, watch: map(jobs.run, todo))

    def call(*arguments, project=project):
        return CliRunner().invoke(cli.main, [str(each) for each in arguments], obj=project)

    return call


def sentences(result):
    """The lines on stderr, each of which has to be a sentence of ours and no traceback."""
    lines = result.stderr.splitlines()
    assert all(line.startswith("aimctheory: ") for line in lines), result.stderr
    return [line.removeprefix("aimctheory: ") for line in lines]


def compute(scale):
    x = np.linspace(0, 1, scale.pick(3, 5, 9))
    return {"x": x, "y": np.sqrt(x), "names": np.array(["a", "b"]), "seed": 7}


def draw(data):
    figure, axes = new_figure()
    for i, name in enumerate(data["names"]):
        axes.plot(data["x"], data["y"] + i, **line(i), label=name)
    axes.set(xlabel="x (dimensionless)", ylabel="y (σ)")
    axes.legend()
    return figure


SQUARE = Study(
    "square",
    "A square root",
    (Source("RF25", "Fig. 1"),),
    ("a-claim",),
    compute,
    draw,
    lambda data: {"largest": (data["y"].max(), "σ"), "number": data["x"].size},
)
