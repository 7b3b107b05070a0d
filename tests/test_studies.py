"""Every study, run small: a readable picture, drawn from numbers that say where they come from."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.image import imread

from aimctheory import figures
from aimctheory.command import discover
from aimctheory.scale import QUICK
from tests.drawn_texts import overlapping_texts, texts_cut_off

STUDIES = discover.studies().items
SLOW = {"digits", "implicit-penalty"}
"""Studies that take more than five seconds at their quick size."""
CAPS = ("_", "|")
"""Markers that end an interval: they belong to their series and are alike on purpose."""
LUMINANCE = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Made:
    """A study, the folder that it was reproduced in, and what its JSON says."""

    study: Any
    path: Path
    folder: Path
    content: dict[str, Any]

    @property
    def figure(self):
        return figures.drawn(self.study, self.folder / f"{self.study.id}.json")


@pytest.fixture(
    scope="module",
    params=[pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in STUDIES],
)
def made(request, tmp_path_factory):
    item = STUDIES[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    content = figures.reproduce(item.value, QUICK, folder)
    return Made(item.value, item.path, folder, content)


# ---- what is asked of a figure ---------------------------------------------------------------


def series(axes):
    """The lines and marked points of one panel, without reference lines across it and caps."""
    return [
        line
        for line in axes.lines
        if line.get_transform() == axes.transData and line.get_marker() not in CAPS
    ]


def told_apart_by_colour_only(figure):
    """Pairs of series of one panel with the same dash and marker but not the same colour."""
    looks: dict[Any, set[Any]] = {}
    for axes in figure.axes:
        for line in series(axes):
            dash = str(line._unscaled_dash_pattern), line.get_linestyle() == "None"
            key = axes.get_title(loc="left"), id(axes), dash, line.get_marker()
            looks.setdefault(key, set()).add(to_rgba(line.get_color()))
    return [key for key, colours in looks.items() if len(colours) > 1]


def unlabelled(figure):
    """Panels and directions without a label: their own, or that of their row's or column's edge."""
    missing = []
    for axes in figure.axes:
        place = axes.get_subplotspec()
        row = [a for a in figure.axes if a.get_subplotspec().rowspan == place.rowspan]
        column = [a for a in figure.axes if a.get_subplotspec().colspan == place.colspan]
        for direction, own, edge in (
            ("x", axes.get_xlabel(), column[-1].get_xlabel()),
            ("y", axes.get_ylabel(), row[0].get_ylabel()),
        ):
            if not (own or edge):
                missing.append((axes.get_title(loc="left"), direction))
    return missing


def too_pale(figure, lightest=0.8):
    """Colours of series that are hard to see on white paper when printed in grey."""
    found = set()
    for axes in figure.axes:
        for line in series(axes):
            alpha = 1.0 if line.get_alpha() is None else line.get_alpha()
            grey = alpha * (to_rgba(line.get_color())[:3] @ LUMINANCE) + 1 - alpha
            if grey > lightest:
                found.add(line.get_color())
    return found


# ---- every study -----------------------------------------------------------------------------


def test_a_study_leaves_a_picture_a_print_and_its_numbers(made):
    names = {path.name for path in made.folder.iterdir()}
    assert names == {f"{made.study.id}.{kind}" for kind in ("png", "pdf", "json")}


def test_its_json_says_with_which_versions(made):
    assert {"aimctheory", "numpy", "numba", "matplotlib"} <= made.content["versions"].keys()
    assert all(made.content["versions"].values())


def test_its_json_says_from_which_seed_if_it_drew_random_numbers(made):
    tree = ast.parse(made.path.read_text())
    sources = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    drew = "aimctheory.simulator.simulate" in sources
    assert isinstance(made.content["seed"], int) == drew


def test_its_summary_is_made_of_numbers(made):
    values = [entry["value"] for entry in made.content["summary"].values()]
    assert values
    assert all(isinstance(value, float | int) for value in values)


def test_it_is_redrawn_from_its_json_alone(made, tmp_path):
    name = f"{made.study.id}.json"
    (tmp_path / name).write_bytes((made.folder / name).read_bytes())
    alone = replace(made.study, compute=lambda scale: pytest.fail("it computed"))
    figures.redraw(alone, tmp_path)
    picture = f"{made.study.id}.png"
    assert (tmp_path / picture).read_bytes() == (made.folder / picture).read_bytes()


def test_its_texts_are_apart_and_whole(made):
    figure = made.figure
    assert overlapping_texts(figure) == []
    assert texts_cut_off(figure) == []


def test_its_series_differ_in_more_than_colour(made):
    assert told_apart_by_colour_only(made.figure) == []


def test_its_axes_are_labelled(made):
    assert unlabelled(made.figure) == []


def test_its_series_are_legible_in_grey(made):
    assert too_pale(made.figure) == set()


def test_every_panel_shows_something(made):
    for axes in made.figure.axes:
        assert any(np.isfinite(line.get_ydata()).any() for line in series(axes))


def test_its_picture_is_not_blank(made):
    grey = imread(made.folder / f"{made.study.id}.png")[..., :3] @ LUMINANCE
    assert grey.shape[1] == 1400
    assert 0.02 < np.mean(grey < 0.9) < 0.5


# ---- what was measured lies where the theory beside it says ----------------------------------


def residual_learning_misses(d):
    """Measured biases further from their line than their interval and 3 % of it."""
    lines = {f"{name} residual-learning": ("rate", f"{name} mean field") for name in PLACES}
    lines |= {
        f"{name} along c residual-learning": ("shift", f"{name} along c mean field")
        for name in ("both", "W")
    }
    for name, (x, theory) in lines.items():
        found, half = d[f"{name} gradient"]
        expected = np.interp(d[x], d[f"fine {x}"], d[theory])
        yield from np.abs(found - expected) > half + 0.03 * np.abs(expected)
    for name in ("no shift", "P shifted"):  # W is not shifted: Analog SGD settles at the root
        found, half = d[f"{name} analog-sgd gradient"]
        yield from np.abs(found - d["root"]) > half + 0.03 * np.abs(d["root"])
    found, half = d["both along c analog-sgd gradient"]
    root = np.interp(d["shift"], d["fine shift"], d["root along c"])
    yield from np.abs(found - root) > half + 0.03 * np.abs(root)


PLACES = ("no shift", "W shifted", "P shifted")


def implicit_penalty_misses(d):
    for name in d["cells"]:
        for key in ("noise", "distance"):
            found, half, law = (d[f"{name} {key} {k}"] for k in ("simulated", "half_width", "law"))
            yield from np.abs(found - law) > half + 0.03 * np.abs(law)


def digits_misses(d, of=slice(1)):
    """Whether the noise where Analog SGD settles predicts the distance to a twentieth.

    On wider ranges it settles more slowly, and the quick size ends before: only the first counts.
    """
    for name in d["cells"]:
        found, predicted = d[f"{name} analog distance"], d[f"{name} local distance"]
        yield from np.abs(found / predicted - 1)[of] > 0.05


def test_the_digits_of_the_report_lie_where_the_theory_beside_them_says():
    path = Path(__file__).parents[1] / "figures" / "digits.json"
    stored = figures.read_json(path)["numbers"]
    data = {name: figures.decode(value) for name, value in stored.items()}
    misses = list(digits_misses(data, of=slice(None)))
    assert len(misses) == len(data["cells"]) * len(data["tau"])
    assert not any(misses)


def response_gallery_misses(d):
    w = d["w"]
    up, down = (d[f"ideal and linear {q}"] for q in ("q_up", "q_down"))
    for i, c in ((1, 0.0), (2, 0.3)):
        yield from np.abs(up[i] - (1 + c) * (1 - w)) > 1e-9
        yield from np.abs(down[i] - (1 - c) * (1 + w)) > 1e-9
    for i, gamma in enumerate((0.2, 1.0, 2.0)):
        yield from np.abs(d["power q_up"][i] - (1 - w) ** gamma) > 1e-9
        yield from np.abs(d["power q_down"][i] - (1 + w) ** gamma) > 1e-9
        yield d["exponential q_down"][i][-1] < d["exponential q_up"][i][-1]
    for family in d["families"]:
        up, down = d[f"{family} q_up"], d[f"{family} q_down"]
        yield from np.ravel(np.abs(d[f"{family} mean_response"] - (down + up) / 2) > 1e-9)
        yield from np.ravel(np.abs(d[f"{family} asymmetry"] - (down - up) / 2) > 1e-9)


MISSES = {
    "residual-learning": residual_learning_misses,
    "implicit-penalty": implicit_penalty_misses,
    "digits": digits_misses,
    "response-gallery": response_gallery_misses,
}


def test_what_it_measured_lies_where_the_theory_beside_it_says(made):
    """An interval of these studies misses with chance 1e-6."""
    data = {name: figures.decode(value) for name, value in made.content["numbers"].items()}
    misses = list(MISSES[made.study.id](data))
    assert misses
    assert not any(misses)


# ---- the questions can be answered with no ---------------------------------------------------


def test_series_of_one_dash_are_noticed():
    figure, axes = figures.new_figure()
    axes.plot([0, 1], [0, 1], **figures.line(0))
    axes.plot([0, 1], [1, 0], **{**figures.line(1), "linestyle": "-"})
    assert len(told_apart_by_colour_only(figure)) == 1


def test_intervals_of_one_marker_are_noticed():
    figure, axes = figures.new_figure()
    for i in (0, 1):
        axes.errorbar([0, 1], [i, i], yerr=0.1, **figures.points(i, marker="o"))
    assert len(told_apart_by_colour_only(figure)) == 1


def test_the_house_looks_are_told_apart_and_dark_enough():
    figure, axes = figures.new_figure()
    for i in range(7):
        axes.plot([0, 1], [i, i], **figures.line(i))
        axes.errorbar([0, 1], [i, i], yerr=0.1, **figures.points(i))
    assert told_apart_by_colour_only(figure) == []
    assert too_pale(figure) == set()


def test_an_axis_without_a_label_is_noticed():
    figure, axes = figures.new_figure(1, 2)
    axes[0].set(xlabel="x", ylabel="y")
    assert unlabelled(figure) == [("", "x")]


def test_a_pale_series_is_noticed():
    figure, axes = figures.new_figure()
    axes.plot([0, 1], [0, 1], color="#ffee00")
    assert too_pale(figure) == {"#ffee00"}
