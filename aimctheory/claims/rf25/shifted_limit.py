"""Residual Learning on a shifted fast array: ∇f settles at g = c E|g + ξ| for any τ, w* and γ."""

import mpmath
import numpy as np

from aimctheory.algorithms.residual_learning import residual_learning
from aimctheory.catalogue import linear
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import equal
from aimctheory.laws import gaussian
from aimctheory.notation import Source
from aimctheory.objectives.quadratic import quadratic
from aimctheory.simulator.simulate import simulate
from aimctheory.statistics import replicate_mean

STANDARD = {"c_P": 0.3, "c_W": 0.3, "tau": 1.0, "w_star": 0.5, "gamma": 0.4, "sigma": 0.5}
SHIFTS = {"c_P": [0.1, 0.2, 0.5, -0.3, 0.3, 0, 0.1], "c_W": [0.1, 0.2, 0.5, -0.3, 0, 0.3, 0.5]}
OTHERS = {"tau": [0.9, 3, 1, 1, 1, 1, 1], "w_star": [0.5, 0.5, -0.4, 0.5, 0.5, 0.5, 0.5],
          "gamma": [0.4, 0.4, 0.4, 0, 1, 0.4, 0.4], "sigma": [*5 * [0.5], 0.2, 0.7]}  # fmt: skip


def instances(scale, settings=(SHIFTS, OTHERS)):
    yield from ({"runs": scale.pick(64, 256, 2048), **STANDARD, **changed} for changed in settings)


def gradients(alpha, steps, runs, c_P, c_W, tau, w_star, gamma, sigma):
    """The mean noisy gradient of Residual Learning, (runs, problems); its expectation is E∇f(W̄)."""
    numbers = np.broadcast_arrays(c_P, c_W, tau, w_star, gamma, sigma)
    c_P, c_W, tau, w_star, gamma, sigma = (np.repeat(n, runs)[:, None] for n in numbers)
    beta = alpha * np.maximum(gamma**1.5 / 4, 0.03)
    run = simulate(
        residual_learning, {"P": linear(tau=tau, c=c_P), "W": linear(tau=tau, c=c_W)},
        quadratic(1.0, w_star), noise=gaussian(sigma), start={"W": w_star}, steps=steps, rng=1,
        hyper={"learning_rate": alpha, "transfer_rate": beta, "mixing": gamma},
        replicates=sigma.size, averages={"gradient": lambda state, hyper, g, ops: g})  # fmt: skip
    return run.samples("gradient", after=steps // 3).reshape(-1, runs).T


def observe(runs, **problem):
    """E∇f(W̄) as α → 0: from α, 4α and 16α, with the terms in √α and α taken out."""
    a, b, c = (gradients(0.00125 * n**2, 240_000 // n, runs, **problem) for n in (1, 2, 4))
    g = replicate_mean((8 * a - 6 * b + c) / 3)
    return Case(g=g.value, half_width=g.half_width, **{n: np.array(v) for n, v in problem.items()})


mean_abs = np.vectorize(lambda g, s: float(  # E|g + ξ|, EX24 p. 21 (46)
    s * mpmath.sqrt(2 / mpmath.pi) * mpmath.hyp1f1(-0.5, 0.5, -((g / s) ** 2) / 2)))  # fmt: skip


def limit(c, c_Lin):  # of (10), RF25 p. 7, at P = 0: E[∇f(W̄; ξ)]F + E|∇f(W̄; ξ)|G = 0
    g = 0 * c.sigma
    for _ in range(40):  # F = 1 and G = −c at P = 0, RF25 p. 3
        g = c_Lin * mean_abs(g, c.sigma)
    return g


claim = Claim(
    "rf25-shifted-limit", "Residual Learning with a shifted fast array stops short",
    r"$w^\diamond=c_{\rm Lin}\tau$ violates Assumption 5 when $c_{\rm Lin}\ne0$ and introduces "
    r"asymptotic error (ours: $\nabla f(\bar W)\to g=c_{\rm Lin}E|g+\xi|$ as $\alpha\to0$).",
    Source("RF25", "after Corollary 1, p. 8"), expected="holds", level="statistical",
    instances=instances, observe=observe, relation=equal(within=1.5e-3),
    hypotheses={"W reaches it": lambda c: abs(c.w_star + limit(c, c.c_P)) <= 0.8 * c.tau},
    computed=lambda c: (c.g, c.half_width), stated=lambda c: limit(c, c.c_P),
    mutants=[Mutant("exact convergence", stated=lambda c: 0 * c.sigma),
             Mutant("the other sign", stated=lambda c: -limit(c, c.c_P)),
             Mutant("the shift of W, not of P", stated=lambda c: limit(c, c.c_W)),
             Mutant("Σ = E|ξ| for E|g + ξ|", stated=lambda c: c.c_P * mean_abs(0, c.sigma)),
             Mutant("out of reach", instances=lambda s: instances(s, [{"w_star": [0.95]}]))],
)  # fmt: skip
