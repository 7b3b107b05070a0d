"""RF25 Corollary 1: the metric E_K of Residual Learning vanishes like the learning rate.

At the theorem's α = O(1/√(σ²K)) the corollary's O(√(σ²L/K)) is O(α).  In the long run E_K is the
stationary mean of its summand, (12), whose hidden constants are taken as 1.
"""

from functools import partial

from aimctheory import Source
from aimctheory.claims.rf25.corollary_1 import SHIFTED, instances, observe
from aimctheory.judge.claim import Claim, Mutant
from aimctheory.judge.relation import rate

observe = partial(observe, average="distances")

claim = Claim(
    "rf25-corollary-1-gradient", "Residual Learning's mean squared gradient is O(α)",
    r"Under Assumption 5 if $\alpha=O(\sqrt{1/\sigma^2K})$ and $\gamma\ge\Omega(R_{\min}^{-1/5})$, "
    r"$E_K:=\frac1K\sum_{k<K}E[\|\nabla f(\bar W_k)\|^2+O(\|P_k-P^*(W_k)\|^2)+O(\|W_k-W^*\|^2)]"
    r"\le O(\sqrt{\sigma^2L/K})$.",
    Source("RF25", "Corollary 1, p. 8, with (12), p. 7"), expected="holds", level="statistical",
    instances=instances, observe=observe, relation=rate("alpha", order=1, kind="exactly"),
    hypotheses={"Assumption 5": lambda c: c.P_ratio == 0},
    computed=lambda c: (c.value, c.half), stated=lambda c: 0.0,
    mutants=[Mutant("P's symmetric point shifted", instances=lambda s: instances(s, P=SHIFTED)),
             Mutant("a floor of 0.01 in the limit", stated=lambda c: 0.01),
             Mutant("∝ √α", observe=lambda **at: observe(**at, power=2.0)),
             Mutant("∝ α²", observe=lambda **at: observe(**at, power=0.5))],
    note="The printed γ ≥ Ω(R_min^{-1/5}), at least 1, is not met (γ = 0.4) and not needed here; a "
         "bound on σ, which the proof does need, is not printed.",
)  # fmt: skip
