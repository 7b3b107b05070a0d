"""An exact case of the implicit penalty: Rademacher noise on the linear response, at every α.

While |∇f| ≤ σ the sign of ∇f + ξ is the sign of ξ.  Then E|∇f + ξ| = σ and the drift is linear in
w, so the stationary mean is the minimiser of f_Σ whatever the learning rate.
"""

import numpy as np

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.catalogue import soft_bounds
from aimctheory.controls import controlled_mean
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import equal
from aimctheory.laws import rademacher
from aimctheory.notation import Source
from aimctheory.objectives.quadratic import quadratic
from aimctheory.simulator.simulate import simulate

PROBLEMS = (
    {"h": 1.0, "w_star": 0.5, "tau": 1.0, "center": 0.0, "sigma": 0.5},
    {"h": 0.5, "w_star": -0.3, "tau": 2.0, "center": 0.3, "sigma": 0.25},
    {"h": 4.0, "w_star": 0.2, "tau": 0.5, "center": -0.1, "sigma": 1.2},
)
AVERAGES = {
    "W": lambda state, hyper, gradient, ops: state.W,
    "noise": lambda state, hyper, gradient, ops: ops.noise("gradient"),
}


def instances(scale, rates=(0.5, 0.1, 0.02)):
    """Three learning rates each, in units of 1/h."""
    steps = scale.pick(40_000, 100_000, 1_000_000)
    for problem in PROBLEMS:
        yield {"alpha": np.array(rates) / problem["h"], **problem, "steps": steps}


def observe(alpha, h, w_star, tau, center, sigma, steps, runs=2048):
    """The stationary mean of w on q± = 1 ∓ (w − w⋄)/τ, the first tenth of the steps left out."""
    run = simulate(
        analog_sgd,
        soft_bounds(w_0=center, tau_max=tau, tau_min=-tau),
        quadratic(h, w_star),
        hyper={"learning_rate": np.repeat(alpha, runs)[:, None]},
        noise=rademacher(sigma),
        start={"W": w_star},
        steps=steps,
        rng=1,
        replicates=runs * alpha.size,
        averages=AVERAGES,
    )
    W, noise = (run.samples(name, after=steps // 10).reshape(-1, runs).T for name in AVERAGES)
    mean = controlled_mean(W, [noise])
    return Case(
        mean=mean.value,
        half_width=mean.half_width,
        alpha=alpha,
        h=h,
        w_star=w_star,
        tau=tau,
        center=center,
        sigma=sigma,
    )


def minimiser(c, Sigma, sign=1):
    """The minimiser of f_Σ, RF25 p. 24 (49)-(50) with R' = 1/τ and the sign of (51)."""
    pull = sign * Sigma / c.tau
    return (c.h * c.w_star + pull * c.center) / (c.h + pull)


claim = Claim(
    "identity-rademacher-linear",
    "An exact case at every learning rate",
    r"Rademacher noise, $f=\frac h2(w-w^*)^2$, $q_\pm=1\mp(w-w^\diamond)/\tau$: "
    r"$E_\pi[w]=\frac{hw^*+(\sigma/\tau)w^\diamond}{h+\sigma/\tau}$ for every $\alpha$, as long as "
    r"$h|w-w^*|\le\sigma$ on the support (ours).",
    Source("RF25", "Theorem 1, p. 6 (7), in a case where it is exact"),
    expected="holds",
    level="statistical",
    # At the default size the half-widths are at most 2e-5; the nearest mutant is 3e-3 off.
    relation=equal(within=5e-5),
    # From w*, no step passes w* ± σ/h while αh times the largest response, 2, is at most 1.
    hypotheses={"h|w − w*| ≤ σ on the support": lambda c: 2 * c.alpha * c.h <= 1},
    instances=instances,
    observe=observe,
    computed=lambda c: (c.mean, c.half_width),
    stated=lambda c: minimiser(c, c.sigma),
    mutants=[
        Mutant("the sign of (50)", stated=lambda c: minimiser(c, c.sigma, -1)),
        Mutant("a Gaussian's Σ", stated=lambda c: minimiser(c, (2 / np.pi) ** 0.5 * c.sigma)),
        Mutant("no penalty", stated=lambda c: c.w_star),
        Mutant("the symmetric point", stated=lambda c: c.center),
        Mutant("steps beyond w* ± σ/h", instances=lambda scale: instances(scale, [0.65])),
    ],
)
