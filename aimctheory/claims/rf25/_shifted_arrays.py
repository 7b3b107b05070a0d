"""Residual Learning with shifted symmetric points: the runs that two claims of RF25 are held to."""

import numpy as np

from aimctheory.algorithms.residual_learning import residual_learning
from aimctheory.catalogue import linear
from aimctheory.laws import gaussian
from aimctheory.objectives.quadratic import quadratic
from aimctheory.simulator.simulate import simulate

STANDARD = {"c_P": 0.3, "c_W": 0.3, "tau": 1.0, "w_star": 0.5, "gamma": 0.4, "sigma": 0.5}
"""The problem from which the instances change one or two numbers."""


def gradients(alpha, steps, runs, c_P, c_W, tau, w_star, gamma, sigma):
    """The mean of the noisy gradient in each run, (runs, problems); its expectation is E∇f(W̄).

    Left out is the first third of the steps, in which W approaches its limit.
    """
    numbers = np.broadcast_arrays(c_P, c_W, tau, w_star, gamma, sigma)
    c_P, c_W, tau, w_star, gamma, sigma = (np.repeat(n, runs)[:, None] for n in numbers)
    # The γ^1.5/4 of `corollary_1`; at γ = 0 that would be no transfer at all.
    beta = alpha * np.maximum(gamma**1.5 / 4, 0.03)
    run = simulate(
        residual_learning,
        {"P": linear(tau=tau, c=c_P), "W": linear(tau=tau, c=c_W)},
        quadratic(1.0, w_star),
        hyper={"learning_rate": alpha, "transfer_rate": beta, "mixing": gamma},
        noise=gaussian(sigma),
        start={"W": w_star},
        steps=steps,
        rng=1,
        replicates=sigma.size,
        averages={"gradient": lambda state, hyper, gradient, ops: gradient},
    )
    return run.samples("gradient", after=steps // 3).reshape(-1, runs).T
