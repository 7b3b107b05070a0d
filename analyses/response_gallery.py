"""The response functions of RF25 Figs 1 and 5: what a cell does with an increment.

Top: q₊ and q₋ over the weight.  Bottom: their mean F and their half difference G.  The ratio
R = G/F is the slope of the implicit penalty.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aimctheory.catalogue import exponential, ideal, linear, power
from aimctheory.figures import Study, line, new_figure
from aimctheory.notation import Source

EXPONENTS = (0.2, 1.0, 2.0)
FAMILIES = ("ideal and linear", "power", "exponential")


def _cells(family: str) -> dict[str, Any]:
    if family == FAMILIES[0]:
        return {
            "ideal": ideal(),
            "linear, c = 0": linear(tau=1),
            "linear, c = 0.3": linear(tau=1, c=0.3),
        }
    response = power if family == "power" else exponential
    return {f"γ = {g:g}": response(tau=1, gamma=g) for g in EXPONENTS}


def compute(scale: Any) -> dict[str, Any]:
    w = np.linspace(-1, 1, scale.pick(41, 201, 801))
    data: dict[str, Any] = {"w": w, "families": np.array(FAMILIES)}
    for family in FAMILIES:
        cells = _cells(family)
        data[f"{family} labels"] = np.array(list(cells))
        for what in ("q_up", "q_down", "mean_response", "asymmetry"):
            data[f"{family} {what}"] = np.array([getattr(c, what)(w) for c in cells.values()])
    return data


def draw(data: dict[str, Any]) -> Any:
    figure, axes = new_figure(2, 3, height=2.6, sharex=True)
    w = data["w"]
    for column, family in enumerate(data["families"]):
        top, bottom = axes[0, column], axes[1, column]
        for i, label in enumerate(data[f"{family} labels"]):
            top.plot(w, data[f"{family} q_up"][i], **line(i), label=label)
            top.plot(w, data[f"{family} q_down"][i], **line(i, alpha=0.45))
            bottom.plot(w, data[f"{family} mean_response"][i], **line(i, alpha=0.45))
            bottom.plot(w, data[f"{family} asymmetry"][i], **line(i))
        top.set_title(f"({'abc'[column]}) {family}")
        top.legend(loc="upper center")
        top.set_ylim(bottom=-0.08, top=1.35 * top.get_ylim()[1])
        bottom.set_xlabel("weight w (units of τ)")
        bottom.axhline(0, color="0.4", linewidth=0.7)
    axes[0, 0].set_ylabel("q₊ (dark), q₋ (light)")
    axes[1, 0].set_ylabel("G (dark), F (light)")
    return figure


def summary(data: dict[str, Any]) -> dict[str, Any]:
    steepest = np.gradient(data["exponential asymmetry"][-1], data["w"])
    middle = data["w"].size // 2
    return {
        "largest response, exponential cell with γ = 2": data["exponential q_down"][-1, -1],
        "slope of G at the symmetric point, same cell": (steepest[middle], "1/τ"),
    }


study = Study(
    "response-gallery",
    "Response functions",
    (Source("RF25", "Figs 1 and 5"), Source("EX24", "Figs 2 and 6")),
    (),
    compute,
    draw,
    summary,
)
