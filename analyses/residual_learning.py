"""Residual Learning: exact as α → 0 where the fast array P is centred, and wrong where it is not.

(a) The bias of the weight W + γP against the learning rate.  (b) The bias at one small rate against
a shift c of the cells, with its limit for α → 0, beside Analog SGD on the same cells.  (c) The mean
square of the gradient.  The bias is measured as the mean of the noisy gradient, since E∇f is the
bias for f″ = 1: the noise has mean 0, and the feedback of the updates cancels most of its
fluctuation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aimctheory import exact
from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.algorithms.residual_learning import residual_learning
from aimctheory.catalogue import linear
from aimctheory.figures import Study, line, new_figure, points
from aimctheory.laws import gaussian
from aimctheory.notation import Source
from aimctheory.objectives.quadratic import quadratic
from aimctheory.simulator.simulate import simulate
from aimctheory.statistics import FALSE_ALARM, replicate_mean

W_STAR, SIGMA, MIXING, SHIFT, SEED = 0.5, 0.5, 0.4, -0.3, 0
BOWL, NOISE = quadratic(minimiser=W_STAR), gaussian(SIGMA)
RATES = 0.2 * 0.5 ** np.arange(7)
SMALL = 0.0125
"""The learning rate of panel (b)."""
PLACES = {"no shift": (0.0, 0.0), "W shifted": (0.0, SHIFT), "P shifted": (SHIFT, 0.0)}
"""The shifts (c_P, c_W) of panels (a) and (c)."""


def _gradient(state: Any, hyper: Any, gradient: Any, ops: Any) -> Any:
    return gradient


def _square(readout: Any) -> Any:
    """∇f² at the weight that `readout` gives, without the noise."""

    def square(state: Any, hyper: Any, gradient: Any, ops: Any) -> Any:
        mean_gradient = readout(state, hyper, ops) - W_STAR
        return mean_gradient * mean_gradient

    return square


def hyper_of(rates: Any) -> dict[str, Any]:
    """The hyper-parameters for each learning rate α, with transfer rate β = αγ^1.5/4."""
    return {"learning_rate": rates, "transfer_rate": rates * MIXING**1.5 / 4, "mixing": MIXING}


def measure(rates: Any, c_P: Any, c_W: Any, scale: Any) -> dict[str, Any]:
    """Mean gradient and mean square of both algorithms, one entry for each (α, c_P, c_W)."""
    each, steps = scale.pick(12, 384, 2000), scale.pick(12_000, 60_000, 120_000)
    alpha, P, W = (np.repeat(number, each)[:, None] for number in (rates, c_P, c_W))
    cells = {"P": linear(tau=1, c=P), "W": linear(tau=1, c=W)}
    found = {}
    for algorithm in (residual_learning, analog_sgd):
        hyper = {parameter.name: hyper_of(alpha)[parameter.name] for parameter in algorithm.hyper}
        run = simulate(
            algorithm,
            {name: cells[name] for name in algorithm.arrays},
            BOWL,
            hyper=hyper,
            noise=NOISE,
            start={"W": W_STAR},
            steps=steps,
            rng=SEED,
            replicates=alpha.size,
            averages={"gradient": _gradient, "square": _square(algorithm.readout)},
        )
        for what in run.averages:
            estimate = replicate_mean(run.samples(what, after=steps // 3).reshape(-1, each).T)
            found[f"{algorithm.id} {what}"] = np.array([estimate.value, estimate.half_width])
    return found


def compute(scale: Any) -> dict[str, Any]:
    rates = RATES[:: scale.pick(3, 1, 1)]
    shifts = np.linspace(-0.4, 0.6, scale.pick(4, 11, 21))
    small, zero = np.full(shifts.size, SMALL), np.zeros(shifts.size)
    # Sweeps of (α, c_P, c_W), simulated in one call and taken apart afterwards.
    sweeps = {
        name: (rates, np.full(rates.size, c_P), np.full(rates.size, c_W))
        for name, (c_P, c_W) in PLACES.items()
    }
    sweeps |= {"both along c": (small, shifts, shifts), "W along c": (small, zero, shifts)}
    joined = (np.concatenate(numbers) for numbers in zip(*sweeps.values(), strict=True))
    found = measure(*joined, scale)
    ends = np.cumsum([alpha.size for alpha, _, _ in sweeps.values()])[:-1]
    data: dict[str, Any] = {
        "rate": rates,
        "shift": shifts,
        "small rate": SMALL,
        "fixed shift": SHIFT,
        "seed": SEED,
        "level": FALSE_ALARM,
        "crossover": exact.crossover(lambda c: linear(tau=1, c=c), BOWL, NOISE, 0.0, 0.5),
    }
    for key, values in found.items():
        pieces = np.split(values, ends, axis=1)
        data |= {f"{name} {key}": piece for name, piece in zip(sweeps, pieces, strict=True)}
    return data | theory(rates, shifts)


def theory(rates: Any, shifts: Any) -> dict[str, Any]:
    """The lines: mean field, its leading order, the limit for α → 0, Analog SGD's drift root."""
    fine, c = np.geomspace(rates.min(), rates.max(), 25), np.linspace(shifts[0], shifts[-1], 51)
    lines: dict[str, Any] = {"fine rate": fine, "fine shift": c}
    along = {
        **{name: (fine, *pair) for name, pair in PLACES.items()},
        "both along c": (SMALL, c, c),
        "W along c": (SMALL, 0.0, c),
    }
    for name, (rate, c_P, c_W) in along.items():
        cells = {"P": linear(tau=1, c=c_P), "W": linear(tau=1, c=c_W)}
        state = exact.residual_mean_field(residual_learning, cells, BOWL, NOISE, hyper_of(rate))
        lines[f"{name} mean field"] = state.gradient
        lines[f"{name} mean square"] = state.mean_square_gradient
    leading = exact.zero_shifted_law(linear(tau=1), BOWL, NOISE, hyper_of(fine))
    sgd = exact.first_order(linear(tau=1), BOWL, NOISE, fine)
    return lines | {
        "leading order": leading.gradient,
        "limit": exact.shifted_limit(linear(tau=1, c=SHIFT), NOISE),
        "limit along c": exact.shifted_limit(linear(tau=1, c=c), NOISE),
        "root": exact.drift_root(analog_sgd, linear(tau=1), BOWL, NOISE) - W_STAR,
        "root square": sgd.variance + (sgd.mean - W_STAR) ** 2,
        "root along c": exact.drift_root(analog_sgd, linear(tau=1, c=c), BOWL, NOISE) - W_STAR,
    }


LOOKS = {
    "no shift": (0, "Residual Learning (RL), all cells centred"),
    "W shifted": (1, "RL, only W shifted (c = {c} in a and c)"),
    "P shifted": (2, "RL, only P shifted (c = {c} in a and c)"),
    "both along c": (4, "RL, P and W shifted"),
    "W along c": (1, ""),  # looks like "W shifted", which the legend explains
}
"""The look of each series and its text in the legend."""


def draw(data: dict[str, Any]) -> Any:
    figure, (bias, shift, square) = new_figure(1, 3, height=3.9)
    keys: dict[str, Any] = {}

    def both(ax: Any, look: tuple[int, str], x: Any, found: Any, fine: Any, curve: Any) -> None:
        """Measured points and the line of the theory, with one entry in the legend."""
        (theory,) = ax.plot(fine, np.abs(curve) + 0 * fine, **line(look[0]))
        measured = ax.errorbar(x, np.abs(found[0]), yerr=found[1], **points(look[0]))
        keys.setdefault(look[1] or "unnamed", (theory, measured))

    fine, c = data["fine rate"], data["fine shift"]
    for name, (i, label) in LOOKS.items():
        look = i, label.format(c=f"{data['fixed shift']:g}".replace("-", "−"))
        found, curve = data[f"{name} residual-learning gradient"], data[f"{name} mean field"]
        if name.endswith("along c"):
            both(shift, look, data["shift"], found, c, curve)
        else:
            both(bias, look, data["rate"], found, fine, curve)
            squares = data[f"{name} residual-learning square"], fine, data[f"{name} mean square"]
            both(square, look, data["rate"], *squares)
    sgd = 3, "Analog SGD on the cell of W"
    both(bias, sgd, data["rate"], data["no shift analog-sgd gradient"], fine, data["root"])
    both(square, sgd, data["rate"], data["no shift analog-sgd square"], fine, data["root square"])
    both(
        shift, sgd, data["shift"], data["both along c analog-sgd gradient"], c, data["root along c"]
    )
    keys.pop("unnamed")
    (leading,) = bias.plot(fine, np.abs(data["leading order"]), **line(5))
    (limit,) = shift.plot(c, np.abs(data["limit along c"]), **line(6))
    bias.axhline(np.abs(data["limit"]), **line(6))
    keys |= {"leading order of RL, ∝ √α": leading, "limit of RL for α → 0, P shifted": limit}
    _mark_crossover(shift, float(data["crossover"]))
    for ax in (bias, square):
        ax.set(xscale="log", yscale="log", xlabel="rate α (dimensionless)")
    bias.set(title="(a) bias", ylabel="|E[weight] − w*| (units of τ)")
    shift.set(
        title=f"(b) bias at α = {data['small rate']:g}",
        xlabel="shift c (units of τ)",
        ylabel="|E[weight] − w*| (units of τ)",
    )
    square.set(title="(c) mean square", ylabel="E[∇f(weight)²] (units of τ²)")
    how = f"points: simulation (an interval misses with chance {data['level']:g}); lines: theory"
    figure.legend(
        keys.values(),
        keys.keys(),
        loc="outside lower center",
        ncols=2,
        handlelength=3.5,
        title=how,
        title_fontsize=7.5,
    )
    return figure


def _mark_crossover(ax: Any, c: float) -> None:
    ax.axvline(c, color="0.4", linewidth=0.8)
    ax.set_ylim(0, 0.36)
    for text, side in (("RL \nbetter ", "right"), (" Analog SGD\n better", "left")):
        ax.text(c, 0.35, text, ha=side, va="top", fontsize=7)


def summary(data: dict[str, Any]) -> dict[str, Any]:
    rate = np.log(data["rate"])
    bias, square = (data[f"no shift residual-learning {key}"][0] for key in ("gradient", "square"))
    return {
        "slope of log bias against log α, all cells centred": np.polyfit(rate, np.log(-bias), 1)[0],
        "slope of log mean square gradient": np.polyfit(rate, np.log(square), 1)[0],
        "bias at the smallest α, all cells centred": (bias[-1], "τ"),
        "bias at the smallest α, only W shifted": (
            data["W shifted residual-learning gradient"][0, -1],
            "τ",
        ),
        "bias at the smallest α, only P shifted": (
            data["P shifted residual-learning gradient"][0, -1],
            "τ",
        ),
        "its limit for α → 0": (data["limit"], "τ"),
        "bias of Analog SGD at the smallest α": (data["no shift analog-sgd gradient"][0, -1], "τ"),
        "shift beyond which Analog SGD is the better one": (data["crossover"], "τ"),
        "chance that an interval misses": data["level"],
    }


study = Study(
    "residual-learning",
    "Residual Learning: exact if its fast array is centred",
    (Source("RF25", "Corollary 1 and the remark after it, p. 8"),),
    (
        "rf25-corollary-1",
        "rf25-corollary-1-gradient",
        "rf25-shifted-limit",
        "rf25-shifted-crossover",
    ),
    compute,
    draw,
    summary,
)
