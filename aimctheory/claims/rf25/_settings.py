"""Cells and noise on which several claims of RF25 are checked."""

from dataclasses import replace

import sympy

from aimctheory.catalogue import exponential, linear, power
from aimctheory.laws import GAUSSIAN, Law
from aimctheory.notation import g, sigma

CELLS = (
    linear(tau=1),
    linear(tau=1, c=0.3),
    power(tau=1, gamma=2),
    exponential(tau=1, gamma=2),
)
SQUARE_ROOT = power(tau=1, gamma=0.5)
"""A cell whose responses are infinitely steep at saturation."""

# Zero every second time, else Gaussian of twice the variance: E|g + ξ| has a kink at g = 0.
_HALF_GAUSSIAN = GAUSSIAN.absolute_moment.subs(sigma, sympy.sqrt(2) * sigma)
NOISE_WITH_ATOM = Law(
    replace(GAUSSIAN, absolute_moment=(abs(g) + _HALF_GAUSSIAN) / 2), {"sigma": 0.7}
)
