"""When a shift of the symmetric point makes Residual Learning worse than Analog SGD.

For α → 0 the one stops at |∇f| = E|∇f + ξ| |R_P(0)|, the other at E|∇f + ξ| |R_W(w_T)|, and the root
of g = r E|g + ξ| grows with r: only the two ratios decide.  On the standard problem, with one c for
both arrays, they are equal at c = 0.216.
"""

import numpy as np

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.catalogue import linear
from aimctheory.claim import Case, Claim, Mutant, at_least
from aimctheory.claims.rf25_shifted_limit import STANDARD, gradients
from aimctheory.exact.drift import drift_root
from aimctheory.laws import gaussian
from aimctheory.notation import Source
from aimctheory.objectives.quadratic import quadratic
from aimctheory.simulate import simulate
from aimctheory.statistics import replicate_mean

C = [-0.5, -0.2, 0, 0.1, 0.2, 0.24, 0.3, 0.4, 0.7]
MIXED = {"c_P": [0.3, 0.3, -0.3, 0.1, -0.1, 0.5], "c_W": [0, 0.5, 0.5, 0.4, 0, -0.5]}


def instances(scale):
    """One c for both arrays, then two, then another problem."""
    runs = scale.pick(32, 64, 512)
    for changed in {"c_P": C, "c_W": C}, MIXED, {"c_P": C, "c_W": C, "w_star": -0.3, "sigma": 1.0}:
        yield {"runs": runs, **STANDARD, **changed}


def observe(runs, c_P, c_W, w_star, sigma, alpha=0.0025, steps=120_000, **others):
    """|E∇f| of Analog SGD less that of Residual Learning at one small α; w_T, where T = 0."""
    problem = {"c_P": c_P, "c_W": c_W, "w_star": w_star, "sigma": sigma}
    residual = replicate_mean(gradients(alpha, steps, runs, **problem, **others))
    run = simulate(
        analog_sgd, linear(tau=1, c=np.repeat(c_W, runs)[:, None]), quadratic(1.0, w_star), rng=2,
        hyper={"learning_rate": alpha}, noise=gaussian(sigma), start={"W": w_star}, steps=steps,
        replicates=len(c_W) * runs, averages={"gradient": lambda state, hyper, g, ops: g},
    )  # fmt: skip
    analog = replicate_mean(run.samples("gradient", steps // 3).reshape(-1, runs).T)
    w_T = drift_root(analog_sgd, linear(tau=1, c=np.array(c_W)), quadratic(1.0, w_star), gaussian(sigma))
    return Case(lead=abs(analog.value) - abs(residual.value), w_T=w_T, w_star=w_star,
                half_width=analog.half_width + residual.half_width,
                c_P=np.array(c_P), c_W=np.array(c_W))  # fmt: skip


def R(c_Lin, w):  # G/F, RF25 p. 6, of the linear response, p. 3, with τ = 1
    up, down = (1 + c_Lin) * (1 - w), (1 - c_Lin) * (1 + w)
    return (down - up) / (down + up)


def better(slow, fast):  # 1 where Residual Learning comes closer, −1 where Analog SGD does
    return np.sign(abs(slow) - abs(fast))


claim = Claim(
    "rf25-shifted-crossover", "A shift can make Residual Learning worse than Analog SGD",
    r"When $c_{\rm Lin}$ is perturbed from 0.1 to 0.3, Tiki-Taka degrades dramatically and even "
    r"becomes worse than Analog SGD (ours: iff $|R_P(0)|>|R_W(w_T)|$, as $\alpha\to0$).",
    Source("RF25", "Fig. 2 and text, p. 3"), expected="holds", level="statistical",
    instances=instances, observe=observe, computed=lambda c: (c.lead, c.half_width),
    relation=at_least(error=lambda c, sign: (-sign * c.lead, c.half_width)),
    stated=lambda c: better(R(c.c_W, c.w_T), R(c.c_P, 0)),
    mutants=[Mutant("R_W at w*", stated=lambda c: better(R(c.c_W, c.w_star), R(c.c_P, 0))),
             Mutant("the arrays exchanged", stated=lambda c: better(R(c.c_P, c.w_T), R(c.c_W, 0))),
             Mutant("with their signs", stated=lambda c: np.sign(R(c.c_W, c.w_T) - R(c.c_P, 0))),
             Mutant("Residual Learning is always better", stated=lambda c: 1),
             Mutant("Analog SGD is always better", stated=lambda c: -1)],
)  # fmt: skip
