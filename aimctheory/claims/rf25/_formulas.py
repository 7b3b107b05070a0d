"""Formulas of RF25 that several claims use, typed from its pages.

A formula takes the Case `c` of a claim.  `c.q_up` and `c.q_down` are the responses of the cell.
"""

import numpy as np


def F(c, w):
    """The mean response (q₋ + q₊)/2, RF25 p. 4 (4)."""
    return (c.q_down(w) + c.q_up(w)) / 2


def G(c, w):
    """The asymmetric response (q₋ − q₊)/2, RF25 p. 4 (4)."""
    return (c.q_down(w) - c.q_up(w)) / 2


def R(c, w):
    """The slope of the penalty, R_c' = G/F, RF25 p. 6."""
    return G(c, w) / F(c, w)


def F_max(c):
    """The largest F over the dynamic range, RF25 p. 21, Lemma 2(a), here over 4001 points of it."""
    return F(c, np.linspace(*c.range, 4001)).max()


def gradient(c, w):
    """The gradient of f, h e (1 + bend e) with e = w − w*; RF25 p. 24 asks for f'(W*) = 0."""
    e = w - c.w_star
    return c.h * e * (1 + c.bend * e)


def minimiser(c, Sigma, slope=R):
    """The minimiser of f_Σ = f + Σ R_c, RF25 p. 6 (7), where `slope` is R_c'.

    It lies between w⋄ and w*, and 55 bisections of f_Σ' take that interval to the rounding of a
    double.
    """
    low, high = c.center + 0 * c.w_star, c.w_star
    for _ in range(55):
        w = (low + high) / 2
        beyond = (gradient(c, w) + Sigma * slope(c, w)) * (c.w_star - c.center) > 0
        low, high = np.where(beyond, low, w), np.where(beyond, w, high)
    return (low + high) / 2


def pulls_inwards(c):
    """Whether G > 0 above w⋄ and G < 0 below, RF25 p. 6, at the points between w⋄ and w*."""
    share = np.linspace(0.05, 1.0, 20)[:, None]
    return G(c, c.center + share * (c.w_star - c.center)) * (c.w_star - c.center) > 0


def moment_is_smooth(c):
    """Whether E|g + ξ| = Σ + O(g²) at g = 0; RF25 p. 25 (56) has Σ + O(g).

    At g = 1e-6 a density of 10 adds 1e-11, an atom of a thousandth 1e-9, a density that grows as
    |ξ|^(−1/2) some 1e-9, and skewness a multiple of 1e-6.
    """
    return abs(c.mean_abs(np.array([[-1e-6], [1e-6]])) - c.Sigma) < 1e-11
