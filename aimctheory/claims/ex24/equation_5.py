"""EX24 (5): the baseline that Analog SGD is held against, Digital SGD's mean squared gradient.

Exact expectations: every path of K steps under noise ±s is followed, and K = ∞ is the stationary
state.  On a bowl with α = 1/L the bound is attained: neither of its terms can be made smaller.
"""

from dataclasses import replace

import numpy as np

from aimctheory.algorithms.digital_sgd import digital_sgd
from aimctheory.exact.digital import digital_floor
from aimctheory.exact.update import effective_update
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import at_most
from aimctheory.laws import rademacher
from aimctheory.notation import Source
from aimctheory.objectives.quadratic import quadratic

F = {"bowl": quadratic(2.0), "tilted bowl": quadratic([[1.5, 0.5], [0.5, 1.5]])}
F["not convex"] = replace(F["bowl"], value=lambda w: np.log1p(w[:, 0] ** 2),
                          gradient=lambda w, p, ops: p.curvature * w / (1 + w * w))  # fmt: skip


def instances(scale):  # L = 2 throughout
    for f in F:
        for alpha in 0.5, 0.3, 0.05:
            for K in (1, scale.pick(6, 10, 15), *([np.inf] if "bowl" in f else [])):
                yield {"f": f, "K": K, "alpha": alpha, "noise": 0.4, "start": 0.0}
                yield {"f": f, "K": K, "alpha": alpha, "noise": 0.4, "start": 1.5}
        yield {"f": f, "K": 5, "alpha": 0.5, "noise": 0.0, "start": 1.5}


def observe(f, K, alpha, noise, start, over=np.mean):
    """‖∇f‖² averaged along all paths from (start, …), one sign of noise for all coordinates."""
    forever, square, first = np.isinf(K), np.zeros(1), np.full((1, F[f].coordinates), start)
    chain, w = effective_update(digital_sgd, {}, F[f], rademacher(noise)), first
    for _ in range(4 if forever else K):
        g = chain(w)  # the mean drift of Digital SGD is the gradient
        square = np.tile(square + np.sum(g**2, axis=-1) / K, 2)
        w = np.concatenate([w + chain.step(w, g + sign * noise, alpha) for sign in (-1, 1)])
    mean = digital_floor(F[f], noise, alpha).mean_square_gradient if forever else over(square)
    return Case(mean_square=mean, K=K, alpha=alpha, noise=noise, f_0=F[f].value(first)[0],
                f_star=F[f].minimum.value, L=F[f].smoothness.value, w=w, g=chain(w))  # fmt: skip


def bound(c, descent=2, floor=1, D=None):  # EX24 p. 4 (5)
    sigma2 = (D or c.w.shape[1]) * c.noise**2  # A3, p. 4: E‖ε‖² ≤ σ², the sum over coordinates
    return descent * (c.f_0 - c.f_star) / (c.alpha * c.K) + floor * c.alpha * sigma2 * c.L


def smooth(c):  # EX24 Assumption 1, p. 4 (4), between the points that the paths reach
    change, step = (np.linalg.norm(np.diff(x, axis=0), axis=-1) for x in (c.g, c.w))
    return change <= c.L * step + 1e-12


OVERSHOOT = {"f": "bowl", "K": 8, "alpha": 1.5, "noise": 0.0, "start": 1.0}  # α = 3/L: |w_k| = 2^k
claim = Claim(
    "ex24-equation-5", "Digital SGD's error vanishes with the step size",
    r"$\frac1K\sum_{k=0}^{K-1}\|\nabla f(W_k)\|^2"
    r"\le\frac{2(f(W_0)-f^*)}{\alpha K}+\alpha\sigma^2L$ under Assumptions 1-3.",
    Source("EX24", "(5), p. 4"), relation=at_most(), expected="holds",
    instances=instances, observe=observe, computed=lambda c: c.mean_square, stated=bound,
    hypotheses={"A1": smooth, "α ≤ 1/L (not printed)": lambda c: c.alpha * c.L <= 1},
    mutants=[Mutant("without α ≤ 1/L", instances=lambda scale: [OVERSHOOT]),
             Mutant("without expectation", observe=lambda **case: observe(**case, over=np.max)),
             Mutant("half the floor, its value as α → 0", stated=lambda c: bound(c, floor=0.5)),
             Mutant("half the descent", stated=lambda c: bound(c, descent=1)),
             Mutant("σ² of one coordinate", stated=lambda c: bound(c, D=1))],
    note="Printed without expectation and without α ≤ 1/L; false without either.",
)  # fmt: skip
