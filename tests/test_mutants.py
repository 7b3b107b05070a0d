"""The mutants of `make mutants`: where edits stand, which tests are near, what is written down."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests import mutants as planting
from tests.mutants import LISTED, NEAREST, ROOT, in_order, mutants, nearest, passes

FILE = "aimctheory/example.py"
TEXT, PLANTED = "a = 1\nb = 2\n", "a = 1\nb = 3\n"


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
    """Every mutant of the heart, in the order in which they are planted."""
    return in_order()


@pytest.mark.parametrize(
    ("line", "edits"),
    [
        ("x = a + b", ["x = a - b"]),
        ("x = -a", ["x = a"]),
        ("x = a * -b", ["x = a / -b", "x = a * b"]),
        ("return -a", ["return a"]),
        ("x = a**2", ["x = a*2", "x = a**3"]),
        ("x = f(*a, **b)", []),
        ("x = f(a) * b[c] - d", ["x = f(a) / b[c] - d", "x = f(a) * b[c] + d"]),
        ("x = a <= b", ["x = a < b"]),
        ("x = a if b else c", ["x = a if not b else c"]),
        ("x = a and not b", ["x = a or not b", "x = a and  b"]),
        ("x = np.maximum(a, b)", ["x = np.minimum(a, b)"]),
        ("x = max(map(f, a))", ["x = min(map(f, a))"]),
        ("min = a", []),
        ("x = any(a)", ["x = all(a)"]),
        ("x = q_up(True)", ["x = q_down(True)", "x = q_up(False)"]),
        ("x = 0.25", ["x = 0.5"]),
        ("x = 1e-9", ["x = 1.024e-06"]),
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
        'raise ValueError(f"{a + 1}", 2)',
        "warnings.warn(a, stacklevel=2)",
        "def f(x: A | B = None) -> A | B: pass",
        "@dataclass(frozen=True)\nclass A:\n    x: int | None",
        "if TYPE_CHECKING: x = 1",
        'x = f"{a + 1}"',
    ],
)
def test_what_computes_nothing_has_no_mutants(edited, text):
    assert edited(text) == []


def test_every_mutant_is_python_and_differs():
    """All those of two files: one of kernels, one of symbols."""
    for file in ("simulator/draw_counter", "derive/moments"):
        path = f"aimctheory/{file}.py"
        lines = (ROOT / path).read_text().splitlines()
        for _, before, after, row in mutants(path):
            assert lines[row - 1].strip() == before != after
            changed = lines[row - 1].replace(before, after)
            compile("\n".join([*lines[: row - 1], changed, *lines[row:]]), path, "exec")


def test_every_part_of_the_heart_is_planted(ours):
    files = {each[0] for each in ours}
    assert len(files) > 45
    for name in LISTED["heart"]:
        assert any(Path(file).match(f"aimctheory/{name}.py") for file in files), name


def test_a_sample_has_its_share_of_every_file(ours):
    whole, part = (Counter(each[0] for each in some) for some in (ours, ours[:600]))
    for file, count in whole.items():
        assert abs(part[file] - 600 * count / len(ours)) < 1


def test_every_explained_mutant_is_one_of_ours_and_is_not_planted(ours):
    """By content: an entry whose line was edited has to be looked at again."""
    planted = {each[:3] for each in ours}
    for group in LISTED["equivalent"]:
        assert len(group["why"].split()) >= 4
        for each in map(tuple, group["mutants"]):
            assert each in {known[:3] for known in mutants(each[0])}
            assert each not in planted


@pytest.mark.parametrize(
    ("file", "test"),
    [
        ("exact/two_arrays", "test_exact_two_arrays"),
        ("simulator/noise", "test_noise"),
        ("judge/rates", "test_rates"),
        ("statistics", "test_statistics"),
        ("derive/fixed_points", "test_derive_fixed_points"),
    ],
)
def test_the_tests_named_like_a_file_are_near(file, test):
    path = f"aimctheory/{file}.py"
    assert nearest(path)[0] == path
    assert f"tests/{test}.py" in nearest(path)


def test_every_file_of_the_heart_has_tests_near_it(ours):
    assert {len(nearest(file)) for file in {each[0] for each in ours}} <= {*range(6, 2 + NEAREST)}


# ---- running ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "right"),
    [
        ("@pytest.mark.slow\ndef test_bad(): assert 0", True),
        ("def test_fine(): pass\ndef test_bad(): assert 0", False),
        ("def test_hang():\n    while True: pass", False),
    ],
)
def test_a_file_passes_if_no_test_fails_or_hangs(tmp_path, monkeypatch, body, right):
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow: long\n")
    (tmp_path / "test_it.py").write_text(f"import pytest\n{body}\n")
    monkeypatch.chdir(tmp_path)
    limit = f"ulimit -t {planting.LONGEST}"
    assert limit in planting.TEST
    monkeypatch.setattr(planting, "TEST", planting.TEST.replace(limit, "ulimit -t 1"))
    assert passes("test_it.py") == right


@pytest.mark.parametrize(
    ("failing", "written"),
    [
        ({"near": [PLANTED]}, ["near", ""]),
        ({"far": [PLANTED]}, ["far", ""]),
        ({}, ["", "now"]),
        ({"near": [PLANTED, TEXT]}, None),  # fails without the mutant as well
    ],
)
def test_a_mutant_is_planted_taken_out_and_written_down(tmp_path, monkeypatch, failing, written):
    (tmp_path / "root" / "aimctheory").mkdir(parents=True)
    (tmp_path / "root" / FILE).write_text(TEXT)
    for name in ("PYTHONPATH", "AIMCTHEORY_CACHE"):
        monkeypatch.setenv(name, "restored after the test")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(planting, "ROOT", tmp_path / "root")
    monkeypatch.setattr(planting, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(planting.os, "setsid", lambda: None)
    monkeypatch.setattr(planting, "nearest", lambda file: ["near", "far"])
    monkeypatch.setattr(
        planting, "passes", lambda test: Path(FILE).read_text() not in failing.get(test, [])
    )
    mutant = (FILE, "b = 2", "b = 3", 2)
    (tmp_path / "results").touch()
    planting.work([mutant], str(tmp_path / "copy"), "now")
    assert (tmp_path / "copy" / FILE).read_text() == (tmp_path / "root" / FILE).read_text() == TEXT
    lines = (tmp_path / "results").read_text().splitlines()
    assert [json.loads(line) for line in lines] == ([[list(mutant), *written]] if written else [])


def test_a_notice_is_remembered_and_a_survival_until_a_file_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(planting, "RESULTS", tmp_path / "results")
    lines = [[["a", "b", "c", 1], "near", ""], [["d", "e", "f", 2], "", "now"]]
    (tmp_path / "results").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert planting.recorded("now") == {("a", "b", "c", 1): "near", ("d", "e", "f", 2): ""}
    assert planting.recorded("later") == {("a", "b", "c", 1): "near"}
