"""The generated module that runs an algorithm on a response, as text."""

from __future__ import annotations

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.algorithms.record import Algorithm
from aimctheory.catalogue import linear
from aimctheory.laws import gaussian
from aimctheory.objectives.quadratic import quadratic
from aimctheory.response import Response
from aimctheory.simulator.kernel_text import module_text
from aimctheory.simulator.plan import plan
from aimctheory.simulator.problem import pose


def describe_kernel(algorithm: Algorithm = analog_sgd, response: Response = linear) -> str:
    """The text of the module generated for an algorithm with all of its arrays on one response.

    The objective is a scalar quadratic, every noise is Gaussian, and each parameter without a
    default has a typical number.

    >>> from aimctheory.catalogue import power
    >>> "def update(" in describe_kernel(response=power)
    True
    """
    device = response(**{p.name: p.typical[1] for p in response.parameters if p.default is None})
    posed = pose(
        algorithm,
        device if algorithm.arrays else {},
        quadratic(minimiser=0.5),
        hyper={p.name: p.typical[0] for p in algorithm.hyper if p.default is None},
        noise={stream: gaussian(0.5) for stream in ("gradient", *algorithm.noises)},
        start=None,
        replicates=1,
        averages=None,
    )
    return module_text(plan(posed))
