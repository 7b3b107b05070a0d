"""RF25 Theorem 1: Analog SGD implicitly minimises f_Σ = f + ⟨Σ, R_c⟩, up to third order in R.

Analog SGD settles at the zero w_T of its mean drift, where f' + E|f' + ξ| R = 0.  The theorem puts
Σ = E|ξ| for E|f' + ξ|.  For noise with a smooth density p, E|f' + ξ| = Σ + p(0) f'² + …, and
f' = −ΣR at w_T.  So w_T and the minimiser w_Σ of f_Σ differ by −p(0) Σ²R³/(f'' + ΣR') to leading
order.  Both are computed without random numbers, for w* ever nearer to w⋄, which makes R small.
"""

import numpy as np

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.claims.rf25._formulas import G, minimiser, moment_is_smooth
from aimctheory.claims.rf25._settings import CELLS, NOISE_WITH_ATOM
from aimctheory.exact import drift_root
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import rate
from aimctheory.laws import gaussian, rademacher, uniform
from aimctheory.notation import Source
from aimctheory.objectives.quadratic import quadratic

LAWS = ((gaussian(0.7), 1.0), (uniform(0.4), 2.0), (rademacher(0.5), 1.0))
"""Noise laws, each with the curvature h of its objective."""


def instances(scale, laws=LAWS):
    """Every cell with every law, each a family of distances d = w* − w⋄."""
    d = 0.4 / 2.0 ** np.arange(scale.pick(5, 6, 7))
    for cell in CELLS:
        for law, h in laws:
            yield {"cell": cell, "law": law, "w_star": cell.symmetric_point() + d, "h": h}


def observe(cell, law, w_star, h):
    """The zero w_T of the mean drift on f = h(w − w*)²/2."""
    w_T = drift_root(analog_sgd, cell, quadratic(h, w_star), law)
    return Case(
        q_up=cell.q_up,
        q_down=cell.q_down,
        center=cell.symmetric_point(),
        w_star=w_star,
        h=h,
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
        "smooth symmetric noise": moment_is_smooth,
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
        Mutant(
            "noise with an atom at 0",
            instances=lambda scale: instances(scale, [(NOISE_WITH_ATOM, 1.0)]),
        ),
    ],
    note="Read: w_T − w_Σ = O(R³); the page gives 'implicitly' no measure.",
)
