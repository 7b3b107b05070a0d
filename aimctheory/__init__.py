"""Check the theory of training on analog in-memory hardware.

One definition of a response function gives the theory that follows from it, a fast simulator of the
algorithms on it, and verdicts on published statements.  Names load on first use, so that importing
the package costs little more than importing NumPy.

>>> import aimctheory as at
>>> cell = at.linear(tau=1, c=0.3)
>>> cell.symmetric_point()
0.3
"""

from __future__ import annotations

import importlib
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aimctheory import derive as derive
    from aimctheory import exact as exact
    from aimctheory.algorithms.analog_sgd import analog_sgd as analog_sgd
    from aimctheory.algorithms.digital_sgd import digital_sgd as digital_sgd
    from aimctheory.algorithms.record import Algorithm as Algorithm
    from aimctheory.algorithms.residual_learning import residual_learning as residual_learning
    from aimctheory.algorithms.residual_learning import residual_learning_v2 as residual_learning_v2
    from aimctheory.catalogue import exponential as exponential
    from aimctheory.catalogue import ideal as ideal
    from aimctheory.catalogue import linear as linear
    from aimctheory.catalogue import power as power
    from aimctheory.catalogue import soft_bounds as soft_bounds
    from aimctheory.device import Device as Device
    from aimctheory.laws import gaussian as gaussian
    from aimctheory.laws import rademacher as rademacher
    from aimctheory.laws import two_point as two_point
    from aimctheory.laws import two_point_frozen as two_point_frozen
    from aimctheory.laws import uniform as uniform
    from aimctheory.notation import Source as Source
    from aimctheory.notation import positive as positive
    from aimctheory.notation import real as real
    from aimctheory.notation import w as w
    from aimctheory.objectives.quadratic import quadratic as quadratic
    from aimctheory.response import Response as Response
    from aimctheory.simulator.run import Interrupted as Interrupted
    from aimctheory.simulator.simulate import simulate as simulate

__version__ = "0.1.0"

_HOMES = {
    "aimctheory": ("derive", "exact"),
    "aimctheory.algorithms.analog_sgd": ("analog_sgd",),
    "aimctheory.algorithms.digital_sgd": ("digital_sgd",),
    "aimctheory.algorithms.record": ("Algorithm",),
    "aimctheory.algorithms.residual_learning": ("residual_learning", "residual_learning_v2"),
    "aimctheory.catalogue": ("exponential", "ideal", "linear", "power", "soft_bounds"),
    "aimctheory.device": ("Device",),
    "aimctheory.laws": ("gaussian", "rademacher", "two_point", "two_point_frozen", "uniform"),
    "aimctheory.notation": ("Source", "positive", "real", "w"),
    "aimctheory.objectives.quadratic": ("quadratic",),
    "aimctheory.response": ("Response",),
    "aimctheory.simulator.run": ("Interrupted",),
    "aimctheory.simulator.simulate": ("simulate",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        near = get_close_matches(name, __all__, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it offers: {', '.join(__all__)}"
        raise AttributeError(f"aimctheory has no {name!r}; {hint}")
    home = _HOME[name]
    if home == __name__:
        return importlib.import_module(f"{home}.{name}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
