"""The evidence on one claim: every case observed and judged, every mutant tried.

`gathered` runs the claim's functions.  An exception that one of them raises becomes a `CheckError`,
whose sentence names the function and the instance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from aimctheory.judge.case import Case
from aimctheory.judge.claim import Claim, Form, Mutant
from aimctheory.judge.relation import Finding, Quantity, Relation, quantity
from aimctheory.scale import Scale


@dataclass(frozen=True, slots=True)
class Located:
    """A finding and the label of the instance it belongs to."""

    instance: str
    finding: Finding

    def __str__(self) -> str:
        return f"{self.instance}: {self.finding}"


@dataclass(frozen=True, slots=True)
class Trial:
    """Whether one mutant was killed, and the case that killed it or came closest to killing it."""

    why: str
    killed: bool
    by: Located

    def __str__(self) -> str:
        return f"{'killed' if self.killed else 'SURVIVES'}: {self.why} ({self.by})"


@dataclass(frozen=True, slots=True)
class Ruling:
    """The judgement of one form over all cases.

    `state` is "holds", "fails" or "undecided", `worst` the finding that decides it, and `findings`
    has one finding for each case.
    """

    state: str
    worst: Located
    findings: tuple[Located, ...]

    @property
    def tightness(self) -> float | None:
        """The tightness of the tightest case; None where no case is a bound."""
        ratios = [entry.finding.tightness for entry in self.findings]
        return min((ratio for ratio in ratios if ratio is not None), default=None)

    @property
    def comparisons(self) -> int:
        """The number of measured numbers that were compared."""
        return sum(entry.finding.comparisons for entry in self.findings)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that a verdict rests on.

    `printed` is the ruling on the printed form.  `judged` is the ruling on the corrected form, or
    `printed` again where the claim has no correction.  `dropped` counts the cases that failed each
    hypothesis, the unprinted ones included, and `comparisons` the statistical comparisons made.
    """

    printed: Ruling
    judged: Ruling
    trials: tuple[Trial, ...]
    dropped: Mapping[str, int]
    comparisons: int


class CheckError(Exception):
    """The claim cannot be judged; the message is the sentence to report."""


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Turn an exception raised inside into a CheckError that names `what` was being done."""
    try:
        yield
    except CheckError:
        raise
    except Exception as problem:
        lines = str(problem).strip().splitlines() or ["no message"]
        raise CheckError(f"{what} raised {type(problem).__name__}: {lines[0]}") from problem


@dataclass(frozen=True, slots=True)
class _Observations:
    """The cases that meet the hypotheses, each with its label and computed side.

    `dropped` counts the cases that failed each hypothesis.
    """

    cases: tuple[tuple[str, Case, Quantity | None], ...]
    dropped: Mapping[str, int]


def gathered(claim: Claim, scale: Scale) -> Evidence:
    """The printed form, its correction and every mutant, judged on every case."""
    assert claim.stated is not None  # only a claim that is not testable has none
    observations = _observed(claim, scale, claim.hypotheses)
    printed = judged = _ruled(claim.relation, claim.stated, observations, "stated")
    form, trials, comparisons = claim.stated, [], printed.comparisons
    if claim.has_correction:
        form = claim.corrected or claim.stated
        observations = _meeting(claim.unprinted, observations)
        judged = _ruled(claim.relation, form, observations, "corrected")
        trials.append(Trial("the printed form", printed.state == "fails", printed.worst))
        comparisons += judged.comparisons
    trials += [_tried(claim, mutant, form, observations, scale) for mutant in claim.mutants]
    return Evidence(
        printed=printed,
        judged=judged,
        trials=tuple(trials),
        dropped=observations.dropped,
        # Elsewhere a half-width is a numerical error estimate and not subject to chance.
        comparisons=comparisons if claim.level == "statistical" else 0,
    )


def _observed(
    claim: Claim, scale: Scale, hypotheses: Mapping[str, Form], mutant: Mutant | None = None
) -> _Observations:
    """Every instance observed once; cases that fail a hypothesis are dropped and counted.

    A mutant's own `instances` and `observe` replace the claim's.
    """
    instances = (mutant and mutant.instances) or claim.instances
    observe = (mutant and mutant.observe) or claim.observe
    # Only a claim that is not testable has none, and `check` does not observe such a claim.
    assert instances is not None
    assert observe is not None
    cases: list[tuple[str, Case, Quantity | None]] = []
    dropped: dict[str, int] = {}
    with doing("instances"):
        settings = list(instances(scale))
    for setting in settings:
        label = _label(setting)
        with doing(f"observe({label})"):
            case = observe(**setting)
        if not isinstance(case, Case):
            raise CheckError(f"observe({label}) returned a {type(case).__name__}; return a Case")
        if _meets(hypotheses, label, case, dropped):
            with doing(f"computed at {label}"):
                found = quantity(claim.computed(case), "computed") if claim.computed else None
            cases.append((label, case, found))
    return _with_cases(cases, dropped, len(settings))


def _meeting(hypotheses: Mapping[str, Form], observations: _Observations) -> _Observations:
    """The observations whose cases meet these further hypotheses."""
    dropped = dict(observations.dropped)
    cases = [
        (label, case, found)
        for label, case, found in observations.cases
        if _meets(hypotheses, label, case, dropped)
    ]
    return _with_cases(cases, dropped, len(observations.cases))


def _meets(hypotheses: Mapping[str, Form], label: str, case: Case, dropped: dict[str, int]) -> bool:
    """Whether `case` meets every hypothesis; those that it does not meet are counted."""
    failed = []
    for name, test in hypotheses.items():
        with doing(f"hypothesis {name!r} of {label}"):
            if not np.all(test(case)):
                failed.append(name)
    for name in failed:
        dropped[name] = dropped.get(name, 0) + 1
    return not failed


def _with_cases(
    cases: Sequence[tuple[str, Case, Quantity | None]], dropped: Mapping[str, int], tried: int
) -> _Observations:
    """The observations; CheckError where no case of those tried is left."""
    if not cases:
        counts = ", ".join(f"{name!r} drops {count}" for name, count in dropped.items())
        why = f" ({counts}); widen the instances" if counts else "; instances yielded nothing"
        raise CheckError(f"no case of {tried} is left to judge{why}")
    return _Observations(tuple(cases), dropped)


def _ruled(relation: Relation, form: Form, observations: _Observations, name: str) -> Ruling:
    """The ruling on `form`: every case judged, and the worst case decides.

    For a relation that asks for one case "somewhere", the best case decides.
    """
    located = []
    for label, case, computed in observations.cases:
        with doing(f"{name} at {label}"):
            located.append(Located(label, relation.judge(case, computed, form(case))))
    deciding: Callable[..., Located] = max if relation.somewhere else min
    worst = deciding(located, key=_from_bad_to_good)
    return Ruling(worst.finding.margin.state, worst, tuple(located))


def _from_bad_to_good(entry: Located) -> tuple[int, float]:
    """A sorting key: the state first, as a certain failure is worse than a doubt of any margin."""
    margin = entry.finding.margin
    return ("fails", "undecided", "holds").index(margin.state), float(margin.value)


def _tried(
    claim: Claim, mutant: Mutant, form: Form, observations: _Observations, scale: Scale
) -> Trial:
    """The mutant judged by the claim's relation, on its own observations where it makes some."""
    name = f"mutant {mutant.why!r}"
    if mutant.instances or mutant.observe:
        # Instances of its own need not meet the hypotheses.
        hypotheses = {} if mutant.instances else {**claim.hypotheses, **claim.unprinted}
        try:
            observations = _observed(claim, scale, hypotheses, mutant)
        except CheckError as problem:
            raise CheckError(f"{name}: {problem}") from problem
    ruling = _ruled(claim.relation, mutant.stated or form, observations, name)
    return Trial(mutant.why, ruling.state == "fails", ruling.worst)


def _label(setting: Mapping[str, Any]) -> str:
    """The label of an instance for readers: `cell=linear(tau=1), distance=[0.2 … 0.003]`."""
    parts = [f"{name}={_shown(value)}" for name, value in setting.items()]
    return ", ".join(parts) or "the instance"


def _shown(value: Any) -> str:
    """A value of an instance in at most 60 characters; of an array, the first and last element."""
    if isinstance(value, float | np.floating):
        return f"{value:g}"
    if isinstance(value, np.ndarray) and value.size > 1:
        ends = value.ravel()[[0, -1]]
        return f"[{ends[0]:.4g} … {ends[1]:.4g}]"
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else text[:59] + "…"
