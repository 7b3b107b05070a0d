"""Sharper than RF25 Theorem 5: for an odd ratio R = G/F the residual of W^S is of third order.

A variation of the experiment of `theorem_5`, with settings in which three more hypotheses hold: R
is odd about w⋄, f is quadratic, and the noise is symmetric with a density p smooth at 0.  Without
any one of the three the order is two again; the mutants show that.
"""

import numpy as np

from aimctheory.catalogue import exponential, linear, power
from aimctheory.claims.rf25 import theorem_5
from aimctheory.claims.rf25._formulas import R, moment_is_smooth
from aimctheory.claims.rf25._settings import NOISE_WITH_ATOM, SKEW_NOISE, SQUARE_ROOT
from aimctheory.claims.rf25.theorem_5 import stationary_point
from aimctheory.judge.claim import Claim, Mutant
from aimctheory.judge.relation import rate
from aimctheory.laws import gaussian, uniform
from aimctheory.notation import Source

SQUARE = power(tau=1, gamma=2)
ODD = (linear(tau=1), SQUARE_ROOT, exponential(tau=1, gamma=2), SQUARE)


def distances(scale):
    """The distances |w* − w⋄| of one family."""
    return 0.2 / 2.0 ** np.arange(scale.pick(5, 6, 7))


def instances(scale):
    """Every cell with an odd R, under noise with two kinds of density."""
    for cell in ODD:
        yield {"cell": cell, "law": gaussian(0.7), "distance": distances(scale)}
    for cell in ODD:
        if cell is not SQUARE:  # there uniform noise has C = 0, and T(W^S) = 0
            yield {"cell": cell, "law": uniform(0.4), "distance": -distances(scale), "H": [[2.0]]}
    direction, sigma = [1.0, -0.7, 0.5], np.array([0.3, 0.8, 0.5])
    several = {"distance": distances(scale), "direction": direction, "H": theorem_5.H_3}
    yield {"cell": linear(tau=[1.0, 2.0, 0.6]), "law": gaussian(sigma), **several}


def without_a_hypothesis(law, cell=ODD[0], **setting):
    """The instances of a mutant: one family that lacks one of the hypotheses."""
    return lambda scale: [{"cell": cell, "law": law, "distance": distances(scale), **setting}]


def observe(**setting):
    """The mean drift of Analog SGD, as in `theorem_5`."""
    return theorem_5.observe(**setting)


def size_of_T(c, W):
    """‖T(W)‖ of RF25 p. 24 (46)."""
    return np.linalg.norm(c.T(W), axis=-1)


def R_is_odd(c):
    """Whether R(w⋄ + x) = −R(w⋄ − x), with R of RF25 p. 6."""
    x = np.linspace(0.0, 0.5, 11)[:, None]
    return abs(R(c, c.center + x) + R(c, c.center - x)) < 1e-12


claim = Claim(
    "rf25-theorem-5-cubic",
    "Third order for an odd ratio",
    r"If $R$ is odd about $W^\diamond$, $f$ quadratic, the noise symmetric and its density smooth "
    r"at 0, the corrected $W^S$ has $\|T(W^S)\|=C\,\|W^\diamond-W^*\|^3$ to leading order.",
    Source("RF25", "sharper than Theorem 5, p. 24"),
    expected="holds",
    relation=rate(along="d", order=3, kind="exactly", error=size_of_T),
    hypotheses={
        "R is odd about w⋄": R_is_odd,
        "f is quadratic": lambda c: c.bend == 0,
        "noise with median 0 and a bounded density near 0": moment_is_smooth,
    },
    instances=instances,
    observe=observe,
    stated=lambda c: stationary_point(c, +1, c.Sigma),
    mutants=[
        Mutant(
            "R not odd: c = 0.3",
            instances=without_a_hypothesis(gaussian(0.7), linear(tau=1, c=0.3)),
        ),
        Mutant("f not quadratic", instances=without_a_hypothesis(gaussian(0.7), bend=0.5)),
        Mutant("noise with an atom at 0", instances=without_a_hypothesis(NOISE_WITH_ATOM)),
        Mutant("skew noise", instances=without_a_hypothesis(SKEW_NOISE)),
        Mutant("the printed sign", stated=lambda c: stationary_point(c, -1, c.Sigma)),
        Mutant("standard deviation for Σ", stated=lambda c: stationary_point(c, +1, c.sigma)),
    ],
    note="For D = 1, C = F(w⋄) θ³ |p(0) s² R' + Σ R'''/6| with s = ΣR' and θ = f''/(f'' + s).  For "
    "uniform noise on the power response γ = 2, and for Rademacher noise on the linear one, C = 0.",
)
