"""Shared by the tests of the symbolic theory: their symbols, and how two formulas are compared."""

from __future__ import annotations

import random

import mpmath
import numpy as np
import sympy
from scipy.optimize import minimize_scalar
from sympy import Rational

from aimctheory.algorithms.record import LEARNING_RATE, Algorithm
from aimctheory.notation import Source, positive, real, w

alpha, beta = sympy.Symbol("alpha", positive=True), sympy.Symbol("beta", positive=True)
gamma = sympy.Symbol("gamma", nonnegative=True)
h, w_star = positive("h"), real("w^*")
P, W, H = real("P"), real("W"), real("H")
m_P, m_W = (sympy.Symbol(name, nonnegative=True) for name in ("m_P", "m_W"))
tau, c = positive("tau"), real("c")
BOWL = h * (w - w_star) ** 2 / 2


def same(left, right, count=5):
    """Whether two expressions agree to 40 digits at random rational points in (0.1, 0.9).

    Different elementary functions do so with probability zero: there is no false alarm.
    """
    draw = random.Random(0)
    difference = sympy.sympify(left) - sympy.sympify(right)
    names = sorted(difference.free_symbols, key=str)
    for _ in range(count):
        point = {s: Rational(draw.randrange(100, 900), 1000) for s in names}
        if abs(difference.subs(point).doit().evalf(50)) > sympy.Float("1e-40"):
            return False
    return True


def normal_mean(function, mean, deviation):
    """E function(N(mean, deviation²)) by quadrature to 30 digits, split where the sign changes.

    `mean` and `deviation` are rationals.
    """
    with mpmath.workdps(30):
        mean, deviation = (mpmath.mpf(x.p) / x.q for x in (mean, deviation))
        ends = sorted([-12, -mean / deviation, 12])
        value = mpmath.quad(lambda z: function(mean + deviation * z) * mpmath.npdf(z), ends)
        return sympy.Float(mpmath.nstr(value, 30), 30)


def made(step, arrays=("W",), buffers=(), noises=("read",)):
    """An algorithm around `step`, with the gradient taken at W."""
    return Algorithm(
        id="made-up",
        title="made up",
        source=Source("RF25", "nowhere"),
        arrays=dict.fromkeys(arrays, 0.0),
        buffers=dict.fromkeys(buffers, 0.0),
        noises=noises,
        hyper=(LEARNING_RATE,),
        query=lambda state, hyper, ops: state.W,
        step=step,
        readout=lambda state, hyper, ops: state.W,
    )


def q_max(cell):
    """The largest response of one cell: at an end of its range, or refined from a grid."""
    low, high = cell.dynamic_range
    w = np.linspace(low, high, 401) if np.isfinite(high - low) else np.zeros(3)
    best = 0.0
    for q in (cell.q_up, cell.q_down):
        k = int(np.clip(np.argmax(q(w)), 1, len(w) - 2))
        near = (w[k - 1], w[k + 1])
        best = max(best, float(q(w).max()))
        if near[0] < near[1]:
            found = minimize_scalar(lambda x, q=q: -float(q(x)), bounds=near, method="bounded")
            best = max(best, -float(found.fun))
    return best
