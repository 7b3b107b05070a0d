"""RF25 Theorem 1 against simulation: the measured mean of Analog SGD and the minimiser of f_Σ.

The mean is read off that of the noisy gradient, E W = w* + E g/h; its scatter is nearly all that of
the noise drawn, ξ and |ξ|, whose means are known.  With its first-order term s₁α taken away it lies
within 0.06 |w* − w⋄|³ of the minimiser: the third order in R, which `rf25_theorem_1_stationary`
settles without random numbers, seen in a simulation.
"""

import numpy as np

from aimctheory import Source, analog_sgd, gaussian, linear, quadratic
from aimctheory.claims.rf25.theorem_1 import G, minimiser
from aimctheory.controls import controlled_mean
from aimctheory.exact import first_order
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import equal
from aimctheory.simulator.simulate import simulate

AVERAGES = {
    "gradient": lambda state, hyper, gradient, ops: gradient,
    "noise": lambda state, hyper, gradient, ops: ops.noise("gradient"),
    "size": lambda state, hyper, gradient, ops: abs(ops.noise("gradient")),
}


def instances(scale):
    for c in (0.0, 0.3, -0.3):
        yield {"cell": linear(tau=1, c=c), "replicates": scale.pick(1000, 4000, 20_000)}


def observe(cell, replicates, sigma=0.5, alpha=0.02, h=1.0, steps=20_000):
    """Means over the last 9/10 of the steps, at three minimisers in one run."""
    w_star = cell.symmetric_point() + np.array([0.125, 0.25, 0.5])
    f, law = quadratic(h, w_star), gaussian(sigma)
    run = simulate(
        analog_sgd, cell, f, hyper={"learning_rate": alpha}, noise=law, steps=steps, rng=1,
        replicates=replicates, start={"W": w_star}, averages=AVERAGES,
    )  # fmt: skip
    slope, noise, size = (run.samples(name, after=steps // 10) for name in AVERAGES)
    slope = controlled_mean(slope, [noise, size - law.mean_abs(0)])
    return Case(q_up=cell.q_up, q_down=cell.q_down, center=cell.symmetric_point(), w_star=w_star,
                h=h, Sigma=law.mean_abs(0), sigma=sigma, mean=w_star + slope.value / h,
                half=slope.half_width / h,
                first=first_order(cell, f, law, alpha).shift)  # fmt: skip


claim = Claim(
    "rf25-theorem-1-simulated", "The implicit penalty, measured",
    r"Ours: $E_\pi W=\arg\min_W[f(W)+\langle\Sigma,R_c(W)\rangle]$, but for first order in "
    r"$\alpha$ and third in $R$, here within $0.06\,|w^*-w^\diamond|^3$.",
    Source("RF25", "Theorem 1, p. 6 (7)"), expected="holds", level="statistical",
    instances=instances, observe=observe, computed=lambda c: (c.mean - c.first, c.half),
    relation=equal(within=lambda c: 0.06 * abs(c.w_star - c.center) ** 3),
    hypotheses={"f'' > 0": lambda c: c.h > 0}, stated=lambda c: minimiser(c, c.Sigma),
    mutants=[Mutant("no penalty", stated=lambda c: c.w_star),
             Mutant("no first order in α", stated=lambda c: minimiser(c, c.Sigma) - c.first),
             Mutant("half the penalty", stated=lambda c: minimiser(c, c.Sigma / 2)),
             Mutant("standard deviation for Σ", stated=lambda c: minimiser(c, c.sigma)),
             Mutant("G in the place of G/F", stated=lambda c: minimiser(c, c.Sigma, G))],
)  # fmt: skip
