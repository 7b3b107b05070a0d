"""RF25 Corollary 1, sharper: the bias of Residual Learning vanishes, and in which order.

The bias is the mean gradient at the mixed weight W̄ = W + γP.  Assumption 5, G_P(0) = 0, makes it
vanish with α.  It asks nothing of W, and it does not fix the order: that is √α where R_P'(0) and
R_W(W*) are not 0, as here, and a higher one elsewhere.

Derivation.  Let u = ∇f(W̄), g = u + ξ, m(u) = E|u + ξ|, Σ = m(0), and F, G and R = G/F those of P,
whose step is P' = P − αF(P)(g + |g|R(P)), RF25 (10).  In the stationary state E P' = E P, so

    E[uF(P)] = −E[|g|G(P)].

This still has F on the left.  Any function of P has the same mean before and after a step.  Taken
for an antiderivative of 1/F, whose first two derivatives are 1/F and −F'/F², that is to second
order in the step, after division by α,

    E u = −E[m(u)R(P)] − (α/2) E[F'(P)(g + |g|R(P))²] + O(α²).

P varies by √α around a mean of at most that size, if its drift leads it back to 0, which asks for
f''γ + ΣR'(0) > 0.  R(0) = 0, and u → 0.  So, to leading order,

    E u = −Σ E R(P) − (α/2)σ² E F'(P),

and Taylor's series at P = 0 gives −Σ R⁽ⁿ⁾(0) E Pⁿ/n!, of order n/2, for each derivative of R, and
−½ασ² F⁽ᵏ⁾(0) E Pᵏ⁻¹/(k − 1)!, of order (k + 1)/2, for each one of F; the least order that is left
counts.  Even moments are never 0.  The odd ones come from W, whose stationary state asks for
E P' F_W = E|P'| G_W: to leading order E P = R_W(W*) E|P|.  They vanish with R_W(W*).
Then, under skew noise, the next term of m(u) counts too: −m'(0) E[uR(P)], of order α.

Examples: q± = 1 ∓ P has R'(0) = 1: order 1/2.  q± = 1 ∓ P³ has R'''(0) = 6: 3/2.
q± = 1 + 0.3P ∓ P³ has F'(0) = 0.3 as well: 1.  An ideal P, F = 1 and G = 0, has no bias at any α.
"""

import numpy as np

from aimctheory.algorithms.residual_learning import residual_learning
from aimctheory.catalogue import linear, power, soft_bounds
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import rate
from aimctheory.laws import gaussian, two_point_frozen
from aimctheory.notation import Source, w
from aimctheory.objectives.quadratic import quadratic
from aimctheory.response import Response
from aimctheory.simulator.simulate import simulate
from aimctheory.statistics import replicate_mean

W_STAR, SIGMA = 0.5, 0.5
CENTERED, SHIFTED = linear(tau=1), linear(tau=1, c=-0.3)
LOPSIDED = soft_bounds(tau_max=0.7, tau_min=-1.6)  # F'(0) = −0.4
CUBIC = Response(1 - w**3, 1 + w**3, dynamic_range=(-1, 1), id="cubic")()
TILTED_CUBIC = Response(
    1 + 0.3 * w - w**3, 1 + 0.3 * w + w**3, dynamic_range=(-0.85, 0.85), id="tilted-cubic"
)()
GAUSSIAN, SKEW = gaussian(SIGMA), two_point_frozen(SIGMA, p=0.3)

PROBLEMS = (
    {"P": CENTERED, "W": SHIFTED, "law": GAUSSIAN, "gamma": 0.4},
    {"P": LOPSIDED, "W": CENTERED, "law": GAUSSIAN, "gamma": 0.4},
    {"P": power(tau=1, gamma=2), "W": CENTERED, "law": SKEW, "gamma": 1.0},
)


def instances(scale):
    """Families of learning rates, for cells P with and without F'(0), W shifted and centred."""
    alpha = tuple(0.05 / 4.0**k for k in range(scale.pick(3, 3, 4)))
    for problem in PROBLEMS:
        yield {**problem, "alpha": alpha, "replicates": scale.pick(50, 150, 300), "time": 600}


def with_fast_array(P, W=CENTERED):
    """One family of larger learning rates, where a bias of a higher order can be measured."""
    problem = {"P": P, "W": W, "law": GAUSSIAN, "gamma": 0.4, "alpha": (0.2, 0.05, 0.0125)}
    return lambda scale: [{**problem, "replicates": 200, "time": 2000}]


def observe(P, W, law, gamma, alpha, replicates, time):
    """The mean of the noisy gradient for each α, over the last 3/4 of time/α steps or more.

    The noise has mean 0, and the feedback of the updates cancels nearly all its fluctuation: what
    is left falls with the number of steps, so few replicates run long.  β = αγ^1.5/4.
    """
    rates = np.repeat(alpha, replicates)[:, None]
    steps = round(time / min(alpha))
    run = simulate(
        residual_learning,
        {"P": P, "W": W},
        quadratic(1.0, W_STAR),
        hyper={"learning_rate": rates, "transfer_rate": rates * gamma**1.5 / 4, "mixing": gamma},
        noise=law,
        start={"W": W_STAR},
        steps=steps,
        rng=3,
        replicates=rates.size,
        averages={"gradient": lambda state, hyper, gradient, ops: gradient},
    )
    mean = replicate_mean(run.samples("gradient", after=steps // 4).reshape(-1, replicates).T)
    return Case(
        alpha=np.array(alpha),
        value=mean.value,
        half_width=mean.half_width,
        P_ratio=P.ratio(0.0),
        P_slope=(P.ratio(1e-5) - P.ratio(-1e-5)) / 2e-5,
        W_ratio=W.ratio(W_STAR),
        W_range=np.array(W.dynamic_range),
        gamma=gamma,
        Sigma=law.mean_abs(0.0),
    )


claim = Claim(
    "rf25-corollary-1",
    "Residual Learning is exact, at the rate √α",
    r"If $P=0$ is a symmetric point (Assumption 5), $E\nabla f(\bar W)\to0$ as $\alpha\to0$ (ours: "
    r"if $W^*$ lies inside $W$'s range and $P$ settles, and $\propto\sqrt\alpha$ where "
    r"$R_P'(0)\ne0$ and $R_W(W^*)\ne0$).",
    Source("RF25", "sharper than Corollary 1, p. 8"),
    expected="holds",
    level="statistical",
    relation=rate(along="alpha", order=0.5, kind="exactly"),
    hypotheses={
        "Assumption 5": lambda c: abs(c.P_ratio) < 1e-12,
        "W* lies inside W's range": lambda c: c.W_range[0] < W_STAR < c.W_range[1],
        "P settles: f''γ + ΣR_P'(0) > 0": lambda c: c.gamma + c.Sigma * c.P_slope > 0,
        "R_P'(0) ≠ 0": lambda c: abs(c.P_slope) > 1e-3,
        "R_W(W*) ≠ 0": lambda c: abs(c.W_ratio) > 1e-3,
    },
    instances=instances,
    observe=observe,
    computed=lambda c: (c.value, c.half_width),
    stated=lambda c: 0.0,
    mutants=[
        Mutant("P's symmetric point shifted", instances=with_fast_array(SHIFTED)),
        Mutant("R_P'(0) = 0", instances=with_fast_array(CUBIC)),
        Mutant("R_P'(0) = 0, F_P'(0) ≠ 0", instances=with_fast_array(TILTED_CUBIC)),
        Mutant("R_W(W*) = 0", instances=with_fast_array(LOPSIDED, linear(tau=1, c=W_STAR))),
        Mutant("a bias of 0.01 in the limit", stated=lambda c: 0.01),
        Mutant("the bias of Analog SGD in the limit", stated=lambda c: -0.147),
    ],
    note="The order is n/2 or (k + 1)/2 of the first derivatives of R_P and F_P at 0 that count: "
    "see rf25-corollary-1-orders.  An ideal P has no bias.  The printed γ ≥ Ω(R_min^{-1/5}), at "
    "least 1, is not needed.",
)
