"""RF25 Theorem 1 against simulation: the measured mean of Analog SGD and the minimiser of f_Σ.

The mean is read off the mean of the noisy gradient, E W = w* + E g/h, which scatters least.  With
its first-order term s₁α taken away it lies within 2 % of |w* − w⋄| from the minimiser; how the rest
vanishes is settled without random numbers in `rf25_theorem_1_stationary`.
"""

import numpy as np

from aimctheory import Source, analog_sgd, gaussian, linear, quadratic
from aimctheory.claim import Case, Claim, Mutant, equal
from aimctheory.claims.rf25_theorem_1 import G, minimiser
from aimctheory.exact import first_order
from aimctheory.simulate import simulate
from aimctheory.statistics import replicate_mean


def instances(scale):
    for c in (0.0, 0.3, -0.3):
        yield {"cell": linear(tau=1, c=c), "replicates": scale.pick(50, 200, 2000)}


def observe(cell, replicates, sigma=0.5, alpha=0.02, h=1.0, steps=4000):
    """Means over the last 3/4 of the steps, at three minimisers in one run."""
    w_star = cell.symmetric_point() + np.array([0.1, 0.25, 0.5])
    f, law = quadratic(h, w_star), gaussian(sigma)
    run = simulate(
        analog_sgd, cell, f, hyper={"learning_rate": alpha}, noise=law, steps=steps, rng=1,
        replicates=replicates, start={"W": w_star},
        averages={"gradient": lambda state, hyper, gradient, ops: gradient},
    )  # fmt: skip
    slope = replicate_mean(run.samples("gradient", after=steps // 4))
    return Case(q_up=cell.q_up, q_down=cell.q_down, center=cell.symmetric_point(), w_star=w_star,
                h=h, Sigma=law.mean_abs(0), sigma=sigma, mean=w_star + slope.value / h,
                half=slope.half_width / h,
                first=first_order(cell, f, law, alpha).shift)  # fmt: skip


claim = Claim(
    "rf25-theorem-1-simulated", "The implicit penalty, measured",
    r"Ours: $E_\pi W=\arg\min_W[f(W)+\langle\Sigma,R_c(W)\rangle]$, but for first order in "
    r"$\alpha$ and third in $R$.", Source("RF25", "Theorem 1, p. 6 (7)"), expected="holds",
    level="statistical",
    instances=instances, observe=observe, computed=lambda c: (c.mean - c.first, c.half),
    relation=equal(within=lambda c: 0.02 * abs(c.w_star - c.center)),
    hypotheses={"f'' > 0": lambda c: c.h > 0}, stated=lambda c: minimiser(c, c.Sigma),
    mutants=[Mutant("no penalty", stated=lambda c: c.w_star),
             Mutant("half the penalty", stated=lambda c: minimiser(c, c.Sigma / 2)),
             Mutant("standard deviation for Σ", stated=lambda c: minimiser(c, c.sigma)),
             Mutant("G in the place of G/F", stated=lambda c: minimiser(c, c.Sigma, G))],
)  # fmt: skip
