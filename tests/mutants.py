"""``python -m tests.mutants [NUMBER]``: plants small bugs; prints which of them no test notices.

A mutant is an edit of one word of the heart that `mutants.toml` lists, in a copy of the checkout.
There run the doctests of its file and the `NEAREST` test files.  One that fails or takes `LONGEST`
counts if it passes without.  A notice is remembered, a survival until a file of Python is edited.
"""

import functools
import json
import keyword
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tokenize
import tomllib
from ast import literal_eval
from contextlib import suppress
from hashlib import blake2b
from multiprocessing import Process
from pathlib import Path

from tests.test_architecture import ROOT, SOURCES, file_of, imported_files, imports

LISTED = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text())
JOBS, NEAREST, LONGEST = 2, 8, 120  # the last in processor seconds
TEST = f'ulimit -t {LONGEST}; exec timeout --foreground 1h "$0" -m pytest -qx -m "not slow" "$1"'
RESULTS = ROOT / ".mutants.jsonl"
TESTS = {f"tests/{path.name}": path.read_text() for path in ROOT.glob("tests/test_*.py")}
NAMES = {test: [file_of(name) for _, name in imports(text)] for test, text in TESTS.items()}
GRAPH = imported_files({**SOURCES, **TESTS})
PAIRS = "+ -|* /|// %|<< >>|& ^|+= -=|*= /=|< <=|> >=|== !=|and or|True False|q_up q_down|"
PAIRS += "break continue|min( max(|minimum( maximum(|any( all("
EDITS = {a: b for pair in PAIRS.split("|") for a, b in (pair.split(), pair.split()[::-1])}
EDITS |= {"**": "*", "not": "", "if": "if not", "elif": "elif not", "while": "while not"}
SILENT = re.compile(r'raise |assert |stacklevel=|f"|TYPE_CHECKING|^ *@')  # computes nothing


def edit(word: str, operand: bool, following: str) -> str | None:
    """What may stand for a word, given whether an operand is before it and the letter after it."""
    if word[0].isdigit():
        value = literal_eval(word)
        whole = isinstance(value, int) or value == 0
        return repr(value + 1 if whole else value * (2 if 1e-3 <= value <= 1e3 else 1024))
    if word in ("-", "*", "**") and not operand:
        return "" if word == "-" else None  # a sign; starred arguments
    return EDITS.get(word, EDITS.get(word + following, "")[:-1] or None)


def mutants(file: str) -> list[tuple]:
    """Every mutant of a file: its name, a line of it before and after, the number of the line."""
    found, operand, lines = [], False, (ROOT / file).read_text().splitlines(keepends=True)
    for kind, word, (row, start), (_, end), _ in tokenize.generate_tokens(iter(lines).__next__):
        if kind in (tokenize.OP, tokenize.NAME, tokenize.NUMBER):
            line = lines[row - 1]
            new = edit(word, operand, line[end : end + 1])
            if new is not None and not SILENT.search(line):
                found.append((file, line.strip(), (line[:start] + new + line[end:]).strip(), row))
            operand = word in (")", "]") or (kind != tokenize.OP and not keyword.iskeyword(word))
    return found


def in_order() -> list[tuple]:
    """The mutants that are not explained; the first ones are a sample stratified by file."""
    explained = {tuple(each) for group in LISTED["equivalent"] for each in group["mutants"]}
    placed = []
    for path in [path for name in LISTED["heart"] for path in ROOT.glob(f"aimctheory/{name}.py")]:
        left = [each for each in mutants(str(path.relative_to(ROOT))) if each[:3] not in explained]
        left.sort(key=lambda each: blake2b(repr(each).encode()).digest())
        placed += [((k + 0.5) / len(left), each) for k, each in enumerate(left)]
    return [each for _, each in sorted(placed)]


def nearest(file: str) -> list[str]:
    """The file, for its doctests, and the test files with the fewest imports between."""
    module = ".".join(Path(file).with_suffix("").parts[1:])
    away = {module: 0}
    for far in range(1, 9):
        away = dict.fromkeys([name for name in GRAPH if GRAPH[name] & away.keys()], far) | away
    tests = sorted(TESTS.keys() & away.keys(), key=lambda test: len(TESTS[test]))
    tests.sort(key=lambda t: (away[t], Path(file).stem not in t, -NAMES[t].count(module)))
    return [file, *tests[:NEAREST]]


def passes(test: str) -> bool:
    """Whether the tests of a file pass."""
    run = subprocess.run(["sh", "-c", TEST, sys.executable, test], capture_output=True)
    return run.returncode in (0, 5)  # 5: there are none


def work(share: list[tuple], copy: str, now: str) -> None:
    """Try mutants in a copy of the checkout, and write down which tests fail."""
    os.setsid()
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", ".*_cache"))
    os.chdir(copy)
    os.environ.update(PYTHONPATH=copy, AIMCTHEORY_CACHE=f"{copy}/.cache/tests")
    healthy = functools.cache(passes)
    for k, mutant in enumerate(share):
        file, before, after, row = mutant
        text = Path(file).read_text()
        lines = text.splitlines(keepends=True)
        lines[row - 1] = lines[row - 1].replace(before, after)
        Path(file).write_text("".join(lines))
        failed = next((test for test in nearest(file) if not passes(test)), "")
        Path(file).write_text(text)
        counts = not failed or healthy(failed)
        if counts:
            with RESULTS.open("a") as results:
                results.write(json.dumps([mutant, failed, "" if failed else now]) + "\n")
        fate = (failed or "survives") + ("" if counts else ", which fails without it as well")
        sys.stderr.write(f"{k + 1} of {len(share)}: {file}:{row} {fate}\n")


def recorded(now: str) -> dict[tuple, str]:
    """The test file that fails with each mutant tried so far, or "" for none."""
    tried = map(json.loads, RESULTS.read_text().splitlines())
    return {tuple(mutant): failed for mutant, failed, then in tried if then in ("", now)}


def main(number: int | None = None) -> None:
    """Plant mutants (without a number, all); print those unnoticed and the number noticed."""
    RESULTS.touch()
    paths = sorted([*ROOT.glob("aimctheory/**/*.py"), *ROOT.glob("tests/**/*.py")])
    now = blake2b(b"".join(path.read_bytes() for path in paths), digest_size=9).hexdigest()
    chosen, known, workers = in_order()[:number], recorded(now), []
    left = [each for each in chosen if each not in known]
    for heard in (signal.SIGINT, signal.SIGTERM):  # also where Ctrl-C was ignored at the start
        signal.signal(heard, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder:
        with suppress(KeyboardInterrupt):
            for k in range(JOBS):
                workers.append(Process(target=work, args=(left[k::JOBS], f"{folder}/{k}", now)))
                workers[k].start()
            for worker in workers:
                worker.join()
        for worker in workers:
            with suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)
            worker.join()
    tried = {each: failed for each, failed in recorded(now).items() if each in chosen}
    for file, before, after, row in [each for each in tried if not tried[each]]:
        sys.stdout.write(f"{file}:{row}\n    {before}\n    {after}\n")
    sys.stdout.write(f"{sum(map(bool, tried.values()))} of {len(tried)} mutants noticed\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
