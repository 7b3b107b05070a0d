"""An exact case of the implicit penalty: uniform noise on the power response with γ = 2.

With x = w/τ, R = 2x/(1 + x²), and E|g + ξ| = (g² + b²)/(2b) for ξ uniform on [−b, b]: so g = −bx
solves g + E|g + ξ| R = 0.  That is W^S and not the minimiser of f_Σ: two errors cancel.
"""

import numpy as np

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.catalogue import power
from aimctheory.exact.drift import drift_root, penalised_minimiser
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
    w_T = drift_root(analog_sgd, cell, bowl, noise)
    return Case(w_T=w_T, w_Sigma=penalised_minimiser(cell, bowl, noise), b=3**0.5 * sigma,
                tau=tau, h=h, w_star=w_star, sigma=sigma)  # fmt: skip


def W_S(c, Sigma, slope, sign=1):  # RF25 p. 24 (50), w⋄ = 0, with the sign of (51); R'(0) = slope/τ
    return c.h * c.w_star / (c.h + sign * Sigma * slope / c.tau)


claim = Claim(
    "identity-uniform-power", "An exact case of the linearised penalty",
    r"Uniform noise on $[-b,b]$, $b=\sqrt3\sigma$, $f=\frac h2(w-w^*)^2$, "
    r"$q_\pm=(1\mp w/\tau)^2$: the mean drift vanishes at $w_T=\frac{hw^*}{h+b/\tau}=W^S$ (ours).",
    Source("RF25", "Theorem 5, p. 24 (50), in a case where it is exact"), expected="holds",
    instances=instances, observe=observe, relation=equal(within=lambda c: 1e-12 * c.tau),
    hypotheses={"|w_T| < τ": lambda c: c.h * abs(c.w_star) < c.h * c.tau + c.b},
    computed=lambda c: c.w_T, stated=lambda c: W_S(c, c.b / 2, 2),
    mutants=[Mutant("the sign of (50)", stated=lambda c: W_S(c, c.b / 2, 2, -1)),
             Mutant("σ for b", stated=lambda c: W_S(c, c.sigma / 2, 2)),
             Mutant("the minimiser of f_Σ", stated=lambda c: c.w_Sigma),
             Mutant("Gaussian noise", stated=lambda c: W_S(c, (2 / np.pi) ** 0.5 * c.sigma, 2),
                    instances=lambda scale: instances(scale, law="gaussian")),
             Mutant("γ = 3", stated=lambda c: W_S(c, c.b / 2, 3),
                    instances=lambda scale: instances(scale, gamma=3.0))],
)  # fmt: skip
