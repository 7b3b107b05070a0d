"""The numbers drawn and printed are the numbers stored, each under the name of what it is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex

from aimctheory import figures
from aimctheory.command import discover
from aimctheory.figures import COLOURS

STUDIES = discover.studies().items
FOLDER = discover.here().root / "figures"


def data_of(name: str) -> dict[str, Any]:
    content = figures.read_json(FOLDER / f"{name}.json")
    return {key: figures.decode(value) for key, value in content["numbers"].items()}


# ---- lines and points ------------------------------------------------------------------------


def contents(axes) -> list[tuple[str, Any, Any, Any]]:
    """Colour, x, y and half-width (None for a line) of all that a panel shows."""
    bars = [artist for group in axes.containers for artist in (group.lines[0], *group.lines[1])]
    found = [
        (to_hex(each.get_color()), *each.get_data(), None)
        for each in axes.lines
        if each not in bars
    ]
    for group in axes.containers:
        low, high = np.array(group.lines[2][0].get_segments())[:, :, 1].T
        points = group.lines[0]
        found.append((to_hex(points.get_color()), *points.get_data(), (high - low) / 2))
    return found


def expected_in_residual_learning(d, panel):
    rl, sgd = "residual-learning", "analog-sgd"
    if panel == 1:
        what, x, fine, names = "gradient", d["shift"], d["fine shift"], {"both along c": 4}
        names |= {"W along c": 1}
        theory = {name: d[f"{name} mean field"] for name in names}
        other = d["both along c analog-sgd gradient"], d["root along c"]
        across = [(COLOURS[6], fine, d["limit along c"], None)]
        across += [(to_hex("0.4"), [d["crossover"]] * 2, [0, 1], None)]
    else:
        what = "gradient" if panel == 0 else "square"
        x, fine, names = d["rate"], d["fine rate"], {"no shift": 0, "W shifted": 1, "P shifted": 2}
        field = "mean field" if panel == 0 else "mean square"
        theory = {name: d[f"{name} {field}"] for name in names}
        root = d["root"] if panel == 0 else d["root square"]
        other = d[f"no shift {sgd} {what}"], root
        leading = (COLOURS[5], fine, d["leading order"], None)
        limit = (COLOURS[6], [0, 1], [d["limit"]] * 2, None)
        across = [leading, limit] if panel == 0 else []
    series = {COLOURS[i]: (d[f"{name} {rl} {what}"], theory[name]) for name, i in names.items()}
    series[COLOURS[3]] = other
    for colour, (found, curve) in series.items():
        yield colour, fine, np.broadcast_to(curve, fine.shape), None
        yield colour, x, found[0], found[1]
    yield from across


def expected_in_implicit_penalty(d, panel):
    key, name = ("noise", "distance")[panel // 4], d["cells"][panel % 4]
    for i, curve in enumerate(("root", "penalised", "linear", "printed")):
        yield COLOURS[i], d[f"{key} curve"], d[f"{name} {key} {curve}"], None
    x = d[f"{key} points"]
    yield "#000000", x, d[f"{name} {key} law"], None
    yield COLOURS[6], x, d[f"{name} {key} simulated"], d[f"{name} {key} half_width"]
    yield to_hex("0.4"), [0, 1], [0, 0], None


def expected_in_digits(d, panel):
    what, unit = (("loss", 1), ("accuracy", 100))[panel // 3]
    name, tau = d["cells"][panel % 3], d["tau"]
    for i, key in ((1, "local"), (5, "constant")):
        yield COLOURS[i], tau, unit * d[f"{name} {key} {what}"], None
    for i, key in ((1, "analog"), (2, "residual")):  # set apart by a tenth
        value, half = unit * d[f"{name} {key} {what}"]
        yield COLOURS[i], tau * (1, 1.1)[i - 1], value, half
    value, half = unit * d[f"digital {what}"]
    yield COLOURS[0], [2.2 * tau[-1]], value, half
    yield to_hex("0.5"), [0, 1], [value[0]] * 2, None


def expected_in_response_gallery(d, panel):
    family = d["families"][panel % 3]
    for what in (("q_up", "q_down"), ("mean_response", "asymmetry"))[panel // 3]:
        for i, values in enumerate(d[f"{family} {what}"]):
            yield COLOURS[i], d["w"], values, None
    if panel >= 3:
        yield to_hex("0.4"), [0, 1], [0, 0], None


EXPECTED = {
    "digits": expected_in_digits,
    "implicit-penalty": expected_in_implicit_penalty,
    "residual-learning": expected_in_residual_learning,
    "response-gallery": expected_in_response_gallery,
}


def same(a, b) -> bool:
    """Whether two entries of a panel agree; biases are drawn by their size."""
    if a[0].lower() != b[0].lower() or (a[3] is None) != (b[3] is None):
        return False
    pairs = list(zip(a[1:], b[1:], strict=True))[: 2 if a[3] is None else 3]
    return all(
        np.shape(x) == np.shape(y)
        and np.allclose(np.asarray(x, float), np.asarray(y, float), rtol=1e-12, equal_nan=True)
        for x, y in pairs
    )


@pytest.mark.parametrize("name", STUDIES)
def test_every_line_and_point_of_a_figure_is_a_stored_series(name):
    figure = figures.drawn(STUDIES[name].value, FOLDER / f"{name}.json")
    data = data_of(name)
    sized = np.abs if name == "residual-learning" else np.asarray
    for panel, axes in enumerate(figure.axes):
        wanted = [(c, x, sized(y), half) for c, x, y, half in EXPECTED[name](data, panel)]
        seen = contents(axes)
        assert len(seen) == len(wanted)
        for each in wanted:  # one to one: an equal series is drawn once for each
            place = next((i for i, other in enumerate(seen) if same(each, other)), None)
            assert place is not None, (panel, each)
            del seen[place]


def test_the_light_lines_of_the_gallery_are_the_downward_response_and_the_mean():
    figure = figures.drawn(STUDIES["response-gallery"].value, FOLDER / "response-gallery.json")
    data = data_of("response-gallery")
    for panel, what in ((2, "q_down"), (5, "mean_response")):
        light = [line.get_ydata() for line in figure.axes[panel].lines if line.get_alpha()]
        np.testing.assert_array_equal(light, data[f"exponential {what}"])


# Which colour a text of the legend stands for.
LEGENDS = {
    "residual-learning": {
        "Residual Learning (RL), all cells centred": 0,
        "RL, only W shifted (c = −0.3 in a and c)": 1,
        "RL, only P shifted (c = −0.3 in a and c)": 2,
        "RL, P and W shifted": 4,
        "Analog SGD on the cell of W": 3,
        "leading order of RL, ∝ √α": 5,
        "limit of RL for α → 0, P shifted": 6,
    },
    "implicit-penalty": {
        "root of the mean drift": 0,
        "minimiser of f_Σ (Thm 1)": 1,
        "W^S corrected (Thm 5)": 2,
        "W^S as printed (50)": 3,
        "stationary law": 6,
        "simulation": 6,
    },
    "digits": {
        "Analog SGD, predicted from the noise where it settles": 1,
        "Analog SGD, predicted from Σ at the optimum (f_Σ)": 5,
        "Analog SGD, measured (95 % interval)": 1,
        "Residual Learning, measured (95 % interval)": 2,
        "Digital SGD, measured (95 % interval)": 0,
    },
}


@pytest.mark.parametrize("name", LEGENDS)
def test_a_legend_names_each_colour(name):
    figure = figures.drawn(STUDIES[name].value, FOLDER / f"{name}.json")
    (legend,) = figure.legends
    shown = {}
    for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
        colour = handle.get_color()  # of an interval: an array with one row
        shown[text.get_text()] = to_hex(colour if isinstance(colour, str) else colour[0]).upper()
    assert shown == {text: COLOURS[i].upper() for text, i in LEGENDS[name].items()}


# ---- the few numbers of each figure ----------------------------------------------------------


def printed_of_residual_learning(d):
    x = np.log(d["rate"])
    slopes = [
        np.cov(x, np.log(np.abs(d[f"no shift residual-learning {what}"][0])))[0, 1]
        / np.var(x, ddof=1)
        for what in ("gradient", "square")
    ]
    last = [
        d[f"{name} residual-learning gradient"][0][-1]
        for name in ("no shift", "W shifted", "P shifted")
    ]
    return [
        *slopes,
        *last,
        d["limit"],
        d["no shift analog-sgd gradient"][0][-1],
        d["crossover"],
        d["level"],
    ]


def printed_of_implicit_penalty(d):
    def gaps(one, other):
        return max(
            np.abs(d[f"{name} {key} {one}"] - d[f"{name} {key} {other}"]).max()
            for name in d["cells"]
            for key in ("noise", "distance")
        )

    wrong = sum(
        not printed * found > 0
        for name in d["cells"]
        for key in ("noise", "distance")
        for printed, found in zip(
            d[f"{name} {key} printed at points"], d[f"{name} {key} simulated"], strict=True
        )
    )
    width = max(d[f"{n} {k} half_width"].max() for n in d["cells"] for k in ("noise", "distance"))
    return [
        gaps("simulated", "law"),
        width,
        gaps("law", "root at points"),
        gaps("penalised at points", "root at points"),
        gaps("linear at points", "root at points"),
        wrong,
    ]


def printed_of_digits(d):
    accuracy = [
        100 * d[f"{name} {key} accuracy"][0][0]
        for name in d["cells"]
        for key in ("analog", "residual")
    ]

    def off(way, what):
        return max(
            abs(d[f"{name} {way} {what}"][i] / np.atleast_2d(d[f"{name} analog {what}"])[0][i] - 1)
            for name in d["cells"]
            for i in range(d["tau"].size)
        )

    errors = [
        100 * off(way, what) for what in ("distance", "loss") for way in ("local", "constant")
    ]
    return [
        d["largest weight"],
        100 * d["digital accuracy"][0][0],
        d["digital loss"][0][0],
        d["predicted floor"],
        *accuracy,
        *errors,
        d["level"],
    ]


def printed_of_response_gallery(d):
    G, w = d["exponential asymmetry"][EXPONENT_2], d["w"]
    after = int(np.searchsorted(w, 1e-9))  # the first place above 0
    slope = (G[after] - G[after - 2]) / (w[after] - w[after - 2])
    return [math.e**2 + 1, slope]


EXPONENT_2 = 2  # the third of γ = 0.2, 1, 2
PRINTED = {
    "digits": printed_of_digits,
    "implicit-penalty": printed_of_implicit_penalty,
    "residual-learning": printed_of_residual_learning,
    "response-gallery": printed_of_response_gallery,
}


@pytest.mark.parametrize("name", STUDIES)
def test_the_numbers_of_the_report_are_those_of_the_stored_series(name):
    data, stored = data_of(name), figures.read_json(FOLDER / f"{name}.json")["summary"]
    summary = STUDIES[name].value.summary(data)
    fresh = [value[0] if isinstance(value, tuple) else value for value in summary.values()]
    assert list(summary) == list(stored)
    np.testing.assert_allclose(fresh, [entry["value"] for entry in stored.values()], rtol=1e-8)
    np.testing.assert_allclose(fresh, PRINTED[name](data), rtol=1e-6)
