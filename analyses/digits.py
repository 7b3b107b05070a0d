"""Handwritten digits: what the penalty costs on real data, beside what the noise predicts.

The model is softmax regression on scikit-learn's digits.  The only noise is that of the
mini-batches, and each replicate draws its own.  Analog SGD is predicted to settle where its mean
drift vanishes,

    ∇f(w) + E|∇f(w) + ξ| R(w) = 0.

The zero is found in two ways: with E|∇f + ξ| = Σ as measured at the digital optimum w* (which gives
the minimiser of f_Σ, RF25 Theorem 1), and with Gaussian ξ of the size measured at w itself.  Around
the zero the iterates are assumed to scatter as those of Digital SGD do around w*, in proportion to
the noise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.algorithms.digital_sgd import digital_sgd
from aimctheory.algorithms.residual_learning import residual_learning
from aimctheory.catalogue import exponential, linear, power
from aimctheory.figures import Study, line, new_figure, points
from aimctheory.laws import gaussian
from aimctheory.notation import Source
from aimctheory.objectives.softmax import softmax_digits
from aimctheory.simulator.simulate import simulate
from aimctheory.statistics import replicate_mean

BATCH, RATE, SEED = 10, 0.1, 0
LEVEL = 0.05
"""The chance that an interval misses."""
RUNS = {
    "analog": (analog_sgd, 1.0, {}),
    "residual": (residual_learning, 1.5, {"transfer_rate": 0.05 * RATE, "mixing": 1.0}),
}
"""An algorithm, its steps in units of Analog SGD's, and its hyper-parameters besides the rate.

Residual Learning is the slower one: its W moves only by small transfers from P.
"""
QUANTITIES = ("loss", "accuracy", "distance")
CELLS = {
    "power, γ = 0.5": lambda tau: power(tau=tau, gamma=0.5),
    "linear": lambda tau: linear(tau=tau),
    "exponential, γ = 2": lambda tau: exponential(tau=tau, gamma=2),
}


# ---- what is measured ------------------------------------------------------------------------


def train(
    objective: Any, algorithm: Any, cells: Any, steps: int, replicates: int, **hyper: Any
) -> Any:
    """A run from zero weights: its late iterates (R, records, D) and their mean (R, D).

    Late are the last two fifths of the steps.
    """

    def weight(state: Any, hyper: Any, gradient: Any, ops: Any) -> Any:
        return algorithm.readout(state, hyper, ops)

    late = 3 * steps // 5
    run = simulate(
        algorithm,
        cells,
        objective,
        hyper={"learning_rate": RATE, **hyper},
        steps=steps,
        rng=SEED,
        replicates=replicates,
        record_every=steps // 40,
        averages={"weight": weight},
    )
    return run.readout[:, run.steps > late], run.samples("weight", after=late)


def scores(objective: Any, iterates: Any, groups: int = 1) -> dict[str, Any]:
    """Mean excess loss and accuracy over replicates, each a value and a half-width, (2, groups)."""
    found = {
        "loss": objective.value(iterates) - objective.minimum.value,
        "accuracy": objective.accuracy(iterates),
    }
    each = {name: values.mean(axis=1).reshape(groups, -1).T for name, values in found.items()}
    estimates = {name: replicate_mean(values, level=LEVEL) for name, values in each.items()}
    return {name: np.array([e.value, e.half_width]) for name, e in estimates.items()}


def distance(offsets: Any, groups: int) -> Any:
    """‖E w − w*‖ for each group of replicates, from their mean offsets w − w*."""
    each = offsets.reshape(groups, -1, offsets.shape[-1])
    # The square of a mean exceeds the square of the expectation by the variance of the mean.
    square = each.mean(axis=1) ** 2 - each.var(axis=1, ddof=1) / each.shape[1]
    return np.sqrt(np.maximum(square.sum(axis=1), 0.0))


# ---- what is predicted -----------------------------------------------------------------------


def noise_deviation(objective: Any, weight: Any) -> Any:
    """σ, the standard deviation of a mini-batch gradient at `weight`, from all single samples."""
    every = np.arange(objective.samples)[:, None]
    single = objective.gradient(np.broadcast_to(weight, (every.size, weight.size)), every)
    return single.std(axis=0) / np.sqrt(objective.batch)


def settle(objective: Any, cell: Any, mean_abs: Any, weight: Any) -> Any:
    """The zero of ∇f(w) + mean_abs(∇f, w) R(w), by Newton steps.

    Raises ValueError if it is not found in 200 steps.
    """
    low, high = cell.dynamic_range
    for count in range(200):
        gradient = objective.gradient(weight[None])[0]
        size = mean_abs(gradient, weight)
        drift = gradient + size * cell.ratio(weight)
        if np.abs(drift).max() < 1e-6:
            return weight
        if count % 10 == 0:  # the Hessian is expensive, and changes slowly
            slope = (cell.ratio(weight + 1e-6) - cell.ratio(weight - 1e-6)) / 2e-6
            factor = cho_factor(objective.hessian(weight) + np.diag(size * slope))
        step = cho_solve(factor, drift)
        # At most 9/10 of the way to saturation, so that the weight stays inside the range.
        weight = np.clip(weight - step, 0.1 * weight + 0.9 * low, 0.1 * weight + 0.9 * high)
    raise ValueError(
        f"{cell!r}: the mean drift's zero was not found in 200 steps; use a larger tau"
    )


def relative(part: Any, whole: Any) -> Any:
    """part/whole, 1 where a weight has no noise (its pixel is blank in every image)."""
    return np.divide(part, whole, out=np.ones_like(whole), where=whole > 0)


def predict(objective: Any, noise: Any, make: Any, taus: Any, scatter: Any) -> dict[str, Any]:
    """Loss, accuracy and ‖w − w*‖ of Analog SGD for each τ, from Σ at w* and from noise at w."""
    optimum, (Sigma, sigma) = objective.minimiser.value, noise
    shape = relative(Sigma, sigma)  # 0.19 to 0.81 here, √(2/π) = 0.80 for a Gaussian

    def local(gradient: Any, weight: Any) -> Any:
        # √(π/2) makes Σ/σ of the Gaussian equal to `shape`.
        deviation = shape * noise_deviation(objective, weight) * np.sqrt(np.pi / 2)
        return gaussian(deviation).mean_abs(gradient)

    ways = {"constant": lambda gradient, weight: Sigma, "local": local}
    lines: dict[str, list[Any]] = {f"{way} {what}": [] for way in ways for what in QUANTITIES}
    for way, mean_abs in ways.items():
        weight = optimum
        for tau in taus[::-1]:  # from the widest range, where the optimum is a good start
            weight = settle(objective, make(tau), mean_abs, weight)
            here = sigma if way == "constant" else noise_deviation(objective, weight)
            iterates = weight + scatter * relative(here, sigma)
            loss = objective.value(iterates).mean() - objective.minimum.value
            found = loss, objective.accuracy(iterates).mean(), np.linalg.norm(weight - optimum)
            for what, value in zip(QUANTITIES, found, strict=True):
                lines[f"{way} {what}"].append(value)
    return {name: np.array(values[::-1]) for name, values in lines.items()}


# ---- the study -------------------------------------------------------------------------------


def compute(scale: Any) -> dict[str, Any]:
    objective = softmax_digits(batch=BATCH)
    taus = np.array(scale.pick((1.0, 4.0), (1.0, 2.0, 4.0, 8.0), (0.8, 1.0, 1.5, 2.0, 4.0, 8.0)))
    each, steps = scale.pick(3, 6, 16), scale.pick(600, 2000, 10_000)
    tau, optimum = np.repeat(taus, each)[:, None], objective.minimiser.value
    iterates, _ = train(objective, digital_sgd, None, steps, 2 * each)
    # Every fourth record is enough for the predictions, which average over the scatter.
    scatter = (iterates - optimum)[:, ::4].reshape(-1, optimum.size)
    noise = objective.sampling_noise(optimum)
    names = scale.pick(["linear"], list(CELLS), list(CELLS))
    data: dict[str, Any] = {
        "tau": taus,
        "cells": np.array(names),
        "seed": SEED,
        "batch": BATCH,
        "rate": RATE,
        "level": LEVEL,
        "largest weight": np.abs(optimum).max(),
        "predicted floor": RATE * np.sum(noise[1] ** 2) / 4,
        **{f"digital {key}": value for key, value in scores(objective, iterates).items()},
    }
    for name in names:
        make = CELLS[name]
        for key, (algorithm, length, hyper) in RUNS.items():
            iterates, means = train(
                objective, algorithm, make(tau), int(length * steps), tau.size, **hyper
            )
            found = scores(objective, iterates, taus.size)
            found["distance"] = distance(means - optimum, taus.size)
            data |= {f"{name} {key} {what}": value for what, value in found.items()}
        lines = predict(objective, noise, make, taus, scatter)
        data |= {f"{name} {key}": value for key, value in lines.items()}
    return data


CURVES = (
    (1, "local", "Analog SGD, predicted from the noise where it settles"),
    (5, "constant", "Analog SGD, predicted from Σ at the optimum (f_Σ)"),
)
MEASURED = ((1, "analog", "Analog SGD"), (2, "residual", "Residual Learning"))


def draw(data: dict[str, Any]) -> Any:
    from matplotlib.ticker import LogLocator

    figure, axes = new_figure(
        2, data["cells"].size, height=2.5, sharex=True, sharey="row", squeeze=False
    )
    for column, name in enumerate(data["cells"]):
        top, bottom = axes[:, column]
        _panel(top, data, name, "loss")
        _panel(bottom, data, name, "accuracy", unit=100)
        top.set_title(f"({'abc'[column]}) {name}")
        top.set_yscale("log")
        top.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        top.yaxis.set_major_formatter("{x:g}")
        top.minorticks_off()
        bottom.set_xlabel("half-width τ (units of weight)")
    axes[0, 0].set_ylabel("training loss − min f (nats)")
    axes[1, 0].set_ylabel("test accuracy (%)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def _panel(ax: Any, data: dict[str, Any], name: str, what: str, unit: float = 1) -> None:
    tau, how = data["tau"], f", measured ({100 * (1 - data['level']):g} % interval)"
    for i, key, label in CURVES:
        ax.plot(tau, unit * data[f"{name} {key} {what}"], **line(i), label=label)
    for i, key, label in MEASURED:
        value, half = unit * data[f"{name} {key} {what}"]
        ax.errorbar(tau * 1.1 ** (i - 1), value, yerr=half, **points(i), label=label + how)
    value, half = unit * data[f"digital {what}"]
    ideal = 2.2 * tau[-1]  # where τ = ∞ is drawn: an ideal cell, which makes Analog SGD digital
    ax.errorbar([ideal], value, yerr=half, **points(0), label="Digital SGD" + how)
    ax.axhline(value[0], color="0.5", linewidth=0.7)
    ax.set_xscale("log")
    ax.set_xticks([*tau, ideal], [*(f"{t:g}" for t in tau), "∞"])
    ax.minorticks_off()


def summary(data: dict[str, Any]) -> dict[str, Any]:
    cells, tau = data["cells"], f"τ = {data['tau'][0]:g}"

    def off(way: str, what: str) -> float:
        """The largest relative difference between prediction and measurement."""
        measured = [np.atleast_2d(data[f"{name} analog {what}"])[0] for name in cells]
        predicted = [data[f"{name} {way} {what}"] for name in cells]
        return 100 * float(np.max(np.abs(np.array(predicted) / np.array(measured) - 1)))

    result: dict[str, Any] = {
        "largest weight of the digital optimum": data["largest weight"],
        "test accuracy of Digital SGD": (100 * data["digital accuracy"][0, 0], "%"),
        "its loss above the minimum": (data["digital loss"][0, 0], "nats"),
        "predicted, α Σσ²/4": (data["predicted floor"], "nats"),
    }
    for name in cells:
        for key, title in (("analog", "Analog SGD"), ("residual", "Residual Learning")):
            accuracy = 100 * data[f"{name} {key} accuracy"][0, 0]
            result[f"test accuracy of {title}, {name}, {tau}"] = (accuracy, "%")
    for what, title in (("distance", "distance E[w] − w*"), ("loss", "loss")):
        for way, told in (("local", "noise where it settles"), ("constant", "Σ at the optimum")):
            result[f"largest error of the predicted {title}, {told}"] = (off(way, what), "%")
    return result | {"chance that an interval misses": data["level"]}


study = Study(
    "digits",
    "Handwritten digits on analog cells",
    (Source("RF25", "Theorem 1 and Section 6"),),
    ("rf25-theorem-1", "rf25-corollary-1"),
    compute,
    draw,
    summary,
)
