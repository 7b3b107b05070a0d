"""Figures: numbers survive the JSON, reruns change no byte, drawn texts are apart and whole."""

import ast
import datetime
import itertools
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aimctheory import figures
from aimctheory.command import discover
from aimctheory.figures import decode, encode, new_figure
from aimctheory.scale import DEFAULT, FULL, QUICK
from tests.drawn_texts import overlapping_texts, texts_cut_off
from tests.fake_project import SQUARE, draw

STUDIES = discover.studies().items
FOLDER = discover.here().root / "figures"


# ---- numbers on disk -------------------------------------------------------------------------

shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


@given(hnp.arrays(float, shapes))
def test_floats_keep_shape_and_ten_digits(array):
    text = json.dumps(encode(array), allow_nan=False)
    back = decode(json.loads(text))
    assert back.shape == array.shape
    np.testing.assert_allclose(back, array, rtol=1e-9, atol=0)


@given(hnp.arrays(st.sampled_from([np.int64, np.bool_, "<U3"]), shapes))
def test_integers_truth_values_and_strings_come_back_as_they_were(array):
    back = decode(json.loads(json.dumps(encode(array))))
    if array.size:
        assert back.dtype.kind == array.dtype.kind
    assert back.shape == array.shape
    assert np.array_equal(back, array)


def test_a_complex_array_is_refused_by_name(tmp_path):
    bad = replace(SQUARE, compute=lambda scale: {"z": np.array([1j])})
    with pytest.raises(ValueError, match=r"^study 'square', 'z': .*complex128.* cannot be kept"):
        figures.reproduce(bad, QUICK, tmp_path)


def test_the_json_says_everything_and_is_valid(tmp_path):
    returned = figures.reproduce(SQUARE, QUICK, tmp_path)
    stored = json.loads((tmp_path / "square.json").read_text(), parse_constant=pytest.fail)
    assert stored == returned
    assert list(stored) == [
        "id",
        "title",
        "sources",
        "relies_on",
        "scale",
        "seed",
        "versions",
        "summary",
        "numbers",
        "provenance",
    ]
    assert (stored["scale"], stored["seed"], stored["sources"]) == ("quick", 7, ["RF25 Fig. 1"])
    assert stored["summary"] == {
        "largest": {"value": 1.0, "unit": "σ"},
        "number": {"value": 3, "unit": ""},
    }
    assert {"seconds", "date"} <= stored["provenance"].keys()
    assert "date" not in json.dumps({k: v for k, v in stored.items() if k != "provenance"})


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_unchanged_rerun_changes_no_byte(tmp_path):
    figures.reproduce(SQUARE, QUICK, tmp_path)
    path = tmp_path / "square.json"
    path.write_text(path.read_text().replace('"seconds": ', '"seconds": 9'))  # an older run
    before = contents(tmp_path)
    figures.reproduce(SQUARE, QUICK, tmp_path)
    assert contents(tmp_path) == before
    assert set(before) == {"square.json", "square.png", "square.pdf"}


def test_a_changed_number_brings_a_new_provenance(tmp_path):
    path = tmp_path / "x.json"
    figures.write_json(path, {"numbers": 1, "provenance": "old"})
    figures.write_json(path, {"numbers": 1, "provenance": "new"})
    assert json.loads(path.read_text())["provenance"] == "old"
    figures.write_json(path, {"numbers": 2, "provenance": "new"})
    assert json.loads(path.read_text())["provenance"] == "new"


def test_pictures_have_the_same_bytes_in_another_process(tmp_path):
    """Other hash seeds order sets differently: nothing of that may reach a file."""
    code = (
        "import sys; from pathlib import Path; from aimctheory import figures;"
        "from aimctheory.scale import QUICK; from tests.fake_project import SQUARE;"
        "figures.reproduce(SQUARE, QUICK, Path(sys.argv[1]))"
    )
    here, there = tmp_path / "here", tmp_path / "there"
    figures.reproduce(SQUARE, QUICK, here)
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    root = discover.here().root
    subprocess.run([sys.executable, "-c", code, there], check=True, cwd=root, env=environment)
    found = [
        {name: data for name, data in contents(folder).items() if name != "square.json"}
        for folder in (here, there)
    ]
    assert found[0] == found[1]
    assert b"Date" not in found[0]["square.pdf"]


def test_a_figure_is_drawn_from_its_json_alone(tmp_path):
    figures.reproduce(SQUARE, QUICK, tmp_path)
    alone = replace(SQUARE, compute=lambda scale: pytest.fail("it computed"))
    picture = (tmp_path / "square.png").read_bytes()
    (tmp_path / "square.png").unlink()
    figures.redraw(alone, tmp_path)
    assert (tmp_path / "square.png").read_bytes() == picture


def test_drawing_sees_what_was_stored_not_what_was_computed(tmp_path):
    seen = {}
    spy = replace(SQUARE, draw=lambda data: seen.update(data) or draw(data))
    figures.reproduce(spy, QUICK, tmp_path)
    assert seen["y"][1] == 0.7071067812
    assert seen["y"][1] != np.sqrt(0.5)


def test_full_results_are_the_numbers_and_the_day_of_the_full_size_run(tmp_path):
    content = figures.reproduce(SQUARE, FULL, tmp_path / "full")
    numbers, day = figures.full_results("square", tmp_path)
    assert day == content["provenance"]["date"][:10]
    assert datetime.date.fromisoformat(day)
    assert numbers.keys() == {"x", "y", "names", "seed"}
    assert numbers["x"].size == 9
    np.testing.assert_allclose(numbers["y"], np.sqrt(numbers["x"]), rtol=1e-9)


def test_full_results_are_empty_where_there_are_none(tmp_path):
    assert figures.full_results("square", tmp_path) == ({}, "")
    figures.reproduce(SQUARE, FULL, tmp_path)  # not in the folder of full size
    figures.reproduce(SQUARE, DEFAULT, tmp_path / "full")  # not of full size
    assert figures.full_results("square", tmp_path) == ({}, "")


def test_no_json_is_one_sentence(tmp_path):
    with pytest.raises(ValueError, match="run: aimctheory reproduce square"):
        figures.drawn(SQUARE, tmp_path / "square.json")


def test_a_folder_that_cannot_be_made_is_one_sentence_before_anything_is_computed(tmp_path):
    (tmp_path / "file").write_text("")
    slow = replace(SQUARE, compute=lambda scale: pytest.fail("it computed"))
    with pytest.raises(ValueError, match=r"cannot be written .*choose another with --out"):
        figures.reproduce(slow, QUICK, tmp_path / "file" / "below")


# ---- the looks -------------------------------------------------------------------------------


def test_any_two_series_differ_in_more_than_colour():
    lines = [str(figures.line(i)["linestyle"]) for i in range(7)]
    markers = [figures.points(i)["marker"] for i in range(7)]
    assert len(set(lines)) == len(set(markers)) == 7


def test_plain_plots_cycle_through_dashes():
    with figures.in_style():
        _, axes = new_figure()
        for i in range(7):
            axes.plot([0, 1], [i, i])
    assert len({str(line._dash_pattern) for line in axes.lines}) == 7


def test_overlapping_texts_are_found():
    figure, axes = new_figure()
    axes.text(0.5, 0.5, "one")
    axes.text(0.5, 0.5, "two")
    assert overlapping_texts(figure) == [("one", "two")]


def test_hidden_texts_and_ticks_off_the_axes_do_not_count():
    figure, axes = new_figure()
    axes.text(0.5, 0.5, "one")
    axes.text(0.5, 0.5, "two", visible=False)
    axes.set(xlim=(0.05, 0.95))
    assert overlapping_texts(figure) == []


def test_slanted_texts_are_measured_along_their_slant():
    figure, axes = new_figure()
    for x in (0.4, 0.45):
        axes.text(x, 0.3, "a rather long label", rotation=45)
    assert overlapping_texts(figure) == []
    axes.text(0.4, 0.3, "a rather long label", rotation=-45)
    assert len(overlapping_texts(figure)) >= 1


def test_a_text_over_the_edge_is_found():
    figure, _ = new_figure()
    assert texts_cut_off(figure) == []
    figure.text(0.99, 0.5, "beyond")
    assert texts_cut_off(figure) == ["beyond"]


# ---- this project's studies ------------------------------------------------------------------


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_has_its_figure_and_it_is_readable(name):
    """Redrawn from its JSON alone: texts apart and whole, series told apart without colour."""
    figure = figures.drawn(STUDIES[name].value, FOLDER / f"{name}.json")
    assert all((FOLDER / f"{name}.{kind}").is_file() for kind in ("png", "pdf"))
    assert overlapping_texts(figure) == []
    assert texts_cut_off(figure) == []
    assert figure.get_figwidth() == 7
    lines = [line for axes in figure.axes for line in axes.lines if line.get_label()[0] != "_"]
    for axes, group in itertools.groupby(lines, key=lambda line: line.axes):
        looks = [
            (str(line.get_linestyle()), str(line._dash_pattern), line.get_marker())
            for line in group
        ]
        assert len(looks) == len(set(looks)), axes.get_title(loc="left")


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_was_stored_at_its_default_size(name):
    stored = figures.read_json(FOLDER / f"{name}.json")
    assert stored["scale"] == DEFAULT.name
    assert all(isinstance(v["value"], float | int) for v in stored["summary"].values()), stored[
        "summary"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_a_study_runs_at_quick_size(name, tmp_path):
    study = STUDIES[name].value
    figures.reproduce(study, QUICK, tmp_path)
    assert overlapping_texts(figures.drawn(study, tmp_path / f"{name}.json")) == []


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_relies_on_claims_that_there_are(name):
    assert set(STUDIES[name].value.relies_on) <= set(discover.claims().items)


@pytest.mark.parametrize("name", STUDIES)
def test_a_drawing_computes_nothing(name):
    """`draw` and `summary` see numbers only: they call nothing of the theory or the simulator."""
    tree = ast.parse(STUDIES[name].path.read_text())
    ours = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("aimctheory")
        and node.module not in ("aimctheory.figures", "aimctheory.notation")
        for alias in node.names
    }
    for function in tree.body:
        if isinstance(function, ast.FunctionDef) and function.name in ("draw", "summary"):
            used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
            assert used & ours == set()
