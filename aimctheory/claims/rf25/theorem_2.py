"""RF25 Theorem 2 with its constants, (69): how far from a critical point Analog SGD stays.

The weights of every step are recorded, because the infinity norm in S_K couples the coordinates.
The expectation is the mean over replicates.
"""

import numpy as np

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.claims.rf25._formulas import F, F_max, G
from aimctheory.claims.rf25._settings import CELLS, SQUARE_ROOT
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import at_most
from aimctheory.laws import gaussian, rademacher
from aimctheory.notation import Source
from aimctheory.objectives.quadratic import quadratic
from aimctheory.simulator.simulate import simulate
from aimctheory.statistics import replicate_mean

H = np.array([1.0, 0.8, 0.6, 0.9, 0.7])  # the curvatures of f
MIXED = np.array([0.5, -0.4, 0.3, 0.6, -0.5])
ONE = np.ones(5)


def instances(scale):
    """On each cell one problem where S_K dominates, and one where the first term does."""
    n = {"replicates": scale.pick(16, 32, 256)}
    for cell in (*CELLS, SQUARE_ROOT):
        yield {"cell": cell, "law": gaussian(0.3), "w_star": MIXED, "w_0": 0 * ONE, **n}
        yield {"cell": cell, "law": gaussian(0.08), "w_star": 0 * ONE, "w_0": 0.9 * ONE, **n}
    yield {"cell": CELLS[0], "law": rademacher(0.3), "w_star": 0.6 * ONE, "w_0": 0.45 * ONE, **n}


def observe(cell, law, w_star, w_0, replicates, K=2000):
    """Mean E_K and S_K of runs at the learning rate that the theorem prescribes."""
    f = quadratic(H, w_star)
    given = {
        "q_up": cell.q_up,
        "q_down": cell.q_down,
        "range": np.array(cell.dynamic_range),
        "L": H.max(),
        "sigma2": H.size * law.sigma**2,  # the paper's σ² is that of all coordinates together
        "gap": f.value(w_0),
        "K": K,
    }
    run = simulate(
        analog_sgd,
        cell,
        f,
        hyper={"learning_rate": learning_rate(Case(**given))},
        noise=law,
        start={"W": w_0},
        steps=K,
        rng=2,
        replicates=replicates,
        record_every=1,
    )
    W = run.states["W"]
    both = replicate_mean(np.transpose(averages(Case(W=W, w_star=w_star, **given))))
    return Case(
        mean=both.value,
        half_width=both.half_width,
        Q=cell.saturation_product(W).min(),
        **given,
    )


def averages(c):
    """E_K and S_K of each run: RF25 p. 28 (69), K + 1 terms over K as printed, and p. 6 (8)."""
    gradient = H * (c.W - c.w_star)
    F_k, G_k = F(c, c.W), G(c, c.W)
    terms = (gradient * F_k + abs(gradient) * G_k) ** 2 + 4 * gradient**2 * (F_k**2 - G_k**2)
    E = np.sum(terms, axis=(1, 2)) / c.K
    S = np.mean(np.max(G_k**2 / F_k, axis=2)[:, :-1], axis=1)
    return E, S


def learning_rate(c):
    """The step size α of RF25 p. 28, below (69)."""
    return np.sqrt(c.gap / (c.sigma2 * c.L * c.K)) / F_max(c)


def bound(c, first=16, second=8, largest_F=F_max):
    """The last line of RF25 p. 28 (69), with the half-width that it has from the measured S_K."""
    descent = largest_F(c) ** 2 * np.sqrt(c.gap * c.sigma2 * c.L / c.K)
    floor = largest_F(c) * c.sigma2
    return first * descent + second * floor * c.mean[1], second * floor * c.half_width[1]


claim = Claim(
    "rf25-theorem-2",
    "Analog SGD stays at a distance",
    r"$\frac1K\sum_{k=0}^KE[\|\nabla f(W_k)\odot F(W_k)+|\nabla f(W_k)|\odot G(W_k)\|^2"
    r"+4\|\nabla f(W_k)\|^2_{R(W_k)}]\le16F_{\max}^2\sqrt{(f(W_0)-f^*)\sigma^2L/K}"
    r"+8F_{\max}\sigma^2S_K$ at $\alpha=\frac1{F_{\max}}\sqrt{(f(W_0)-f^*)/(\sigma^2LK)}$.",
    Source("RF25", "Theorem 2, p. 28 (69)"),
    expected="holds",
    level="statistical",
    relation=at_most(),
    hypotheses={
        "A3, Q₊Q₋ > 0": lambda c: c.Q > 0,
        "α ≤ 1/(4LF_max)": lambda c: learning_rate(c) * 4 * c.L * F_max(c) <= 1,
    },
    instances=instances,
    observe=observe,
    computed=lambda c: (c.mean[0], c.half_width[0]),
    stated=bound,
    mutants=[
        Mutant("no S_K", stated=lambda c: bound(c, second=0)),
        Mutant("S_K with the 2 of (71)", stated=lambda c: bound(c, second=2)),
        Mutant("a quarter of the first term", stated=lambda c: bound(c, first=4)),
        Mutant("no F_max", stated=lambda c: bound(c, largest_F=lambda c: 1.0)),
    ],
    note="S_K is random: E S_K is meant.  (8) has another E_K, and follows on division by 4 R_min.",
)
