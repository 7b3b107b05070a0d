"""RF25 Theorem 6, (132): without noise Analog SGD converges, in the metric (131) with a plus.

A step moves the weight by α|∇f F + |∇f| G|, by (2); (131) prints a minus, and counts the small
response where the large one acts.  The theorem names no step size; its proof takes 1/(2 L F_max).
"""

import numpy as np

from aimctheory import Source, analog_sgd, power, quadratic
from aimctheory.claims.rf25.theorem_1 import F, G
from aimctheory.claims.rf25.theorem_2 import F_max
from aimctheory.claims.rf25.theorem_5 import CELLS
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import at_least
from aimctheory.simulator.simulate import simulate


def instances(scale):
    """Random diagonal bowls in three dimensions, and two by hand; each with every K up to 200."""
    rng, shape = np.random.default_rng(6), (scale.pick(20, 50, 500), 3)
    for cell in (*CELLS, power(tau=1, gamma=0.5)):
        h, w_0 = rng.uniform(0.2, 3.0, shape), rng.uniform(-0.95, 0.95, shape)
        w_star = np.clip(w_0 + rng.uniform(-0.9, 0.9, shape), -0.95, 0.95)
        yield {"cell": cell, "h": h, "w_star": w_star, "w_0": w_0}
    one = np.ones((1, 1))
    yield {"cell": CELLS[0], "h": one, "w_star": 0.999 * one, "w_0": 0.98 * one}
    yield {"cell": CELLS[0], "h": one, "w_star": 0 * one, "w_0": 0.2 * one}


def observe(cell, h, w_star, w_0, rate=0.5, K=200):
    """The noise-free runs at learning rate `rate`/(L F_max), L = max h."""
    given = {"q_up": cell.q_up, "q_down": cell.q_down, "range": np.array(cell.dynamic_range)}
    f, L = quadratic(h, w_star), h.max(axis=1, keepdims=True)
    alpha = rate / (L * F_max(Case(**given)))
    W = simulate(analog_sgd, cell, f, hyper={"learning_rate": alpha}, start={"W": w_0}, steps=K,
                 record_every=1, replicates=len(h), engine="reference").states["W"]  # fmt: skip
    return Case(W=W, g=h[:, None] * (W - w_star[:, None]), gap=f.value(w_0)[:, None], L=L,
                K=1.0 + np.arange(K), Q=cell.saturation_product(W), **given)  # fmt: skip


def metric(c, sign):  # E_K for each K, RF25 p. 40 (131); R(W) = F² − G², p. 41 (138)
    g, f, a = c.g[:, :-1], F(c, c.W[:, :-1]), G(c, c.W[:, :-1])
    terms = np.sum((g * f + sign * abs(g) * a) ** 2 + g**2 * (f**2 - a**2), axis=2)
    return np.cumsum(terms, axis=1) / c.K


def bound(c):  # RF25 p. 40 (132)
    return 8 * c.L * c.gap * F_max(c) ** 2 / c.K


claim = Claim(
    "rf25-theorem-6", "Without noise Analog SGD converges",
    r"$E_K:=\frac1K\sum_{k=0}^{K-1}(\|\nabla f(W_k)\odot F(W_k)-|\nabla f(W_k)|\odot G(W_k)\|^2"
    r"+\|\nabla f(W_k)\|^2_{R(W_k)})\le\frac{8L(f(W_0)-f^*)F_{\max}^2}K$.",
    Source("RF25", "Theorem 6, p. 40 (131)-(132)"), expected="holds as corrected",
    instances=instances, observe=observe, relation=at_least(),
    hypotheses={"Q₊Q₋ > 0 along the run": lambda c: c.Q > 0}, computed=bound,
    stated=lambda c: metric(c, -1), corrected=lambda c: metric(c, +1),
    mutants=[Mutant("half the bound", stated=lambda c: 2 * metric(c, +1)),
             Mutant("F_max for its square", stated=lambda c: metric(c, +1) * F_max(c)),
             Mutant("no L", stated=lambda c: metric(c, +1) * c.L),
             Mutant("the step of (143)", observe=lambda **at: observe(**at, rate=1.0))],
    note="The text above (141) repeats the minus.  (140) drops a term ‖∇f‖²_R that (141) needs and "
         "that (134)-(139) give.",
)  # fmt: skip
