"""Where Analog SGD settles: simulated, exact, and in the forms of RF25 Theorems 1 and 5.

Top row: against the noise, at a fixed minimiser.  Bottom row: against the distance from the
symmetric point, at a fixed noise.  Shown is the bias E[w] − w*, in units of τ.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aimctheory import exact
from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.catalogue import exponential, linear, power
from aimctheory.figures import Study, line, new_figure, points
from aimctheory.laws import gaussian
from aimctheory.notation import Source
from aimctheory.objectives.quadratic import quadratic
from aimctheory.simulate import simulate

CELLS = {
    "linear, c = 0": linear(tau=1),
    "linear, c = 0.3": linear(tau=1, c=0.3),
    "power, γ = 2": power(tau=1, gamma=2),
    "exponential, γ = 2": exponential(tau=1, gamma=2),
}
DISTANCE, NOISE = 0.4, 0.5
RATE, SEED = 0.02, 0
AVERAGE = {"W": lambda state, hyper, gradient, ops: state.W}


def sweep(cell: Any, sigmas: np.ndarray, distances: np.ndarray, scale: Any) -> dict[str, Any]:
    """Every answer to "where does the weight settle", along one sweep."""
    center = cell.symmetric_point()
    minimiser = center + distances
    each = scale.pick(20, 100, 500)
    steps = scale.pick(2_000, 12_000, 60_000)
    run = simulate(
        analog_sgd, cell, quadratic(minimiser=np.repeat(minimiser, each)[:, None]), steps=steps,
        hyper={"learning_rate": RATE}, noise=gaussian(np.repeat(sigmas, each)[:, None]),
        replicates=each * sigmas.size, averages=AVERAGE, rng=SEED, start={"W": center},
    )  # fmt: skip
    samples = run.samples("W", after=steps // 4)[:, 0].reshape(sigmas.size, each)
    spread = samples.std(axis=1, ddof=1) / np.sqrt(each)
    found: dict[str, list[float]] = {name: [] for name in ("root", "penalised", "linear", "law")}
    for sigma, w_star in zip(sigmas, minimiser, strict=True):
        bowl, law = quadratic(minimiser=w_star), gaussian(sigma)
        found["root"].append(exact.drift_root(analog_sgd, cell, bowl, law))
        found["penalised"].append(exact.penalised_minimiser(cell, bowl, law))
        found["linear"].append(exact.linearised(cell, bowl, law))
        found["law"].append(exact.stationary_law(cell, bowl, law, RATE).mean)
    slope = _slope(cell, center)
    pull = slope * np.array([float(gaussian(s).mean_abs(0.0)) for s in sigmas])
    printed = (minimiser - pull * center) / (1 - pull)  # RF25 (50), p. 24, with f'' = 1
    return {
        "simulated": samples.mean(axis=1) - minimiser,
        "half_width": 4.9 * spread,  # a false-alarm rate of 1e-6
        "printed": printed - minimiser,
        **{name: np.array(values, dtype=float) - minimiser for name, values in found.items()},
    }


def _slope(cell: Any, center: float, step: float = 1e-5) -> float:
    """R'(w⋄) by a central difference."""
    return float(cell.ratio(center + step) - cell.ratio(center - step)) / (2 * step)


def compute(scale: Any) -> dict[str, Any]:
    sigmas = np.linspace(0.1, 1.0, scale.pick(3, 7, 13))
    distances = np.linspace(0.05, 0.55, scale.pick(3, 7, 13))
    data: dict[str, Any] = {
        "sigma": sigmas, "distance": distances, "seed": np.array(SEED), "rate": np.array(RATE),
        "cells": np.array(list(CELLS)), "fixed distance": np.array(DISTANCE),
        "fixed noise": np.array(NOISE),
    }  # fmt: skip
    for name, cell in CELLS.items():
        noisy = sweep(cell, sigmas, np.full(sigmas.size, DISTANCE), scale)
        far = sweep(cell, np.full(distances.size, NOISE), distances, scale)
        data |= {f"{name} noise {key}": value for key, value in noisy.items()}
        data |= {f"{name} distance {key}": value for key, value in far.items()}
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
        for row, (key, x) in enumerate((("noise", data["sigma"]), ("distance", data["distance"]))):
            ax, prefix = axes[row, column], f"{name} {key} "
            for i, (curve, label) in enumerate(CURVES.items()):
                ax.plot(x, data[prefix + curve], **line(i, label=label))
            ax.plot(x, data[prefix + "law"], "+", color="black", markersize=8, label="stationary law")
            ax.errorbar(
                x, data[prefix + "simulated"], yerr=data[prefix + "half_width"],
                **points(6, marker="o", markersize=3, label="simulation"),
            )  # fmt: skip
            ax.axhline(0, color="0.4", linewidth=0.7)
            ax.set_ylim(-0.42, 0.25)
        axes[0, column].set_title(f"({'abcd'[column]}) {name}", fontsize=8)
        axes[0, column].set_xlabel("noise σ per coordinate")
        axes[1, column].set_xlabel("distance w* − w⋄ (units of τ)")
    for ax in axes[:, 0]:
        ax.set_ylabel("bias E[w] − w* (units of τ)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def summary(data: dict[str, Any]) -> dict[str, Any]:
    lines = [f"{name} {key} " for name in data["cells"] for key in ("noise", "distance")]

    def worst(curve: str, other: str) -> float:
        return max(float(np.max(np.abs(data[p + curve] - data[p + other]))) for p in lines)

    return {
        "simulation against stationary law, largest difference": (worst("simulated", "law"), "τ"),
        "stationary law against root of the drift": (worst("law", "root"), f"τ, at α = {RATE}"),
        "minimiser of f_Σ against root of the drift": (worst("penalised", "root"), "τ"),
        "corrected W^S against root of the drift": (worst("linear", "root"), "τ"),
        "printed W^S against root of the drift": (worst("printed", "root"), "τ"),
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
