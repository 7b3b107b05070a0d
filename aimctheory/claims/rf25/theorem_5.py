"""RF25 Theorem 5: the point W^S where Analog SGD stands still, as printed and with its sign mended.

With the printed minus W^S lies beyond the minimiser, on the side away from the symmetric point.
The theorem bounds two residuals at W^S, the effective update and the gradient of f_Σ.  Both are
measured without random numbers as w* approaches w⋄: at the corrected W^S they vanish to second
order in the distance, at the printed one to first order only.

The theorem is about vectors: in one coordinate and in several, where the Hessian couples
coordinates whose cells and noise differ.  In its ∇R(W⋄)Σ, ∇R is the diagonal matrix of R', and the
product is read as the diagonal matrix of R'Σ; a vector could not be subtracted from ∇²f.  Any noise
will do, skew or with an atom at 0, since |E|g + ξ| − Σ| ≤ |g|.  But f must be smooth enough for
(52): smoothness as in Assumption 1 leaves order 3/2 where f' has a term |w − w*|^(3/2).
"""

import numpy as np

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.catalogue import linear, power
from aimctheory.claims.rf25._formulas import R
from aimctheory.claims.rf25._settings import CELLS, NOISE_WITH_ATOM, SKEW_NOISE
from aimctheory.exact import effective_update
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import rate
from aimctheory.laws import gaussian, two_point_frozen, uniform
from aimctheory.notation import Source
from aimctheory.objectives.record import Objective

H_3 = np.array([[1.5, -0.8, 0.4], [-0.8, 1.3, 0.4], [0.4, 0.4, 1.2]])
THREE = linear(tau=[1.0, 2.0, 0.6], c=[0.3, -0.2, 0.0])
TWO = power(tau=[0.7, 1.5], gamma=[2.0, 3.0])


def instances(scale):
    """Families of distances on either side of w⋄, in one dimension and in several."""
    d = 0.2 / 2.0 ** np.arange(scale.pick(6, 8, 10))
    for cell in CELLS:
        yield {"cell": cell, "law": gaussian(0.7), "distance": d}
        yield {"cell": cell, "law": uniform(0.4), "distance": -d, "H": [[2.0]]}
        yield {"cell": cell, "law": SKEW_NOISE, "distance": d, "bend": 0.5}
    yield {"cell": CELLS[0], "law": NOISE_WITH_ATOM, "distance": d}
    several = {"distance": d, "direction": [1.0, -0.7, 0.5], "H": H_3}
    skew = two_point_frozen(np.array([0.3, 0.8, 0.5]), p=np.array([0.3, 0.8, 0.5]))
    yield {"cell": THREE, "law": gaussian(np.array([0.3, 0.8, 0.5])), **several}
    yield {"cell": THREE, "law": skew, **several, "bend": 0.3}
    yield {"cell": TWO, "law": SKEW_NOISE, "distance": -d, "direction": [1, 1], "H": H_3[:2, :2]}


def rough(scale):
    """An f whose second derivative is not Lipschitz at w*."""
    d = 0.2 / 2.0 ** np.arange(scale.pick(6, 8, 10))
    yield {"cell": CELLS[0], "law": gaussian(0.7), "distance": d, "bend": 0.5, "power": 1.5}


def observe(cell, law, distance, direction=(1.0,), H=((1.0,),), bend=0.0, power=2.0):
    """Mean drift of Analog SGD with w* = w⋄ + distance · direction, for each distance.

    With e = w − w* the gradient of f is H e + bend |Σe|^power in each coordinate.
    """
    H = np.array(H)
    center = np.broadcast_to(cell.penalty_origin(), len(H))
    w_star = center + np.multiply.outer(distance, direction)
    given = {"w_star": w_star, "H": H, "bend": bend, "power": power}
    f = Objective(
        id="bent-bowl",
        title="a bowl that is not quadratic",
        shape=(1, len(H)),
        gradient=lambda w, rows=None: gradient(Case(**given), w),
        value=lambda w: np.einsum("ni,ij,nj->n", w - w_star, H, w - w_star) / 2,
        elementwise=False,
    )
    return Case(
        q_up=cell.q_up,
        q_down=cell.q_down,
        center=center,
        T=effective_update(analog_sgd, cell, f, law).__call__,  # a Case takes functions only
        d=abs(distance),
        mean_abs=law.mean_abs,
        Sigma=np.broadcast_to(law.mean_abs(0), len(H)),
        sigma=np.broadcast_to(law.sigma, len(H)),
        **given,
    )


def gradient(c, w):
    """∇f at the weights w, (…, D), with the expansion about W* of RF25 p. 24 (52)."""
    e = w - c.w_star
    return e @ c.H + c.bend * abs(np.sum(e, axis=-1, keepdims=True)) ** c.power


def slope_of_R(c):
    """R'(w⋄), for RF25 p. 24 (48), by central differences extrapolated to an error O(e⁴)."""
    near, far = (R(c, c.center + e) - R(c, c.center - e) for e in (1e-3, 2e-3))
    return (8 * near - far) / 12e-3


def stationary_point(c, sign, Sigma, H=None):
    """W^S with this sign before ∇R(W⋄)Σ, RF25 p. 24 (48); the page has −1."""
    H, S = c.H if H is None else H, sign * slope_of_R(c) * Sigma
    return np.linalg.solve(H + np.diag(S), (c.w_star @ H + S * c.center).T).T


def residual(c, W):
    """The larger of ‖T‖ (46) and ‖∇f_Σ‖ (51), RF25 p. 24."""
    both = c.T(W), gradient(c, W) + c.Sigma * R(c, W)
    return np.max([np.linalg.norm(each, axis=-1) for each in both], axis=0)


claim = Claim(
    "rf25-theorem-5",
    "Where Analog SGD stands still",
    r"$W^S=(\nabla^2f(W^*)-\nabla R(W^\diamond)\Sigma)^{-1}"
    r"(\nabla^2f(W^*)W^*-\nabla R(W^\diamond)\Sigma W^\diamond)$ has "
    r"$\|\nabla f_\Sigma(W^S)\|\le O((W^\diamond-W^*)^2)$, $T(W^S)\le O((W^\diamond-W^*)^2)$.",
    Source("RF25", "Theorem 5, p. 24 (46)-(50)"),
    expected="holds as corrected",
    relation=rate(along="d", order=2, error=residual),
    hypotheses={
        "∇²f(W*) positive definite": lambda c: np.linalg.eigvalsh(c.H) > 0,
        "∇²f Lipschitz at W*, (52)": lambda c: c.power >= 2,
        "R' ≥ 0 at w⋄": lambda c: slope_of_R(c) >= 0,
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
        Mutant(
            "the diagonal of the Hessian",
            stated=lambda c: stationary_point(c, +1, c.Sigma, np.diag(np.diag(c.H))),
        ),
        Mutant(
            "the mean Σ for that of each coordinate",
            stated=lambda c: stationary_point(c, +1, c.Sigma.mean()),
        ),
        Mutant("f'' not Lipschitz: order 3/2", instances=rough),
    ],
    note="The minus of (46), (48), (50), (54), (55) contradicts (2) and (51).  ∇R(W⋄)Σ is read as "
    "the diagonal matrix of R'Σ.",
)
