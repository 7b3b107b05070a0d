"""EX24 Theorem 3: the construction behind the lower bound gives 1·σ²S, not 4·σ²S.

The stationary law of the construction is exact (two atoms, no sampling), so K = ∞ on both sides.
The printed form holds if its difference from the mean squared gradient vanishes like α.
"""

import numpy as np

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.catalogue import linear
from aimctheory.exact import drift_root, stationary_law
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import rate
from aimctheory.laws import rademacher, two_point, two_point_frozen
from aimctheory.notation import Source
from aimctheory.objectives.quadratic import quadratic

# The first is at the edge of the construction's conditions: w* = τ/4, and σ = 0.144 where
# τL√D/(4√3) = 0.1443.
PROBLEMS = (
    {"tau": 1.0, "L": 1.0, "D": 1, "w_star": 0.25, "sigma": 0.144},
    {"tau": 2.0, "L": 3.0, "D": 4, "w_star": -0.5, "sigma": 0.9},
    {"tau": 1.0, "L": 0.5, "D": 10, "w_star": 0.2, "sigma": 0.1},
)


def instances(scale, laws=("p follows w", "p frozen")):
    """Noise as printed, its p following the weight, and with p frozen at its limit."""
    alpha = 0.01 / 4.0 ** np.arange(scale.pick(5, 5, 8))
    for law in laws:
        for problem in PROBLEMS:
            yield {"law": law, **problem, "alpha": alpha}


def observe(law, tau, L, D, w_star, sigma, alpha):
    """The stationary law for each α.

    All coordinates of the construction are equal: one scalar chain with noise σ/√D stands for all.
    """
    bowl, cell = quadratic(L, w_star), linear(tau=tau)
    size = sigma / D**0.5
    noise = rademacher(size) if law == "symmetric" else two_point(size, tau)
    if law == "p frozen":
        w_T = drift_root(analog_sgd, cell, bowl, noise)
        noise = two_point_frozen(size, (1 - w_T / tau) / 2)
    chains = [stationary_law(cell, bowl, noise, each) for each in alpha]
    return Case(
        mean_square=np.array([D * chain.mean_square_gradient for chain in chains]),
        S=np.array([chain.expectation(lambda w: summand(w, tau)) for chain in chains]),
        widest=max(abs(chain.grid).max() for chain in chains),
        tau=tau,
        L=L,
        D=D,
        w_star=w_star,
        sigma=sigma,
        alpha=alpha,
    )


def summand(w, tau):
    """A summand of S_K, EX24 p. 7, below (9), for equal coordinates."""
    return (w / tau) ** 2 / (1 - (w / tau) ** 2)


def largest_alpha(c):
    """The condition on α of EX24 p. 25, (Example), with μ = L."""
    return min(1 / (2 * c.L), 1 / (c.L + 6 * c.sigma / (c.tau * c.D**0.5)))


claim = Claim(
    "ex24-theorem-3",
    "The asymptotic error of Analog SGD cannot be avoided",
    r"There is an instance such that $\frac1K\sum_{k=0}^{K-1}E[\|\nabla f(W_k)\|^2]"
    r"=4\sigma^2S_K+\Theta(\alpha)$.",
    Source("EX24", "Theorem 3, p. 7 (10)"),
    expected="holds as corrected",
    relation=rate(along="alpha", order=1, kind="exactly"),
    hypotheses={
        "|w*| ≤ τ/4, p. 25": lambda c: abs(c.w_star) <= c.tau / 4,
        "σ ≤ τL√D/(4√3), p. 25": lambda c: c.sigma <= c.tau * c.L * (c.D / 48) ** 0.5,
        "α as in the example": lambda c: c.alpha <= largest_alpha(c),
        "A4 with W_max = τ/2, (69)": lambda c: c.widest <= c.tau / 2,
    },
    instances=instances,
    observe=observe,
    computed=lambda c: c.mean_square,
    stated=lambda c: 4 * c.sigma**2 * c.S,
    corrected=lambda c: c.sigma**2 * c.S,
    mutants=[
        Mutant("2σ²S", stated=lambda c: 2 * c.sigma**2 * c.S),
        Mutant("S without its denominator", stated=lambda c: c.sigma**2 * c.S / (1 + c.S)),
        Mutant("σ of one coordinate", stated=lambda c: c.sigma**2 * c.S / c.D),
        Mutant("no asymptotic error", stated=lambda c: 0 * c.S),
        Mutant("±σ for (67)", instances=lambda scale: instances(scale, ["symmetric"])),
    ],
    note="(98) loses the ½ of (97).  The remainder above (99) lacks 1/(αL), and (99) is false at "
    "k = 0: (10) needs αLK → ∞.  p_k follows w_k, so the noise is not i.i.d. (Assumption 3); "
    "p frozen at its limit mends that.",
)
