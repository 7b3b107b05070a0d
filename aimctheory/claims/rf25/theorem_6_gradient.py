"""RF25 Theorem 6, (133): the mean squared gradient of Analog SGD without noise.

A variation of the experiment of `theorem_6`, at the step size 1/(L F_max) that only the proof
names.  R_min is a minimum over k in [K], which the page does not define: p. 4 defines [D] as
{1, …, D}, but steps are numbered from 0.  Read as the steps 0, …, K − 1 of the sum, [K] makes the
bound hold.  Read as {1, …, K} it does not: a start close to saturation then counts in the sum and
not in R_min.
"""

import numpy as np

from aimctheory.catalogue import linear
from aimctheory.claims.rf25 import theorem_6
from aimctheory.claims.rf25._formulas import F_max
from aimctheory.judge.claim import Claim, Mutant
from aimctheory.judge.relation import at_most
from aimctheory.notation import Source


def instances(scale):
    """A start close to saturation, where [K] = {1, …, K} fails, and those of `theorem_6`."""
    one = np.ones((1, 1))
    yield {"cell": linear(tau=1), "h": one, "w_star": 0.5 * one, "w_0": 0.99 * one}
    yield from theorem_6.instances(scale)


def observe(cell, h, w_star, w_0, rate=1.0):
    """The runs of `theorem_6` at learning rate `rate`/(L F_max)."""
    return theorem_6.observe(cell, h, w_star, w_0, rate)


def mean_square_gradient(c):
    """The left side of RF25 p. 40 (133), for each K."""
    return np.cumsum(np.sum(c.g[:, :-1] ** 2, axis=2), axis=1) / c.K


def bound(c, first=0, power=2):
    """The right side of RF25 p. 40 (133), with R_min over K steps from k = first on."""
    R_min = np.minimum.accumulate(c.Q.min(axis=2)[:, first : first + c.K.size], axis=1)
    return 2 * c.L * c.gap * F_max(c) ** power / (c.K * R_min)


claim = Claim(
    "rf25-theorem-6-gradient",
    "Without noise the gradient vanishes",
    r"If $R_{\min}:=\min_{k\in[K]}\min\{Q_+(W_k)Q_-(W_k)\}>0$, then "
    r"$\frac1K\sum_{k=0}^{K-1}\|\nabla f(W_k)\|^2\le\frac{2L(f(W_0)-f^*)F_{\max}^2}{KR_{\min}}$.",
    Source("RF25", "Theorem 6, p. 40 (133)"),
    expected="holds",
    relation=at_most(),
    hypotheses={"Q₊Q₋ > 0 along the run": lambda c: c.Q > 0},
    instances=instances,
    observe=observe,
    computed=mean_square_gradient,
    stated=bound,
    mutants=[
        Mutant("[K] = {1, …, K}", stated=lambda c: bound(c, first=1)),
        Mutant("half the bound", stated=lambda c: bound(c) / 2),
        Mutant("F_max for its square", stated=lambda c: bound(c, power=1)),
        Mutant("no L", stated=lambda c: bound(c) / c.L),
        Mutant("no R_min", stated=lambda c: bound(c) * c.Q[:, :1].min(axis=2)),
        Mutant("the step of (141)", observe=lambda **at: observe(**at, rate=0.5)),
    ],
    note="Read: [K] = {0, …, K − 1}, the steps that are summed; the page defines [D] only.  The "
    "step size is the proof's, 1/(L F_max).  (142) lacks 1/F_max, (143) has it.",
)
