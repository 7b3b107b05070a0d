"""When a shift of the symmetric point makes Residual Learning worse than Analog SGD.

For α → 0 Residual Learning stops at |∇f| = E|∇f + ξ| |R_P(0)|, Analog SGD at
E|∇f + ξ| |R_W(w_T)|.  Under symmetric noise E|g + ξ| does not see the sign of g, so the root of
|g| = r E|g + ξ| grows with r, and the two ratios decide.  The standard problem crosses at
c = 0.2159; with τ = 2 at 0.1150, with τ = 0.8 at 0.2625.
"""

import numpy as np

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.catalogue import linear, soft_bounds
from aimctheory.claims.rf25._shifted_arrays import limits, means
from aimctheory.exact import drift_root
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import at_least
from aimctheory.laws import gaussian, two_point_frozen, uniform
from aimctheory.notation import Source
from aimctheory.objectives.quadratic import quadratic
from aimctheory.statistics import replicate_mean

NOISE, GAMMA = gaussian(0.5), 0.4


def linear_pair(c_P, c_W=None, tau=1.0, law=NOISE, w_star=0.5):
    """Linear cells with these shifts of P and W, by default the same; lists of one length."""
    P = linear(tau=tau, c=np.array(c_P))
    W = linear(tau=tau, c=np.array(c_P if c_W is None else c_W))
    return {"P": P, "W": W, "law": law, "w_star": np.full(len(c_P), w_star)}


LOPSIDED = soft_bounds(w_0=np.array([-0.1, -0.15, -0.165, -0.25]), tau_max=0.8, tau_min=-1.6)

PROBLEMS = (
    linear_pair([-0.5, -0.2, 0, 0.1, 0.2, 0.212, 0.22, 0.24, 0.4, 0.7]),
    linear_pair([0, 0.1, 0.111, 0.119, 0.2], tau=2.0),
    linear_pair([0.2, 0.2585, 0.2665, 0.4], tau=0.8),
    linear_pair([0.3, 0.3, -0.3, 0.1, -0.1, 0.5], [0, 0.5, 0.5, 0.4, 0, -0.5]),
    linear_pair([-0.3, -0.1, 0.2, 0.4], law=gaussian(1.0), w_star=-0.3),
    {"P": LOPSIDED, "W": LOPSIDED, "law": uniform(0.5), "w_star": np.full(4, -0.4)},
)


def instances(scale, problems=PROBLEMS):
    """One shift of both arrays for three τ, then two, another problem, and cells with F' ≠ 0."""
    for problem in problems:
        yield {**problem, "runs": scale.pick(16, 32, 256)}


def observe(P, W, law, w_star, runs):
    """By how much E∇f is nearer to 0 with Residual Learning, as a share of the larger; and w_T."""
    residual = replicate_mean(limits(P, W, law, w_star, GAMMA, runs))
    hyper = {"learning_rate": 0.00125}
    analog = replicate_mean(means(analog_sgd, {"W": W}, law, w_star, runs, hyper, 240_000))
    larger = np.maximum(abs(analog.value), abs(residual.value))
    like = np.zeros(w_star.shape)
    return Case(
        measured_lead=(abs(analog.value) - abs(residual.value)) / larger,
        half_width=(analog.half_width + residual.half_width) / larger,
        w_T=drift_root(analog_sgd, W, quadratic(1.0, w_star), law),
        w_star=w_star,
        gamma=GAMMA,
        low=like + W.dynamic_range[0],
        high=like + W.dynamic_range[1],
        mean_abs=law.mean_abs,
        P_up=P.q_up,
        P_down=P.q_down,
        W_up=W.q_up,
        W_down=W.q_down,
        skew=law.mean_abs(like + 0.1) - law.mean_abs(like - 0.1),
    )


def R(up, down, w):
    """G/F, RF25 p. 6, of the responses `up` and `down`."""
    return (down(w) - up(w)) / (down(w) + up(w))


def R_P(c, w):
    """R of the fast array, RF25 p. 6, at the weight w."""
    return R(c.P_up, c.P_down, w + 0 * c.w_star)


def R_W(c, w):
    """R of the slow array, RF25 p. 6, at the weight w."""
    return R(c.W_up, c.W_down, w + 0 * c.w_star)


def lead(c):
    """|R_W(w_T)| − |R_P(0)|, above 0 where Residual Learning comes nearer; for RF25 p. 3."""
    return abs(R_W(c, c.w_T)) - abs(R_P(c, 0.0))


def limit(c):
    """Where Residual Learning stops: the zero g of (10), RF25 p. 7, at P = 0."""
    g = 0 * c.w_star
    for _ in range(60):  # each iteration shrinks the error by |R_P(0)| or more
        g = -R_P(c, 0.0) * c.mean_abs(g)
    return g


def settles(c):
    """Whether γ(1 + m'R) + mR' > 0 at P = 0: the slope of P's drift over F, RF25 p. 7 (10)."""
    g, step = limit(c), 1e-5
    slope = (R_P(c, step) - R_P(c, -step)) / (2 * step)
    m_slope = (c.mean_abs(g + step) - c.mean_abs(g - step)) / (2 * step)
    return c.gamma * (1 + m_slope * R_P(c, 0.0)) + c.mean_abs(g) * slope > 1e-6


def within_reach(c):
    """Whether W, which stops at w* + g, RF25 p. 7, does so inside its range."""
    goal = c.w_star + limit(c)
    return (c.low < goal) & (goal < c.high)


def alone(**change):
    """Instances of one problem, for a mutant."""
    return lambda scale: instances(scale, [linear_pair(**change)])


claim = Claim(
    "rf25-shifted-crossover",
    "A shift can make Residual Learning worse than Analog SGD",
    r"When $c_{\rm Lin}$ is perturbed from 0.1 to 0.3, Tiki-Taka degrades dramatically and even "
    r"becomes worse than Analog SGD (ours: under symmetric noise, if $P$ settles and $W$ reaches "
    r"its limit, iff $|R_P(0)|>|R_W(w_T)|$, as $\alpha\to0$).",
    Source("RF25", "Fig. 2 and text, p. 3"),
    expected="holds",
    level="statistical",
    relation=at_least(error=lambda c, sign: (-sign * c.measured_lead, c.half_width)),
    hypotheses={
        "symmetric noise": lambda c: abs(c.skew) < 1e-12,
        "W reaches its limit": within_reach,
        "P settles": settles,
        "no tie that the intervals cannot resolve": lambda c: abs(lead(c)) > 0.005,
    },
    instances=instances,
    observe=observe,
    computed=lambda c: (c.measured_lead, c.half_width),
    stated=lambda c: np.sign(lead(c)),
    mutants=[
        Mutant("R_W at w*", stated=lambda c: np.sign(abs(R_W(c, c.w_star)) - abs(R_P(c, 0.0)))),
        Mutant(
            "the arrays exchanged",
            stated=lambda c: np.sign(abs(R_P(c, c.w_T)) - abs(R_W(c, 0.0))),
        ),
        Mutant("with their signs", stated=lambda c: np.sign(R_W(c, c.w_T) - R_P(c, 0.0))),
        Mutant("Residual Learning is always better", stated=lambda c: 1),
        Mutant("Analog SGD is always better", stated=lambda c: -1),
        Mutant(
            "skew noise",
            instances=alone(c_P=[0.3], c_W=[0.13], law=two_point_frozen(0.5, p=0.1)),
        ),
    ],
)
