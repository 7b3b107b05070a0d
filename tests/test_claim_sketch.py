"""The claim file of the design, as typed there, on cells written out here.

RF25 Theorem 5: the printed sign of W^S leaves a drift of first order in the distance, the
corrected one of second order, third where R = G/F is odd.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import mpmath
import numpy as np
import pytest

from aimctheory.judge.claim import Case, Claim, Mutant
from aimctheory.judge.relation import rate
from aimctheory.judge.verdict import check
from aimctheory.notation import Source
from aimctheory.scale import DEFAULT, FULL, QUICK

SOURCE = Source("RF25", "Theorem 5, p. 24")


@dataclass(frozen=True)
class Cell:
    """The linear response shifted to w = c, or the power response where `gamma` is not 1."""

    c: float = 0.0
    gamma: int = 1

    def q_up(self, w):
        return (1 + self.c) * (1 - w) ** self.gamma

    def q_down(self, w):
        return (1 - self.c) * (1 + w) ** self.gamma


def mean_abs(g, sigma):
    tail = sigma * math.sqrt(2 / math.pi) * np.exp(-(g**2) / (2 * sigma**2))
    return tail + g * np.vectorize(math.erf)(g / (sigma * math.sqrt(2)))


def effective_update(cell, w_star, sigma):
    def drift(w):  # f'F + E|f' + noise| G for f = (w - w_star)²/2 and Gaussian noise
        gradient, up, down = w - w_star, cell.q_up(w), cell.q_down(w)
        return gradient * (up + down) / 2 + mean_abs(gradient, sigma) * (down - up) / 2

    return drift


def instances(scale):
    for cell in (Cell(), Cell(c=0.3), Cell(gamma=2)):
        yield {"cell": cell, "distance": 0.2 / 2.0 ** np.arange(scale.pick(5, 7, 9))}


def observe(cell, distance, sigma=0.7):
    center = cell.c
    w_star = center + distance
    return Case(
        q_up=cell.q_up,
        q_down=cell.q_down,
        center=center,
        w_star=w_star,
        curvature=1.0,
        Sigma=float(mean_abs(0.0, sigma)),
        sigma=sigma,
        d=distance,
        T=effective_update(cell, w_star, sigma),
    )


def slope_of_ratio(c):  # R = G/F, RF25 Sec. 3.1
    def ratio(w):
        return (c.q_down(w) - c.q_up(w)) / (c.q_down(w) + c.q_up(w))

    return float(mpmath.diff(ratio, c.center))


def stationary_point(c, sign, Sigma=None):  # RF25 p. 24-25, (46), (50), (55)
    s = sign * slope_of_ratio(c) * (c.Sigma if Sigma is None else Sigma)
    return (c.curvature * c.w_star + s * c.center) / (c.curvature + s)


THEOREM_5 = Claim(
    "rf25-theorem-5",
    "Where Analog SGD stands still",
    "$T(W^S) = O(d^2)$",
    SOURCE,
    expected="holds as corrected",
    relation=rate(along="d", order=2, error=lambda c, W: abs(c.T(W))),
    hypotheses={"D = 1": lambda c: c.w_star.ndim == 1, "f'' > 0": lambda c: c.curvature > 0},
    instances=instances,
    observe=observe,
    computed=None,
    stated=lambda c: stationary_point(c, -1),
    corrected=lambda c: stationary_point(c, +1),
    mutants=[
        Mutant("the minimiser itself: no penalty", stated=lambda c: c.w_star),
        Mutant("the symmetric point itself", stated=lambda c: 0 * c.w_star + c.center),
        Mutant(
            "standard deviation for E|noise|", stated=lambda c: stationary_point(c, +1, c.sigma)
        ),
    ],
)


@pytest.mark.parametrize("scale", [QUICK, DEFAULT, FULL], ids=str)
def test_theorem_5_of_the_design_holds_as_corrected(scale):
    verdict = check(THEOREM_5, scale)
    assert (verdict.verdict, verdict.ok) == ("holds as corrected", True), verdict.reason
    assert [trial.killed for trial in verdict.mutants] == [True] * 4
    slopes = [located.finding.computed for located in verdict.findings]
    assert slopes == pytest.approx([3, 2, 3], abs=0.1)
    assert verdict.witness.finding.computed == pytest.approx(1, abs=0.1)


def test_the_cubic_law_of_an_odd_ratio_is_a_claim_of_its_own():
    cubic = rate(along="d", order=3, kind="exactly", error=lambda c, W: abs(c.T(W)))
    odd = {"R is odd": lambda c: c.center == 0}
    verdict = check(replace(THEOREM_5, relation=cubic, hypotheses=odd))
    assert (verdict.verdict, verdict.dropped) == ("holds as corrected", {"R is odd": 1})
    without = check(replace(THEOREM_5, relation=cubic, hypotheses={}))
    assert (without.verdict, without.ok) == ("fails", False)


def test_a_sign_planted_in_the_drift_turns_the_verdict():
    def planted(cell, distance):
        right = observe(cell, distance)
        wrong = effective_update(Exchanged(cell), right.w_star, right.sigma)
        return Case(**{name: getattr(right, name) for name in CARRIED}, T=wrong)

    verdict = check(replace(THEOREM_5, observe=planted))
    assert (verdict.verdict, verdict.ok) == ("holds", False)
    assert verdict.reason.startswith("the printed form holds, and its correction fails at")


CARRIED = ("q_up", "q_down", "center", "w_star", "curvature", "Sigma", "sigma", "d")


class Exchanged:
    """A cell with up and down exchanged: the sign of G is wrong."""

    def __init__(self, cell):
        self.q_up, self.q_down = cell.q_down, cell.q_up
