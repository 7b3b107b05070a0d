"""The benchmarked runs as a good NumPy programmer would write them, and as plain Numba loops.

Each function is complete: it makes its own generator, runs `steps` steps of `replicates`
independent weights and returns the last ones.  Of several forms of each NumPy loop that were timed,
the fastest is kept: it builds the increments in place in `d`, and evaluates a response once per
step, as q_± = q(±x) with ± = sign d.  The minimiser is 0.5, f″ = 1 and σ = 0.5.  Unless TAU
appears, τ = 1 and no operation is spent on it.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

RATE, NOISE, GOAL = 0.01, 0.5, 0.5
TAU, BEND = 1.25, 2.0
FAST, TRANSFER, FILTER, MIXING, THRESHOLD, READ = 0.02, 0.01, 0.05, 0.5, 0.002, 0.1


def spread(replicates: int) -> tuple[Array, Array, Array]:
    """Half-widths τ, asymmetries c and rates that differ from cell to cell, each (R,)."""
    place = np.linspace(-1.0, 1.0, replicates)
    return 1.5 + 0.2 * place, 0.2 * place[::-1].copy(), RATE * (1 + 0.3 * place)


# ---- linear response -------------------------------------------------------------------------


def linear_numpy(steps: int, replicates: int) -> Array:
    """w ← w + d − |d| w/τ,  d = −α (w − w* + σ z)."""
    rng = np.random.default_rng(0)
    w, d, bend = np.zeros((3, replicates))
    for _ in range(steps):
        rng.standard_normal(out=d)
        d *= NOISE
        d += w
        d -= GOAL
        d *= -RATE
        np.abs(d, out=bend)
        bend *= w
        bend *= 1 / TAU
        d -= bend
        w += d
    return w


def linear_numpy_single(steps: int, replicates: int) -> Array:
    """The same with normals of single precision, which NumPy draws a little faster."""
    rng = np.random.default_rng(0)
    w, d, bend = np.zeros((3, replicates))
    z = np.empty(replicates, dtype=np.float32)
    for _ in range(steps):
        rng.standard_normal(dtype=np.float32, out=z)
        np.multiply(z, NOISE, out=d)
        d += w
        d -= GOAL
        d *= -RATE
        np.abs(d, out=bend)
        bend *= w
        bend *= 1 / TAU
        d -= bend
        w += d
    return w


@numba.njit
def linear_numba(steps: int, replicates: int) -> Any:
    """The same, one weight after the other."""
    np.random.seed(0)
    w = np.zeros(replicates)
    for j in range(replicates):
        x = w[j]
        for _ in range(steps):
            d = -RATE * (x - GOAL + NOISE * np.random.standard_normal())
            x = x + d - abs(d) * x / TAU
        w[j] = x
    return w


# ---- outcomes, numbers of each cell, running moments -----------------------------------------


def moments_numpy(steps: int, replicates: int) -> Array:
    """As above with τ, c and α of each cell; sums of w and w²; the step at which a cell left.

    With e = d + c|d|, which has d's sign, the linear response is w ← w + e − |e| w/τ.
    """
    rng = np.random.default_rng(0)
    tau, c, rate = spread(replicates)
    per_tau, minus_rate = 1 / tau, -rate
    w, d, bend, total, squares = np.zeros((5, replicates))
    inside = np.empty(replicates, dtype=bool)
    left = np.full(replicates, -1)
    for k in range(steps):
        total += w
        np.multiply(w, w, out=bend)
        squares += bend
        rng.standard_normal(out=d)
        d *= NOISE
        d += w
        d -= GOAL
        d *= minus_rate
        np.abs(d, out=bend)
        bend *= c
        d += bend
        np.abs(d, out=bend)
        bend *= per_tau
        bend *= w
        d -= bend
        w += d
        np.abs(w, out=bend)
        np.less_equal(bend, tau, out=inside)  # false for NaN too
        if not inside.all():
            left[~inside & (left < 0)] = k + 1
    return np.stack([w, total / steps, squares / steps - (total / steps) ** 2])


@numba.njit
def moments_loop(steps: int, tau: Any, c: Any, rate: Any) -> Any:
    """The same, one weight after the other."""
    np.random.seed(0)
    w, mean, variance = np.zeros((3, tau.size))
    left = np.full(tau.size, -1)
    for j in range(tau.size):
        x, total, squares = 0.0, 0.0, 0.0
        for k in range(steps):
            total += x
            squares += x * x
            d = -rate[j] * (x - GOAL + NOISE * np.random.standard_normal())
            e = d + c[j] * abs(d)
            x = x + e - abs(e) * x / tau[j]
            if not abs(x) <= tau[j] and left[j] < 0:
                left[j] = k + 1
        w[j], mean[j], variance[j] = x, total / steps, squares / steps - (total / steps) ** 2
    return w, mean, variance


def moments_numba(steps: int, replicates: int) -> Array:
    """`moments_loop` for the numbers of `spread`."""
    return np.asarray(moments_loop(steps, *spread(replicates)))


# ---- power and exponential response ----------------------------------------------------------


def power_2_numpy(steps: int, replicates: int) -> Array:
    """w ← w + d (1 ∓ w)² = w + d (1 + w²) − 2 |d| w."""
    rng = np.random.default_rng(0)
    w, d, bend, squares = np.zeros((4, replicates))
    for _ in range(steps):
        rng.standard_normal(out=d)
        d *= NOISE
        d += w
        d -= GOAL
        d *= -RATE
        np.abs(d, out=bend)
        bend *= w
        bend *= 2.0
        np.multiply(w, w, out=squares)
        squares += 1.0
        d *= squares
        d -= bend
        w += d
    return w


@numba.njit
def power_2_numba(steps: int, replicates: int) -> Any:
    """The same, one weight after the other."""
    np.random.seed(0)
    w = np.zeros(replicates)
    for j in range(replicates):
        x = w[j]
        for _ in range(steps):
            d = -RATE * (x - GOAL + NOISE * np.random.standard_normal())
            u = 1.0 - x if d >= 0 else 1.0 + x
            x = x + d * u * u
        w[j] = x
    return w


def power_1_5_numpy(steps: int, replicates: int) -> Array:
    """w ← w + d u √u,  u = 1 − sign(d) w: a square root is faster than a power."""
    rng = np.random.default_rng(0)
    w, d, u, root = np.zeros((4, replicates))
    for _ in range(steps):
        rng.standard_normal(out=d)
        d *= NOISE
        d += w
        d -= GOAL
        d *= -RATE
        np.copysign(1.0, d, out=u)
        u *= w
        np.subtract(1.0, u, out=u)
        np.sqrt(u, out=root)
        u *= root
        u *= d
        w += u
    return w


@numba.njit
def power_1_5_numba(steps: int, replicates: int) -> Any:
    """The same, one weight after the other."""
    np.random.seed(0)
    w = np.zeros(replicates)
    for j in range(replicates):
        x = w[j]
        for _ in range(steps):
            d = -RATE * (x - GOAL + NOISE * np.random.standard_normal())
            u = 1.0 - x if d >= 0 else 1.0 + x
            x = x + d * u * np.sqrt(u)
        w[j] = x
    return w


def power_2_37_numpy(steps: int, replicates: int) -> Array:
    """w ← w + d u^2.37,  u = 1 − sign(d) w."""
    rng = np.random.default_rng(0)
    w, d, u = np.zeros((3, replicates))
    for _ in range(steps):
        rng.standard_normal(out=d)
        d *= NOISE
        d += w
        d -= GOAL
        d *= -RATE
        np.copysign(1.0, d, out=u)
        u *= w
        np.subtract(1.0, u, out=u)
        np.power(u, 2.37, out=u)
        u *= d
        w += u
    return w


@numba.njit
def power_2_37_numba(steps: int, replicates: int) -> Any:
    """The same, one weight after the other."""
    np.random.seed(0)
    w = np.zeros(replicates)
    for j in range(replicates):
        x = w[j]
        for _ in range(steps):
            d = -RATE * (x - GOAL + NOISE * np.random.standard_normal())
            u = 1.0 - x if d >= 0 else 1.0 + x
            x = x + d * u**2.37
        w[j] = x
    return w


def exponential_numpy(steps: int, replicates: int) -> Array:
    """w ← w + d (e^{γ(1 ∓ w)} − 1)/(e^γ − 1): one exponential, of the argument that d asks for."""
    rng = np.random.default_rng(0)
    w, d, q = np.zeros((3, replicates))
    scale = 1 / np.expm1(BEND)
    for _ in range(steps):
        rng.standard_normal(out=d)
        d *= NOISE
        d += w
        d -= GOAL
        d *= -RATE
        np.copysign(BEND, d, out=q)
        q *= w
        np.subtract(BEND, q, out=q)
        np.exp(q, out=q)
        q -= 1.0
        q *= scale
        q *= d
        w += q
    return w


@numba.njit
def exponential_numba(steps: int, replicates: int) -> Any:
    """The same, one weight after the other."""
    np.random.seed(0)
    w = np.zeros(replicates)
    scale = 1 / np.expm1(BEND)
    for j in range(replicates):
        x = w[j]
        for _ in range(steps):
            d = -RATE * (x - GOAL + NOISE * np.random.standard_normal())
            u = 1.0 - x if d >= 0 else 1.0 + x
            x = x + d * (np.exp(BEND * u) - 1.0) * scale
        w[j] = x
    return w


# ---- Residual Learning v2 --------------------------------------------------------------------


def residual_numpy(steps: int, replicates: int) -> Array:
    """P ← U(P, −α g(W + γP));  H ← H + β_H (P + ε − H);  W ← U(W, β H) where |H| > θ."""
    rng = np.random.default_rng(0)
    P, H, W, d, bend = np.zeros((5, replicates))
    for _ in range(steps):
        rng.standard_normal(out=d)
        d *= NOISE
        d += W
        np.multiply(P, MIXING, out=bend)
        d += bend
        d -= GOAL
        d *= -FAST
        np.abs(d, out=bend)
        bend *= P
        d -= bend
        P += d
        rng.standard_normal(out=d)
        d *= READ
        d += P
        d -= H
        d *= FILTER
        H += d
        np.abs(H, out=bend)
        np.multiply(H, TRANSFER, out=d)
        d *= bend > THRESHOLD
        np.abs(d, out=bend)
        bend *= W
        d -= bend
        W += d
    return np.asarray(W + MIXING * P)


@numba.njit
def residual_numba(steps: int, replicates: int) -> Any:
    """The same, one element after the other."""
    np.random.seed(0)
    weight = np.zeros(replicates)
    for j in range(replicates):
        P, H, W = 0.0, 0.0, 0.0
        for _ in range(steps):
            g = W + MIXING * P - GOAL + NOISE * np.random.standard_normal()
            d = -FAST * g
            P = P + d - abs(d) * P
            H = (1 - FILTER) * H + FILTER * (P + READ * np.random.standard_normal())
            d = TRANSFER * H if abs(H) > THRESHOLD else 0.0
            W = W + d - abs(d) * W
        weight[j] = W + MIXING * P
    return weight


# ---- coupled coordinates ---------------------------------------------------------------------


def hessian(coordinates: int) -> Array:
    """A dense Hessian with eigenvalues 1 and 2: 1 + uuᵀ, u a unit vector without zeros."""
    u = np.cos(np.arange(coordinates))
    u /= np.linalg.norm(u)
    return np.asarray(np.eye(coordinates) + np.outer(u, u))


def dense_numpy(steps: int, replicates: int, coordinates: int = 50) -> Array:
    """W ← W + d − |d| W,  d = −α ((W − w*) H + σ z), all replicates in one product."""
    rng = np.random.default_rng(0)
    H = hessian(coordinates)
    w, d, offset, gradient = np.zeros((4, replicates, coordinates))
    for _ in range(steps):
        np.subtract(w, GOAL, out=offset)
        np.matmul(offset, H, out=gradient)
        rng.standard_normal(out=d)
        d *= NOISE
        d += gradient
        d *= -RATE
        np.abs(d, out=offset)
        offset *= w
        d -= offset
        w += d
    return w


def gradient_alone(objective: Any, weights: Array, batches: NDArray[np.intp]) -> None:
    """Only the array calls for the gradients: batches (steps, R, B), weights (R, D)."""
    for indices in batches:
        objective.gradient(weights, indices)
