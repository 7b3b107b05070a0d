"""A response for readers: its formulas, and the conditions that it meets with numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import sympy

from aimctheory.display.text import field

if TYPE_CHECKING:
    from aimctheory.device import Device
    from aimctheory.response import Response


def describe_response(response: Response) -> str:
    """Source, parameters and formulas of a response, and RF25's Definition 1 at typical numbers.

    The conditions are given twice, at the low and at the high end of every parameter's typical
    range, because they may depend on the numbers: the power response is differentiable on the
    closed range for γ ≥ 1 only.
    """
    lines = [*_origin(response), "", *_formulas(response), "", *_at_typical_numbers(response)]
    return "\n".join(lines)


def describe_conditions(device: Device) -> str:
    """Each condition of RF25's Definition 1, and "exactly one symmetric point", with a witness.

    One condition a line: true (proved), false (refuted) or undecided.

    Raises ValueError for a device with arrays: describe one element at a time.

    >>> from aimctheory.catalogue import ideal
    >>> print(describe_conditions(ideal()))
    conditions (no numbers)
      q_up > 0 below saturation: true (no zero, 1 at w = -15.5)
      q_down > 0 above saturation: true (no zero, 1 at w = -15.5)
      q_up differentiable on the closed range: true (a polynomial)
      q_down differentiable on the closed range: true (a polynomial)
      q_up = 0 at saturation: false (the dynamic range is unbounded)
      q_down = 0 at saturation: false (the dynamic range is unbounded)
      exactly one symmetric point: false (q_up = q_down everywhere)
    """
    conditions = device.conditions()
    numbers = ", ".join(f"{name}={value:g}" for name, value in device.numbers.items())
    head = f"conditions ({numbers or 'no numbers'})"
    return "\n".join([head, *(f"  {condition}" for condition in conditions)])


def _origin(response: Response) -> Iterator[str]:
    yield from field("printed", response.source or "")
    for p in response.parameters:
        yield from field("parameter", f"{p.name} in {p.domain}: {p.meaning}")


def _formulas(response: Response) -> Iterator[str]:
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
    yield from (f"{name:<16}{value}" for name, value in formulas.items())


def _at_typical_numbers(response: Response) -> Iterator[str]:
    """The conditions at both ends of the typical ranges; once for a response without parameters."""
    where = ", at the low and at the high end of the typical numbers" if response.parameters else ""
    yield f"RF25 Definition 1 (p. 4) and the symmetric point{where}:"
    for end in (0, 1) if response.parameters else (0,):
        numbers = {p.name: p.typical[end] for p in response.parameters}
        try:
            yield describe_conditions(response(**numbers))
        except ValueError as reason:  # the ranges are typical one by one, not always together
            yield str(reason)
