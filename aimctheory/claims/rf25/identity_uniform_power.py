"""An exact case of the implicit penalty: uniform noise on the power response with γ = 2.

With x = w/τ the ratio is R = 2x/(1 + x²), and E|g + ξ| = (g² + b²)/(2b) for ξ uniform on [−b, b].
So g = −bx solves g + E|g + ξ| R = 0: the mean drift vanishes at W^S.  The minimiser of f_Σ lies
elsewhere; constant Σ and linearised R are two errors that cancel here.
"""

import numpy as np

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.catalogue import power
from aimctheory.exact import drift_root, penalised_minimiser
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import equal
from aimctheory.laws import gaussian, uniform
from aimctheory.notation import Source
from aimctheory.objectives.quadratic import quadratic


def instances(scale, **changed):
    """Weak and strong noise, minimisers up to saturation and beyond it, on both sides."""
    sigma = np.geomspace(0.01, 10, scale.pick(4, 10, 100))
    for tau in 0.5, 1.0, 3.0:
        for h in 0.3, 2.0:
            for w_star in 0.5 * tau, -0.9 * tau, 1.001 * tau:
                yield {"tau": tau, "h": h, "w_star": w_star, "sigma": sigma, **changed}


def observe(tau, h, w_star, sigma, gamma=2.0, law="uniform"):
    """Where the mean drift of Analog SGD vanishes, and the minimiser of f_Σ, for each noise."""
    cell, bowl = power(tau=tau, gamma=gamma), quadratic(h, w_star)
    noise = {"uniform": uniform, "gaussian": gaussian}[law](sigma)
    return Case(
        w_T=drift_root(analog_sgd, cell, bowl, noise),
        w_Sigma=penalised_minimiser(cell, bowl, noise),
        b=3**0.5 * sigma,
        tau=tau,
        h=h,
        w_star=w_star,
        sigma=sigma,
    )


def W_S(c, Sigma, gamma, sign=1):
    """W^S for w⋄ = 0 and R'(0) = γ/τ, RF25 p. 24 (50), with the sign of (51)."""
    return c.h * c.w_star / (c.h + sign * Sigma * gamma / c.tau)


claim = Claim(
    "identity-uniform-power",
    "An exact case of the linearised penalty",
    r"Uniform noise on $[-b,b]$, $b=\sqrt3\sigma$, $f=\frac h2(w-w^*)^2$, "
    r"$q_\pm=(1\mp w/\tau)^2$: the mean drift vanishes at $w_T=\frac{hw^*}{h+b/\tau}=W^S$ (ours).",
    Source("RF25", "Theorem 5, p. 24 (50), in a case where it is exact"),
    expected="holds",
    relation=equal(within=lambda c: 1e-12 * c.tau),
    hypotheses={"|w_T| < τ": lambda c: c.h * abs(c.w_star) < c.h * c.tau + c.b},
    instances=instances,
    observe=observe,
    computed=lambda c: c.w_T,
    stated=lambda c: W_S(c, c.b / 2, 2),
    mutants=[
        Mutant("the sign of (50)", stated=lambda c: W_S(c, c.b / 2, 2, -1)),
        Mutant("σ for b", stated=lambda c: W_S(c, c.sigma / 2, 2)),
        Mutant("the minimiser of f_Σ", stated=lambda c: c.w_Sigma),
        Mutant(
            "Gaussian noise",
            instances=lambda scale: instances(scale, law="gaussian"),
            stated=lambda c: W_S(c, (2 / np.pi) ** 0.5 * c.sigma, 2),
        ),
        Mutant(
            "γ = 3",
            instances=lambda scale: instances(scale, gamma=3.0),
            stated=lambda c: W_S(c, c.b / 2, 3),
        ),
    ],
)
