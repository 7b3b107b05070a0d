"""RF25 Corollary 1, sharper: the bias of Residual Learning vanishes, as the square root of α.

The bias is the mean gradient at the mixed weight, measured as the mean of the gradient with its
noise, which has mean 0 and which the update's feedback all but cancels.  Only P needs its symmetric
point at 0 (Assumption 5): one instance shifts that of W.
"""

from functools import cache

import numpy as np

from aimctheory import Source, gaussian, linear, quadratic, residual_learning
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import rate
from aimctheory.simulator.simulate import simulate
from aimctheory.statistics import replicate_mean

W_STAR, GAMMA, SIGMA = 0.5, 0.4, 0.5
CENTERED, SHIFTED = linear(tau=1), linear(tau=1, c=-0.3)


def distances(state, hyper, gradient, ops):  # the summand of E_K, RF25 p. 7 (12), its constants 1
    from_goal = state.W - W_STAR
    from_residual, slope = state.P + from_goal / hyper.mixing, from_goal + hyper.mixing * state.P
    return slope * slope + from_residual * from_residual + from_goal * from_goal


@cache
def means(P, W, alpha, replicates):
    """Means of gradient and `distances` over 3/4 of each run, for each α, with β = α γ^1.5/4."""
    rates, steps = np.repeat(alpha, replicates)[:, None], round(250 / min(alpha))
    run = simulate(
        residual_learning, {"P": P, "W": W}, quadratic(1.0, W_STAR), noise=gaussian(SIGMA), rng=3,
        hyper={"learning_rate": rates, "transfer_rate": rates * GAMMA**1.5 / 4, "mixing": GAMMA},
        start={"W": W_STAR}, steps=steps, replicates=rates.size,
        averages={"gradient": lambda state, hyper, gradient, ops: gradient, "distances": distances},
    )  # fmt: skip
    by_rate = (run.samples(name, after=steps // 4).reshape(-1, replicates) for name in run.averages)
    return {name: replicate_mean(each.T) for name, each in zip(run.averages, by_rate, strict=True)}


def instances(scale, P=CENTERED):
    alpha = tuple(0.2 / 4.0**k for k in range(scale.pick(3, 3, 4)))
    for W in (SHIFTED, CENTERED):
        yield {"P": P, "W": W, "alpha": alpha, "replicates": scale.pick(400, 1600, 1600)}


def observe(P, W, alpha, replicates, average="gradient", power=1.0):
    found = means(P, W, alpha, replicates)[average]
    return Case(alpha=np.array(alpha) ** power, value=found.value, half=found.half_width,
                P_ratio=P.ratio(0.0), W_ratio=W.ratio(W_STAR))  # fmt: skip


claim = Claim(
    "rf25-corollary-1", "Residual Learning is exact, as √α",
    r"If $P=0$ is a symmetric point (Assumption 5), $E\nabla f(\bar W)\propto\sqrt\alpha\to0$.",
    Source("RF25", "sharper than Corollary 1, p. 8"), expected="holds", level="statistical",
    instances=instances, observe=observe, relation=rate("alpha", order=0.5, kind="exactly"),
    hypotheses={"Assumption 5": lambda c: c.P_ratio == 0, "W* ≠ W⋄": lambda c: c.W_ratio != 0},
    computed=lambda c: (c.value, c.half), stated=lambda c: 0.0,
    mutants=[Mutant("P's symmetric point shifted", instances=lambda s: instances(s, P=SHIFTED)),
             Mutant("a bias of 0.01 in the limit", stated=lambda c: 0.01),
             Mutant("the bias of Analog SGD in the limit", stated=lambda c: -0.147),
             Mutant("∝ α", observe=lambda **at: observe(**at, power=0.5))],
    note="The printed γ ≥ Ω(R_min^{-1/5}), at least 1, is not met (γ = 0.4) and not needed here.",
)  # fmt: skip
