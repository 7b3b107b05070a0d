"""The two figures and their JSON, made as studies like every other figure of the project."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aimctheory.figures import COLOURS, Data, Study, line, new_figure, points
from aimctheory.scale import DEFAULT
from aimctheory.simulator.block_layout import LANES
from benchmarks import scaling
from benchmarks.machine import machine
from benchmarks.timing import Measurement
from benchmarks.workloads import Benchmark

if TYPE_CHECKING:
    from matplotlib.figure import Figure

L2_SIDE = "dimension at which a Hessian fills L2"
SCALE = DEFAULT
"""A study needs a size to be computed; timings have one size only."""


def summarised(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Minimum, median and maximum."""
    return float(values.min()), float(np.median(values)), float(values.max())


def codes(benchmark: Benchmark) -> list[str]:
    """The source of each baseline; of a compiled one, the Python that was compiled."""
    return [inspect.getsource(getattr(code, "py_func", code)) for code in benchmark.codes]


def _machine() -> dict[str, Any]:
    return {f"machine: {name}": np.array(text) for name, text in machine().items()}


# ---- the table -------------------------------------------------------------------------------


def table_study(benchmarks: Sequence[Benchmark], found: Mapping[str, Measurement]) -> Study:
    """The times of each benchmark by round, the judged numbers, and the code of the baselines."""
    return Study(
        id="benchmarks",
        title="The simulator against NumPy and plain Numba",
        sources=(),
        relies_on=(),
        compute=lambda scale: table_arrays(benchmarks, found),
        draw=draw_table,
        summary=table_summary,
    )


def table_arrays(
    benchmarks: Sequence[Benchmark], found: Mapping[str, Measurement]
) -> dict[str, Any]:
    """The arrays of benchmarks.json."""
    judged = {each.id: each.judged(found[each.id]) for each in benchmarks}
    data: dict[str, Any] = {
        **_machine(),
        "rows": np.array([each.id for each in benchmarks]),
        "titles": np.array([each.title for each in benchmarks]),
        "sense": np.array([each.sense for each in benchmarks]),
        "target": np.array([each.target for each in benchmarks]),
        "judged (min, median, max)": np.array([summarised(values) for values in judged.values()]),
    }
    for each in benchmarks:
        data[f"{each.id}: judged"] = judged[each.id]
        for name, seconds in found[each.id].seconds.items():
            data[f"{each.id}: {name}, {each.unit}"] = seconds * each.scale
        for code, text in zip(each.codes, codes(each), strict=True):
            data[f"{each.id}: code of {code.__name__}"] = np.array(text)
    return data


def table_summary(data: Data) -> dict[str, Any]:
    """The median of each benchmark and its target."""
    columns = (data["rows"], data["judged (min, median, max)"], data["sense"], data["target"])
    return {
        str(name): (float(middle), f"(target {sense} {target:g})")
        for name, (_, middle, _), sense, target in zip(*columns, strict=True)
    }


def draw_table(data: Data) -> Figure:
    """Speed-ups on the left; on the right, costs as a multiple of their targets."""
    figure, axes = new_figure(1, 2, height=3.4)
    labels = {
        "≥": "times faster: median, min … max; | target",
        "≤": "cost over what is allowed; | target",
    }
    for ax, (sense, label) in zip(axes, labels.items(), strict=True):
        chosen = np.flatnonzero(data["sense"] == sense)
        if not chosen.size:
            ax.set_visible(False)
            continue
        place = -np.arange(chosen.size)
        unit = data["target"][chosen] if sense == "≤" else np.ones(chosen.size)
        low, middle, high = data["judged (min, median, max)"][chosen].T / unit
        ax.errorbar(
            middle,
            place,
            xerr=[middle - low, high - middle],
            **points(0),
        )
        ax.plot(
            data["target"][chosen] / unit,
            place,
            linestyle="none",
            marker="|",
            markersize=12,
            markeredgewidth=2,
            color=COLOURS[1],
        )
        ax.set_yticks(place, data["rows"][chosen])
        ax.set(xlabel=label, xscale="log", ylim=(place.min() - 0.6, 0.6))
        low_end, high_end = ax.get_xlim()
        ticks = [t for t in (0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 100) if low_end < t < high_end]
        ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
        ax.minorticks_off()
    return figure


# ---- scaling ---------------------------------------------------------------------------------


def scaling_study(curves: Mapping[str, Any]) -> Study:
    """Cost against steps, replicates and dimension; memory against steps."""
    return Study(
        id="scaling",
        title="What a run costs as it grows",
        sources=(),
        relies_on=(),
        compute=lambda scale: {**_machine(), **curves, L2_SIDE: np.array(scaling.side_of_l2())},
        draw=draw_scaling,
        summary=scaling.knees,
    )


def joined(i: int, **more: Any) -> dict[str, Any]:
    """Plot keywords for the `i`-th measurement, its points joined by a thin line."""
    return {**points(i), "linestyle": "-", "linewidth": 0.8, **more}


def draw_scaling(data: Data) -> Figure:
    """Nanoseconds per update in three panels, total time dashed, and memory in the fourth."""
    figure, axes = new_figure(2, 2, height=2.6)
    panels = {
        "steps": ("steps",),
        "replicates": ("replicates", "threads", "block"),
        "dimension": ("dimension", "dense"),
    }
    fixed = scaling.knees(data)["updates that cost as much as the call"][0]
    knee = {
        "steps": (fixed / scaling.STEADY, "half is fixed cost"),
        "replicates": (LANES, "one block"),
        "dimension": (data[L2_SIDE], "H fills L2"),
    }
    for ax, (axis, names) in zip(axes.flat, panels.items(), strict=False):
        total = ax.twinx()
        for i, name in enumerate(n for n in names if f"{n}: seconds" in data):
            sizes, seconds = data[f"{name}: {axis}"], data[f"{name}: seconds"]
            each = seconds / data[f"{name}: updates"][:, None] * 1e9
            middle = np.median(each, axis=1)
            ax.errorbar(
                sizes,
                middle,
                yerr=[middle - each.min(axis=1), each.max(axis=1) - middle],
                **joined(i, label=str(data[f"{name}: title"])),
            )
            total.plot(sizes, np.median(seconds, axis=1) * 1e3, **line(i, linestyle=":"))
        ax.set(xlabel=axis, ylabel="ns per update", xscale="log", yscale="log")
        total.set(ylabel="ms in all (dotted)", yscale="log")
        total.minorticks_off()
        total.grid(visible=False)
        total.spines["right"].set_visible(True)
        for each in (ax, total):  # room for the legend
            low, high = each.get_ylim()
            each.set_ylim(low, high * (high / low) ** 0.45)
        where, what = knee[axis]
        ax.axvline(where, ymax=0.7, color="0.5", linewidth=0.8)
        ax.annotate(
            what,
            (where, 0.69),
            xycoords=("data", "axes fraction"),
            rotation=90,
            ha="right",
            va="top",
            fontsize=7.5,
        )
        ax.set_title(f"({'abc'[list(panels).index(axis)]}) cost against {axis}")
        ax.legend(loc="upper right")
    steps = data["memory: steps"]
    last = axes.flat[3]
    for i, (name, label) in enumerate((("own", "the run's own"), ("resident", "whole process"))):
        last.errorbar(steps, data[f"memory: {name}, MB"], **joined(i, label=label))
    last.set_title("(d) memory against steps")
    last.set(xlabel="steps", ylabel="peak memory, MB", xscale="log", yscale="log")
    last.legend(loc="center right")
    return figure
