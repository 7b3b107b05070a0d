"""`list`, `show`, `check`, `doctor` and the help: what they print where, and their exit codes."""

import ast
import json

import pytest

from aimctheory.command.discover import Project
from aimctheory.command.report import KEYS
from tests.fake_project import caller, make_project, sentences, write_claim


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path)


@pytest.fixture
def call(project, monkeypatch):
    return caller(project, monkeypatch)


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
        {
            "id": "true-thing",
            "title": "A title [with brackets]",
            "paper": "RF25",
            "locator": "(1), p. 1",
            "kind": "claim",
        },
        {
            "id": "square",
            "title": "A square",
            "paper": "RF25",
            "locator": "Fig. 1",
            "kind": "study",
        },
    ]


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


@pytest.mark.parametrize(
    ("name", "heads"),
    [
        ("linear", ["conditions (tau=0.5, c=-0.5)", "conditions (tau=2, c=0.5)"]),
        ("power", ["conditions (tau=0.5, gamma=0.3)", "conditions (tau=2, gamma=4)"]),
        ("ideal", ["conditions (no numbers)"]),
    ],
)
def test_show_says_which_conditions_of_definition_1_hold_at_which_numbers(call, name, heads):
    lines = call("show", name).stdout.splitlines()
    assert [line for line in lines if line.startswith("conditions ")] == heads
    (head,) = [line for line in lines if line.startswith("RF25 Definition 1 (p. 4)")]
    assert ("at the low and at the high end of the typical numbers" in head) == (len(heads) == 2)
    conditions = [line for line in lines if line.startswith("  ")]
    assert len(conditions) == 7 * len(heads)
    assert all(": true (" in line or ": false (" in line for line in conditions)


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
)
def test_a_wrong_word_is_one_sentence_and_exit_code_2(call, arguments, sentence):
    result = call(*arguments)
    assert (result.exit_code, sentences(result), result.stdout) == (2, [sentence], "")


def test_an_unknown_option_is_exit_code_2(call):
    assert call("check", "--fast").exit_code == 2
    assert call("check", "-j", "0").exit_code == 2


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
