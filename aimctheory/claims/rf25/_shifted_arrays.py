"""Residual Learning with shifted symmetric points: the runs that two claims of RF25 are held to."""

from dataclasses import replace

import numpy as np

from aimctheory.algorithms.residual_learning import residual_learning
from aimctheory.objectives.quadratic import quadratic
from aimctheory.simulator.simulate import simulate


def spread(number, problems, runs):
    """One number for each problem, as (problems · runs, 1): each `runs` times in a row."""
    return np.repeat(np.broadcast_to(number, problems), runs)[:, None]


def repeated(thing, problems, runs):
    """A device or a law whose numbers are repeated so."""
    numbers = {name: spread(value, problems, runs) for name, value in thing.numbers.items()}
    return replace(thing, numbers=numbers)


def means(algorithm, cells, law, w_star, runs, hyper, steps):
    """The mean of the noisy gradient in each run, (runs, problems); its expectation is E∇f.

    Left out is the first third of the steps, in which W approaches its limit.  Numbers have the
    shape (problems,) of `w_star`.
    """
    problems = w_star.size
    run = simulate(
        algorithm,
        {name: repeated(cell, problems, runs) for name, cell in cells.items()},
        quadratic(1.0, spread(w_star, problems, runs)),
        hyper={name: spread(value, problems, runs) for name, value in hyper.items()},
        noise=repeated(law, problems, runs),
        start={"W": spread(w_star, problems, runs)},
        steps=steps,
        rng=1,
        replicates=problems * runs,
        averages={"gradient": lambda state, hyper, gradient, ops: gradient},
    )
    return run.samples("gradient", after=steps // 3).reshape(-1, runs).T


def limits(P, W, law, w_star, gamma, runs, alpha=0.00125, steps=480_000):
    """E∇f(W̄) of Residual Learning as α → 0 in each run, (runs, problems).

    From α, 4α and 16α, with the terms in √α and α taken out.  The runs are long and few: W moves
    by β times the sum of what it receives, so its mean settles like 1/steps.
    """
    found = []
    for n in (1, 2, 4):
        rate = alpha * n**2
        # The γ^1.5/4 of `corollary_1`; at γ = 0 that would be no transfer at all.
        beta = rate * np.maximum(np.asarray(gamma) ** 1.5 / 4, 0.03)
        hyper = {"learning_rate": rate, "transfer_rate": beta, "mixing": gamma}
        cells = {"P": P, "W": W}
        found.append(means(residual_learning, cells, law, w_star, runs, hyper, steps // n))
    # With x = √α the three are L + sx·n + tx²·n²: this combination is L.
    return (8 * found[0] - 6 * found[1] + found[2]) / 3
