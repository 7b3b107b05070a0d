"""Residual Learning on a fast array whose symmetric point is not 0: how far it stops from w*.

RF25 says that the shift leaves an asymptotic error; how large, follows from (10).  For α → 0 the
gradient settles at the root of g + E|g + ξ| R_P(0) = 0, which for the linear response is
g = c E|g + ξ|, whatever τ, w*, γ and the slow array are.  What α > 0 adds starts like √α.
"""

import mpmath
import numpy as np

from aimctheory.algorithms.residual_learning import residual_learning
from aimctheory.catalogue import linear
from aimctheory.claim import Case, Claim, Mutant, equal
from aimctheory.laws import gaussian
from aimctheory.notation import Source
from aimctheory.objectives.quadratic import quadratic
from aimctheory.simulate import simulate
from aimctheory.statistics import replicate_mean

STANDARD = {"c_P": 0.3, "c_W": 0.3, "tau": 1.0, "w_star": 0.5, "gamma": 0.4, "sigma": 0.5}
SHIFTS = {"c_P": [0.1, 0.2, 0.3, 0.5, -0.3, 0.3, 0, 0.1], "c_W": [0.1, 0.2, 0.3, 0.5, -0.3, 0, 0.3, 0.5]}
OTHERS = {"tau": [0.9, 3, 1, 1, 1, 1, 1, 1], "w_star": [0.5, 0.5, -0.4, 0, 0.5, 0.5, 0.5, 0.5],
          "gamma": [0.4, 0.4, 0.4, 0.4, 0, 1, 0.4, 0.4], "sigma": [*[0.5] * 6, 0.2, 0.7]}  # fmt: skip


def instances(scale, settings=(SHIFTS, OTHERS)):
    """Other shifts of the two arrays, then one other number at a time; γ = 0 is Tiki-Taka."""
    yield from ({"runs": scale.pick(32, 64, 512), **STANDARD, **changed} for changed in settings)


def observe(runs, **problem):
    """E∇f(W̄), from the noisy gradients that arrive, and its limit from those at α, α/4, α/16."""
    numbers = (np.repeat(n, runs)[:, None] for n in np.broadcast_arrays(*problem.values()))
    c_P, c_W, tau, w_star, gamma, sigma = numbers
    found = []
    for alpha, steps in (0.02, 60_000), (0.005, 120_000), (0.00125, 240_000):
        beta = alpha * np.maximum(gamma**1.5 / 4, 0.03)
        run = simulate(
            residual_learning, {"P": linear(tau=tau, c=c_P), "W": linear(tau=tau, c=c_W)},
            quadratic(1.0, w_star), noise=gaussian(sigma), steps=steps, replicates=sigma.size, rng=1,
            hyper={"learning_rate": alpha, "transfer_rate": beta, "mixing": gamma},
            averages={"gradient": lambda state, hyper, gradient, ops: gradient}, start={"W": w_star},
        )  # fmt: skip
        found.append(run.samples("gradient", after=steps // 3).reshape(-1, runs).T)
    g = replicate_mean((found[0] - 6 * found[1] + 8 * found[2]) / 3)  # free of √α and of α
    named = {name: np.array(value) for name, value in problem.items()}
    return Case(g=g.value, half_width=g.half_width, **named)


@np.vectorize
def mean_abs(g, sigma):  # E|g + ξ|, EX24 p. 21 (46)
    return sigma * float(mpmath.sqrt(2 / mpmath.pi) * mpmath.hyp1f1(-0.5, 0.5, -((g / sigma) ** 2) / 2))


def limit(c, c_Lin):  # of (10), RF25 p. 7, at P = 0: E[∇f(W̄; ξ)]F + E|∇f(W̄; ξ)|G = 0
    up, down, g = 1 + c_Lin, 1 - c_Lin, 0 * c.sigma  # q± at 0, RF25 p. 3
    for _ in range(40):
        g = -mean_abs(g, c.sigma) * (down - up) / (down + up)
    return g


claim = Claim(
    "rf25-shifted-limit", "Residual Learning with a shifted fast array stops short",
    r"The symmetric point $w^\diamond=c_{\mathrm{Lin}}\tau$ violates Assumption 5 when "
    r"$c_{\mathrm{Lin}}\ne0$ and introduces asymptotic error into Residual Learning (printed): for "
    r"$\alpha\to0$, $\nabla f(\bar W)\to g$ with $g=c_{\mathrm{Lin}}E|g+\xi|$ (ours).",
    Source("RF25", "after Corollary 1, p. 8"), expected="holds", level="statistical",
    instances=instances, observe=observe, relation=equal(within=2e-3),
    hypotheses={"w* + ∇f/h in 4/5 of W's range": lambda c: (
        abs(c.w_star + limit(c, c.c_P)) <= 0.8 * c.tau)},
    computed=lambda c: (c.g, c.half_width), stated=lambda c: limit(c, c.c_P),
    mutants=[Mutant("exact", stated=lambda c: 0 * c.sigma),
             Mutant("the other sign", stated=lambda c: -limit(c, c.c_P)),
             Mutant("the shift of W", stated=lambda c: limit(c, c.c_W)),
             Mutant("Σ = E|ξ| for E|g + ξ|", stated=lambda c: c.c_P * mean_abs(0, c.sigma)),
             Mutant("out of range", instances=lambda scale: instances(scale, [{"w_star": [0.95]}]))],
)  # fmt: skip
