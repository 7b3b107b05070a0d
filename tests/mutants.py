"""``python -m tests.mutants``: plants small bugs one at a time; prints the share that tests notice.

A mutant is an edit of one word of a file of `HEART`: another operator, a moved boundary, a turned
condition, a dropped sign; a whole number grows by 1, another one twofold, a tolerance thousandfold.
It is written into a copy of the checkout, where the nearest tests run until one fails: the file's
doctests, then test files by the number of imports between them and it.  No test file is begun after
`--patience` processor seconds.  The mutant is noticed if the test that fails passes without it.

Interrupted, the run goes on where it was: a notice is remembered while the mutated file stays as it
is, a survival while all files do.  `mutants.toml` says of some mutants why no test can notice them.

Why not a library?  mutmut 3 keeps all variants of a function in its file, and a wrapper picks one;
`inspect.getsource`, from which kernels are printed, would read that.  It leaves alone what is
decorated or outside of functions.  Cosmic Ray edits the file, which is right here, but starts
Python and its imports anew for each mutant and has one test command for all files.  Neither knows
of the kernel cache, which must not lend a mutant healthy kernels.
"""

from __future__ import annotations

import ast
import functools
import importlib
import io
import json
import keyword
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import tokenize
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from tests.test_architecture import ROOT, SOURCES, file_of, imports

HEART = (
    *("laws", "statistics", "controls", "exact/*", "derive/*", "certified/*", "simulator/lane_*"),
    *("simulator/noise", "simulator/draw_counter", "simulator/block_layout"),
    *("judge/relation", "judge/rates", "judge/margin", "judge/verdict"),
)
COMPILED = ("aimctheory/laws", "aimctheory/simulator")  # what kernels are made of
HEAVY = "numpy scipy.stats scipy.integrate scipy.optimize sympy mpmath numba flint hypothesis"
HANG = 60  # processor seconds in one test; one that is not marked slow takes 5
RESULTS, CACHE = ROOT / ".cache" / "mutants.jsonl", ROOT / ".cache" / "mutants"

CALLED = "min max|minimum maximum|any all|floor ceil|sin cos"
PAIRS = f"{CALLED}|q_up q_down|True False|+ -|* /|<< >>|& ^|== !=|and or|+= -=|*= /=|break continue"
EDITS = {a: [b] for pair in PAIRS.split("|") for a, b in (pair.split(), pair.split()[::-1])}
EDITS |= {"<": ["<=", ">"], "<=": ["<", ">="], ">": [">=", "<"], ">=": [">", "<="], "|": ["&"]}
EDITS |= {"**": ["*"], "//": ["*"], "%": ["*"], "~": [""], "not": [""], "abs": [""], "Abs": [""]}
EDITS |= {word: [f"{word} not"] for word in ("if", "elif", "while")}
SILENT = (ast.Raise, ast.Assert, ast.JoinedStr, ast.Import, ast.ImportFrom)


class Mutant(NamedTuple):
    """A line of a file before and after the edit, which stands at this line and column."""

    file: str
    before: str
    after: str
    line: int
    column: int


def silent(node: ast.AST) -> list[ast.AST]:
    """What of a node computes nothing: annotations, decorators, messages, imports."""
    parts = [getattr(node, "annotation", None), getattr(node, "returns", None)]
    warns = getattr(getattr(node, "func", None), "attr", "") == "warn"
    typing = getattr(getattr(node, "test", None), "id", "") == "TYPE_CHECKING"
    whole = [node] if warns or typing or isinstance(node, SILENT) else []
    return [part for part in parts + getattr(node, "decorator_list", []) + whole if part]


def edits(word: str, last: str, after: str) -> list[str]:
    """What may stand for a word, given the word before it and the letter after it."""
    if word[0].isdigit():
        value = ast.literal_eval(word)
        if isinstance(value, int) or value == 0:
            return [repr(value + 1)]
        return [repr(float(f"{value * (2 if 1e-3 <= value <= 1e3 else 1000):.15g}"))]
    operand = last[-1:] in (")", "]") or last[-1:].isalnum() or last[-1:] == "_"
    if word in ("-", "*", "**") and (keyword.iskeyword(last) or not operand):
        return [""] if word == "-" else []  # a sign; starred arguments
    no_call = after != "(" and word in (*CALLED.replace("|", " ").split(), "abs", "Abs")
    method = last == "." and word in ("abs", "Abs")
    return [] if no_call or method else EDITS.get(word, [])


def mutants(file: str) -> list[Mutant]:
    """The mutants of a file, by place."""
    text = (ROOT / file).read_text()
    lines = [*text.splitlines(), ""]
    places = [
        ((part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset))
        for node in ast.walk(ast.parse(text))
        for part in silent(node)
    ]
    found, last = [], ""
    for kind, word, (row, column), (_, end), _ in tokenize.generate_tokens(
        io.StringIO(text).readline
    ):
        if kind in (tokenize.OP, tokenize.NAME, tokenize.NUMBER):
            start, rest = lines[row - 1][:column], lines[row - 1][end:]
            place = row, len(start.encode())  # the columns of `ast` count bytes
            for new in edits(word, last, rest[:1]):
                if not any(a <= place < b for a, b in places):
                    after = (start + new + rest).strip()
                    found.append(Mutant(file, lines[row - 1].strip(), after, row, column))
            last = word
    return found


def heart() -> list[str]:
    """The files of `HEART`."""
    paths = [path for name in HEART for path in ROOT.glob(f"aimctheory/{name}.py")]
    return sorted(str(path.relative_to(ROOT)) for path in paths if path.stem != "__init__")


def explained() -> dict[tuple[str, ...], str]:
    """Why no test can notice a mutant, by file, line before and line after."""
    listed = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text())["mutant"]
    return {(each["file"], each["before"], each["after"]): each["why"] for each in listed}


def in_order() -> list[Mutant]:
    """The mutants that are not explained, so that the first n are a sample stratified by file."""
    placed, known = [], explained()
    for file in heart():
        found = [each for each in mutants(file) if each[:3] not in known]
        found.sort(key=lambda each: blake2b(repr(each).encode()).digest())
        placed += [((k + 0.5) / len(found), each) for k, each in enumerate(found)]
    return [each for _, each in sorted(placed)]


@functools.cache
def import_graph() -> dict[str, set[str]]:
    """Which modules and test files each module and test file imports."""
    texts = {f"tests.{path.stem}": path.read_text() for path in ROOT.glob("tests/*.py")}
    return {
        name: {
            file_of(below)
            if package == "aimctheory"
            else ".".join((package, *below.split(".")[:1]))
            for package, below in imports(text)
        }
        - {name}
        for name, text in {**SOURCES, **texts}.items()
    }


def nearest(file: str) -> list[str]:
    """The file, for its doctests, then the test files that reach it, those nearest first."""
    graph, module = import_graph(), ".".join(Path(file).with_suffix("").parts[1:])
    away, ring = {module: 0}, {module}
    while ring:
        ring = {name for name in graph.keys() - away.keys() if graph[name] & ring}
        away |= dict.fromkeys(ring, len(away))  # grows from ring to ring
    words = set(module.replace(".", "_").split("_"))
    paths = {
        f"tests/{name[6:]}.py": far for name, far in away.items() if name[:11] == "tests.test_"
    }

    def order(path: str) -> tuple[int, int, int]:
        named_alike = len(words & set(Path(path).stem.split("_")))
        return paths[path], -named_alike, (ROOT / path).stat().st_size

    return [file, *sorted(paths, key=order)]


# ---- running them ----------------------------------------------------------------------------


def start_the_clock() -> None:
    """Let a signal end what computes or waits for long, inside of compiled code as well."""
    signal.setitimer(signal.ITIMER_PROF, HANG)
    signal.setitimer(signal.ITIMER_REAL, 10 * HANG)


class Watch:
    """A pytest plugin that leaves the name of the running test, and ends one that hangs."""

    def __init__(self, note: Path) -> None:
        self.note = note

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Start the clock anew."""
        self.note.write_text(nodeid)
        start_the_clock()


def failure(test: str, cache: Path) -> str:
    """The first failing test of a file, or nothing; a fork of this process runs them."""
    folder = Path.cwd().parent
    note = folder / "note"
    note.write_text(test)  # stands if the file cannot be collected
    child, code = os.fork(), 70
    if not child:
        try:
            os.setsid()
            sink = os.open(folder / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(sink, 1)
            os.dup2(sink, 2)
            os.environ["AIMCTHEORY_CACHE"] = str(cache)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            start_the_clock()
            given = ["-q", "-x", "-m", "not slow", "-p", "no:cacheprovider"]
            given += ["-W", "ignore:Module already imported"]  # hypothesis, by us
            code = pytest.main([*given, f"--basetemp={folder / 'tmp'}", test], [Watch(note)])
        finally:
            os._exit(code)
    try:
        _, status = os.waitpid(child, 0)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
    return "" if status in (0, 5 << 8) else note.read_text()  # 5: no doctests


@functools.cache
def passes(test: str) -> bool:
    """Whether a test passes without a mutant."""
    return not failure(test, CACHE)


def attempt(mutant: Mutant, patience: float) -> tuple[Mutant, str, bool]:
    """A mutant, the test that fails with it or nothing, and whether that one passes without."""
    path, own, failed = Path(mutant.file), Path.cwd().parent / "cache", ""
    began = sum(os.times()[2:4])  # of the processor, for children: whatever else runs
    text = path.read_text()
    lines = text.splitlines(keepends=True)
    lines[mutant.line - 1] = lines[mutant.line - 1].replace(mutant.before, mutant.after)
    try:
        path.write_text("".join(lines))
        for test in nearest(mutant.file):
            failed = failure(test, own if mutant.file.startswith(COMPILED) else CACHE)
            if failed or sum(os.times()[2:4]) - began > patience:
                break
    finally:
        path.write_text(text)
        shutil.rmtree(own, ignore_errors=True)
    return mutant, failed, not failed or passes(failed)


def move_to_a_copy(folder: str) -> None:
    """Go to a new copy of the checkout, from which children import; end when told to, quietly."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    copy = Path(tempfile.mkdtemp(dir=folder)) / "project"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    os.chdir(copy)
    sys.path.insert(0, str(copy))
    os.environ.update(PYTHONPATH=str(copy), PYTHONDONTWRITEBYTECODE="1")
    sys.dont_write_bytecode = True  # a mutant may be as long and as old as the file
    for name in [each for each in sys.modules if each.startswith("tests")]:
        del sys.modules[name]  # to be imported from the copy


@functools.cache
def digest(*files: str) -> str:
    """A short name of what stands in some files."""
    text = b"".join((ROOT / file).read_bytes() for file in files)
    return blake2b(text, digest_size=12).hexdigest()


@click.command()
@click.option("--sample", type=click.IntRange(1), help="How many of them; without it, all.")
@click.option("--only", default="", metavar="TEXT", help="Those in files named so.")
@click.option("--jobs", default=2, show_default=True, type=click.IntRange(1))
@click.option("--patience", default=60.0, show_default=True, metavar="SECONDS")
def main(sample: int | None, only: str, jobs: int, patience: float) -> None:
    """Plant mutants; print those that no test notices, and the share noticed."""
    chosen = [each for each in in_order() if only in each.file][:sample]
    files = {each.file: digest(each.file) for each in chosen}
    paths = [*ROOT.glob("aimctheory/**/*.py"), *ROOT.glob("tests/**/*.py")]
    now = digest(*sorted(str(path.relative_to(ROOT)) for path in paths))
    CACHE.mkdir(parents=True, exist_ok=True)
    with RESULTS.open("a+", buffering=1) as results, tempfile.TemporaryDirectory() as folder:
        results.seek(0)
        failed = {
            Mutant(*mutant): test
            for mutant, file, test, then in map(json.loads, results)
            if file == files.get(mutant[0]) and (test or then == now)
        }
        failed = {each: failed[each] for each in chosen if each in failed}
        show(each for each, test in failed.items() if not test)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # end the others as well
        for name in HEAVY.split():
            importlib.import_module(name)  # once, for all forks
        with multiprocessing.get_context("fork").Pool(jobs, move_to_a_copy, (folder,)) as pool:
            tried = functools.partial(attempt, patience=patience)
            left = [each for each in chosen if each not in failed]
            for mutant, test, sure in pool.imap_unordered(tried, left):
                if sure:
                    failed[mutant] = test
                    results.write(json.dumps([mutant, files[mutant.file], test, now]) + "\n")
                    show([mutant] if not test else [])
                else:
                    click.echo(f"not counted, since it fails without a mutant: {test}")
    noticed, total = sum(map(bool, failed.values())), len(failed)
    click.echo(f"{noticed} of {total} mutants noticed: {noticed / max(total, 1):.1%}")


def show(survivors: Iterable[Mutant]) -> None:
    """Print mutants that no test noticed."""
    for each in survivors:
        click.echo(f"{each.file}:{each.line}\n    {each.before}\n    {each.after}")


if __name__ == "__main__":
    main()
