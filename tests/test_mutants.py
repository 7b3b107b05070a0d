"""The mutants of `make mutants`: where edits stand, which tests are near, which are explained."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from tests import mutants as planting
from tests.mutants import ROOT, explained, heart, in_order, mutants, nearest

FILE = "aimctheory/example.py"


@pytest.fixture
def edited(tmp_path, monkeypatch):
    """A function from the code of a file to its mutants' changed lines, as (before, after)."""
    monkeypatch.setattr(planting, "ROOT", tmp_path)
    (tmp_path / "aimctheory").mkdir()

    def of(text):
        (tmp_path / FILE).write_text(text)
        return [each[1:3] for each in mutants(FILE)]

    return of


@pytest.fixture(scope="module")
def ours():
    """Every mutant of the heart."""
    return [each for file in heart() for each in mutants(file)]


@pytest.mark.parametrize(
    ("line", "edits"),
    [
        ("x = a + b", ["x = a - b"]),
        ("x = -a", ["x = a"]),
        ("x = a * -b", ["x = a / -b", "x = a * b"]),
        ("x = a**2", ["x = a*2", "x = a**3"]),
        ("x = f(*a, **b)", []),
        ("x = a <= b", ["x = a < b", "x = a >= b"]),
        ("x = a if b else c", ["x = a if not b else c"]),
        ("x = a and not b", ["x = a or not b", "x = a and  b"]),
        ("x = np.maximum(a, b)", ["x = np.minimum(a, b)"]),
        ("x = max(map(abs, a))", ["x = min(map(abs, a))"]),
        ("x = abs(a)", ["x = (a)"]),
        ("x = np.abs(a)", []),
        ("floor = a", []),
        ("x = 0.25", ["x = 0.5"]),
        ("x = 1e-9", ["x = 1e-06"]),
        ("x = 7, 0.0", ["x = 8, 0.0", "x = 7, 1.0"]),
        ("x = 'φ', 'ψ', a + b", ["x = 'φ', 'ψ', a - b"]),
    ],
)
def test_a_line_has_these_mutants(edited, line, edits):
    assert edited(f"{line}\n") == [(line, edit) for edit in edits]


@pytest.mark.parametrize(
    "text",
    [
        "'''2 + 2 < 5 and not 3'''",
        "raise ValueError(f'{a + 1}', 2)",
        "warnings.warn(a, stacklevel=2)",
        "def f(x: A | B = None) -> A | B: pass",
        "@dataclass(frozen=True)\nclass A:\n    x: int | None",
        "if TYPE_CHECKING: x = 1",
        "x = f'{a + 1}'",
    ],
)
def test_what_computes_nothing_has_no_mutants(edited, text):
    assert edited(text) == []


def test_every_mutant_is_python_and_differs():
    """All those of three files: one of kernels, one of symbols, one of statistics."""
    for file in ("simulator/draw_counter", "derive/moments", "judge/margin"):
        path = f"aimctheory/{file}.py"
        lines = (ROOT / path).read_text().splitlines()
        tree = ast.dump(ast.parse("\n".join(lines)))
        for each in mutants(path):
            row = lines[each.line - 1]
            changed = row.replace(each.before, each.after)
            text = "\n".join([*lines[: each.line - 1], changed, *lines[each.line :]])
            assert ast.dump(ast.parse(text)) != tree, each


def test_the_heart_is_there():
    folders = Counter(Path(file).parent.name for file in heart())
    assert len(heart()) > 45
    assert folders.keys() == {"aimctheory", "certified", "derive", "exact", "judge", "simulator"}
    for name in planting.HEART:
        assert any(Path(file).match(f"aimctheory/{name}.py") for file in heart()), name


def test_a_sample_has_its_share_of_every_file_and_no_explained_mutant(monkeypatch, ours):
    monkeypatch.setattr(
        planting, "mutants", lambda file: [each for each in ours if each.file == file]
    )
    first = in_order()[0]
    monkeypatch.setattr(planting, "explained", lambda: {first[:3]: "as an example"})
    everything = in_order()
    assert first not in everything
    whole, part = (Counter(each.file for each in some) for some in (everything, everything[:600]))
    for file, count in whole.items():
        assert abs(part[file] - 600 * count / len(everything)) < 1


@pytest.mark.parametrize(
    ("file", "first"),
    [
        ("exact/two_arrays", "test_exact_two_arrays"),
        ("simulator/noise", "test_noise"),
        ("judge/rates", "test_rates"),
        ("statistics", "test_statistics"),
        ("derive/fixed_points", "test_derive_fixed_points"),
    ],
)
def test_the_tests_named_like_a_file_are_nearest(file, first):
    assert nearest(f"aimctheory/{file}.py")[:2] == [f"aimctheory/{file}.py", f"tests/{first}.py"]


def test_every_file_of_the_heart_has_tests_near_it():
    assert [file for file in heart() if len(nearest(file)) < 4] == []


def test_every_explained_mutant_is_one_of_ours(ours):
    """By content: an entry whose line was edited has to be looked at again."""
    known = {each[:3] for each in ours}
    assert [each for each in explained() if each not in known] == []
    assert [each for each, why in explained().items() if len(why.split()) < 4] == []


# ---- running ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "failing"),
    [
        ("def test_fine(): pass", ""),
        ("def test_fine(): pass\ndef test_bad(): assert 0", "test_it.py::test_bad"),
        ("import nothing_called_so", "test_it.py"),
        ("def test_hang():\n    while True: pass", "test_it.py::test_hang"),
        ("import os\ndef test_dies(): os.abort()", "test_it.py::test_dies"),
        ("import pytest\n@pytest.mark.slow\ndef test_bad(): assert 0", ""),
    ],
)
def test_the_first_failing_test_is_named(tmp_path, monkeypatch, body, failing):
    project = tmp_path / "project"
    project.mkdir()
    (project / "pytest.ini").write_text("[pytest]\nmarkers = slow: long\n")
    (project / "test_it.py").write_text(f"{body}\n")
    monkeypatch.chdir(project)
    monkeypatch.setattr(planting, "HANG", 1)
    assert planting.failure("test_it.py", tmp_path) == failing


def test_a_mutant_is_planted_and_taken_out_again(tmp_path, monkeypatch):
    file, text = "aimctheory/laws.py", "a = 1\nb = 2\n"
    (tmp_path / "project" / "aimctheory").mkdir(parents=True)
    path = tmp_path / "project" / file
    path.write_text(text)
    monkeypatch.chdir(tmp_path / "project")
    seen = []

    def failure(test, cache):
        seen.append((test, path.read_text(), cache))
        return "" if len(seen) < 2 or path.read_text() == text else test

    monkeypatch.setattr(planting, "failure", failure)
    mutant = planting.Mutant(file, "b = 2", "b = 3", 2, 4)
    assert planting.attempt(mutant, patience=60) == (mutant, seen[1][0], True)
    own = tmp_path / "cache"  # kernels of its own: laws are compiled
    assert [(seen_text, cache) for _, seen_text, cache in seen] == [
        ("a = 1\nb = 3\n", own),
        ("a = 1\nb = 3\n", own),
        (text, planting.CACHE),
    ]
    assert path.read_text() == text
