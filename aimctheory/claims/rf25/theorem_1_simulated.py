"""RF25 Theorem 1 against simulation: the measured mean of Analog SGD and the minimiser of f_Σ.

The mean weight is measured by the mean of the noisy gradient g, E W = w* + E g/h.  Nearly all the
scatter of that mean comes from the noise drawn, ξ and |ξ|, whose expectations are known and which
therefore serve as control variates.  Once the first-order term s₁α is subtracted, the mean weight
lies within 0.06 |w* − w⋄|³ of the minimiser.  So the third order in R, which
`theorem_1_stationary` settles without random numbers, is seen in a simulation too.  With skew noise
the difference is of second order, and far larger.
"""

import numpy as np

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.catalogue import linear
from aimctheory.claims.rf25._formulas import G, minimiser, moment_is_smooth
from aimctheory.controls import controlled_mean
from aimctheory.exact import first_order
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import equal
from aimctheory.laws import gaussian, two_point_frozen
from aimctheory.notation import Source
from aimctheory.objectives.quadratic import quadratic
from aimctheory.simulator.simulate import simulate

NOISE = gaussian(0.5)
AVERAGES = {
    "gradient": lambda state, hyper, gradient, ops: gradient,
    "noise": lambda state, hyper, gradient, ops: ops.noise("gradient"),
    "size": lambda state, hyper, gradient, ops: abs(ops.noise("gradient")),
}


def instances(scale):
    """The linear cell, centred and shifted to either side."""
    for c in (0.0, 0.3, -0.3):
        yield {"cell": linear(tau=1, c=c), "replicates": scale.pick(1000, 4000, 20_000)}


def skew(scale):
    """The centred cell with skew noise of the same standard deviation."""
    yield {"cell": linear(tau=1), "replicates": 200, "law": two_point_frozen(0.5, p=0.3)}


def observe(cell, replicates, law=NOISE, alpha=0.02, h=1.0, steps=20_000):
    """Means over the last 9/10 of the steps, at three minimisers in one run."""
    w_star = cell.symmetric_point() + np.array([0.125, 0.25, 0.5])
    f = quadratic(h, w_star)
    run = simulate(
        analog_sgd,
        cell,
        f,
        hyper={"learning_rate": alpha},
        noise=law,
        start={"W": w_star},
        steps=steps,
        rng=1,
        replicates=replicates,
        averages=AVERAGES,
    )
    gradient, noise, size = (run.samples(name, after=steps // 10) for name in AVERAGES)
    mean_gradient = controlled_mean(gradient, [noise, size - law.mean_abs(0)])
    return Case(
        q_up=cell.q_up,
        q_down=cell.q_down,
        center=cell.symmetric_point(),
        w_star=w_star,
        h=h,
        bend=0.0,
        mean_abs=law.mean_abs,
        Sigma=law.mean_abs(0),
        sigma=law.sigma,
        mean=w_star + mean_gradient.value / h,
        half_width=mean_gradient.half_width / h,
        first=first_order(cell, f, law, alpha).shift,
    )


claim = Claim(
    "rf25-theorem-1-simulated",
    "The implicit penalty, measured",
    r"Ours: $E_\pi W=\arg\min_W[f(W)+\langle\Sigma,R_c(W)\rangle]$, but for first order in "
    r"$\alpha$ and third in $R$, here within $0.06\,|w^*-w^\diamond|^3$.",
    Source("RF25", "Theorem 1, p. 6 (7)"),
    expected="holds",
    level="statistical",
    # For c = 0 the leading term, p(0)Σ²/(1 + Σ)⁴ = 0.033 times |w* − w⋄|³, is half of that.
    relation=equal(within=lambda c: 0.06 * abs(c.w_star - c.center) ** 3),
    hypotheses={
        "f'' > 0": lambda c: c.h > 0,
        "noise with median 0 and a bounded density near 0": moment_is_smooth,
    },
    instances=instances,
    observe=observe,
    computed=lambda c: (c.mean - c.first, c.half_width),
    stated=lambda c: minimiser(c, c.Sigma),
    mutants=[
        Mutant("no penalty", stated=lambda c: c.w_star),
        Mutant("no first order in α", stated=lambda c: minimiser(c, c.Sigma) - c.first),
        Mutant("half the penalty", stated=lambda c: minimiser(c, c.Sigma / 2)),
        Mutant("standard deviation for Σ", stated=lambda c: minimiser(c, c.sigma)),
        Mutant("G in the place of G/F", stated=lambda c: minimiser(c, c.Sigma, G)),
        Mutant("skew noise: second order", instances=skew),
    ],
)
