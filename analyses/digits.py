"""Handwritten digits: what the penalty costs on real data, beside its prediction from measured noise.

Softmax regression on scikit-learn's digits.  The only noise is that of the mini-batches, and each
replicate draws its own.  Predicted for Analog SGD is where its mean drift vanishes,

    ∇f(w) + E|∇f(w) + ξ| R(w) = 0,

in two ways: with E|∇f + ξ| = Σ as measured at the digital optimum (the minimiser of f_Σ, RF25
Theorem 1), and with Gaussian ξ of the size measured at w itself.  Around the point predicted the
iterates are taken to scatter as those of Digital SGD do around w*, in proportion to the noise.
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
from aimctheory.simulate import simulate
from aimctheory.statistics import replicate_mean

BATCH, RATE, TRANSFER, SEED, LEVEL = 10, 0.1, 0.005, 0, 0.05
DIGITS = softmax_digits(batch=BATCH)
OPTIMUM = DIGITS.minimiser.value
CELLS = {
    "power, γ = 0.5": lambda tau: power(tau=tau, gamma=0.5),
    "linear": lambda tau: linear(tau=tau),
    "exponential, γ = 2": lambda tau: exponential(tau=tau, gamma=2),
}


# ---- what is measured ------------------------------------------------------------------------


def train(algorithm: Any, cells: Any, steps: int, replicates: int, **hyper: float) -> Any:
    """A run from zero weights, its late records (R, records, D) and mean weights (R, D)."""
    late = 3 * steps // 5
    run = simulate(
        algorithm, cells, DIGITS, hyper={"learning_rate": RATE, **hyper}, steps=steps,
        replicates=replicates, rng=SEED, record_every=steps // 20,
        averages={"weight": lambda state, hyper, gradient, ops: algorithm.readout(state, hyper, ops)},
    )  # fmt: skip
    return run.readout[:, run.steps > late], run.samples("weight", after=late)


def scores(iterates: Any, groups: int = 1) -> dict[str, Any]:
    """Mean excess loss and accuracy (value and half-width) over replicates, (2, groups)."""
    found = {"loss": DIGITS.value(iterates) - DIGITS.minimum.value, "accuracy": DIGITS.accuracy(iterates)}
    each = {name: values.mean(axis=1).reshape(groups, -1).T for name, values in found.items()}
    estimates = {name: replicate_mean(values, level=LEVEL) for name, values in each.items()}
    return {name: np.array([e.value, e.half_width]) for name, e in estimates.items()}


def distance(means: Any, groups: int) -> Any:
    """‖E W − w*‖ of each group of replicates, the scatter of the means taken off."""
    offset = means.reshape(groups, -1, OPTIMUM.size) - OPTIMUM
    square = offset.mean(axis=1) ** 2 - offset.var(axis=1, ddof=1) / offset.shape[1]
    return np.sqrt(np.maximum(square.sum(axis=1), 0.0))


# ---- what is predicted -----------------------------------------------------------------------


def spread(weight: Any) -> Any:
    """The standard deviation of a mini-batch gradient at `weight`, from all single samples."""
    single = DIGITS.gradient(
        np.broadcast_to(weight, (DIGITS.samples, weight.size)), np.arange(DIGITS.samples)[:, None]
    )
    return single.std(axis=0) / np.sqrt(BATCH)


def settle(cell: Any, mean_abs: Any, weight: Any) -> Any:
    """The zero of ∇f(w) + mean_abs(∇f, w) R(w), by Newton steps with a Hessian kept for a while."""
    low, high = cell.dynamic_range
    for count in range(200):
        slope = DIGITS.gradient(weight[None])[0]
        size = mean_abs(slope, weight)
        drift = slope + size * cell.ratio(weight)
        if np.abs(drift).max() < 1e-7:
            return weight
        if count % 10 == 0:
            bend = (cell.ratio(weight + 1e-6) - cell.ratio(weight - 1e-6)) / 2e-6
            factor = cho_factor(DIGITS.hessian(weight) + np.diag(size * bend))
        step = cho_solve(factor, drift)
        weight = np.clip(weight - step, 0.1 * weight + 0.9 * low, 0.1 * weight + 0.9 * high)
    raise ValueError(f"the mean drift's zero on {cell!r} was not found in 200 steps; use a larger τ")


def predict(make: Any, taus: Any, scatter: Any) -> dict[str, Any]:
    """Loss, accuracy and distance from w* of Analog SGD for each τ, in both ways."""
    Sigma, sigma = DIGITS.sampling_noise(OPTIMUM)
    share = np.divide(Sigma, sigma, out=np.zeros_like(sigma), where=sigma > 0)
    unit = np.sqrt(np.pi / 2)  # σ of a Gaussian with E|ξ| = 1

    def constant(slope: Any, weight: Any) -> Any:
        return Sigma

    def local(slope: Any, weight: Any) -> Any:
        return gaussian(unit * share * spread(weight)).mean_abs(slope)

    found: dict[str, list[Any]] = {}
    weight = {"constant": OPTIMUM, "local": OPTIMUM}
    for tau in taus[::-1]:
        for name, mean_abs in (("constant", constant), ("local", local)):
            weight[name] = w = settle(make(tau), mean_abs, weight[name])
            now = spread(w) if name == "local" else sigma
            louder = np.divide(now, sigma, out=np.ones_like(sigma), where=sigma > 0)
            iterates = w + scatter * louder
            found.setdefault(f"{name} loss", []).append(DIGITS.value(iterates).mean())
            found.setdefault(f"{name} accuracy", []).append(DIGITS.accuracy(iterates).mean())
            found.setdefault(f"{name} distance", []).append(np.linalg.norm(w - OPTIMUM))
    lines = {name: np.array(values[::-1]) for name, values in found.items()}
    return lines | {f"{n} loss": lines[f"{n} loss"] - DIGITS.minimum.value for n in weight}


# ---- the study -------------------------------------------------------------------------------


def compute(scale: Any) -> dict[str, Any]:
    taus = np.array(scale.pick((1.0, 4.0), (1.0, 2.0, 4.0, 8.0), (0.8, 1.0, 1.5, 2.0, 4.0, 8.0)))
    each, steps = scale.pick(2, 4, 16), scale.pick(300, 1600, 10_000)
    tau = np.repeat(taus, each)[:, None]
    iterates, _ = train(digital_sgd, None, steps, 2 * each)
    scatter = (iterates - OPTIMUM)[:, ::2].reshape(-1, OPTIMUM.size)
    data: dict[str, Any] = {
        "tau": taus, "cells": np.array(list(CELLS)), "seed": SEED, "batch": BATCH, "rate": RATE,
        "level": LEVEL, "floor": RATE * np.sum(DIGITS.sampling_noise(OPTIMUM)[1] ** 2) / 4,
        **{f"digital {key}": value for key, value in scores(iterates).items()},
    }  # fmt: skip
    for name, make in CELLS.items():
        runs = {
            "analog": train(analog_sgd, make(tau), steps, tau.size),
            "residual": train(
                residual_learning, make(tau), 3 * steps // 2, tau.size, mixing=1.0,
                transfer_rate=TRANSFER,
            ),
        }  # fmt: skip
        for key, (records, means) in runs.items():
            measured = scores(records, taus.size) | {"distance": distance(means, taus.size)}
            data |= {f"{name} {key} {what}": value for what, value in measured.items()}
        data |= {f"{name} {key}": value for key, value in predict(make, taus, scatter).items()}
    return data


def draw(data: dict[str, Any]) -> Any:
    figure, axes = new_figure(2, 3, height=2.5, sharex=True, sharey="row")
    tau = data["tau"]
    for column, name in enumerate(data["cells"]):
        for ax, what, unit in zip(axes[:, column], ("loss", "accuracy"), (1, 100), strict=True):
            for i, key, label in (
                (1, "local", "Analog SGD predicted, noise measured where it settles"),
                (4, "constant", "Analog SGD predicted, Σ measured at the optimum (f_Σ)"),
            ):
                ax.plot(tau, unit * data[f"{name} {key} {what}"], **line(i), label=label)
            value, half = unit * data[f"digital {what}"]
            for i, found, label in (
                (0, np.tile([value, half], tau.size), "Digital SGD"),
                (1, unit * data[f"{name} analog {what}"], "Analog SGD"),
                (2, unit * data[f"{name} residual {what}"], "Residual Learning"),
            ):
                place = tau * 1.06 ** (i - 1)
                ax.errorbar(place, found[0], yerr=found[1], **points(i), label=label)
        axes[0, column].set_title(f"({'abc'[column]}) {name}")
        axes[0, column].set(xscale="log", yscale="log")
        axes[1, column].set_xlabel("half-width τ of the range")
        axes[1, column].set_xticks(tau, [f"{t:g}" for t in tau])
        axes[1, column].minorticks_off()
    axes[0, 0].set_ylabel("training loss above the minimum (nats)")
    axes[1, 0].set_ylabel("test accuracy (%)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def summary(data: dict[str, Any]) -> dict[str, Any]:
    cells, result = data["cells"], {}
    return result


study = Study(
    "digits",
    "Handwritten digits on analog cells",
    (Source("RF25", "Theorem 1 and Section 6"),),
    ("rf25-theorem-1", "rf25-corollary-1"),
    compute,
    draw,
    summary,
)
