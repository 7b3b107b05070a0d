"""When a shift of the symmetric point makes Residual Learning worse than Analog SGD.

For α → 0 Residual Learning stops at |∇f| = E|∇f + ξ| |R_P(0)|, Analog SGD at
E|∇f + ξ| |R_W(w_T)|.  The root of g = r E|g + ξ| grows with r, so the two ratios decide.  The
standard problem crosses at c = 0.216.
"""

import numpy as np

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.catalogue import linear
from aimctheory.claims.rf25._shifted_arrays import STANDARD, gradients
from aimctheory.exact import drift_root
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import at_least
from aimctheory.laws import gaussian
from aimctheory.notation import Source
from aimctheory.objectives.quadratic import quadratic
from aimctheory.simulator.simulate import simulate
from aimctheory.statistics import replicate_mean

BOTH = {name: [-0.5, -0.2, 0, 0.1, 0.2, 0.24, 0.3, 0.4, 0.7] for name in ("c_P", "c_W")}
MIXED = {
    "c_P": [0.3, 0.3, -0.3, 0.1, -0.1, 0.5],
    "c_W": [0, 0.5, 0.5, 0.4, 0, -0.5],
}


def instances(scale):
    """One shift c for both arrays, then two, then one again on another problem."""
    for changed in BOTH, MIXED, {**BOTH, "w_star": -0.3, "sigma": 1.0}:
        yield {"runs": scale.pick(32, 64, 512), **STANDARD, **changed}


def observe(runs, c_W, w_star, sigma, alpha=0.0025, steps=120_000, **others):
    """By how much E∇f is nearer to 0 with Residual Learning, as a share of the larger; and w_T."""
    bowl, law, W = quadratic(1.0, w_star), gaussian(sigma), np.array(c_W)
    run = simulate(
        analog_sgd,
        linear(tau=1, c=W.repeat(runs)[:, None]),
        bowl,
        hyper={"learning_rate": alpha},
        noise=law,
        start={"W": w_star},
        steps=steps,
        rng=2,
        replicates=W.size * runs,
        averages={"gradient": lambda state, hyper, gradient, ops: gradient},
    )
    analog = replicate_mean(run.samples("gradient", after=steps // 3).reshape(-1, runs).T)
    residual = replicate_mean(
        gradients(alpha, steps, runs, c_W=c_W, w_star=w_star, sigma=sigma, **others)
    )
    larger = np.maximum(abs(analog.value), abs(residual.value))
    return Case(
        measured_lead=(abs(analog.value) - abs(residual.value)) / larger,
        half_width=(analog.half_width + residual.half_width) / larger,
        w_T=drift_root(analog_sgd, linear(tau=1, c=W), bowl, law),
        w_star=w_star,
        c_P=np.array(others["c_P"]),
        c_W=W,
    )


def R(c_Lin, w):
    """G/F, RF25 p. 6, of the linear response, p. 3, with τ = 1."""
    up, down = (1 + c_Lin) * (1 - w), (1 - c_Lin) * (1 + w)
    return (down - up) / (down + up)


def lead(c, slow, fast=0):
    """|R_W| − |R_P|, above 0 where Residual Learning comes nearer; ours, for the text of RF25 p. 3.

    `slow` and `fast` are the weights at which the ratios of W and P are taken.
    """
    return abs(R(c.c_W, slow)) - abs(R(c.c_P, fast))


claim = Claim(
    "rf25-shifted-crossover",
    "A shift can make Residual Learning worse than Analog SGD",
    r"When $c_{\rm Lin}$ is perturbed from 0.1 to 0.3, Tiki-Taka degrades dramatically and even "
    r"becomes worse than Analog SGD (ours: iff $|R_P(0)|>|R_W(w_T)|$, as $\alpha\to0$).",
    Source("RF25", "Fig. 2 and text, p. 3"),
    expected="holds",
    level="statistical",
    relation=at_least(error=lambda c, sign: (-sign * c.measured_lead, c.half_width)),
    hypotheses={"no tie, as α is not 0": lambda c: abs(lead(c, c.w_T)) > 0.01},
    instances=instances,
    observe=observe,
    computed=lambda c: (c.measured_lead, c.half_width),
    stated=lambda c: np.sign(lead(c, c.w_T)),
    mutants=[
        Mutant("R_W at w*", stated=lambda c: np.sign(lead(c, c.w_star))),
        Mutant("the arrays exchanged", stated=lambda c: -np.sign(lead(c, 0, c.w_T))),
        Mutant("with their signs", stated=lambda c: np.sign(R(c.c_W, c.w_T) - R(c.c_P, 0))),
        Mutant("Residual Learning is always better", stated=lambda c: 1),
        Mutant("Analog SGD is always better", stated=lambda c: -1),
    ],
)
