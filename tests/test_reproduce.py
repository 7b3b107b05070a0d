"""`reproduce`: the files it writes and leaves alone, its sentences, and how it is resumed."""

import pytest

from aimctheory.command import cli, jobs
from aimctheory.figures import read_json
from tests.fake_project import caller, make_project, sentences, write_claim, write_study


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path)


@pytest.fixture
def call(project, monkeypatch):
    return caller(project, monkeypatch)


def files(folder):
    """The bytes of every file below a folder, but for Python's own cache."""
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix != ".pyc"]
    return {path: path.read_bytes() for path in paths if path.is_file()}


# ---- the default size ------------------------------------------------------------------------


def test_reproduce_ends_with_verdicts_figures_and_the_report(call, project):
    result = call("reproduce")
    assert result.exit_code == 0
    assert result.stderr == ""
    lines = result.stdout.split("\n")
    assert "true-thing" in result.stdout
    assert "square.png" in result.stdout
    assert lines[-2].startswith("report ")
    assert lines[-2].endswith("paper_repro.md")
    made = sorted(path.name for path in (project.checkout / "figures").iterdir())
    assert made == ["claims.json", "square.json", "square.pdf", "square.png"]
    page = (project.checkout / "paper_repro.md").read_text()
    assert "**holds**" in page
    assert "![A square](figures/square.png)" in page
    assert "\nold\n" not in page
    assert "Prose." in page


def test_an_unchanged_rerun_changes_no_byte(call, project):
    call("reproduce")
    before = files(project.checkout)
    assert call("reproduce").exit_code == 0
    assert files(project.checkout) == before


def test_a_part_is_rerun_without_losing_the_rest(call, project):
    write_claim(project.claims, "other-thing")
    call("reproduce", "true-thing", "other-thing")
    result = call("reproduce", "square")
    assert "true-thing" not in result.stdout
    stored = read_json(project.checkout / "figures" / "claims.json")
    assert list(stored["claims"]) == ["other-thing", "true-thing"]


def test_a_claim_that_is_gone_is_forgotten(call, project):
    write_claim(project.claims, "other-thing")
    call("reproduce", "true-thing", "other-thing")
    (project.claims / "other_thing.py").unlink()
    call("reproduce", "true-thing")
    stored = read_json(project.checkout / "figures" / "claims.json")
    assert list(stored["claims"]) == ["true-thing"]


def test_what_the_report_leaves_out_is_said_and_not_an_error(call, project):
    write_study(project.checkout / "analyses", "circle")
    result = call("reproduce", "circle")
    assert result.exit_code == 0
    (sentence,) = sentences(result)
    assert sentence.startswith("the report does not mention 'study circle'")


def test_a_marker_for_nothing_is_exit_code_1(call, project):
    page = project.checkout / "paper_repro.md"
    page.write_text(page.read_text() + "<!-- begin:study squares -->\n<!-- end:study -->\n")
    result = call("reproduce", "square")
    assert result.exit_code == 1
    assert "did you mean 'study square'?" in sentences(result)[0]


def test_results_elsewhere_leave_the_checkout_alone(call, project, tmp_path):
    before = files(project.checkout)
    out = tmp_path / "elsewhere"
    assert call("reproduce", "--out", out).exit_code == 0
    assert {k: v for k, v in files(project.checkout).items() if out not in k.parents} == before
    assert "](./square.png)" in (out / "paper_repro.md").read_text()


def test_an_unwritable_folder_is_one_sentence_before_anything_runs(call, project, tmp_path):
    (tmp_path / "file").write_text("")
    write_study(project.checkout / "analyses", "square", before="raise SystemExit")
    result = call("reproduce", "--out", tmp_path / "file" / "below")
    assert result.exit_code == 2
    (sentence,) = sentences(result)
    assert "cannot be written" in sentence
    assert sentence.endswith("choose another with --out")


def test_a_failing_study_is_a_sentence_and_the_rest_is_done(call, project):
    write_study(project.checkout / "analyses", "bad", before="1 / 0")
    result = call("reproduce")
    assert result.exit_code == 1
    assert any(
        s.startswith("bad: ZeroDivisionError: division by zero (line ") for s in sentences(result)
    )
    assert "Traceback" not in result.stderr
    assert (project.checkout / "figures" / "square.png").is_file()
    assert "Traceback" in call("--debug", "reproduce", "bad").stderr


def test_ctrl_c_keeps_what_is_finished(call, project, monkeypatch):
    def interrupted(todo, workers, watch):
        yield next(jobs.run(job) for job in todo if job.kind == "claim")
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "run_all", interrupted)
    result = call("reproduce", "--quick")
    assert result.exit_code == 130
    assert sentences(result) == [
        "stopped; 1 of 2 finished and kept; go on with: aimctheory reproduce --quick square"
    ]
    stored = read_json(project.checkout / "figures" / "claims.json")
    assert list(stored["claims"]) == ["true-thing"]
    assert "**holds**" in (project.checkout / "paper_repro.md").read_text()


def test_the_longest_starts_first_and_the_unknown_before_it(call, project, monkeypatch):
    write_study(project.checkout / "analyses", "long")
    call("reproduce")
    path = project.checkout / "figures" / "long.json"
    path.write_text(path.read_text().replace('"seconds": ', '"seconds": 9'))
    write_study(project.checkout / "analyses", "new")
    order = []
    monkeypatch.setattr(
        cli, "run_all", lambda todo, w, watch: order.extend(j.id for j in todo) or ()
    )
    call("reproduce")
    assert order[:2] == ["new", "long"]


# ---- full size -------------------------------------------------------------------------------


def test_full_size_goes_to_a_folder_of_its_own_and_leaves_everything_else_alone(call, project):
    call("reproduce")
    before = files(project.checkout)
    result = call("reproduce", "--full")
    assert (result.exit_code, result.stderr) == (0, "")
    full = project.checkout / "figures" / "full"
    after = files(project.checkout)
    assert {path: data for path, data in after.items() if path.parent != full} == before
    made = {path.name for path in after.keys() - before.keys()}
    assert made == {"claims.json", "square.json", "square.pdf", "square.png"}
    assert read_json(full / "square.json")["scale"] == "full"
    assert read_json(full / "claims.json")["claims"]["true-thing"]["scale"] == "full"
    assert "figures/full/square.png" in result.stdout
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("results ")]
    assert "figures/full; paper_repro.md is left as it is" in line
    assert not any(line.startswith("report ") for line in result.stdout.splitlines())


def test_the_next_report_tells_of_the_results_at_full_size(call, project):
    page = project.checkout / "paper_repro.md"
    call("reproduce")
    plain = page.read_text()
    call("reproduce", "--full")
    assert page.read_text() == plain
    call("reproduce")
    more = [line for line in page.read_text().splitlines() if line not in plain.splitlines()]
    assert len(more) == 2
    assert more[0].startswith("| at full size | **holds**, margin 1, error 0, 20")
    assert more[1].startswith("*At full size, 20")
    assert "[JSON](figures/full/square.json)" in more[1]


def test_full_size_elsewhere_is_a_report_elsewhere(call, project, tmp_path):
    before = files(project.checkout)
    out = tmp_path / "elsewhere"
    result = call("reproduce", "--full", "--out", out)
    assert result.exit_code == 0
    assert {k: v for k, v in files(project.checkout).items() if out not in k.parents} == before
    made = {path.name for path in files(out)}
    assert made == {"claims.json", "square.json", "square.pdf", "square.png", "paper_repro.md"}
    assert "(full size)" in (out / "paper_repro.md").read_text()


@pytest.mark.parametrize("place", ["figures", "figures/full/.."])
def test_full_size_does_not_go_over_the_default_results(call, project, place):
    call("reproduce")
    before = files(project.checkout)
    result = call("reproduce", "--full", "--out", project.checkout / place)
    assert result.exit_code == 2
    (sentence,) = sentences(result)
    assert sentence.startswith("--full does not write over the results at default size in ")
    assert files(project.checkout) == before


def test_ctrl_c_at_full_size_keeps_what_is_finished_and_names_the_rest(call, project, monkeypatch):
    write_claim(project.claims, "other-thing")

    def interrupted(todo, workers, watch):
        yield next(jobs.run(job) for job in todo if job.id == "true-thing")
        raise KeyboardInterrupt

    full = project.checkout / "figures" / "full"
    with monkeypatch.context() as patch:
        patch.setattr(cli, "run_all", interrupted)
        result = call("reproduce", "--full")
    assert result.exit_code == 130
    (sentence,) = sentences(result)
    said, again = sentence.split("; go on with: ")
    assert said == "stopped; 1 of 3 finished and kept"
    assert again == "aimctheory reproduce --full other-thing square"
    kept = read_json(full / "claims.json")
    assert list(kept["claims"]) == ["true-thing"]
    assert call(*again.split()[1:]).exit_code == 0
    stored = read_json(full / "claims.json")
    assert list(stored["claims"]) == ["other-thing", "true-thing"]
    assert stored["claims"]["true-thing"] == kept["claims"]["true-thing"]
    assert (full / "square.json").is_file()


def test_the_sentence_after_ctrl_c_repeats_the_folder(call, project, monkeypatch, tmp_path):
    def interrupted(todo, workers, watch):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "run_all", interrupted)
    out = tmp_path / "my results"
    (sentence, *_) = reversed(sentences(call("reproduce", "square", "--full", "--out", out)))
    assert sentence.endswith(f"go on with: aimctheory reproduce --full --out '{out}' square")
