"""An algorithm for readers: its arrays, its numbers, its step and its mean drift."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from aimctheory.algorithms.record import Algorithm
from aimctheory.derive import mean_drift
from aimctheory.display.text import field


def describe_algorithm(algorithm: Algorithm) -> str:
    """Source, arrays, hyper-parameters, the step's own code, and the mean drift of each state.

    The mean drift stays in terms of F, G and m = E|increment|, for any device and any noise.  Where
    the step is not affine in a random number there is no such formula; the text then gives the
    reason and the closures that would allow one.

    >>> from aimctheory.algorithms.analog_sgd import analog_sgd
    >>> "E[W' - W] =" in describe_algorithm(analog_sgd)
    True
    """
    lines = [
        *_parts(algorithm),
        "",
        *inspect.getsource(algorithm.step).rstrip().splitlines(),
        "",
        *_drift(algorithm),
    ]
    return "\n".join(lines)


def _parts(algorithm: Algorithm) -> Iterator[str]:
    yield from field("printed", algorithm.source)
    yield from field("arrays", ", ".join(algorithm.arrays))
    yield from field("buffers", ", ".join(algorithm.buffers))
    yield from field("noises", ", ".join(("gradient", *algorithm.noises)))
    for p in algorithm.hyper:
        yield from field("number", f"{p.name} = {p.symbol} in {p.domain}: {p.meaning}")


def _drift(algorithm: Algorithm) -> Iterator[str]:
    yield "Mean drift for any responses F, G, with m = E|increment|:"
    try:
        increments = mean_drift(algorithm).increments
    except ValueError as reason:
        yield from field("", reason)
    else:
        yield from (f"  E[{name}' - {name}] = {value}" for name, value in increments.items())
