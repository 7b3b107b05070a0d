"""RF25 Theorem 1: Analog SGD implicitly minimises f_Σ = f + ⟨Σ, R_c⟩, up to third order in R.

Analog SGD settles at the zero w_T of its mean drift, where f' + E|f' + ξ| R = 0.  The theorem puts
Σ = E|ξ| for E|f' + ξ|.  With f' = −ΣR at w_T,

    E|f' + ξ| = Σ + (P(ξ > 0) − P(ξ < 0)) f' + p(0) f'² + …

where the noise has a density p.  So w_T and the minimiser w_Σ of f_Σ differ by
−p(0) Σ²R³/(f'' + ΣR') to leading order if the noise lies above and below 0 equally often and p is
bounded near 0.  Skew noise leaves the first-order term and an atom at 0 a kink: the order is then 2
only.  Where p grows without bound towards 0 the order lies in between.  Both points are computed
without random numbers, for w* ever nearer to w⋄, which makes R small.
"""

from dataclasses import replace

import numpy as np

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.claims.rf25._formulas import G, minimiser, moment_is_smooth, pulls_inwards
from aimctheory.claims.rf25._settings import (
    CELLS,
    MEDIAN_0,
    NOISE_WITH_ATOM,
    NOISE_WITH_SPIKE,
    SKEW_NOISE,
)
from aimctheory.exact import drift_root
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import rate
from aimctheory.laws import gaussian, rademacher, uniform
from aimctheory.notation import Source
from aimctheory.objectives.quadratic import quadratic

LAWS = (
    {"law": gaussian(0.7)},
    {"law": uniform(0.4), "h": 2.0},
    {"law": rademacher(0.5)},
    {"law": MEDIAN_0, "bend": 0.5},
)
"""Noise laws, each with the objective that it is tried on."""


def instances(scale, laws=LAWS):
    """Every cell with every law, each a family of distances d = w* − w⋄."""
    d = 0.2 / 2.0 ** np.arange(scale.pick(5, 6, 7))
    for cell in CELLS:
        for law in laws:
            yield {"cell": cell, "w_star": cell.symmetric_point() + d, **law}


def with_noise(law):
    """The instances of a mutant: every cell with noise that lacks the hypothesis."""
    return lambda scale: instances(scale, [{"law": law}])


def bowl(h, w_star, bend):
    """The objective with f' = h e (1 + bend·e), e = w − w*."""

    def gradient(w, parameters, ops):
        e = w - parameters.minimiser
        return parameters.curvature * e * (1 + bend * e)

    return replace(quadratic(h, w_star), gradient=gradient)


def observe(cell, law, w_star, h=1.0, bend=0.0):
    """The zero w_T of the mean drift of Analog SGD."""
    w_T = drift_root(analog_sgd, cell, bowl(h, w_star, bend), law)
    return Case(
        q_up=cell.q_up,
        q_down=cell.q_down,
        center=cell.symmetric_point(),
        w_star=w_star,
        h=h,
        bend=bend,
        mean_abs=law.mean_abs,
        Sigma=law.mean_abs(0),
        sigma=law.sigma,
        w_T=w_T,
        R=abs(cell.ratio(w_T)),
    )


claim = Claim(
    "rf25-theorem-1",
    "The implicit penalty",
    r"If $E|\nabla f(W;\xi)-\nabla f(W)|$ is a constant $\Sigma$ and $D=1$, Analog SGD implicitly "
    r"optimizes $\min_W f_\Sigma(W):=f(W)+\langle\Sigma,R_c(W)\rangle$, $R_c'=R=G/F$.",
    Source("RF25", "Theorem 1, p. 6 (7)"),
    expected="holds",
    relation=rate(along="R", order=3),
    hypotheses={
        "D = 1": lambda c: c.w_star.ndim == 1,
        "G > 0 above w⋄, < 0 below": pulls_inwards,
        "noise with median 0 and a bounded density near 0": moment_is_smooth,
    },
    instances=instances,
    observe=observe,
    computed=lambda c: c.w_T,
    stated=lambda c: minimiser(c, c.Sigma),
    mutants=[
        Mutant("no penalty", stated=lambda c: c.w_star),
        Mutant("half the penalty", stated=lambda c: minimiser(c, c.Sigma / 2)),
        Mutant("standard deviation for Σ", stated=lambda c: minimiser(c, c.sigma)),
        Mutant("G in the place of G/F", stated=lambda c: minimiser(c, c.Sigma, G)),
        Mutant("skew noise: order 2", instances=with_noise(SKEW_NOISE)),
        Mutant("noise with an atom at 0: order 2", instances=with_noise(NOISE_WITH_ATOM)),
        Mutant("a density of |ξ|^(−1/2): order 5/2", instances=with_noise(NOISE_WITH_SPIKE)),
    ],
    note="Read: w_T − w_Σ = O(R³), which needs noise that lies above and below 0 equally often and "
    "has a bounded density near 0; skew noise or an atom at 0 leaves O(R²).  The page gives "
    "'implicitly' no measure; that of its full version, Theorem 5, is of second order.",
)
