"""Sharper than RF25 Theorem 5: for an odd ratio R = G/F the residual of W^S is of third order.

That takes a quadratic f and symmetric noise with a density p smooth at 0; without any one of the
three the order is two again.
"""

from dataclasses import replace

import numpy as np
import sympy

from aimctheory import Source, exponential, gaussian, linear, power, two_point_frozen, uniform
from aimctheory.claims.rf25.theorem_5 import observe, ratio, stationary_point
from aimctheory.judge.claim import Claim, Mutant
from aimctheory.judge.relation import rate
from aimctheory.laws import GAUSSIAN, Law
from aimctheory.notation import g, sigma

ODD = linear(tau=1), power(tau=1, gamma=0.5), exponential(tau=1, gamma=2), power(tau=1, gamma=2)


def distances(scale):
    return 0.2 / 2.0 ** np.arange(scale.pick(5, 6, 7))


def instances(scale):
    for cell in ODD:
        yield {"cell": cell, "law": gaussian(0.7), "distance": distances(scale)}
    for cell in ODD[:3]:  # on the last one uniform noise has C = 0, and T(W^S) = 0
        yield {"cell": cell, "law": uniform(0.4), "distance": -distances(scale), "h": 2.0}


def dropping(law, cell=ODD[0], **more):  # one family that lacks a hypothesis
    return lambda scale: [{"cell": cell, "law": law, "distance": distances(scale), **more}]


# Noise that is 0 every second time, else Gaussian of twice the variance: E|g + ξ| has a kink at 0
HALF_GAUSSIAN = GAUSSIAN.absolute_moment.subs(sigma, sympy.sqrt(2) * sigma)
ATOM = Law(replace(GAUSSIAN, absolute_moment=(abs(g) + HALF_GAUSSIAN) / 2), {"sigma": 0.7})


def R_is_odd(c):  # R(w⋄ + x) = −R(w⋄ − x), with R of RF25 p. 6
    x = np.linspace(0.0, 0.5, 11)
    return abs(ratio(c, c.center + x) + ratio(c, c.center - x)) < 1e-12


def moment_is_smooth(c):  # E|g + ξ| = Σ + O(g²), where RF25 p. 25 (56) has Σ + O(g)
    return abs(c.mean_abs(np.array([-1e-4, 1e-4])) - c.Sigma) < 1e-6


claim = Claim(
    "rf25-theorem-5-cubic", "Third order for an odd ratio",
    r"If $R$ is odd about $W^\diamond$, $f$ quadratic, the noise symmetric and its density smooth "
    r"at 0, the corrected $W^S$ has $T(W^S)=C\,|W^\diamond-W^*|^3$ to leading order.",
    Source("RF25", "sharper than Theorem 5, p. 24"), expected="holds",
    instances=instances, observe=observe,
    relation=rate(along="d", order=3, kind="exactly", error=lambda c, W: abs(c.T(W))),
    hypotheses={"R is odd about w⋄": R_is_odd, "f is quadratic": lambda c: c.bend == 0,
                "E|g + ξ| is smooth at g = 0": moment_is_smooth},
    stated=lambda c: stationary_point(c, +1, c.Sigma),
    mutants=[Mutant("R not odd: c = 0.3", instances=dropping(gaussian(0.7), linear(tau=1, c=0.3))),
             Mutant("f not quadratic", instances=dropping(gaussian(0.7), bend=0.5)),
             Mutant("noise with an atom at 0", instances=dropping(ATOM)),
             Mutant("skew noise", instances=dropping(two_point_frozen(0.7, p=0.3))),
             Mutant("the printed sign", stated=lambda c: stationary_point(c, -1, c.Sigma)),
             Mutant("standard deviation for Σ", stated=lambda c: stationary_point(c, 1, c.sigma))],
    note="C = F(w⋄) θ³ |p(0) s² R' + Σ R'''/6| with s = ΣR' and θ = f''/(f'' + s).  For uniform "
         "noise on the power response γ = 2, and for Rademacher noise on the linear one, C = 0.",
)  # fmt: skip
