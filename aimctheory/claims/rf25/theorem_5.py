"""RF25 Theorem 5: the point W^S where Analog SGD stands still, as printed and with its sign mended.

The minus of the page puts W^S beyond the minimiser, away from the symmetric point.  Both residuals
of the theorem, the effective update and the slope of f_Σ, say which sign is right.
"""

from dataclasses import replace

import numpy as np

from aimctheory import Source, analog_sgd, exponential, gaussian, linear, power, quadratic, uniform
from aimctheory.exact import effective_update
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import rate

CELLS = linear(tau=1), linear(tau=1, c=0.3), power(tau=1, gamma=2), exponential(tau=1, gamma=2)


def instances(scale):
    d = 0.2 / 2.0 ** np.arange(scale.pick(6, 8, 10))
    for cell in CELLS:
        yield {"cell": cell, "law": gaussian(0.7), "distance": d}
        yield {"cell": cell, "law": uniform(0.4), "distance": -d, "h": 2.0}
        yield {"cell": cell, "law": gaussian(0.7), "distance": d, "bend": 0.5}


def observe(cell, law, distance, h=1.0, bend=0.0):
    """Mean drift of Analog SGD on f' = h e (1 + bend·e), e = w − w*, at each distance w* − w⋄."""
    center = cell.symmetric_point()
    f = replace(quadratic(h, center + distance), gradient=lambda w, p, ops: (
        p.curvature * (w - p.minimiser) * (1 + bend * (w - p.minimiser))))  # fmt: skip
    T = effective_update(analog_sgd, cell, f, law).__call__
    return Case(q_up=cell.q_up, q_down=cell.q_down, center=center, w_star=center + distance, T=T,
                d=abs(distance), h=h, bend=bend, mean_abs=law.mean_abs, Sigma=law.mean_abs(0),
                sigma=law.sigma)  # fmt: skip


def ratio(c, w):  # R = G/F, RF25 p. 6; F and G, p. 4 (4)
    return (c.q_down(w) - c.q_up(w)) / (c.q_down(w) + c.q_up(w))


def stationary_point(c, sign, Sigma):  # W^S, RF25 p. 24 (50)
    near, far = (ratio(c, c.center + e) - ratio(c, c.center - e) for e in (1e-3, 2e-3))
    s = sign * (8 * near - far) / 12e-3 * Sigma  # R'(w⋄) Σ, the slope by differences to O(e⁴)
    return (c.h * c.w_star + s * c.center) / (c.h + s)


def residual(c, W):  # RF25 p. 24: the larger of T (46) and |∇f_Σ| (51)
    e = W - c.w_star
    return np.maximum(abs(c.T(W)), abs(c.h * e * (1 + c.bend * e) + c.Sigma * ratio(c, W)))


claim = Claim(
    "rf25-theorem-5", "Where Analog SGD stands still",
    r"$W^S=\frac{f''(W^*)W^*-R'(W^\diamond)\Sigma W^\diamond}{f''(W^*)-R'(W^\diamond)\Sigma}$ has "
    r"$\|\nabla f_\Sigma(W^S)\|\le O((W^\diamond-W^*)^2)$, $T(W^S)\le O((W^\diamond-W^*)^2)$.",
    Source("RF25", "Theorem 5, p. 24 (46)-(50)"), expected="holds as corrected",
    instances=instances, observe=observe, relation=rate(along="d", order=2, error=residual),
    hypotheses={"D = 1": lambda c: c.w_star.ndim == 1, "f'' > 0": lambda c: c.h > 0},
    stated=lambda c: stationary_point(c, -1, c.Sigma),
    corrected=lambda c: stationary_point(c, +1, c.Sigma),
    mutants=[Mutant("the minimiser itself: no penalty", stated=lambda c: c.w_star),
             Mutant("the symmetric point itself", stated=lambda c: 0 * c.w_star + c.center),
             Mutant("standard deviation for Σ", stated=lambda c: stationary_point(c, 1, c.sigma)),
             Mutant("half the penalty", stated=lambda c: stationary_point(c, 1, c.Sigma / 2))],
    note="The minus of (46), (48), (50), (54), (55) contradicts (2) and (51).",
)  # fmt: skip
