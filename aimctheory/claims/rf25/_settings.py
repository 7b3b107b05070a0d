"""Cells and noise on which several claims of RF25 are checked.

The laws made here are for the mean drift only, which sees no more of a law than E|g + ξ|.
"""

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


def _noise(name, absolute_moment):
    """Noise of standard deviation 0.7 with this E|g + ξ|."""
    return Law(replace(GAUSSIAN, id=name, absolute_moment=absolute_moment), {"sigma": 0.7})


# Zero every second time, else Gaussian of twice the variance: E|g + ξ| has a kink at g = 0.
_HALF_GAUSSIAN = GAUSSIAN.absolute_moment.subs(sigma, sympy.sqrt(2) * sigma)
NOISE_WITH_ATOM = _noise("with-atom-at-0", (abs(g) + _HALF_GAUSSIAN) / 2)

# ξ = σ(x − 1) with x exponential: E|g + ξ| = Σ − (1 − 2/e) g + …, as P(ξ > 0) = 1/e.
SKEW_NOISE = _noise(
    "skew", sympy.Piecewise((2 * sigma * sympy.exp(g / sigma - 1) - g, g <= sigma), (g, True))
)

# |ξ| = √5 σu² with u uniform, either sign: the density grows as |ξ|^(−1/2) towards 0, and
# E|g + ξ| = E max(|g|, |ξ|) = Σ + (2/3) |g|^(3/2)/b^(1/2) for |g| ≤ b = √5 σ.
_B = sympy.sqrt(5) * sigma
NOISE_WITH_SPIKE = _noise(
    "with-spike-at-0",
    sympy.Piecewise(
        (_B / 3 + 2 * abs(g) ** sympy.Rational(3, 2) / (3 * sympy.sqrt(_B)), abs(g) <= _B),
        (abs(g), True),
    ),
)

# Above 0 exponential of mean a, below 0 uniform on [−2a, 0], either with probability ½; the
# variance is a² + 2a²/3.  Not symmetric, but E|g + ξ| = Σ + O(g²).
_A = sympy.sqrt(sympy.Rational(3, 5)) * sigma
MEDIAN_0 = _noise(
    "skew-with-median-0",
    sympy.Piecewise(
        (_A * sympy.exp(g / _A) - g, g <= 0),
        (g + (2 * _A - g) ** 2 / (4 * _A), g <= 2 * _A),
        (g, True),
    ),
)
