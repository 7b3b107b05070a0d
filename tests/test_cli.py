"""The command line: what it prints where, its exit codes, its sentences, its files."""

import ast
import json

import pytest
from click.testing import CliRunner

from aimctheory.command import cli, jobs
from aimctheory.command.discover import Project
from aimctheory.command.report import KEYS
from aimctheory.figures import read_json
from tests.fake_project import make_project, write_claim, write_study


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path)


@pytest.fixture
def call(project, monkeypatch):
    """Run a command on the small project, in this process."""
    monkeypatch.setattr(cli, "run_all", lambda todo, workers, watch: map(jobs.run, todo))

    def called(*arguments, project=project):
        return CliRunner().invoke(cli.main, [str(each) for each in arguments], obj=project)

    return called


def sentences(result):
    """The lines on stderr, each of which has to be a sentence of ours and no traceback."""
    lines = result.stderr.splitlines()
    assert all(line.startswith("aimctheory: ") for line in lines), result.stderr
    return [line.removeprefix("aimctheory: ") for line in lines]


def files(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# ---- list and show ---------------------------------------------------------------------------


def test_list_names_everything_there_is(call):
    result = call("list")
    assert result.exit_code == 0
    for name in (
        "true-thing",
        "square",
        "linear",
        "residual-learning-v2",
        "A title [with brackets]",
    ):
        assert name in result.stdout
    assert result.stderr == ""


def test_list_json_is_claims_and_studies(call):
    entries = json.loads(call("list", "--json").stdout)
    assert entries == [
        {"id": "true-thing", "title": "A title [with brackets]", "paper": "RF25",
         "locator": "(1), p. 1", "kind": "claim"},
        {"id": "square", "title": "A square", "paper": "RF25",
         "locator": "Fig. 1", "kind": "study"},
    ]  # fmt: skip


def test_a_broken_file_is_one_line_and_the_rest_is_listed(call, project):
    (project.claims / "bad.py").write_text("1 / 0\n")
    result = call("list", "--json")
    assert len(json.loads(result.stdout)) == 2
    assert sentences(result) == ["claims/bad.py: ZeroDivisionError: division by zero (line 1)"]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("true-thing", ("RF25 (1), p. 1", "the other sign", "A claim for the tests.", "holds")),
        ("square", ("RF25 Fig. 1", "square.png", "true-thing")),
        ("soft-bounds", ("q_up", "symmetric point", "penalty R_c", "tau_max")),
        ("analog-sgd", ("def step", "learning_rate", "E[W' - W]")),
        ("residual-learning-v2", ("buffers   H", "closures=")),
    ],
)
def test_show_says_what_there_is_to_say(call, name, parts):
    result = call("show", name)
    assert result.exit_code == 0
    assert [part for part in parts if part not in result.stdout] == []


def test_show_tells_what_was_found(call):
    call("reproduce", "--quick")
    assert "found     holds; closest case: x=3" in call("show", "true-thing").stdout
    assert "found     largest y: 0.3333 units" in call("show", "square").stdout


@pytest.mark.parametrize("name", ["analog-sgd", "digital-sgd", "residual-learning-v2", "power"])
def test_a_kernel_is_a_module(call, name):
    result = call("show", name, "--kernel")
    assert result.exit_code == 0
    assert "def update" in result.stdout
    ast.parse(result.stdout)


def test_a_claim_has_no_kernel(call):
    result = call("show", "true-thing", "--kernel")
    assert result.exit_code == 2
    assert sentences(result)[0].startswith(
        "'true-thing' has no kernel of its own; name an algorithm"
    )


# ---- check -----------------------------------------------------------------------------------


def test_check_prints_the_verdicts(call):
    result = call("check")
    assert result.exit_code == 0
    (line,) = [line for line in result.stdout.splitlines() if "true-thing" in line]
    assert line.split()[:3] == ["true-thing", "holds", "deterministic"]
    assert "1/1" in line
    assert "No verdict rests on a statistical comparison." in result.stdout
    assert result.stderr == ""


def test_check_json_has_the_published_keys(call):
    (verdict,) = json.loads(call("check", "--json").stdout)
    assert tuple(verdict) == KEYS
    assert verdict["mutants"] == {"total": 1, "killed": 1}
    assert (verdict["stated"], verdict["computed"], verdict["error"]) == (4.0, 4.0, 0.0)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"stated": "c.x"}, "new: fails, expected holds; at x=3"),
        ({"expected": "fails"}, "new: holds, expected fails"),
        ({"mutant": "c.x + 1"}, "new: error, expected holds; a mutant survives (the other sign)"),
        ({"observed": "1 / 0"}, "new: error, expected holds; "),
    ],
)
def test_a_surprise_is_a_sentence_and_exit_code_1(call, project, changes, sentence):
    write_claim(project.claims, "new", **changes)
    result = call("check", "new")
    assert result.exit_code == 1
    assert sentences(result)[0].startswith(sentence)


def test_a_broken_file_is_exit_code_1_and_the_rest_is_checked(call, project):
    (project.claims / "bad.py").write_text("1 / 0\n")
    result = call("check")
    assert result.exit_code == 1
    assert "true-thing" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("check", "true-thin"), "there is no 'true-thin'; did you mean 'true-thing'?"),
        (("show", "zzz"), "there is no 'zzz'; `aimctheory list` shows what there is"),
        (("reproduce", "squar"), "there is no 'squar'; did you mean 'square'?"),
        (("check", "square"), "'square' is a study; run: aimctheory reproduce square"),
        (
            ("check", "--quick", "--full"),
            "--quick and --full exclude one another; give one of them, or none",
        ),
    ],
)  # fmt: skip
def test_a_wrong_word_is_one_sentence_and_exit_code_2(call, arguments, sentence):
    result = call(*arguments)
    assert (result.exit_code, sentences(result), result.stdout) == (2, [sentence], "")


def test_an_unknown_option_is_exit_code_2(call):
    assert call("check", "--fast").exit_code == 2
    assert call("check", "-j", "0").exit_code == 2


# ---- reproduce -------------------------------------------------------------------------------


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


# ---- everything else -------------------------------------------------------------------------


def test_without_a_checkout_claims_are_served_and_studies_explain(call, project):
    installed = Project(project.claims, None)
    assert call("check", project=installed).exit_code == 0
    assert "true-thing" in call("list", project=installed).stdout
    assert call("show", "true-thing", project=installed).exit_code == 0
    result = call("reproduce", project=installed)
    assert result.exit_code == 2
    assert "need a checkout" in sentences(result)[0]


def test_the_doctor_finds_this_installation_well(call):
    result = call("doctor")
    assert result.exit_code == 0
    assert "agree to the last bit" in result.stdout


def test_the_doctor_names_what_is_not_well(call, project, tmp_path, monkeypatch):
    (project.claims / "bad.py").write_text("1 / 0\n")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AIMCTHEORY_CACHE", str(tmp_path / "file" / "below"))
    result = call("doctor")
    assert result.exit_code == 1
    ailing = [line for line in result.stdout.splitlines() if line.rstrip().endswith("NOT OK")]
    assert [line.split("  ")[0].strip() for line in ailing] == ["kernel cache", "broken file"]


def test_help_has_examples(call):
    text = call("--help").stdout
    assert "aimctheory show analog-sgd --kernel" in text
    for command in ("list", "show", "check", "reproduce", "doctor"):
        assert command in text
        assert call(command, "--help").exit_code == 0
