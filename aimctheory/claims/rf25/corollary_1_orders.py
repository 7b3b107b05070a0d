"""RF25 Corollary 1, sharper: the bias of Residual Learning on any fast array with G_P(0) = 0.

The law of `corollary_1`, which derives it, against the stationary law of P for a transfer so slow
that W stands still (β/α → 0, the two time scales of RF25 (10)-(11)).  P is then Analog SGD with the
gradient hγ(P − P*), and W rests where E P = E|P| R_W(W).  No random numbers enter, so the relative
error of the law is followed down to α = 1e-4: it vanishes like √α or faster.

The cells have their first derivative at 0 in different places; each line says which counts.
"""

import mpmath
import numpy as np
from numpy.polynomial import chebyshev, legendre

from aimctheory.catalogue import linear, soft_bounds
from aimctheory.exact import stationary_law
from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import rate
from aimctheory.laws import gaussian, uniform
from aimctheory.notation import Source, w
from aimctheory.objectives.quadratic import quadratic
from aimctheory.response import Response

W_STAR, H = 0.5, 1.0
ODD, EVEN = linear(tau=1, c=-0.3), linear(tau=1, c=W_STAR)  # W with and without odd moments of P


def cell(name, F, G):
    """The cell with these mean and asymmetric responses, on [−0.85, 0.85]."""
    return Response(F - G, F + G, dynamic_range=(-0.85, 0.85), id=name)()


ONE, ZERO = 0 * w + 1, 0 * w
LINEAR, LOPSIDED = linear(tau=1), soft_bounds(tau_max=0.7, tau_min=-1.6)
GAUSSIAN, UNIFORM = gaussian(0.5), uniform(0.5)
PROBLEMS = (
    {"P": LINEAR, "W": ODD, "law": GAUSSIAN},  # R': 1/2
    {"P": cell("tilted-cubic", 1 + 0.3 * w, w**3), "W": ODD, "law": GAUSSIAN},  # F': 1
    {"P": cell("cubic", ONE, w**3), "W": ODD, "law": UNIFORM},  # third derivative of R: 3/2
    {"P": LOPSIDED, "W": ODD, "law": GAUSSIAN},  # R': 1/2
    {"P": LOPSIDED, "W": EVEN, "law": GAUSSIAN},  # R'' and F': 1
    {"P": cell("square", ONE, w**2 / 2), "W": ODD, "law": UNIFORM},  # R'': 1
    {"P": cell("tilted", 1 + 0.3 * w, ZERO), "W": EVEN, "law": GAUSSIAN},  # F': 1
    {"P": cell("dome", 1 - w**2 / 2, ZERO), "W": ODD, "law": GAUSSIAN},  # F'': 3/2
)


def instances(scale):
    """Families of learning rates, one for each problem."""
    alpha = 1.6e-3 / 4.0 ** np.arange(3)
    for i, problem in enumerate(PROBLEMS[: scale.pick(2, 8, 8)]):
        yield {**problem, "gamma": (0.4, 1.0)[i % 2], "alpha": alpha}


def mean_abs(law):
    """E|P| of a stationary law, whose density is a polynomial; the integral is split at 0."""
    # The grid's outermost points are cos(π/2N) of half its width from the middle.
    middle, half = (law.grid[0] + law.grid[-1]) / 2, (law.grid[-1] - law.grid[0]) / 2
    half /= np.cos(np.pi / (2 * law.grid.size))
    density = chebyshev.chebfit((law.grid - middle) / half, law.density, law.grid.size - 1)
    points, shares = legendre.leggauss(law.grid.size)
    total = 0.0
    for end in (middle - half, middle + half):
        P = end / 2 * (1 + points)
        total += abs(end) / 2 * shares @ (abs(P) * chebyshev.chebval((P - middle) / half, density))
    return total


def bias(P, W, law, gamma, alpha):
    """E∇f(W̄) with W at rest, and the error of the stationary law of P."""

    def at(goal):
        """P's stationary law for P* = `goal`, where W = W* − γP*, and W's drift."""
        found = stationary_law(P, quadratic(H * gamma, goal), law, alpha)
        return found, found.mean - mean_abs(found) * float(W.ratio(W_STAR - gamma * goal))

    goal, ahead = 0.0, 0.1 * np.sqrt(alpha)
    (_, drift), (found, drift_ahead) = at(goal), at(ahead)
    for _ in range(6):  # secants; W's drift is nearly linear in P*
        if abs(drift_ahead) < 1e-10:
            break
        step = drift_ahead * (ahead - goal) / (drift_ahead - drift)
        goal, drift, ahead = ahead, drift_ahead, ahead - step
        found, drift_ahead = at(ahead)
    return H * gamma * (found.mean - ahead), H * gamma * found.error


def observe(P, W, law, gamma, alpha):
    """The bias for each α, and what its law needs."""
    value, error = np.array([bias(P, W, law, gamma, a) for a in alpha]).T
    return Case(
        value=value,
        error=error,
        alpha=alpha,
        gamma=gamma,
        sigma=law.sigma,
        Sigma=law.mean_abs(0.0),
        q_up=P.q_up,
        q_down=P.q_down,
        W_ratio=W.ratio(W_STAR),
        skew=law.mean_abs(0.1) - law.mean_abs(-0.1),
    )


def slope_of_R(c):
    """R'(0) = G'(0)/F(0) where G(0) = 0, RF25 p. 8, Assumption 5."""
    rise = (c.q_down(1e-5) - c.q_up(1e-5) - c.q_down(-1e-5) + c.q_up(-1e-5)) / 2e-5
    return rise / (c.q_up(0.0) + c.q_down(0.0))


def variance(c):
    """The variance ασ²F(0)/(2(hγ + ΣR'(0))) of P around 0, from RF25 p. 7 (10)."""
    F_0 = (c.q_up(0.0) + c.q_down(0.0)) / 2
    return c.alpha * c.sigma**2 * F_0 / (2 * (H * c.gamma + c.Sigma * slope_of_R(c)))


def center(c):
    """The û with û = R_W(W*) E|û + Z|, Z standard normal: W at rest, RF25 p. 7 (11).

    Each of the 60 iterations shrinks the error by |R_W|, at most 0.7.
    """
    u = mpmath.mpf(0)
    for _ in range(60):
        edge = mpmath.sqrt(2 / mpmath.pi) * mpmath.exp(-u * u / 2)
        u = float(c.W_ratio) * (edge + u * mpmath.erf(u / mpmath.sqrt(2)))
    return float(u)


def parts(c, at=None):
    """ΣE R(P) and σ²E F'(P), P normal, for Assumption 5 of RF25 p. 8; `at` replaces û.

    A normal P has E F'(P) = E[F(P)(P − E P)]/v.
    """
    points, shares = np.polynomial.hermite_e.hermegauss(20)
    v = variance(c)[:, None]
    P = np.sqrt(v) * (points + (center(c) if at is None else at))
    share = shares / shares.sum()
    F, G = (c.q_down(P) + c.q_up(P)) / 2, (c.q_down(P) - c.q_up(P)) / 2
    return c.Sigma * (G / F) @ share, c.sigma**2 * (F * points / np.sqrt(v)) @ share


def law_of_bias(c, at=None, drift=0.5):
    """−ΣE R(P) − ½ασ²E F'(P), sharper than RF25 p. 8, Corollary 1; `drift` replaces the ½."""
    pull, slope = parts(c, at)
    return -pull - drift * c.alpha * slope


def square_root_law(c):
    """−ΣR'(0) E P alone, the part of order √α; RF25 p. 8."""
    return -c.Sigma * slope_of_R(c) * center(c) * np.sqrt(variance(c))


def no_cancellation(c):
    """Whether the two terms of the law of RF25 p. 8 leave a tenth of their sizes or more."""
    pull, slope = parts(c)
    sizes = abs(pull) + c.alpha * abs(slope) / 2
    return bool(np.all(abs(law_of_bias(c)) > sizes / 10))


def relative_error(c, stated):
    """1 − law/E∇f for the law of RF25 p. 8, and the half-width from the stationary law's error."""
    return 1 - stated / c.value, abs(stated) * c.error / c.value**2


claim = Claim(
    "rf25-corollary-1-orders",
    "The order of Residual Learning's bias on any centred fast array",
    r"Ours: if $P=0$ is a symmetric point (Assumption 5), $E\nabla f(\bar W)="
    r"-\Sigma E\,R_P(P)-\frac12\alpha\sigma^2E\,F_P'(P)$ to leading order: $R_P^{(n)}(0)$ gives "
    r"the order $n/2$ and $F_P^{(k)}(0)$ the order $(k+1)/2$ (relative error $O(\sqrt\alpha)$).",
    Source("RF25", "sharper than Corollary 1, p. 8"),
    expected="holds",
    relation=rate(along="alpha", order=0.5, error=relative_error),
    hypotheses={
        "Assumption 5": lambda c: abs(c.q_up(0.0) - c.q_down(0.0)) < 1e-12,
        "P settles: f''γ + ΣR_P'(0) > 0": lambda c: H * c.gamma + c.Sigma * slope_of_R(c) > 0,
        "symmetric noise": lambda c: abs(c.skew) < 1e-12,
        "the terms do not cancel": no_cancellation,
    },
    instances=instances,
    observe=observe,
    stated=law_of_bias,
    mutants=[
        Mutant("√α alone", stated=square_root_law),
        Mutant("without F'", stated=lambda c: law_of_bias(c, drift=0.0)),
        Mutant("ασ²E F' for half of it", stated=lambda c: law_of_bias(c, drift=1.0)),
        Mutant("P around 0", stated=lambda c: law_of_bias(c, at=0.0)),
        Mutant(
            "E P = √(2/π) R_W √v",
            stated=lambda c: law_of_bias(c, at=np.sqrt(2 / np.pi) * c.W_ratio),
        ),
    ],
    note="Odd n and even k count only where R_W(W*) ≠ 0; elsewhere skew noise adds "
    "−E[sign ξ] E[uR_P].  At a fixed β/α the orders are the same, and the odd moments of P are not "
    "those of a normal law.",
)
