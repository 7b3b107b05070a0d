"""RF25 Theorem 5: the point W^S where Analog SGD stands still, as printed and with its sign mended.

With the printed minus W^S lies beyond the minimiser, on the side away from the symmetric point.
The theorem bounds two residuals at W^S, the effective update and the gradient of f_Σ.  Both are
measured without random numbers as w* approaches w⋄: at the corrected W^S they vanish to second
order in the distance, at the printed one to first order only.
"""

from dataclasses import replace

import numpy as np

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.claims.rf25._formulas import R
from aimctheory.claims.rf25._settings import CELLS
from aimctheory.exact import effective_update
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import rate
from aimctheory.laws import gaussian, uniform
from aimctheory.notation import Source
from aimctheory.objectives.quadratic import quadratic


def instances(scale):
    """Families of distances on either side of w⋄; the last has an f that is not quadratic."""
    d = 0.2 / 2.0 ** np.arange(scale.pick(6, 8, 10))
    for cell in CELLS:
        yield {"cell": cell, "law": gaussian(0.7), "distance": d}
        yield {"cell": cell, "law": uniform(0.4), "distance": -d, "h": 2.0}
        yield {"cell": cell, "law": gaussian(0.7), "distance": d, "bend": 0.5}


def observe(cell, law, distance, h=1.0, bend=0.0):
    """Mean drift of Analog SGD on f' = h e (1 + bend·e), e = w − w*, at each distance w* − w⋄."""

    def gradient(w, parameters, ops):
        e = w - parameters.minimiser
        return parameters.curvature * e * (1 + bend * e)

    center = cell.symmetric_point()
    f = replace(quadratic(h, center + distance), gradient=gradient)
    return Case(
        q_up=cell.q_up,
        q_down=cell.q_down,
        center=center,
        w_star=center + distance,
        T=effective_update(analog_sgd, cell, f, law).__call__,  # a Case takes functions only
        d=abs(distance),
        h=h,
        bend=bend,
        mean_abs=law.mean_abs,
        Sigma=law.mean_abs(0),
        sigma=law.sigma,
    )


def slope_of_R(c):
    """R'(w⋄), for RF25 p. 24 (50), by central differences extrapolated to an error O(e⁴)."""
    near, far = (R(c, c.center + e) - R(c, c.center - e) for e in (1e-3, 2e-3))
    return (8 * near - far) / 12e-3


def stationary_point(c, sign, Sigma):
    """W^S with this sign before R'(w⋄)Σ, RF25 p. 24 (50); the page has −1."""
    s = sign * slope_of_R(c) * Sigma
    return (c.h * c.w_star + s * c.center) / (c.h + s)


def residual(c, W):
    """The larger of |T| (46) and |∇f_Σ| (51), RF25 p. 24."""
    e = W - c.w_star
    return np.maximum(abs(c.T(W)), abs(c.h * e * (1 + c.bend * e) + c.Sigma * R(c, W)))


claim = Claim(
    "rf25-theorem-5",
    "Where Analog SGD stands still",
    r"$W^S=\frac{f''(W^*)W^*-R'(W^\diamond)\Sigma W^\diamond}{f''(W^*)-R'(W^\diamond)\Sigma}$ has "
    r"$\|\nabla f_\Sigma(W^S)\|\le O((W^\diamond-W^*)^2)$, $T(W^S)\le O((W^\diamond-W^*)^2)$.",
    Source("RF25", "Theorem 5, p. 24 (46)-(50)"),
    expected="holds as corrected",
    relation=rate(along="d", order=2, error=residual),
    hypotheses={
        "D = 1": lambda c: c.w_star.ndim == 1,
        "f'' > 0": lambda c: c.h > 0,
    },
    instances=instances,
    observe=observe,
    stated=lambda c: stationary_point(c, -1, c.Sigma),
    corrected=lambda c: stationary_point(c, +1, c.Sigma),
    mutants=[
        Mutant("the minimiser itself: no penalty", stated=lambda c: c.w_star),
        Mutant("the symmetric point itself", stated=lambda c: 0 * c.w_star + c.center),
        Mutant("standard deviation for Σ", stated=lambda c: stationary_point(c, +1, c.sigma)),
        Mutant("half the penalty", stated=lambda c: stationary_point(c, +1, c.Sigma / 2)),
    ],
    note="The minus of (46), (48), (50), (54), (55) contradicts (2) and (51).",
)
