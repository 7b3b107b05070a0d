"""Files are walked, ids are found, and a broken file takes nothing else down."""

import pytest

from aimctheory.command import discover
from tests.fake_project import make_project, write_claim, write_study


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path)


def test_a_new_file_is_a_new_item(project):
    write_claim(project.claims, "thing-2")
    write_claim(project.claims, "thing-10")
    assert list(discover.claims(project).items) == ["thing-2", "thing-10", "true-thing"]


def test_a_file_that_cannot_be_parsed_is_one_line_and_the_rest_is_found(project):
    (project.claims / "bad.py").write_text("x = 1\nclaim = (\n")
    found = discover.claims(project)
    assert list(found.items) == ["true-thing"]
    (line,) = found.broken
    assert line.startswith("claims/bad.py: SyntaxError: ")
    assert "\n" not in line


def test_the_line_that_raised_is_named(project):
    (project.claims / "worse.py").write_text("x = 1\n\n1 / 0\n")
    assert discover.claims(project).broken[0].endswith("division by zero (line 3)")


def test_a_file_without_a_record_says_so(project):
    (project.checkout / "analyses" / "empty.py").write_text("x = 1\n")
    assert discover.studies(project).broken == ("analyses/empty.py: ValueError: it holds no Study",)


def test_a_file_with_an_underscore_is_a_helper(project):
    (project.claims / "_helper.py").write_text("x = 1\n")
    assert not discover.claims(project).broken


def test_an_id_used_twice_is_broken(project):
    text = (project.claims / "true_thing.py").read_text()
    (project.claims / "zebra.py").write_text(text)
    (line,) = discover.claims(project).broken
    assert "the id 'true-thing' is taken by claims/true_thing.py" in line


def test_a_study_cannot_take_the_id_of_a_claim(project):
    write_study(project.checkout / "analyses", "true-thing")
    found = discover.claims(project) | discover.studies(project)
    assert found.items["true-thing"].kind == "claim"
    assert "is taken by claims/true_thing.py" in found.broken[0]


def test_a_nearly_right_id_is_suggested(project):
    with pytest.raises(ValueError, match=r"^there is no 'true-thin'; did you mean 'true-thing'\?$"):
        discover.claims(project).pick(["true-thin"])


def test_the_id_of_a_broken_file_is_explained(project):
    (project.claims / "bad_one.py").write_text("1 / 0\n")
    with pytest.raises(
        ValueError, match=r"there is no 'bad-one'; its file cannot be used: .*ZeroDiv"
    ):
        discover.claims(project).pick(["bad-one"])


def test_nothing_named_picks_everything_and_a_repeated_name_counts_once(project):
    found = discover.claims(project) | discover.studies(project)
    assert [item.id for item in found.pick()] == ["true-thing", "square"]
    assert [item.id for item in found.pick(["square", "square"])] == ["square"]


def test_without_a_checkout_there_are_no_studies(project):
    installed = discover.Project(project.claims, None)
    assert not discover.studies(installed).items
    with pytest.raises(ValueError, match="need a checkout"):
        _ = installed.root


def test_a_transcription_is_a_file_named_after_its_algorithm(project):
    folder = project.checkout / "tests" / "transcriptions"
    folder.mkdir(parents=True)
    (folder / "analog_sgd.py").write_text("")
    transcribed = discover.transcribed(project)
    assert transcribed["analog-sgd"]
    assert not transcribed["digital-sgd"]


def test_every_algorithm_of_this_project_is_transcribed():
    assert all(discover.transcribed().values())


def test_every_file_of_this_project_can_be_used():
    found = discover.everything()
    assert found.broken == ()
    kinds = {item.kind for item in found.items.values()}
    assert kinds == {"claim", "study", "response", "algorithm"}
