"""A published statement and the evidence for it, as records: Claim, Mutant, Case.

A claim sets what a paper states beside what our code finds.  `instances` yields the settings;
`observe` is the only function that touches our code, and puts numbers, arrays, strings and
functions of plain numbers into a Case; `computed`, `stated`, `corrected`, `hypotheses` and the
mutants see nothing but the Case.  So a formula typed from the page can never be checked against
itself.  A mutant is a statement we have reason to call false: the same evidence must reject it.

`verdict.check` runs a claim.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from types import MappingProxyType
from typing import Any

from aimctheory.judge.case import Case as Case
from aimctheory.judge.relation import Relation as Relation
from aimctheory.judge.relation import at_least as at_least
from aimctheory.judge.relation import at_most as at_most
from aimctheory.judge.relation import definition as definition
from aimctheory.judge.relation import equal as equal
from aimctheory.judge.relation import exists as exists
from aimctheory.judge.relation import rate as rate
from aimctheory.notation import Source
from aimctheory.scale import Scale

VERDICTS = ("holds", "holds as corrected", "fails", "vacuous", "not testable")
"""What a claim may expect; a check may also end "undecided" or in an "error"."""

LEVELS = ("proved", "certified", "deterministic", "statistical")
"""How strongly a statement can be checked, the strongest first."""

Instances = Callable[[Scale], Iterable[Mapping[str, Any]]]
Observe = Callable[..., Case]
Form = Callable[[Case], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Mutant:
    """A false statement, why it is false, and what it replaces of the claim; None keeps its own.

    A mutant with instances of its own is judged without the claim's hypotheses, so it may drop
    one.

    >>> Mutant("the sign of the noise term", stated=lambda c: -c.noise).why
    'the sign of the noise term'
    """

    why: str
    _: KW_ONLY
    stated: Form | None = None
    instances: Instances | None = None
    observe: Observe | None = None

    def __post_init__(self) -> None:
        if self.stated is None and self.instances is None and self.observe is None:
            raise ValueError(
                f"mutant {self.why!r} changes nothing; give it stated=, instances= or observe="
            )


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """One published statement, the evidence to hold against it, and the verdict we expect.

    Parameters
    ----------
    id
        Lower-case words and digits joined by hyphens, such as "rf25-theorem-5".
    statement
        The statement as printed, in Markdown with LaTeX.
    relation
        What the two sides have to do with one another: `equal`, `at_most`, `at_least`, `rate`,
        `exists` or `definition`.
    expected
        One of `VERDICTS`.  With "vacuous" the two sides are the argument for vacuity; with
        "not testable" there are no sides and no mutants, and `note` says why.
    instances, observe
        `instances(scale)` yields mappings; `observe(**mapping)` returns the Case.
    hypotheses
        What the statement supposes: a name and a test of the case.  A case that fails one is
        dropped and counted.
    computed, stated, corrected
        Functions of the Case returning a number, an array, or the pair (value, half_width).
        `computed` may be None where the relation has an `error`.  With `corrected`, the mutants
        act on it and the printed form counts as the first mutant.
    level
        One of `LEVELS`: the strongest at which the statement is checked here.
    note
        A remark on the printed proof, kept apart from the verdict on the statement.

    Raises
    ------
    ValueError
        If an id, a level or an expected verdict is none of the known, or a part is missing.
    """

    id: str
    title: str
    statement: str
    source: Source
    _: KW_ONLY
    relation: Relation
    expected: str
    instances: Instances | None = None
    hypotheses: Mapping[str, Form] = field(default_factory=dict)
    observe: Observe | None = None
    computed: Form | None = None
    stated: Form | None = None
    corrected: Form | None = None
    mutants: Sequence[Mutant] = ()
    level: str = "deterministic"
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "mutants", tuple(self.mutants))
        object.__setattr__(self, "hypotheses", MappingProxyType(dict(self.hypotheses)))
        for problem in _problems(self):
            raise ValueError(f"claim {self.id!r}: {problem}")


def _problems(claim: Claim) -> Iterable[str]:
    """What is wrong with a claim, one sentence each."""
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", claim.id):
        yield "id is not lower-case words and digits joined by hyphens, such as 'rf25-theorem-5'"
    if claim.expected not in VERDICTS:
        yield f"expected = {claim.expected!r} is not one of {', '.join(VERDICTS)}"
    if claim.level not in LEVELS:
        yield f"level = {claim.level!r} is not one of {', '.join(LEVELS)}"
    if claim.expected == "not testable":
        if claim.stated or claim.computed or claim.instances or claim.mutants:
            yield "a statement that is not testable has no sides, instances or mutants; drop them"
        if not claim.note:
            yield "a statement that is not testable needs a note that says why"
        return
    missing = [name for name in ("instances", "observe", "stated") if not getattr(claim, name)]
    if claim.computed is None and not claim.relation.implicit:
        missing.append("computed (or error= in its relation)")
    if missing:
        yield f"{' and '.join(missing)} missing; only a statement not testable goes without"
    if (claim.corrected is not None) != (claim.expected == "holds as corrected"):
        yield "corrected= and expected='holds as corrected' go together; give both or neither"
