"""The README: its example prints what it says, its drawing is complete, its recipes work."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
RECIPES = [block for block in BLOCKS if block.startswith(("# append to: ", "# new file: "))]


def test_the_readme_has_one_recipe_each_for_a_response_an_algorithm_a_claim_and_a_figure():
    homes = [block.split("\n")[0].split(": ")[1] for block in RECIPES]
    assert [str(Path(home).parent) for home in homes] == [
        "aimctheory",
        "aimctheory/algorithms",
        "aimctheory/claims",
        "analyses",
    ]


def test_the_readme_draws_every_room_and_no_other():
    drawn = README.split("## Where things are")[1].split("```")[1]
    names = set(re.findall(r"([a-z]+(?:\.py|/))(?=\s)", drawn))
    assert [name for name in names if not (ROOT / "aimctheory" / name).exists()] == []
    rooms = {f"{path.parent.name}/" for path in (ROOT / "aimctheory").glob("*/__init__.py")}
    assert rooms <= names
    definitions = {"notation.py", "response.py", "catalogue.py", "device.py", "laws.py"}
    assert definitions | {"figures.py"} <= names


def test_every_recipe_is_at_most_25_lines():
    assert all(len(block.strip().split("\n")) <= 25 for block in RECIPES)


def test_the_example_derives_and_measures_what_the_readme_says():
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(BLOCKS[0], "README", "exec"), {})
    formula, measured, predicted = out.getvalue().strip().split("\n")
    assert formula == "w_0 | -tau*log(1 - (w - w_0)**2/(2*tau**2))/2"
    value, half_width = (float(x) for x in measured.split()[1::2])
    # The transient and the first order in the learning rate are part of the difference.
    assert abs(value - float(predicted.split()[1])) < 2 * half_width < 0.002


def test_the_second_example_is_as_sharp_as_the_readme_says():
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(BLOCKS[1], "README", "exec"), {})
    widths = []
    for line, said in zip(
        out.getvalue().strip().split("\n"),
        re.findall(r"# (0\.0?\d+ ± \S+)", BLOCKS[1]),
        strict=True,
    ):
        measured, exact = line.split(maxsplit=1)[1].split(" exactly ")
        assert measured.strip() == said
        value, half_width = (float(x) for x in measured.split(" ± "))
        assert abs(value - float(exact)) < half_width
        widths.append(half_width)
    assert widths[1] < widths[0] / 4


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with every recipe pasted in."""
    copy = tmp_path_factory.mktemp("project")
    for folder in ("aimctheory", "analyses"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "paper_repro.md", "README.md"):
        shutil.copy(ROOT / name, copy / name)
    for block in RECIPES:
        head, code = block.split("\n", 1)
        verb, home = head.removeprefix("# ").split(": ")
        path = copy / home
        assert path.exists() == (verb == "append to")
        path.write_text((path.read_text() if path.exists() else "") + code)
    return copy


COMMANDS = {
    "list": ["list"],
    "check": ["check", "recipe-saturation-product", "--json"],
    "reproduce": ["reproduce", "recipe-ratio", "--quick", "--out", "out"],
    "show": ["show", "clipped-sgd", "--kernel"],
}

# All commands in one process, which runs the jobs itself: starting Python is what costs.
SCRIPT = """
import json, sys
from click.testing import CliRunner
from aimctheory.command import cli, jobs

cli.run_all = lambda todo, workers, watch: map(jobs.run, todo)
for arguments in json.loads(sys.argv[1]):
    done = CliRunner().invoke(cli.main, arguments)
    print(json.dumps([done.exit_code, done.stdout, done.stderr]))
"""


@pytest.fixture(scope="module")
def shown(extended: Path) -> dict[str, tuple[int, str, str]]:
    """Exit code, stdout and stderr of each command in the extended copy."""
    environment = {**os.environ, "PYTHONPATH": str(extended), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps([*COMMANDS.values()])],
        cwd=extended,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    return dict(zip(COMMANDS, (tuple(json.loads(line)) for line in lines), strict=True))


def test_list_shows_the_new_claim_figure_response_and_algorithm(shown):
    code, out, errors = shown["list"]
    assert code == 0, errors
    for name in ("recipe-saturation-product", "recipe-ratio", "saturating", "clipped-sgd"):
        assert name in out


def test_check_judges_the_new_claim_and_its_mutant_dies(shown):
    code, out, errors = shown["check"]
    assert code == 0, errors
    (result,) = json.loads(out)
    assert result["verdict"] == "holds"
    assert result["mutants"] == {"total": 1, "killed": 1}


def test_reproduce_draws_the_new_figure(extended, shown):
    code, _, errors = shown["reproduce"]
    assert code == 0, errors
    made = {path.suffix for path in (extended / "out").glob("recipe-ratio.*")}
    assert made == {".png", ".pdf", ".json"}


def test_the_new_algorithm_has_a_kernel_with_its_own_names(shown):
    code, out, errors = shown["show"]
    assert code == 0, errors
    assert "clipped = where(low > 1.0, 1.0, low)" in out
