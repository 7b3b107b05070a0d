"""From a claim to a verdict: observe, compare, attack with the mutants, say what was found.

Responsible for running one claim and for nothing it is about.  Every case is observed once and
judged by the claim's relation; the same cases then have to reject every mutant.  A claim with no
mutant, or with a surviving one, is an error: such a check cannot fail.  Whatever a claim raises
becomes an error verdict of one sentence; the run goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aimctheory.judge.case import Case
from aimctheory.judge.claim import Claim, Form, Mutant
from aimctheory.judge.relation import Finding, Quantity, Relation, quantity
from aimctheory.scale import DEFAULT, QUICK, Scale
from aimctheory.statistics import FALSE_ALARM


@dataclass(frozen=True, slots=True)
class Located:
    """A finding and the instance it was made on."""

    instance: str
    finding: Finding

    def __str__(self) -> str:
        return f"{self.instance}: {self.finding}"


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one mutant: killed or not, and the case that did it or came closest."""

    why: str
    killed: bool
    by: Located

    def __str__(self) -> str:
        return f"{'killed' if self.killed else 'SURVIVES'}: {self.why} ({self.by})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one claim, with the evidence.

    `verdict` is one of `claim.VERDICTS`, "undecided" or "error"; `ok` says that it is the expected
    one (or undecided on a quick run); `reason` says in a sentence why it is not plainly "holds".
    `findings` are those of the judged form (the corrected one where there is one), one for each
    case, and `worst` the one with the worst margin; `witness` is a case on which the printed form
    fails; `dropped` counts the cases that failed each hypothesis; `comparisons` the statistical
    comparisons made.
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
        """The chance that chance alone made this verdict: 1e-6 for each statistical comparison."""
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


class _CheckError(Exception):
    """A claim that cannot be judged; the message is the sentence to report."""


@contextmanager
def _doing(what: str) -> Iterator[None]:
    """Turn whatever is raised inside into a _CheckError that says during what."""
    try:
        yield
    except _CheckError:
        raise
    except Exception as problem:
        lines = str(problem).strip().splitlines() or ["no message"]
        raise _CheckError(f"{what} raised {type(problem).__name__}: {lines[0]}") from problem


def check(claim: Claim, scale: Scale = DEFAULT) -> Verdict:
    """The verdict on `claim`, from the instances of `scale`.

    Never raises for what the claim does: that is the verdict "error", with the sentence in
    `reason`.
    """
    start = time.perf_counter()
    found: dict[str, Any]
    try:
        if claim.expected == "not testable":
            found = {"verdict": "not testable", "reason": claim.note}
        else:
            with _doing("the check"):
                found = _found(claim, scale)
    except _CheckError as problem:
        found = {"verdict": "error", "reason": str(problem)}
    as_expected = found["verdict"] == claim.expected
    return Verdict(
        id=claim.id,
        title=claim.title,
        paper=claim.source.paper,
        locator=claim.source.locator,
        relation=claim.relation.kind,
        expected=claim.expected,
        level=claim.level if claim.expected != "not testable" else "none",
        note=claim.note,
        ok=as_expected or (found["verdict"] == "undecided" and scale == QUICK),
        seconds=time.perf_counter() - start,
        **found,
    )


@dataclass(frozen=True, slots=True)
class _Evidence:
    """The cases that meet the hypotheses: label, case, computed side; and what was dropped."""

    cases: tuple[tuple[str, Case, Quantity | None], ...]
    dropped: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Ruling:
    """What a form comes to over all cases."""

    state: str
    worst: Located
    findings: tuple[Located, ...]


def _found(claim: Claim, scale: Scale) -> dict[str, Any]:
    """The fields of the Verdict that depend on the evidence."""
    assert claim.stated is not None
    relation, evidence = claim.relation, _observed(claim, scale)
    printed = _ruled(relation, claim.stated, evidence, "stated")
    form, ruling, trials = claim.stated, printed, []
    if claim.corrected is not None:
        form, ruling = claim.corrected, _ruled(relation, claim.corrected, evidence, "corrected")
        trials.append(Trial("the printed form", printed.state == "fails", printed.worst))
    trials += [_attacked(claim, mutant, form, evidence, scale) for mutant in claim.mutants]
    verdict, reason = _verdict(claim, printed, ruling)
    # Where the printed form holds and its correction fails, that is the news, not a weak check.
    if verdict != "holds" or not claim.corrected:
        lack = _powerless(trials, scale)
        if lack and verdict != claim.expected:
            lack += f"; apart from that, the verdict would be {verdict!r}"
        verdict, reason = ("error", lack) if lack else (verdict, reason)
    comparisons = 0
    if claim.level == "statistical":
        judged = {id(r): r for r in (printed, ruling)}.values()
        comparisons = sum(entry.finding.comparisons for r in judged for entry in r.findings)
        if not comparisons:
            verdict, reason = "error", "a statistical claim measures nothing; return pairs"
    ratios = [entry.finding.tightness for entry in ruling.findings]
    return {
        "verdict": verdict,
        "reason": reason,
        "worst": ruling.worst,
        "witness": printed.worst if printed.state == "fails" else None,
        "findings": ruling.findings,
        "dropped": evidence.dropped,
        "mutants": tuple(trials),
        "tightness": min((r for r in ratios if r is not None), default=None),
        "comparisons": comparisons,
    }


def _verdict(claim: Claim, printed: _Ruling, ruling: _Ruling) -> tuple[str, str]:
    """The verdict's word and its reason, before the mutants are heard."""
    if claim.expected == "vacuous":
        if ruling.state == "fails":
            return "error", f"the argument for vacuity fails at {ruling.worst}"
        if ruling.state == "holds":
            return "vacuous", claim.note
    if ruling.state == "fails" and claim.corrected and printed.state == "holds":
        return "holds", f"the printed form holds, and its correction fails at {ruling.worst}"
    if ruling.state == "fails":
        return "fails", f"at {ruling.worst}"
    for part, name in ((ruling, "the margin"), (printed, "the printed form's margin")):
        if part.state == "undecided":
            return "undecided", f"{name} straddles 0 at {part.worst}"
    if not claim.corrected:
        return "holds", ""
    return "holds as corrected", f"the printed form fails at {printed.worst}"


def _powerless(trials: Sequence[Trial], scale: Scale) -> str:
    """Why the check has no power: no mutants, or the first that survives; else nothing."""
    if not trials:
        return "the claim has no mutant, so its check was never seen to fail; add one"
    for trial in trials:
        doubtful = trial.by.finding.margin.state == "undecided"
        if not trial.killed and not (doubtful and scale == QUICK):
            return f"a mutant survives ({trial.why}), closest to failing at {trial.by}"
    return ""


def _observed(claim: Claim, scale: Scale, mutant: Mutant | None = None) -> _Evidence:
    """Every instance observed once, those that fail a hypothesis dropped and counted.

    The mutant may bring instances, then free of the hypotheses, and an observation of its own.
    """
    instances = (mutant and mutant.instances) or claim.instances
    observe = (mutant and mutant.observe) or claim.observe
    hypotheses = {} if mutant and mutant.instances else claim.hypotheses
    # A Claim without them is not testable, and never comes here.
    assert instances is not None
    assert observe is not None
    cases: list[tuple[str, Case, Quantity | None]] = []
    dropped: dict[str, int] = {}
    with _doing("instances"):
        settings = list(instances(scale))
    for setting in settings:
        label = _label(setting)
        with _doing(f"observe({label})"):
            case = observe(**setting)
        if not isinstance(case, Case):
            raise _CheckError(f"observe({label}) returned a {type(case).__name__}; return a Case")
        failed = _failed(hypotheses, label, case)
        for name in failed:
            dropped[name] = dropped.get(name, 0) + 1
        if not failed:
            with _doing(f"computed at {label}"):
                found = quantity(claim.computed(case), "computed") if claim.computed else None
            cases.append((label, case, found))
    if not cases:
        counts = ", ".join(f"{name!r} drops {count}" for name, count in dropped.items())
        why = f" ({counts}); widen the instances" if counts else "; instances yielded nothing"
        raise _CheckError(f"no case of {len(settings)} is left to judge{why}")
    return _Evidence(tuple(cases), dropped)


def _failed(hypotheses: Mapping[str, Form], label: str, case: Case) -> list[str]:
    """The hypotheses that `case` does not meet."""
    failed = []
    for name, test in hypotheses.items():
        with _doing(f"hypothesis {name!r} of {label}"):
            if not np.all(test(case)):
                failed.append(name)
    return failed


def _ruled(relation: Relation, form: Form, evidence: _Evidence, name: str) -> _Ruling:
    """`form` judged on every case."""
    located = []
    for label, case, computed in evidence.cases:
        with _doing(f"{name} at {label}"):
            located.append(Located(label, relation.judge(case, computed, form(case))))
    return _settled(relation, located)


def _settled(relation: Relation, located: Sequence[Located]) -> _Ruling:
    """Every case must hold; or, for a relation that says "somewhere", one."""
    ranks = ("fails", "undecided", "holds")

    def badness(entry: Located) -> tuple[int, float]:
        margin = entry.finding.margin
        return ranks.index(margin.state), float(margin.value)

    telling: Callable[..., Located] = max if relation.somewhere else min
    worst = telling(located, key=badness)
    return _Ruling(worst.finding.margin.state, worst, tuple(located))


def _attacked(claim: Claim, mutant: Mutant, form: Form, evidence: _Evidence, scale: Scale) -> Trial:
    """The mutant in the place of what it replaces, before the same court."""
    name = f"mutant {mutant.why!r}"
    if mutant.instances or mutant.observe:
        try:
            evidence = _observed(claim, scale, mutant)
        except _CheckError as problem:
            raise _CheckError(f"{name}: {problem}") from problem
    ruling = _ruled(claim.relation, mutant.stated or form, evidence, name)
    return Trial(mutant.why, ruling.state == "fails", ruling.worst)


def _label(setting: Mapping[str, Any]) -> str:
    """An instance for readers: `cell=linear(tau=1), distance=[0.2 … 0.003]`."""
    parts = [f"{name}={_shown(value)}" for name, value in setting.items()]
    return ", ".join(parts) or "the instance"


def _shown(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return f"{value:g}"
    if isinstance(value, np.ndarray) and value.size > 1:
        ends = value.ravel()[[0, -1]]
        return f"[{ends[0]:.4g} … {ends[1]:.4g}]"
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else text[:59] + "…"
