"""Residual Learning on a shifted fast array: ∇f settles at g = c E|g + ξ| for any τ, w* and γ.

The limit α → 0 is extrapolated from simulations at three learning rates.
"""

import mpmath
import numpy as np

from aimctheory.claims.rf25._shifted_arrays import STANDARD, gradients
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import equal
from aimctheory.notation import Source
from aimctheory.statistics import replicate_mean

SHIFTS = {
    "c_P": [0.1, 0.2, 0.5, -0.3, 0.3, 0, 0.1],
    "c_W": [0.1, 0.2, 0.5, -0.3, 0, 0.3, 0.5],
}
OTHERS = {
    "tau": [0.9, 3, 1, 1, 1, 1, 1],
    "w_star": [0.5, 0.5, -0.4, 0.5, 0.5, 0.5, 0.5],
    "gamma": [0.4, 0.4, 0.4, 0, 1, 0.4, 0.4],
    "sigma": [0.5, 0.5, 0.5, 0.5, 0.5, 0.2, 0.7],
}


def instances(scale, settings=(SHIFTS, OTHERS)):
    """Several shifts on the standard problem, then one shift on several problems."""
    for changed in settings:
        yield {"runs": scale.pick(64, 256, 2048), **STANDARD, **changed}


def observe(runs, **problem):
    """E∇f(W̄) as α → 0: from α, 4α and 16α, with the terms in √α and α taken out."""
    a, b, c = (gradients(0.00125 * n**2, 240_000 // n, runs, **problem) for n in (1, 2, 4))
    # With x = √α the three are L + sx·n + tx²·n²: this combination is L.
    limit = replicate_mean((8 * a - 6 * b + c) / 3)
    numbers = {name: np.array(value) for name, value in problem.items()}
    return Case(g=limit.value, half_width=limit.half_width, **numbers)


@np.vectorize
def mean_abs(g, sigma):
    """E|g + ξ| for Gaussian ξ, EX24 p. 21 (46)."""
    moment = mpmath.hyp1f1(-0.5, 0.5, -((g / sigma) ** 2) / 2)
    return float(sigma * mpmath.sqrt(2 / mpmath.pi) * moment)


def limit(c, c_Lin):
    """The zero of (10), RF25 p. 7, at P = 0: E[∇f(W̄; ξ)]F + E|∇f(W̄; ξ)|G = 0.

    There F = 1 and G = −c_Lin, p. 3, so g = c_Lin E|g + ξ|.  Each of the 40 iterations shrinks the
    error by |c_Lin|, at most 1/2, or more.
    """
    g = 0 * c.sigma
    for _ in range(40):
        g = c_Lin * mean_abs(g, c.sigma)
    return g


claim = Claim(
    "rf25-shifted-limit",
    "Residual Learning with a shifted fast array stops short",
    r"$w^\diamond=c_{\rm Lin}\tau$ violates Assumption 5 when $c_{\rm Lin}\ne0$ and introduces "
    r"asymptotic error (ours: $\nabla f(\bar W)\to g=c_{\rm Lin}E|g+\xi|$ as $\alpha\to0$).",
    Source("RF25", "after Corollary 1, p. 8"),
    expected="holds",
    level="statistical",
    # At the default size the half-widths are at most 5e-4; the nearest mutant is 2e-2 off.
    relation=equal(within=1.5e-3),
    hypotheses={"W reaches it": lambda c: abs(c.w_star + limit(c, c.c_P)) <= 0.8 * c.tau},
    instances=instances,
    observe=observe,
    computed=lambda c: (c.g, c.half_width),
    stated=lambda c: limit(c, c.c_P),
    mutants=[
        Mutant("exact convergence", stated=lambda c: 0 * c.sigma),
        Mutant("the other sign", stated=lambda c: -limit(c, c.c_P)),
        Mutant("the shift of W, not of P", stated=lambda c: limit(c, c.c_W)),
        Mutant("Σ = E|ξ| for E|g + ξ|", stated=lambda c: c.c_P * mean_abs(0, c.sigma)),
        Mutant("out of reach", instances=lambda scale: instances(scale, [{"w_star": [0.95]}])),
    ],
)
