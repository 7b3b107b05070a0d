"""RF25 Theorem 2 with its constants, (69): how far from a critical point Analog SGD stays.

Every step is kept, as the infinity norm in S_K couples coordinates; E is the mean over replicates.
"""

import numpy as np

from aimctheory import Source, analog_sgd, gaussian, power, quadratic, rademacher
from aimctheory.claims.rf25.theorem_1 import F, G
from aimctheory.claims.rf25.theorem_5 import CELLS
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import at_most
from aimctheory.simulator.simulate import simulate
from aimctheory.statistics import replicate_mean

H, MIXED, ONE = np.array([[1, 0.8, 0.6, 0.9, 0.7], [0.5, -0.4, 0.3, 0.6, -0.5], [1] * 5])


def instances(scale):
    n = {"replicates": scale.pick(16, 32, 256)}
    for cell in (*CELLS, power(tau=1, gamma=0.5)):  # where S_K rules, where the first term does
        yield {"cell": cell, "law": gaussian(0.3), "w_star": MIXED, "w_0": 0 * ONE, **n}
        yield {"cell": cell, "law": gaussian(0.08), "w_star": 0 * ONE, "w_0": 0.9 * ONE, **n}
    yield {"cell": CELLS[0], "law": rademacher(0.3), "w_star": 0.6 * ONE, "w_0": 0.45 * ONE, **n}


def observe(cell, law, w_star, w_0, replicates, K=2000):
    f = quadratic(H, w_star)
    given = {"q_up": cell.q_up, "q_down": cell.q_down, "range": np.array(cell.dynamic_range),
             "L": H.max(), "sigma2": 5 * law.sigma**2, "gap": f.value(w_0), "K": K}  # fmt: skip
    rate = {"learning_rate": learning_rate(Case(**given))}
    W = simulate(analog_sgd, cell, f, hyper=rate, noise=law, start={"W": w_0}, steps=K, rng=2,
                 record_every=1, replicates=replicates).states["W"]  # fmt: skip
    both = replicate_mean(np.transpose(averages(Case(W=W, w_star=w_star, **given))))
    return Case(mean=both.value, half=both.half_width, Q=cell.saturation_product(W).min(), **given)


def averages(c):  # of a run: E_K, RF25 p. 28 (69), K + 1 terms over K as printed, and S_K, p. 6 (8)
    g, f, a = H * (c.W - c.w_star), F(c, c.W), G(c, c.W)
    E = np.sum((g * f + abs(g) * a) ** 2 + 4 * g**2 * (f**2 - a**2), axis=(1, 2)) / c.K
    return E, np.mean(np.max(a**2 / f, axis=2)[:, :-1], axis=1)


def F_max(c):  # RF25 p. 21, Lemma 2(a): max F over the dynamic range, here on 4001 points
    return F(c, np.linspace(*c.range, 4001)).max()


def learning_rate(c):  # α, RF25 p. 28, below (69)
    return np.sqrt(c.gap / (c.sigma2 * c.L * c.K)) / F_max(c)


def bound(c, first=16, second=8, F_max=F_max):  # RF25 p. 28 (69), its last line
    rate, floor = F_max(c) ** 2 * np.sqrt(c.gap * c.sigma2 * c.L / c.K), F_max(c) * c.sigma2
    return first * rate + second * floor * c.mean[1], second * floor * c.half[1]


claim = Claim(
    "rf25-theorem-2", "Analog SGD stays at a distance",
    r"$\frac1K\sum_{k=0}^KE[\|\nabla f(W_k)\odot F(W_k)+|\nabla f(W_k)|\odot G(W_k)\|^2"
    r"+4\|\nabla f(W_k)\|^2_{R(W_k)}]\le16F_{\max}^2\sqrt{(f(W_0)-f^*)\sigma^2L/K}"
    r"+8F_{\max}\sigma^2S_K$ at $\alpha=\frac1{F_{\max}}\sqrt{(f(W_0)-f^*)/(\sigma^2LK)}$.",
    Source("RF25", "Theorem 2, p. 28 (69)"), expected="holds", level="statistical", stated=bound,
    instances=instances, observe=observe, computed=lambda c: (c.mean[0], c.half[0]),
    hypotheses={"A3, Q₊Q₋ > 0": lambda c: c.Q > 0, "α ≤ 1/(4LF_max)": lambda c: (
        learning_rate(c) * 4 * c.L * F_max(c) <= 1)}, relation=at_most(),
    mutants=[Mutant("no S_K", stated=lambda c: bound(c, second=0)),
             Mutant("S_K with the 2 of (71)", stated=lambda c: bound(c, second=2)),
             Mutant("a quarter of the first term", stated=lambda c: bound(c, first=4)),
             Mutant("no F_max", stated=lambda c: bound(c, F_max=lambda c: 1.0))],
    note="S_K is random: E S_K is meant.  (8) has another E_K, and follows on division by 4 R_min.",
)  # fmt: skip
