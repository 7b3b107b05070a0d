"""What ``aimctheory show`` prints: one claim, study, response or algorithm in full, or a kernel."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import sympy

from aimctheory.algorithms.record import Algorithm
from aimctheory.command import discover
from aimctheory.command.report import load_rows, number
from aimctheory.figures import Study, read_json
from aimctheory.judge.claim import Claim
from aimctheory.response import Response

WIDTH = 100


def describe(item: discover.Item, project: discover.Project) -> str:
    """The item for readers: what it states, where it is printed, what was found, how to run it."""
    writers: dict[str, Any] = {
        "claim": _claim, "study": _study, "response": _response, "algorithm": _algorithm,
    }  # fmt: skip
    lines = [f"{item.id}: {item.record.title}", "", *writers[item.kind](item.record, project)]
    return "\n".join(lines)


def _field(name: str, text: Any) -> Iterable[str]:
    """Lines of "name      text", wrapped; nothing for an empty text."""
    if str(text):
        yield textwrap.fill(
            " ".join(str(text).split()), WIDTH, initial_indent=f"{name:<10}",
            subsequent_indent=" " * 10, break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip


def _about(document: str | None) -> Iterable[str]:
    """The docstring of a file, set off."""
    if document:
        yield from ("", *inspect.cleandoc(document).splitlines(), "")


def _claim(claim: Claim, project: discover.Project) -> Iterable[str]:
    yield from _field("printed", claim.source)
    yield from _field("states", claim.statement)
    yield from _about(_document(claim.observe))
    for hypothesis in claim.hypotheses:
        yield from _field("supposes", hypothesis)
    yield from _field("checked", f"{claim.relation.phrase}; {claim.level}")
    yield from _field("expected", claim.expected)
    stored = load_rows(project.checkout / "figures").get(claim.id) if project.checkout else None
    if stored:
        yield from _field("found", f"{stored['verdict']}; closest case: {stored['worst']}")
        yield from _field("witness", stored["witness"])
    for mutant in claim.mutants:
        yield from _field("mutant", mutant.why)
    yield from _field("note", claim.note)
    yield from _field("run", f"aimctheory check {claim.id}")


def _document(function: Any) -> str | None:
    """The docstring of the file that a function stands in."""
    return sys.modules[function.__module__].__doc__ if inspect.isfunction(function) else None


def _study(study: Study, project: discover.Project) -> Iterable[str]:
    for source in study.sources:
        yield from _field("after", source)
    yield from _about(_document(study.compute))
    for claim in study.relies_on:
        yield from _field("relies on", claim)
    folder = project.root / "figures"
    for name, found in read_json(folder / f"{study.id}.json").get("summary", {}).items():
        yield from _field("found", f"{name}: {number(found['value'])} {found['unit']}")
    yield from _field("figure", folder / f"{study.id}.png")
    yield from _field("run", f"aimctheory reproduce {study.id}")


def _response(response: Response, project: discover.Project) -> Iterable[str]:
    yield from _field("printed", response.source or "")
    for p in response.parameters:
        yield from _field("parameter", f"{p.name} in {p.domain}: {p.meaning}")
    points = ", ".join(map(str, response.symmetric_points()))
    penalty = response.known_penalty()
    low, high = response.dynamic_range
    formulas = {
        "q_up": response.up,
        "q_down": response.down,
        "F": response.mean_response,
        "G": response.asymmetry,
        "R = G/F": response.ratio,
        "q_up q_down": response.saturation_product,
        "range": f"[{low}, {high}]",
        "symmetric point": points or "none in closed form",
        "R in LaTeX": sympy.latex(response.ratio),
        "penalty R_c": "no closed form: by quadrature" if penalty is None else penalty,
    }
    yield ""
    yield from (f"{name:<16}{value}" for name, value in formulas.items())
    yield ""
    yield from _field("kernel", f"aimctheory show {response.id} --kernel")


def _algorithm(algorithm: Algorithm, project: discover.Project) -> Iterable[str]:
    from aimctheory.derive import mean_drift

    yield from _field("printed", algorithm.source)
    yield from _field("arrays", ", ".join(algorithm.arrays))
    yield from _field("buffers", ", ".join(algorithm.buffers))
    yield from _field("noises", ", ".join(("gradient", *algorithm.noises)))
    for p in algorithm.hyper:
        yield from _field("number", f"{p.name} = {p.symbol} in {p.domain}: {p.meaning}")
    yield from ("", *inspect.getsource(algorithm.step).rstrip().splitlines(), "")
    yield "Mean drift on open cells F, G, with m = E|increment|:"
    try:
        increments = mean_drift(algorithm).increments
    except ValueError as reason:
        yield from _field("", reason)
    else:
        yield from (f"  E[{name}' - {name}] = {value}" for name, value in increments.items())
    yield ""
    yield from _field("kernel", f"aimctheory show {algorithm.id} --kernel")


def kernel(records: Sequence[Any]) -> str:
    """The generated module of an algorithm on a linear cell, or of Analog SGD on a response.

    Takes the first of `records` that is either.  Raises ValueError if none is.
    """
    from aimctheory.algorithms.analog_sgd import analog_sgd
    from aimctheory.catalogue import linear
    from aimctheory.laws import gaussian
    from aimctheory.objectives.quadratic import quadratic
    from aimctheory.simulator.kernel_text import module_text
    from aimctheory.simulator.plan import plan
    from aimctheory.simulator.problem import pose

    record = next((r for r in records if isinstance(r, Algorithm | Response)), None)
    if record is None:
        raise ValueError(
            f"{records[0].id!r} has no kernel of its own; name an algorithm or a response, "
            "such as analog-sgd (`aimctheory list` shows all)"
        )
    algorithm, response = (
        (record, linear) if isinstance(record, Algorithm) else (analog_sgd, record)
    )
    cell = response(**{p.name: p.typical[1] for p in response.parameters if p.default is None})
    posed = pose(
        algorithm, cell if algorithm.arrays else {}, quadratic(minimiser=0.5),
        hyper={p.name: p.typical[0] for p in algorithm.hyper if p.default is None},
        noise={stream: gaussian(0.5) for stream in ("gradient", *algorithm.noises)},
        start=None, replicates=1, averages=None,
    )  # fmt: skip
    return module_text(plan(posed))
