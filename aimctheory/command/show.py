"""What ``aimctheory show`` prints: an item in full with its stored result, or a kernel."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from aimctheory.command import discover
from aimctheory.command.report import load_results, number
from aimctheory.display.text import field
from aimctheory.figures import Study, read_json
from aimctheory.judge.claim import Claim


def describe(item: discover.Item, project: discover.Project) -> str:
    """The item in full: what it states, where it is printed, what was found, how to run it."""
    if item.kind == "claim":
        lines = list(_claim(item.value, project))
    elif item.kind == "study":
        lines = list(_study(item.value, project))
    else:
        lines = list(_definition(item))
    return "\n".join([f"{item.id}: {item.value.title}", "", *lines])


def kernel(items: Sequence[discover.Item]) -> str:
    """The kernel of the first algorithm (on the linear response) or response (of Analog SGD).

    Raises ValueError if no item is either.
    """
    from aimctheory.display.kernels import describe_kernel

    for item in items:
        if item.kind == "algorithm":
            return describe_kernel(algorithm=item.value)
        if item.kind == "response":
            return describe_kernel(response=item.value)
    raise ValueError(
        f"{items[0].id!r} has no kernel of its own; name an algorithm or a response, "
        "such as analog-sgd (`aimctheory list` shows all)"
    )


def _definition(item: discover.Item) -> Iterator[str]:
    from aimctheory.display.algorithms import describe_algorithm
    from aimctheory.display.responses import describe_response

    described = describe_response if item.kind == "response" else describe_algorithm
    yield described(item.value)
    yield ""
    yield from field("kernel", f"aimctheory show {item.id} --kernel")


def _claim(claim: Claim, project: discover.Project) -> Iterator[str]:
    yield from field("printed", claim.source)
    yield from field("states", claim.statement)
    yield from _set_off(_document(claim.observe))
    for hypothesis in claim.hypotheses:
        yield from field("supposes", hypothesis)
    for hypothesis in claim.unprinted:
        yield from field("needs", f"{hypothesis} (not printed)")
    yield from field("checked", f"{claim.relation.phrase}; {claim.level}")
    yield from field("expected", claim.expected)
    results = load_results(project.checkout / "figures") if project.checkout else {}
    if claim.id in results:
        result = results[claim.id]
        yield from field("found", f"{result['verdict']}; closest case: {result['worst']}")
        yield from field("witness", result["witness"])
    for mutant in claim.mutants:
        yield from field("mutant", mutant.why)
    yield from field("note", claim.note)
    yield from field("run", f"aimctheory check {claim.id}")


def _study(study: Study, project: discover.Project) -> Iterator[str]:
    for source in study.sources:
        yield from field("after", source)
    yield from _set_off(_document(study.compute))
    for claim in study.relies_on:
        yield from field("relies on", claim)
    folder = project.root / "figures"
    for name, found in read_json(folder / f"{study.id}.json").get("summary", {}).items():
        yield from field("found", f"{name}: {number(found['value'])} {found['unit']}")
    yield from field("figure", folder / f"{study.id}.png")
    yield from field("run", f"aimctheory reproduce {study.id}")


def _document(function: Any) -> str | None:
    """The docstring of the module that defines a function."""
    return sys.modules[function.__module__].__doc__ if inspect.isfunction(function) else None


def _set_off(document: str | None) -> Iterator[str]:
    """A docstring between two empty lines; nothing for none."""
    if document:
        yield from ("", *inspect.cleandoc(document).splitlines(), "")
