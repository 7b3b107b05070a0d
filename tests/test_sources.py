"""Where numbers come from: each printed field, the training samples, and the size of a run."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.datasets

from aimctheory.command import cli, discover, jobs, report, show
from aimctheory.judge import verdict as verdict_module
from aimctheory.objectives import softmax as softmax_module
from aimctheory.objectives.softmax import softmax, softmax_digits
from aimctheory.scale import DEFAULT, FULL, QUICK, Scale
from tests.test_report import made

STUDIES = discover.studies().items
SIZES = (QUICK, DEFAULT, FULL)


# ---- the fields of a result ------------------------------------------------------------------

NUMBERS = {"stated": 11.0, "computed": 12.0, "margin": 13.0, "error": 14.0, "tightness": 15.0}
RESULT = {
    **{key: f"the {key}" for key in ("id", "title", "paper", "locator", "relation", "level")},
    **{key: f"the {key}" for key in ("statement", "reason", "note", "witness", "worst")},
    **NUMBERS,
    "verdict": "fails",
    "expected": "holds",
    "ok": False,
    "scale": "default",
    "cases": 16,
    "mutants": {"total": 18, "killed": 17},
    "comparisons": 19,
    "false_alarm": 2e-6,
    "dropped": {},
    "attacks": [],
    "seconds": 20.0,
    "date": "2026-02-03T04:05:06+00:00",
}


def rows(text: str) -> list[list[str]]:
    """The entries of the lines of a Markdown table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [line.strip("| ").split(" | ") for line in lines if not line.startswith("| ---")][1:]


def test_each_line_of_a_claims_block_is_the_field_it_names():
    full = {**RESULT, "margin": 23.0, "error": 24.0, "verdict": "holds", "ok": True}
    assert dict(rows(report.claim_block(RESULT, full))) == {
        "verdict": "**fails** (expected: holds), the level, 16 cases",
        "because": "the reason",
        "closest case": "the worst",
        "margin": "13, error 14",
        "tightness": "15, bound over measured",
        "mutants killed": "17/18",
        "at full size": "**holds**, margin 23, error 24, 2026-02-03",
        "note": "the note",
        "rerun": "`aimctheory check the id`",
    }
    corrected = dict(rows(report.claim_block({**RESULT, "verdict": "holds as corrected"})))
    assert corrected["the printed form fails at"] == "the witness"
    text = report.claim_block(RESULT)
    assert text.startswith("> the statement\n>\n> — the paper, the locator\n")
    assert "| `the id` | the title |" in text


def test_each_column_of_the_verdicts_is_the_field_it_names():
    block = report.verdicts_block({"the id": RESULT}, {})
    head = block.splitlines()[0].strip("| ").split(" | ")
    (row,) = rows(block)
    assert dict(zip(head, row, strict=True)) == {
        "claim": "`the id`",
        "printed at": "the paper the locator",
        "what it says": "the title",
        "verdict": "**fails** (expected: holds)",
        "level": "the level",
        "margin": "13",
        "mutants killed": "17/18",
    }


def test_each_stored_field_of_a_claim_is_that_of_its_verdict(monkeypatch):
    seen = {}

    def spied(claim, scale):
        seen["verdict"] = verdict_module.check(claim, scale)
        return seen["verdict"]

    monkeypatch.setattr("tests.test_report.check", spied)
    stored, verdict = made(), seen["verdict"]
    worst = verdict.worst.finding
    numbers = {
        "stated": worst.stated,
        "computed": worst.computed,
        "margin": worst.margin.value,
        "error": worst.error,
    }
    assert {name: stored[name] for name in numbers} == pytest.approx(numbers, rel=1e-9)
    same = ("id", "title", "paper", "locator", "verdict", "expected", "level", "ok", "note")
    same += ("reason", "cases", "comparisons", "false_alarm")
    assert {name: stored[name] for name in same} == {n: getattr(verdict, n) for n in same}
    assert (stored["worst"], stored["scale"]) == (str(verdict.worst), "quick")
    assert stored["statement"] == r"$\|a\| \le |b|$"


def test_each_line_of_a_studys_block_is_the_field_it_names():
    summary = {"one": {"value": 1.5, "unit": "a"}, "two": {"value": 2.5, "unit": "b"}}
    content = {"id": "s", "title": "t", "sources": ["p"], "relies_on": ["the id", "x"]}
    block = report.study_block(
        {**content, "scale": "default", "summary": summary}, {"the id": RESULT}, "figures"
    )
    assert rows(block) == [["one", "1.5 a"], ["two", "2.5 b"]]
    assert "after p." in block
    assert "`the id` (fails), `x` (not run)" in block


def test_show_tells_what_is_stored_of_a_claim_and_of_a_study(monkeypatch, tmp_path):
    claim = discover.claims().pick(["rf25-theorem-1"])[0]
    monkeypatch.setattr(show, "load_results", lambda folder: {"rf25-theorem-1": RESULT})
    text = show.describe(claim, discover.here())
    found = [line.split(maxsplit=1)[1] for line in text.splitlines() if line.startswith("found")]
    assert found == ["fails; closest case: the worst"]
    assert "the witness" in text
    summary = {"one": {"value": 1.5, "unit": "a"}}
    monkeypatch.setattr(show, "read_json", lambda path: {"summary": summary, "at": str(path)})
    text = show.describe(STUDIES["digits"], discover.here())
    assert "one: 1.5 a" in text


# ---- held-out samples never train ------------------------------------------------------------


@pytest.fixture
def split(monkeypatch):
    """What `softmax_digits` hands on, each sample marked by its number in two pixels."""
    count = 300
    numbers, labels = np.arange(count), np.arange(count) * 7 % 10
    pixels = np.column_stack([numbers, count - numbers]) * 16.0
    monkeypatch.setattr(sklearn.datasets, "load_digits", lambda return_X_y: (pixels, labels))
    given = {}

    def spy(features, labels, **more):
        given.update(features=features, labels=labels, **more)

    monkeypatch.setattr(softmax_module, "softmax", spy)
    softmax_digits.__wrapped__(batch=7, l2=0.5, test_fraction=0.2)
    return given


def test_no_sample_is_both_learned_and_held_out(split):
    learned, held = split["features"][:, 0], split["held_out"][0][:, 0]
    assert not set(learned) & set(held)
    assert sorted([*learned, *held]) == list(range(300))
    assert len(held) == 60
    assert (split["batch"], split["l2"]) == (7, 0.5)


def test_every_sample_keeps_its_label_and_its_bias(split):
    for features, labels in ((split["features"], split["labels"]), split["held_out"]):
        np.testing.assert_array_equal(labels, features[:, 0] * 7 % 10)
        np.testing.assert_array_equal(features[:, 1], 300 - features[:, 0])
        assert (features[:, -1] == 1).all()
        assert len(set(np.bincount(labels.astype(int)))) == 1  # an equal share of each class


def test_held_out_samples_move_nothing_but_the_accuracy():
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(12, 3)), np.arange(12) % 3
    others = [(rng.normal(size=(5, 3)), np.arange(5) % 3) for _ in range(2)]
    alone, first, second = (softmax(x, y, held_out=other) for other in (None, *others))
    weights = rng.normal(size=(2, 9))
    for each in (first, second):
        assert each.samples == 12
        assert np.array_equal(each.minimiser.value, alone.minimiser.value)
        assert np.array_equal(each.value(weights), alone.value(weights))
        assert np.array_equal(each.gradient(weights), alone.gradient(weights))
        assert each.smoothness.value == alone.smoothness.value
        for a, b in zip(
            each.sampling_noise(weights[0]), alone.sampling_noise(weights[0]), strict=True
        ):
            assert np.array_equal(a, b)
    for each, (inputs, labels) in ((first, others[0]), (alone, (x, y))):
        scores = np.einsum("rkm,nm->rnk", weights.reshape(2, 3, 3), inputs)
        expected = (scores.argmax(axis=2) == labels).mean(axis=1)
        np.testing.assert_allclose(each.accuracy(weights), expected)


# ---- each size is another one ----------------------------------------------------------------


class _StoppedError(Exception):
    """A study has asked for its first run."""


def first_run(name: str, scale: Scale, monkeypatch) -> dict[str, int]:
    """Steps and replicates of the first run that a study asks for."""
    asked = {}

    def simulate(*given, **more):
        asked.update({key: int(more[key]) for key in ("steps", "replicates")})
        raise _StoppedError

    names = STUDIES[name].value.compute.__globals__
    monkeypatch.setitem(names, "simulate", simulate)
    if name == "implicit-penalty":  # the theory comes before the first run
        monkeypatch.setitem(names, "theory", lambda *given: {})
    with pytest.raises(_StoppedError):
        STUDIES[name].value.compute(scale)
    return asked


@pytest.mark.parametrize("name", [name for name in STUDIES if name != "response-gallery"])
def test_a_larger_size_of_a_study_runs_longer_and_with_more_replicates(name, monkeypatch):
    if name == "digits":
        small = softmax(np.eye(3), np.arange(3))
        names = STUDIES[name].value.compute.__globals__
        monkeypatch.setitem(names, "softmax_digits", lambda batch: small)
    quick, default, full = (first_run(name, scale, monkeypatch) for scale in SIZES)
    for key in ("steps", "replicates"):
        assert quick[key] < default[key] < full[key]


def test_a_larger_size_of_the_gallery_is_a_finer_one():
    sizes = [STUDIES["response-gallery"].value.compute(scale)["w"].size for scale in SIZES]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("scale", SIZES, ids=str)
def test_a_job_runs_at_the_size_it_names(scale, monkeypatch, tmp_path):
    asked = []

    def note(first, *others):
        asked.append(next(each for each in others if isinstance(each, Scale)))
        return {}

    monkeypatch.setattr(verdict_module, "check", note)
    monkeypatch.setattr(report, "result", note)
    monkeypatch.setattr("aimctheory.figures.reproduce", note)
    for kind, name in (("claim", "rf25-theorem-1"), ("study", "digits")):
        done = jobs.run(jobs.Job(kind, name, scale.name, tmp_path, discover.here()))
        assert not done.problem
    assert asked == [scale] * 3


def test_the_command_lines_sizes_are_the_three_scales():
    words = [
        cli._scale(quick, full) for quick, full in ((True, False), (False, False), (False, True))
    ]
    assert [Scale(word) for word in words] == list(SIZES)
