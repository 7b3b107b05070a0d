"""The lock, the wheel, the front door and the make targets."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import aimctheory as at

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
HEAVY = ("numpy", "sympy", "scipy", "numba", "matplotlib", "sklearn", "click", "rich")


def python(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=120, **options
    )


# ---- the front door --------------------------------------------------------------------------


def test_importing_the_package_imports_nothing_heavy():
    code = f"import aimctheory, sys; print([n for n in {HEAVY} if n in sys.modules])"
    assert python("-c", code).stdout.strip() == "[]"


def test_every_exported_name_is_there():
    assert list(at.__all__) == sorted(at.__all__)
    for name in at.__all__:
        assert getattr(at, name) is not None
        assert name in dir(at)


def test_type_checkers_see_the_names_that_are_exported():
    tree = ast.parse((ROOT / "aimctheory" / "__init__.py").read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.asname: node.module for node in block.body for alias in node.names}
    assert seen == at._HOME


def test_importing_the_module_simulate_does_not_hide_the_function():
    """One process, which forgets our modules in between: starting Python is what costs."""
    code = """
import importlib, sys
for first in ("aimctheory.simulator.simulate", "aimctheory.simulator.run"):
    for name in [name for name in sys.modules if name.partition(".")[0] == "aimctheory"]:
        del sys.modules[name]
    import aimctheory as at
    importlib.import_module(first)
    at.simulate
    import aimctheory.simulator.simulate
    print(callable(at.simulate))
"""
    done = python("-c", code)
    assert done.stdout.split() == ["True", "True"], done.stderr


def test_a_nearly_right_name_is_suggested():
    with pytest.raises(
        AttributeError, match=r"^aimctheory has no 'gausian'; did you mean 'gaussian'\?$"
    ):
        _ = at.gausian
    with pytest.raises(AttributeError, match="it offers: Algorithm, "):
        _ = at.zzz


# ---- the lock --------------------------------------------------------------------------------


def test_the_lock_names_no_host():
    assert "://" not in LOCK
    assert not re.search(
        r"^\s*-", re.sub(r"^\s*--hash=sha256:[0-9a-f]{64}.*$", "", LOCK, flags=re.M), re.M
    )


def test_every_locked_package_has_its_version_and_hashes():
    blocks = re.split(r"^(?=\w)", LOCK, flags=re.M)[1:]
    assert len(blocks) > 40
    for block in blocks:
        assert re.match(r"[\w.-]+==[\w.]+", block)
        assert "--hash=sha256:" in block


def test_everything_the_project_asks_for_is_locked():
    asked = PYPROJECT["project"]["dependencies"] + PYPROJECT["build-system"]["requires"]
    asked += [each for group in PYPROJECT["dependency-groups"].values() for each in group]
    names = {re.match(r"[\w-]+", each).group() for each in asked}
    assert names <= set(re.findall(r"^([\w.-]+)==", LOCK, flags=re.M))


def test_what_the_package_imports_it_asks_for():
    asked = {re.match(r"[\w-]+", each).group() for each in PYPROJECT["project"]["dependencies"]}
    called = {
        "sklearn": "scikit-learn",
        "flint": "python-flint",
        "cycler": "matplotlib",
        "llvmlite": "numba",
    }
    for path in (ROOT / "aimctheory").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module]
            for name in (each.partition(".")[0] for each in names):
                if name not in sys.stdlib_module_names and name != "aimctheory":
                    assert called.get(name, name) in asked, path


# ---- the wheel -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel's content, unpacked where no checkout is."""
    folder = tmp_path_factory.mktemp("wheel")
    made = python("-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist"), cwd=ROOT)
    assert made.returncode == 0, made.stderr
    (wheel,) = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_holds_the_package_and_nothing_else(installed):
    names = {path.name for path in installed.iterdir()}
    assert names == {"aimctheory", f"aimctheory-{at.__version__}.dist-info"}
    assert (installed / "aimctheory" / "py.typed").is_file()
    packaged = {p.relative_to(installed) for p in (installed / "aimctheory").rglob("*.py")}
    tracked = {p.relative_to(ROOT) for p in (ROOT / "aimctheory").rglob("*.py")}
    assert packaged == tracked
    (licence,) = installed.rglob("LICENSE")
    assert "The aimctheory authors" in licence.read_text()


def test_the_wheel_serves_claims_and_explains_that_studies_need_a_checkout(installed, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    where = python(
        "-c", "import aimctheory; print(aimctheory.__file__)", cwd=tmp_path, env=environment
    )
    assert str(installed) in where.stdout
    listed = python("-m", "aimctheory", "list", "--json", cwd=tmp_path, env=environment)
    assert listed.returncode == 0
    assert {entry["kind"] for entry in json.loads(listed.stdout)} == {"claim"}
    refused = python("-m", "aimctheory", "reproduce", cwd=tmp_path, env=environment)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert re.fullmatch(r"aimctheory: .*need a checkout.*\n", refused.stderr)


def test_the_version_is_said_once_and_cited():
    assert PYPROJECT["project"]["dynamic"] == ["version"]
    assert f"version: {at.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"## {at.__version__}" in (ROOT / "CHANGELOG.md").read_text()


# ---- make ------------------------------------------------------------------------------------


def make(folder: Path, path: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """`make environment` in a copy of the project's set-up files, with these commands only."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    environment = {"PATH": str(path), "HOME": str(folder), **more}
    command = [shutil.which("make"), "environment"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )


@pytest.fixture
def commands(tmp_path):
    """A folder of the few commands that a machine has anyway."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "cat", "cksum", "rm", "touch", "test", "echo"):
        (folder / name).symlink_to(shutil.which(name))
    return folder


def script(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_without_a_python_make_says_which_one_it_needs(tmp_path, commands):
    script(commands, "python3", "exit 1  # too old")
    made = make(tmp_path, commands)
    assert made.returncode == 2
    assert made.stderr.splitlines()[0] == (
        "aimctheory needs Python 3.11 or newer and found none; install one, or name it: "
        "make PYTHON=/path/to/python3.11"
    )


def test_a_python_without_venv_is_told_what_to_install(tmp_path, commands):
    script(commands, "python3", 'case "$2" in *ensurepip*) exit 1;; esac')
    made = make(tmp_path, commands)
    assert made.returncode == 2
    assert (
        "install its venv package (on Debian and Ubuntu: apt-get install python3-venv)"
        in made.stderr
    )


RECORDER = """
echo "$VIRTUAL_ENV$PYTHONPATH$PYTHONHOME$PYTHONDONTWRITEBYTECODE $*" >> log
case "$*" in
  *venv*--clear*) mkdir -p .venv/bin; cp "$0" .venv/bin/python;;
  *require-hashes*) [ ! -e fail ];;
esac
"""


def test_packages_are_installed_once_and_again_when_the_lock_changes(tmp_path, commands):
    """A recorder stands in for Python: what it was asked to do is the whole story."""
    script(commands, "python3", RECORDER)
    for name in ("mkdir", "cp"):
        (commands / name).symlink_to(shutil.which(name))

    # Without bytecode every process compiles SymPy again: 3 of the 4 seconds of an import.
    set_outside = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE")

    def installs() -> list[str]:
        log = tmp_path / "log"
        log.unlink(missing_ok=True)
        made = make(tmp_path, commands, **dict.fromkeys(set_outside, "/elsewhere"))
        asked = log.read_text().splitlines()
        assert not any("/elsewhere" in line for line in asked)
        words = ("venv --clear", "-r requirements.lock", "-e .")
        return [word for word in words if any(word in line for line in asked)] + [made.returncode]

    (tmp_path / "fail").touch()
    assert installs() == ["venv --clear", "-r requirements.lock", 2]
    (tmp_path / "fail").unlink()
    assert installs() == ["-r requirements.lock", "-e .", 0]
    assert installs() == [0]
    (tmp_path / ".venv" / ".installed-lock").write_text("another\n")
    assert installs() == ["-r requirements.lock", "-e .", 0]


def test_git_keeps_the_results_at_full_size():
    ignored = (ROOT / ".gitignore").read_text().split()
    assert not any("figures" in line or "full" in line for line in ignored)


def test_continuous_integration_runs_the_readmes_command():
    path = ROOT / ".ci" / "run"
    assert os.access(path, os.X_OK)
    assert path.read_text().rstrip().endswith("exec make test")
