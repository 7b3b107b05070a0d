"""RF25 Corollary 1: the metric E_K of Residual Learning vanishes like the learning rate.

A variation of the experiment of `corollary_1`: the same runs, another average.  At the theorem's
α = O(1/√(σ²K)) the corollary's O(√(σ²L/K)) is O(α).  In the long run E_K is the stationary mean of
its summand, (12), whose hidden constants are taken as 1.
"""

from aimctheory.claims.rf25 import corollary_1
from aimctheory.judge.claim import Claim, Mutant
from aimctheory.judge.relation import rate
from aimctheory.notation import Source


def observe(P, W, alpha, replicates, power=1.0):
    """The mean of the summand of E_K for each α; `power` as in `corollary_1`."""
    return corollary_1.observe(P, W, alpha, replicates, average="distances", power=power)


claim = Claim(
    "rf25-corollary-1-gradient",
    "Residual Learning's mean squared gradient is O(α)",
    r"Under Assumption 5 if $\alpha=O(\sqrt{1/\sigma^2K})$ and $\gamma\ge\Omega(R_{\min}^{-1/5})$, "
    r"$E_K:=\frac1K\sum_{k<K}E[\|\nabla f(\bar W_k)\|^2+O(\|P_k-P^*(W_k)\|^2)+O(\|W_k-W^*\|^2)]"
    r"\le O(\sqrt{\sigma^2L/K})$.",
    Source("RF25", "Corollary 1, p. 8, with (12), p. 7"),
    expected="holds",
    level="statistical",
    relation=rate(along="alpha", order=1, kind="exactly"),
    hypotheses={"Assumption 5": lambda c: c.P_ratio == 0},
    instances=corollary_1.instances,
    observe=observe,
    computed=lambda c: (c.value, c.half_width),
    stated=lambda c: 0.0,
    mutants=[
        Mutant(
            "P's symmetric point shifted",
            instances=lambda scale: corollary_1.instances(scale, P=corollary_1.SHIFTED),
        ),
        Mutant("a floor of 0.01 in the limit", stated=lambda c: 0.01),
        Mutant("∝ √α", observe=lambda **at: observe(**at, power=2.0)),
        Mutant("∝ α²", observe=lambda **at: observe(**at, power=0.5)),
    ],
    note="The printed γ ≥ Ω(R_min^{-1/5}), at least 1, is not met (γ = 0.4) and not needed here; a "
    "bound on σ, which the proof does need, is not printed.",
)
