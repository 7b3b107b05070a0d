"""RF25 Theorem 1 for the chain itself: the stationary mean of Analog SGD and the minimiser of f_Σ.

At a finite learning rate the stationary mean lies off the zero of the mean drift, by s₁α + O(α²).
Once the first-order term is taken away it agrees with the minimiser w_Σ to third order in R.  The
mean comes from the transfer operator, without random numbers; the O(α²) left over is measured by
doubling α and quoted, with the operator's own error, as the half-width.
"""

import numpy as np

from aimctheory import Source, exponential, gaussian, linear, power, quadratic, uniform
from aimctheory.claims.rf25.theorem_1 import minimiser
from aimctheory.exact import first_order, stationary_law
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import rate

CELLS = (
    (linear(tau=1, c=0.3), uniform(0.5)), (power(tau=1, gamma=2), gaussian(0.3)),
    (linear(tau=1), gaussian(0.7)), (exponential(tau=1, gamma=2), uniform(0.7)),
)  # fmt: skip


def instances(scale):
    d = 0.1 / 2.0 ** np.arange(scale.pick(3, 3, 4))
    for cell, law in CELLS[: scale.pick(2, 4, 4)]:
        yield {"cell": cell, "law": law, "w_star": cell.symmetric_point() - d, "alpha": d**2 / 3}


def mean_and_error(cell, law, w_star, alpha):
    at = zip(w_star, alpha, strict=True)
    found = [stationary_law(cell, quadratic(1.0, w), law, a) for w, a in at]
    return np.array([(each.mean, each.error) for each in found]).T


def observe(cell, law, w_star, alpha):
    """Means and their first-order terms s₁α at each minimiser, α falling with |w* − w⋄|²."""
    first = first_order(cell, quadratic(1.0, w_star), law, alpha).shift
    mean, error = mean_and_error(cell, law, w_star, alpha)
    twice, more = mean_and_error(cell, law, w_star, 2 * alpha)
    left = abs((twice - 2 * first) - (mean - first)) / 2  # O(α²): a third of it, and a reserve
    return Case(q_up=cell.q_up, q_down=cell.q_down, center=cell.symmetric_point(), w_star=w_star,
                h=1.0, Sigma=law.mean_abs(0), sigma=law.sigma, R=abs(cell.ratio(mean)),
                mean=mean, first=first, error=left + error + more)  # fmt: skip


claim = Claim(
    "rf25-theorem-1-stationary", "The implicit penalty in the stationary mean",
    r"Ours: $E_\pi W=\arg\min_W[f(W)+\langle\Sigma,R_c(W)\rangle]+s_1\alpha+O(R^3)+O(\alpha^2)$.",
    Source("RF25", "Theorem 1, p. 6 (7)"), expected="holds", instances=instances, observe=observe,
    hypotheses={"D = 1": lambda c: c.w_star.ndim == 1, "f'' > 0": lambda c: c.h > 0},
    relation=rate("R", order=3), computed=lambda c: (c.mean - c.first, c.error),
    stated=lambda c: minimiser(c, c.Sigma),
    mutants=[Mutant("no penalty", stated=lambda c: c.w_star),
             Mutant("half the penalty", stated=lambda c: minimiser(c, c.Sigma / 2)),
             Mutant("standard deviation for Σ", stated=lambda c: minimiser(c, c.sigma)),
             Mutant("first order left in", stated=lambda c: minimiser(c, c.Sigma) - c.first)],
    note="The page speaks of no stationary law; its own measure is the mean drift (46).",
)  # fmt: skip
