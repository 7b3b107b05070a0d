"""Residual Learning on a shifted fast array: ∇f settles at g = −R_P(0) E|g + ξ|.

As α → 0 the fast array comes to rest at 0, so its stationary state E[gF(P)] = −E[|g|G(P)] leaves
this equation, whatever τ, w*, γ, W, the law of the noise and the other values of F and G.  It needs
a P that settles: the derivative of its mean drift at 0, divided by F_P(0), is positive.

The limit α → 0 is extrapolated from simulations at three learning rates.
"""

import mpmath
import numpy as np

from aimctheory.catalogue import linear, soft_bounds
from aimctheory.claims.rf25._shifted_arrays import limits
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import equal
from aimctheory.laws import gaussian, rademacher, two_point_frozen, uniform
from aimctheory.notation import Source, w
from aimctheory.response import Response
from aimctheory.statistics import replicate_mean

# R = 0.25 at every weight and F'(0) = 0.3: no symmetric point, and only γ holds P at 0.
SLANTED = Response(
    0.75 * (1 + 0.3 * w), 1.25 * (1 + 0.3 * w), dynamic_range=(-2, 2), id="slanted"
)()
# R(0) = −0.3, R'(0) = 0 and F'(0) = 0.3.
BENT = Response(
    1.3 * (1 + 0.3 * w - w**3), 0.7 * (1 + 0.3 * w + w**3), dynamic_range=(-0.85, 0.85), id="bent"
)()
# R(0) = −0.3 and R'(0) < 0: the asymmetry drives P away from 0.
DRIVEN = Response(
    1.3 * (1 - w) * (w**2 + 2 * w + 1.2) / 1.2,
    0.7 * (1 + w) * (w**2 - 2 * w + 1.2) / 1.2,
    dynamic_range=(-1, 1),
    id="driven",
)()
NOISE = gaussian(0.5)


def problems(P, W=None, law=NOISE, w_star=0.5, gamma=0.4):
    """Problems whose numbers are arrays; by default the array W is like P."""
    return {"P": P, "W": W or P, "law": law, "w_star": np.atleast_1d(w_star), "gamma": gamma}


SHIFTS = problems(
    linear(tau=1, c=np.array([0.1, 0.2, 0.5, -0.3, 0.3, 0, 0.1])),
    linear(tau=1, c=np.array([0.1, 0.2, 0.5, -0.3, 0, 0.3, 0.5])),
    w_star=np.full(7, 0.5),
)
OTHERS = problems(
    linear(tau=np.array([0.9, 3, 1, 1, 1, 1, 1]), c=0.3),
    law=gaussian(np.array([0.5, 0.5, 0.5, 0.5, 0.5, 0.2, 0.7])),
    w_star=np.array([0.5, 0.5, -0.4, 0.5, 0.5, 0.5, 0.5]),
    gamma=np.array([0.4, 0.4, 0.4, 0, 1, 0.4, 0.4]),
)
CELLS_AND_LAWS = (
    problems(
        soft_bounds(w_0=np.array([0.2, -0.3]), tau_max=0.7, tau_min=-1.6),
        linear(tau=2, c=-0.2),
        uniform(0.5),
        np.array([0.5, 0.3]),
    ),
    problems(BENT, linear(tau=1, c=0.1), two_point_frozen(0.4, p=0.2), gamma=1.0),
    problems(SLANTED, linear(tau=1, c=0.1), rademacher(0.4)),
)


def instances(scale, settings=(SHIFTS, OTHERS, *CELLS_AND_LAWS)):
    """Several shifts on the standard problem, one shift on several, then other cells and laws."""
    for setting in settings:
        yield {**setting, "runs": scale.pick(16, 64, 512)}


def observe(P, W, law, w_star, gamma, runs):
    """E∇f(W̄) as α → 0, and what decides it."""
    found = replicate_mean(limits(P, W, law, w_star, gamma, runs))
    like = np.zeros(w_star.shape)
    return Case(
        g=found.value,
        half_width=found.half_width,
        law=law.form.id,
        **{name: like + value for name, value in law.numbers.items()},
        q_up=P.q_up,
        q_down=P.q_down,
        R_P=P.ratio(like),
        R_W=W.ratio(like),
        w_star=w_star,
        gamma=gamma,
        low=like + W.dynamic_range[0],
        high=like + W.dynamic_range[1],
    )


@np.vectorize
def mean_abs_normal(g, sigma):
    """E|g + ξ| for Gaussian ξ, EX24 p. 21 (46)."""
    moment = mpmath.hyp1f1(-0.5, 0.5, -((g / sigma) ** 2) / 2)
    return float(sigma * mpmath.sqrt(2 / mpmath.pi) * moment)


def mean_abs(c, g):
    """E|g + ξ| of the case's law, RF25 p. 6: sums over atoms, else closed forms of the integral."""
    if c.law == "gaussian":
        return mean_abs_normal(g, c.sigma)
    if c.law == "uniform":  # on [−b, b], where |g| < b
        b = np.sqrt(3) * c.sigma
        return (g**2 + b**2) / (2 * b)
    p = c.p if c.law == "two-point-frozen" else 0.5
    up, down = c.sigma * np.sqrt((1 - p) / p), c.sigma * np.sqrt(p / (1 - p))
    return p * abs(g + up) + (1 - p) * abs(g - down)


def R(c, P=0.0):
    """G/F of the fast array, RF25 p. 6."""
    at = P + 0 * c.w_star
    return (c.q_down(at) - c.q_up(at)) / (c.q_down(at) + c.q_up(at))


def limit(c, ratio):
    """The zero of (10), RF25 p. 7, at P = 0: g + E|g + ξ| R_P(0) = 0, with `ratio` for R_P(0).

    Each of the 40 iterations shrinks the error by |ratio| or more.
    """
    g = 0 * c.w_star
    for _ in range(40):
        g = -ratio * mean_abs(c, g)
    return g


def settles(c):
    """Whether γ(1 + m'R) + mR' > 0 at P = 0: the slope of P's drift over F, RF25 p. 7 (10)."""
    g, step = limit(c, R(c)), 1e-5
    slope = (R(c, step) - R(c, -step)) / (2 * step)
    m_slope = (mean_abs(c, g + step) - mean_abs(c, g - step)) / (2 * step)
    return c.gamma * (1 + m_slope * R(c)) + mean_abs(c, g) * slope > 1e-6


def within_reach(c):
    """Whether the weight w* + g, RF25 p. 7, lies inside W's range, a tenth of it from its ends."""
    goal, room = c.w_star + limit(c, R(c)), 0.1 * (c.high - c.low)
    return (c.low + room <= goal) & (goal <= c.high - room)


claim = Claim(
    "rf25-shifted-limit",
    "Residual Learning with a shifted fast array stops short",
    r"$w^\diamond=c_{\rm Lin}\tau$ violates Assumption 5 when $c_{\rm Lin}\ne0$ and introduces "
    r"asymptotic error (ours: $\nabla f(\bar W)\to g=-R_P(0)E|g+\xi|$ as $\alpha\to0$, with "
    r"$R_P(0)=-c_{\rm Lin}$ here, on any cell).",
    Source("RF25", "after Corollary 1, p. 8"),
    expected="holds",
    level="statistical",
    # At the default size the half-widths are at most 5e-4; the nearest mutant is 2e-2 off.
    relation=equal(within=1.5e-3),
    hypotheses={"W reaches it": within_reach, "P settles": settles},
    instances=instances,
    observe=observe,
    computed=lambda c: (c.g, c.half_width),
    stated=lambda c: limit(c, R(c)),
    mutants=[
        Mutant("exact convergence", stated=lambda c: 0 * c.w_star),
        Mutant("the other sign", stated=lambda c: limit(c, -R(c))),
        Mutant("the shift of W, not of P", stated=lambda c: limit(c, c.R_W)),
        Mutant("Σ = E|ξ| for E|g + ξ|", stated=lambda c: -R(c) * mean_abs(c, 0 * c.w_star)),
        Mutant(
            "out of reach",
            instances=lambda scale: instances(
                scale, [problems(linear(tau=1, c=np.array([0.3])), w_star=0.95)]
            ),
        ),
        Mutant(
            "P does not settle",
            instances=lambda scale: instances(
                scale, [problems(DRIVEN, linear(tau=1, c=0.1), gamma=0.02)]
            ),
        ),
    ],
)
