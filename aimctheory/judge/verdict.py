"""From a claim to its verdict: gather the evidence, then apply the rules.

Runs one claim; knows nothing about its subject.  Every case is observed once and judged by the
claim's relation, and the same cases must reject every mutant (`evidence`).  A claim without
mutants, or with a mutant that survives, gets the verdict "error", because its check was not seen to
fail.  An exception that a claim raises becomes an "error" of one sentence.

The rules that choose the verdict are two ordered tables, in `_of_the_statement` and `_concluded`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aimctheory.judge.claim import Claim
from aimctheory.judge.evidence import CheckError, Evidence, Located, Trial, doing, gathered
from aimctheory.scale import DEFAULT, QUICK, Scale
from aimctheory.statistics import FALSE_ALARM


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict on one claim, with the evidence.

    Attributes
    ----------
    verdict
        One of `claim.VERDICTS`, "undecided" or "error".
    ok
        Whether the verdict is the expected one, or undecided on a quick run.
    reason
        Why the verdict is not plainly "holds", in a sentence.
    findings, worst
        One finding for each case, and the one with the worst margin.  They belong to the judged
        form: the corrected one, or the printed one where the claim has no correction.
    witness
        The worst case of the printed form, where that form fails.
    dropped
        The number of cases that failed each hypothesis, the unprinted ones included.
    mutants
        One trial for each mutant; with a correction, the printed form is the first mutant.
    tightness
        The smallest ratio of the larger to the smaller side of a bound.
    comparisons
        The number of statistical comparisons made.
    """

    id: str
    title: str
    paper: str
    locator: str
    relation: str
    verdict: str
    expected: str
    level: str
    ok: bool
    reason: str = ""
    note: str = ""
    worst: Located | None = None
    witness: Located | None = None
    findings: tuple[Located, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    mutants: tuple[Trial, ...] = ()
    tightness: float | None = None
    comparisons: int = 0
    seconds: float = 0.0

    @property
    def cases(self) -> int:
        """The number of cases judged."""
        return len(self.findings)

    @property
    def false_alarm(self) -> float:
        """An upper bound of the probability that an interval behind this verdict misses.

        Each statistical comparison misses with probability 1e-6, and the probabilities add.
        """
        return self.comparisons * FALSE_ALARM

    def to_json(self) -> dict[str, Any]:
        """The verdict as plain data; numbers have ten significant digits."""
        worst = self.worst.finding if self.worst else None
        return {
            "id": self.id,
            "title": self.title,
            "paper": self.paper,
            "locator": self.locator,
            "relation": self.relation,
            "verdict": self.verdict,
            "expected": self.expected,
            "level": self.level,
            "stated": _digits(worst and worst.stated),
            "computed": _digits(worst and worst.computed),
            "margin": _digits(worst and worst.margin.value),
            "error": _digits(worst and worst.error),
            "tightness": _digits(self.tightness),
            "mutants": {
                "total": len(self.mutants),
                "killed": sum(trial.killed for trial in self.mutants),
            },
            "seconds": round(self.seconds, 3),
        }

    def __str__(self) -> str:
        return f"{self.id}: {self.verdict}" + (f" ({self.reason})" if self.reason else "")


def _digits(value: Any) -> float | None:
    return float(f"{float(value):.10g}") if value is not None else None


def check(claim: Claim, scale: Scale = DEFAULT) -> Verdict:
    """The verdict on `claim`, from the instances of `scale`.

    Never raises for an exception of the claim: the verdict is then "error", with the sentence in
    `reason`.
    """
    start = time.perf_counter()
    evidence = None
    if claim.expected == "not testable":
        word, reason = "not testable", claim.note
    else:
        try:
            with doing("the check"):
                evidence = gathered(claim, scale)
                word, reason = _concluded(claim, evidence, scale)
        except CheckError as problem:
            word, reason = "error", str(problem)
    verdict = Verdict(
        id=claim.id,
        title=claim.title,
        paper=claim.source.paper,
        locator=claim.source.locator,
        relation=claim.relation.kind,
        verdict=word,
        expected=claim.expected,
        level=claim.level if claim.expected != "not testable" else "none",
        ok=word == claim.expected or (word == "undecided" and scale == QUICK),
        reason=reason,
        note=claim.note,
        seconds=time.perf_counter() - start,
    )
    if evidence is None:
        return verdict
    return replace(
        verdict,
        worst=evidence.judged.worst,
        witness=evidence.printed.worst if evidence.printed.state == "fails" else None,
        findings=evidence.judged.findings,
        dropped=evidence.dropped,
        mutants=evidence.trials,
        tightness=evidence.judged.tightness,
        comparisons=evidence.comparisons,
    )


def _of_the_statement(claim: Claim, evidence: Evidence) -> tuple[str, str]:
    """The word and reason of the verdict on the statement, before the mutants are looked at.

    Each rule is (whether it applies, word, reason); the first rule that applies decides.
    """
    printed, judged = evidence.printed, evidence.judged
    is_vacuous, has_correction = claim.expected == "vacuous", claim.has_correction
    rules = [
        # The two sides of a vacuous claim are the argument for vacuity; a wrong argument proves
        # nothing about the statement.
        (
            is_vacuous and judged.state == "fails",
            "error",
            f"the argument for vacuity fails at {judged.worst}",
        ),
        (is_vacuous and judged.state == "holds", "vacuous", claim.note),
        # The paper was right and the correction is wrong.
        (
            has_correction and judged.state == "fails" and printed.state == "holds",
            "holds",
            f"the printed form holds, and its correction fails at {judged.worst}",
        ),
        # A failure is certain, so it comes before a doubt about the printed form.
        (judged.state == "fails", "fails", f"at {judged.worst}"),
        (judged.state == "undecided", "undecided", f"the margin straddles 0 at {judged.worst}"),
        # From here on the judged form holds.  A correction also needs a printed form that fails.
        (
            printed.state == "undecided",
            "undecided",
            f"the printed form's margin straddles 0 at {printed.worst}",
        ),
        # Where the printed form holds too, it survives as the first mutant, and `_concluded` makes
        # an error of this verdict.
        (has_correction, "holds as corrected", f"the printed form fails at {printed.worst}"),
        (True, "holds", ""),
    ]
    return next((word, reason) for applies, word, reason in rules if applies)


def _concluded(claim: Claim, evidence: Evidence, scale: Scale) -> tuple[str, str]:
    """The word and reason of the verdict: those on the statement, unless the check is too weak.

    Each rule is (whether it applies, word, reason); the first rule that applies decides.
    """
    word, reason = _of_the_statement(claim, evidence)
    weakness = _weakness(evidence.trials, scale)
    rules = [
        # Without a half-width nothing was measured, and no false-alarm rate can be stated.
        (
            claim.level == "statistical" and not evidence.comparisons,
            "error",
            "a statistical claim measures nothing; return pairs",
        ),
        # The printed form holds and its correction fails.  The printed form then survives as the
        # first mutant, which is the result of the check and no weakness of it.
        (claim.has_correction and word == "holds", word, reason),
        # A check that was not seen to fail proves nothing.  Where the verdict on the statement is a
        # surprise as well, the sentence says so.
        (
            bool(weakness) and word != claim.expected,
            "error",
            f"{weakness}; apart from that, the verdict would be {word!r}",
        ),
        (bool(weakness), "error", weakness),
        (True, word, reason),
    ]
    return next((word, reason) for applies, word, reason in rules if applies)


def _weakness(trials: Sequence[Trial], scale: Scale) -> str:
    """Why the check is too weak: it has no mutant, or one survives; "" where it is not."""
    if not trials:
        return "the claim has no mutant, so its check was never seen to fail; add one"
    for trial in trials:
        # A quick run measures too little to kill every mutant: a doubtful one is let pass there.
        doubtful = trial.by.finding.margin.state == "undecided"
        if not trial.killed and not (doubtful and scale == QUICK):
            return f"a mutant survives ({trial.why}), closest to failing at {trial.by}"
    return ""
