"""RF25 Theorem 1: Analog SGD implicitly minimises f_Σ = f + ⟨Σ, R_c⟩, up to third order in R.

What the algorithm obeys is the zero w_T of its mean drift, where f' + E|f' + ξ| R = 0.  The theorem
puts Σ = E|ξ| for E|f' + ξ|, which is Σ + p(0) f'² + … for noise with a smooth density p, and there
f' = −ΣR: w_T and the minimiser w_Σ of f_Σ differ by −p(0) Σ²R³/(f'' + ΣR') to leading order.
"""

import numpy as np

from aimctheory import Source, analog_sgd, gaussian, quadratic, rademacher, uniform
from aimctheory.claims.rf25.theorem_5 import CELLS
from aimctheory.claims.rf25.theorem_5_cubic import ATOM, moment_is_smooth
from aimctheory.exact import drift_root
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import rate

LAWS = (gaussian(0.7), 1.0), (uniform(0.4), 2.0), (rademacher(0.5), 1.0)


def instances(scale, laws=None):
    d = 0.4 / 2.0 ** np.arange(scale.pick(5, 6, 7))
    for cell in CELLS:
        for law, h in laws or LAWS:
            yield {"cell": cell, "law": law, "w_star": cell.symmetric_point() + d, "h": h}


def observe(cell, law, w_star, h):
    """The zero w_T of the mean drift on f = h(w − w*)²/2."""
    w_T = drift_root(analog_sgd, cell, quadratic(h, w_star), law)
    return Case(q_up=cell.q_up, q_down=cell.q_down, center=cell.symmetric_point(), w_star=w_star,
                h=h, mean_abs=law.mean_abs, Sigma=law.mean_abs(0), sigma=law.sigma,
                w_T=w_T, R=abs(cell.ratio(w_T)))  # fmt: skip


def F(c, w):  # RF25 p. 4 (4)
    return (c.q_down(w) + c.q_up(w)) / 2


def G(c, w):  # RF25 p. 4 (4)
    return (c.q_down(w) - c.q_up(w)) / 2


def minimiser(c, Sigma, penalty=lambda c, w: G(c, w) / F(c, w)):  # of f_Σ, RF25 p. 6 (7)
    low, high = c.center + 0 * c.w_star, c.w_star
    for _ in range(55):  # bisection of ∇f + Σ R_c' between w⋄ and w*
        w = (low + high) / 2
        beyond = (c.h * (w - c.w_star) + Sigma * penalty(c, w)) * (c.w_star - c.center) > 0
        low, high = np.where(beyond, low, w), np.where(beyond, w, high)
    return (low + high) / 2


claim = Claim(
    "rf25-theorem-1", "The implicit penalty",
    r"If $E|\nabla f(W;\xi)-\nabla f(W)|$ is a constant $\Sigma$ and $D=1$, Analog SGD implicitly "
    r"optimizes $\min_W f_\Sigma(W):=f(W)+\langle\Sigma,R_c(W)\rangle$, $R_c'=R=G/F$.",
    Source("RF25", "Theorem 1, p. 6 (7)"), expected="holds", instances=instances, observe=observe,
    hypotheses={"D = 1": lambda c: c.w_star.ndim == 1, "smooth symmetric noise": moment_is_smooth},
    relation=rate("R", order=3), computed=lambda c: c.w_T, stated=lambda c: minimiser(c, c.Sigma),
    mutants=[Mutant("no penalty", stated=lambda c: c.w_star),
             Mutant("half the penalty", stated=lambda c: minimiser(c, c.Sigma / 2)),
             Mutant("standard deviation for Σ", stated=lambda c: minimiser(c, c.sigma)),
             Mutant("G in the place of G/F", stated=lambda c: minimiser(c, c.Sigma, G)),
             Mutant("noise with an atom at 0", instances=lambda s: instances(s, [(ATOM, 1.0)]))],
    note="Read: w_T − w_Σ = O(R³); the page gives 'implicitly' no measure.",
)  # fmt: skip
