"""Where Analog SGD settles: simulated, exact, and in the forms of RF25 Theorems 1 and 5.

Every panel shows the bias E[w] − w*, for f″ = τ = 1.  Top: against the noise, at a fixed minimiser.
Bottom: against the distance of the minimiser from the symmetric point, at a fixed noise.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aimctheory import exact
from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.catalogue import exponential, linear, power
from aimctheory.controls import controlled_mean
from aimctheory.figures import Study, line, new_figure, points
from aimctheory.laws import gaussian
from aimctheory.notation import Source
from aimctheory.objectives.quadratic import quadratic
from aimctheory.simulator.simulate import simulate

CELLS = {
    "linear, c = 0": linear(tau=1),
    "linear, c = 0.3": linear(tau=1, c=0.3),
    "power, γ = 2": power(tau=1, gamma=2),
    "exponential, γ = 2": exponential(tau=1, gamma=2),
}
DISTANCE, NOISE = 0.4, 0.5
RATE, SEED = 0.02, 0
AVERAGES = {
    "W": lambda state, hyper, gradient, ops: state.W,
    "noise": lambda state, hyper, gradient, ops: ops.noise("gradient"),
    "size": lambda state, hyper, gradient, ops: abs(ops.noise("gradient")),
}
FINE = 61
"""Points of a line of the theory."""


def theory(cell: Any, sigmas: np.ndarray, minimiser: np.ndarray) -> dict[str, Any]:
    """The bias by every formula, for each pair of noise and minimiser (each is one coordinate)."""
    center = cell.symmetric_point()
    bowl, law = quadratic(minimiser=minimiser), gaussian(sigmas)
    pull = slope_of_ratio(cell, center) * law.mean_abs(0.0)  # R'(w⋄) Σ
    printed = (minimiser - pull * center) / (1 - pull)  # RF25 (50), p. 24, with f'' = 1
    settled = {
        "root": exact.drift_root(analog_sgd, cell, bowl, law),
        "penalised": exact.penalised_minimiser(cell, bowl, law),
        "linear": exact.linearised(cell, bowl, law),
        "printed": np.where(np.abs(printed - minimiser) < 2, printed, np.nan),  # it has a pole
    }
    return {name: np.asarray(value) - minimiser for name, value in settled.items()}


def measured(cell: Any, sigmas: np.ndarray, minimiser: np.ndarray, scale: Any) -> dict[str, Any]:
    """The bias by simulation with its interval, and by the stationary law."""
    each = scale.pick(20, 200, 1000)
    steps = scale.pick(2_000, 10_000, 60_000)
    run = simulate(
        analog_sgd,
        cell,
        quadratic(minimiser=np.repeat(minimiser, each)[:, None]),
        hyper={"learning_rate": RATE},
        noise=gaussian(np.repeat(sigmas, each)[:, None]),
        start={"W": cell.symmetric_point()},
        steps=steps,
        rng=SEED,
        replicates=each * sigmas.size,
        averages=AVERAGES,
    )
    late = (run.samples(name, after=steps // 4)[:, 0] for name in AVERAGES)
    W, noise, size = (samples.reshape(sigmas.size, each).T for samples in late)
    # Nearly all the scatter of a mean weight comes from the noise drawn, ξ and |ξ|, whose
    # expectations are known.
    found = controlled_mean(W, [noise, size - gaussian(sigmas).mean_abs(0.0)])
    law = [
        exact.stationary_law(cell, quadratic(minimiser=m), gaussian(s), RATE).mean
        for s, m in zip(sigmas, minimiser, strict=True)
    ]
    return {
        "simulated": found.value - minimiser,
        "half_width": found.half_width,
        "law": np.array(law) - minimiser,
    }


def slope_of_ratio(cell: Any, center: float, step: float = 1e-5) -> float:
    """R'(w⋄) by a central difference."""
    return float(cell.ratio(center + step) - cell.ratio(center - step)) / (2 * step)


def compute(scale: Any) -> dict[str, Any]:
    points_each = scale.pick(3, 6, 12)
    data: dict[str, Any] = {
        "seed": np.array(SEED),
        "rate": np.array(RATE),
        "cells": np.array(list(CELLS)),
        "distance at which the noise varies": np.array(DISTANCE),
        "noise at which the distance varies": np.array(NOISE),
    }
    for key, ends in (("noise", (0.1, 1.0)), ("distance", (0.05, 0.55))):
        for grid, count in (("points", points_each), ("curve", FINE)):
            x = np.linspace(*ends, count)
            data[f"{key} {grid}"] = x
            sigmas = x if key == "noise" else np.full(count, NOISE)
            distances = x if key == "distance" else np.full(count, DISTANCE)
            for name, cell in CELLS.items():
                minimiser = cell.symmetric_point() + distances
                found = theory(cell, sigmas, minimiser)
                if grid == "points":
                    at_points = {f"{k} at points": v for k, v in found.items()}
                    found = {**at_points, **measured(cell, sigmas, minimiser, scale)}
                data |= {f"{name} {key} {k}": v for k, v in found.items()}
    return data


CURVES = {
    "root": "root of the mean drift",
    "penalised": "minimiser of f_Σ (Thm 1)",
    "linear": "W^S corrected (Thm 5)",
    "printed": "W^S as printed (50)",
}


def draw(data: dict[str, Any]) -> Any:
    figure, axes = new_figure(2, 4, height=2.5, sharey="row", sharex="row")
    for column, name in enumerate(data["cells"]):
        for row, key in enumerate(("noise", "distance")):
            ax, prefix = axes[row, column], f"{name} {key} "
            for i, (curve, label) in enumerate(CURVES.items()):
                ax.plot(data[f"{key} curve"], data[prefix + curve], **line(i, label=label))
            x = data[f"{key} points"]
            crosses = {"color": "black", "markersize": 9, "label": "stationary law"}
            ax.plot(x, data[prefix + "law"], "+", **crosses)
            ax.errorbar(
                x,
                data[prefix + "simulated"],
                yerr=data[prefix + "half_width"],
                **points(6, marker="o", markersize=3.5, label="simulation"),
            )
            ax.axhline(0, color="0.4", linewidth=0.7)
            ax.set_ylim(-0.42, 0.25)
        axes[0, column].set_title(f"({'abcd'[column]}) {name}", fontsize=8)
        axes[0, column].set_xlabel("noise σ (f″τ)")
        axes[1, column].set_xlabel("distance w* − w⋄ (τ)")
    for ax in axes[:, 0]:
        ax.set_ylabel("bias E[w] − w* (τ)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def summary(data: dict[str, Any]) -> dict[str, Any]:
    prefixes = [f"{name} {key} " for name in data["cells"] for key in ("noise", "distance")]

    def worst(one: str, other: str) -> float:
        """The largest difference between two series over all panels."""
        return max(float(np.max(np.abs(data[p + one] - data[p + other]))) for p in prefixes)

    printed = np.concatenate([data[p + "printed at points"] for p in prefixes])
    found = np.concatenate([data[p + "simulated"] for p in prefixes])
    wrong = ~(printed * found > 0)  # NaN, where W^S is next to its pole, counts as wrong
    widest = max(float(data[p + "half_width"].max()) for p in prefixes)
    return {
        "simulation against stationary law, largest difference": (worst("simulated", "law"), "τ"),
        "half-width of the widest interval": (widest, "τ"),
        "stationary law against root of the drift": (
            worst("law", "root at points"),
            f"τ, at α = {float(data['rate'])}",
        ),
        "minimiser of f_Σ against root of the drift": (
            worst("penalised at points", "root at points"),
            "τ",
        ),
        "corrected W^S against root of the drift": (
            worst("linear at points", "root at points"),
            "τ",
        ),
        "points where printed W^S lies on the wrong side of w*, or nowhere": (
            int(wrong.sum()),
            f"of {wrong.size}",
        ),
    }


study = Study(
    "implicit-penalty",
    "The implicit penalty of Analog SGD",
    (Source("RF25", "Theorems 1 and 5"),),
    ("rf25-theorem-5", "rf25-theorem-1", "rf25-theorem-1-stationary"),
    compute,
    draw,
    summary,
)
