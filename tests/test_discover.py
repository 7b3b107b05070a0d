"""Discovery: folders are searched, ids are found, and a broken file hides no other."""

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


def test_a_claim_in_the_folder_of_a_paper_is_found(project):
    write_claim(project.claims / "rf25", "rf25-thing")
    found = discover.claims(project)
    assert list(found.items) == ["rf25-thing", "true-thing"]
    assert found.items["rf25-thing"].path == project.claims / "rf25" / "rf25_thing.py"
    assert not found.broken


def test_a_broken_claim_in_the_folder_of_a_paper_is_named_and_its_id_explained(project):
    (project.claims / "rf25").mkdir()
    (project.claims / "rf25" / "bad.py").write_text("x = 1\n1 / 0\n")
    found = discover.claims(project)
    line = "rf25/bad.py: ZeroDivisionError: division by zero (line 2)"
    assert found.broken == (line,)
    for name in ("rf25-bad", "bad"):
        with pytest.raises(ValueError, match="its file cannot be used") as caught:
            found.pick([name])
        assert str(caught.value) == f"there is no {name!r}; its file cannot be used: {line}"
    with pytest.raises(ValueError, match=r"^there is no 'ex24-bad'; `aimctheory list`"):
        found.pick(["ex24-bad"])


def test_two_papers_may_have_files_of_one_name(project):
    for paper in ("ex24", "rf25"):
        folder = project.claims / paper
        write_claim(folder, f"{paper}-theorem")
        (folder / f"{paper}_theorem.py").rename(folder / "theorem.py")
    assert list(discover.claims(project).items) == ["ex24-theorem", "rf25-theorem", "true-thing"]


def test_a_folder_with_an_underscore_and_a_file_with_one_in_a_folder_are_passed_over(project):
    for folder, name in (("_drafts", "bad"), ("rf25", "_shared"), ("rf25", "__init__")):
        (project.claims / folder).mkdir(exist_ok=True)
        (project.claims / folder / f"{name}.py").write_text("1 / 0\n")
    found = discover.claims(project)
    assert list(found.items) == ["true-thing"]
    assert not found.broken


def test_a_folder_in_the_folder_of_a_paper_is_not_searched(project):
    write_claim(project.claims / "rf25" / "old", "old-thing")
    assert list(discover.claims(project).items) == ["true-thing"]


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
