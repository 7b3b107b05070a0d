"""The report: prose stays, blocks come from stored results, and misfits are named."""

import datetime
import json

import numpy as np
import pytest

from aimctheory.command import discover, report
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import equal
from aimctheory.judge.verdict import check
from aimctheory.notation import Source
from aimctheory.scale import QUICK

PAGE = "Prose.\n<!-- begin:verdicts -->\n<!-- end:verdicts -->\nMore | prose.\n"


def made(**changes):
    """The result of a small claim that holds, with changes."""
    claim = Claim(
        "a-claim",
        "A title",
        r"$\|a\| \le |b|$",
        Source("RF25", "(1), p. 1"),
        relation=equal(within=1.0),
        expected="holds",
        instances=lambda scale: [{"x": 3.0}],
        observe=lambda x: Case(x=x),
        computed=lambda c: c.x,
        stated=lambda c: c.x + 0.25,  # so that no two numbers of the finding are the same
        mutants=[Mutant("the other sign", stated=lambda c: -c.x)],
        note="A remark.",
    )
    return {**report.result(claim, check(claim, QUICK), QUICK), **changes}


@pytest.fixture(scope="module")
def result():
    return made()


# ---- markers ---------------------------------------------------------------------------------


def test_filling_changes_only_what_stands_between_markers():
    filled = report.fill(PAGE, {"verdicts": "a table\n"})
    assert filled == PAGE.replace("-->\n<!-- end", "-->\na table\n<!-- end")


def test_filling_twice_is_filling_once():
    once = report.fill(PAGE, {"verdicts": "a table\n"})
    assert report.fill(once, {"verdicts": "a table\n"}) == once


def test_an_end_may_leave_the_id_out_or_repeat_it():
    for end in ("claim", "claim x-1"):
        text = f"<!-- begin:claim x-1 -->old<!-- end:{end} -->"
        assert "new" in report.fill(text, {"claim x-1": "new\n"})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("<!-- begin:verdicts -->", "begin:verdicts has no end:verdicts in the rest of the file"),
        ("<!-- end:claim -->", "end:claim has no begin:claim before it"),
        ("<!-- begin:a --><!-- begin:b -->", "begin:a has no end:a before <!-- begin:b -->"),
        ("<!-- begin:claim x --><!-- end:claim y -->", "begin:claim x has no end:claim x before"),
    ],
)
def test_a_marker_without_its_partner_is_one_sentence(text, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        report.fill(text, {})
    assert "\n" not in str(caught.value)


def test_a_marker_for_nothing_keeps_its_text_and_is_named():
    text = "<!-- begin:claim rf25-x -->kept<!-- end:claim -->"
    assert report.fill(text, {"claim rf25-y": "new"}) == text
    (unknown,), _ = report.complaints(text, ["claim rf25-y"])
    assert unknown.startswith("the report has a marker for 'claim rf25-x', which there is not")
    assert unknown.endswith("did you mean 'claim rf25-y'?")


def test_what_the_report_leaves_out_is_named_with_its_markers():
    _, missing = report.complaints(PAGE, ["verdicts", "study new"])
    (sentence,) = missing
    assert "<!-- begin:study new --><!-- end:study new -->" in sentence


# ---- blocks ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.123456, "0.1235"), (1e-7, "1e-07"), (3, "3"), (None, "–"), ("inf", "inf"), ("nan", "–")],
)
def test_a_number_has_four_digits(value, text):
    assert report.number(value) == text


def test_a_claim_block_says_all_there_is(result):
    block = report.claim_block(result)
    for part in (
        r"> $\|a\| \le |b|$",
        "— RF25, (1), p. 1",
        "**holds**",
        "deterministic",
        "(quick size)",
        "| mutants killed | 1/1 |",
        "A remark.",
        "`aimctheory check a-claim`",
        "| margin |",
    ):
        assert part in block


def test_a_surprise_says_what_was_expected(result):
    surprise = {**result, "verdict": "fails", "ok": False, "reason": "at x = 3"}
    assert "**fails** (expected: holds)" in report.claim_block(surprise)
    assert "| because | at x = 3 |" in report.claim_block(surprise)


def test_an_entry_cannot_break_its_table():
    lines = report.table(("a", "b"), [("x|y", "two\nlines")]).splitlines()
    assert lines[-1] == r"| x\|y | two lines |"


def test_the_union_bound_counts_statistical_comparisons(result):
    assert report.union_bound([result]) == "No verdict rests on a statistical comparison."
    chance = {**result, "level": "statistical", "comparisons": 30, "false_alarm": 3e-5}
    assert report.union_bound([result, chance, chance]) == (
        "2 verdicts rest on 60 statistical comparisons; "
        "the chance that any of these misleads is at most 6e-05."
    )
    assert "at most 3.3e-05." in report.union_bound([{**chance, "false_alarm": 3.21e-5}])


def test_an_algorithm_nobody_transcribed_is_named(result):
    block = report.verdicts_block({"a-claim": result}, {"seen": True, "new": False})
    assert "literal transcription of the paper: `seen`." in block
    assert "Not checked against the paper: `new`." in block


def test_a_study_block_shows_the_figure_its_numbers_and_its_claims(result):
    content = {
        "id": "s",
        "title": "A study",
        "sources": ["RF25 Fig. 1"],
        "relies_on": ["a-claim", "b"],
        "scale": "default",
        "summary": {"bias": {"value": -0.07021, "unit": "τ"}},
    }
    block = report.study_block(content, {"a-claim": result}, "figures")
    for part in (
        "![A study](figures/s.png)",
        "| bias | -0.07021 τ |",
        "`a-claim` (holds), `b` (not run)",
        "(figures/s.json)",
        "`aimctheory reproduce s`",
        "RF25 Fig. 1",
    ):
        assert part in block


def test_a_claim_block_has_one_line_more_for_a_result_at_full_size(result):
    full = {**result, "margin": 0.25, "error": 1e-6, "date": "2026-02-03T04:05:06+00:00"}
    alone, both = (report.claim_block(result, each).splitlines() for each in (None, full))
    line = "| at full size | **holds**, margin 0.25, error 1e-06, 2026-02-03 |"
    assert [each for each in both if each not in alone] == [line]
    assert len(both) == len(alone) + 1
    bare = {**full, "verdict": "fails", "ok": False, "margin": None}
    assert "**fails** (expected: holds), 2026-02-03 |" in report.claim_block(result, bare)


def stored(folder, scale, **provenance):
    """Keep the JSON of a study "s" in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "id": "s",
        "title": "A study",
        "sources": [],
        "relies_on": [],
        "scale": scale,
        "summary": {},
        "numbers": {},
        "provenance": provenance,
    }
    (folder / "s.json").write_text(json.dumps(content))


def test_the_blocks_tell_of_results_at_full_size_and_of_no_other(tmp_path, result):
    contents = report.Contents(["a-claim"], ["s"], {})
    stored(tmp_path, "default")
    report.store_results(tmp_path, {"a-claim": result})
    before = report.all_blocks(contents, tmp_path, "figures")
    stored(tmp_path / "full", "quick", date="2026-02-03T04:05:06+00:00")
    report.store_results(tmp_path / "full", {"a-claim": result})  # of quick size too
    assert report.all_blocks(contents, tmp_path, "figures") == before
    stored(tmp_path / "full", "full", date="2026-02-03T04:05:06+00:00")
    report.store_results(tmp_path / "full", {"a-claim": {**result, "scale": "full"}})
    after = report.all_blocks(contents, tmp_path, "figures")
    assert after["verdicts"] == before["verdicts"]
    assert after["claim a-claim"].count("\n| at full size | **holds**, margin ") == 1
    assert after["study s"].replace(before["study s"], "") == (
        "\n*At full size, 2026-02-03: [figure](figures/full/s.png), [JSON](figures/full/s.json), "
        "[PDF](figures/full/s.pdf).*\n"
    )


def test_what_has_not_run_says_how_to_run_it(tmp_path):
    contents = report.Contents(["c"], ["s"], {})
    blocks = report.all_blocks(contents, tmp_path, "figures")
    assert blocks == {
        "verdicts": "*Not run yet: `aimctheory reproduce`.*\n",
        "claim c": "*Not run yet: `aimctheory reproduce c`.*\n",
        "study s": "*Not run yet: `aimctheory reproduce s`.*\n",
    }


# ---- on disk ---------------------------------------------------------------------------------


def test_results_come_back_as_they_were_stored(tmp_path, result):
    report.store_results(tmp_path, {"a-claim": result})
    (back,) = report.load_results(tmp_path).values()
    day, when = back.pop("date").split("T")[0], back.pop("seconds")
    assert {**back, "seconds": result["seconds"]} == result
    assert datetime.date.fromisoformat(day) <= datetime.datetime.now(datetime.UTC).date()
    assert when == round(result["seconds"], 2)
    assert "seconds" not in json.loads((tmp_path / "claims.json").read_text())["claims"]["a-claim"]


def test_an_infinite_margin_is_valid_json(tmp_path, result):
    report.store_results(tmp_path, {"a-claim": {**result, "margin": "inf"}})
    text = (tmp_path / "claims.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["claims"]["a-claim"]["margin"] == "inf"


def test_an_unchanged_result_keeps_its_provenance_beside_a_changed_one(tmp_path, result):
    first, second = ({**result, "seconds": seconds} for seconds in (1.0, 2.0))
    report.store_results(tmp_path, {"a": first, "b": first})
    report.store_results(tmp_path, {"a": second, "b": {**second, "margin": 0.5}})
    seconds = {name: back["seconds"] for name, back in report.load_results(tmp_path).items()}
    assert seconds == {"a": 1.0, "b": 2.0}


def test_the_report_elsewhere_links_to_the_figures_where_they_are(tmp_path):
    (tmp_path / "page.md").write_text("<!-- begin:study s -->\n<!-- end:study s -->\n")
    folder = tmp_path / "figures"
    stored(folder, "default")
    contents = report.Contents([], ["s"], {})
    for target, link in (("page.md", "figures/s.png"), ("figures/page.md", "./s.png")):
        report.write(tmp_path / "page.md", tmp_path / target, folder, contents)
        assert f"]({link})" in (tmp_path / target).read_text()


def test_a_missing_report_is_one_sentence(tmp_path):
    with pytest.raises(ValueError, match="restore it"):
        report.write(tmp_path / "no.md", tmp_path / "no.md", tmp_path, report.Contents([], [], {}))


def test_this_projects_report_has_a_block_for_every_claim_and_study_and_no_other():
    project = discover.here()
    names = ["verdicts", *(f"{i.kind} {i.id}" for i in discover.claims().items.values())]
    names += [f"study {name}" for name in discover.studies().items]
    text = (project.root / "paper_repro.md").read_text()
    assert report.complaints(text, names) == ([], [])
    report.fill(text, {})


def test_every_number_of_a_result_is_plain_data(result):
    kinds = (int, float, str, bool, type(None), dict, list)
    assert all(type(value) in kinds for value in result.values())
    assert not any(isinstance(value, np.generic) for value in result.values())
