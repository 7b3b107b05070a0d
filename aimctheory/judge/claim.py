"""A published statement and how it is checked: Claim and Mutant.

A claim compares the statement of a paper with the results of this package.  `instances` yields the
settings.  `observe` is the only function that calls the package; it puts numbers, arrays, strings
and functions of plain numbers into a `Case`.  The sides, the hypotheses and the mutants see only
the Case, so a formula typed from the page cannot be checked against itself.  A mutant is a
statement that is known to be false; the same evidence must reject it.

`relation` has the ways to compare the two sides, and `verdict.check` runs a claim.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from types import MappingProxyType
from typing import Any

from aimctheory.judge.case import Case as Case
from aimctheory.judge.relation import Relation
from aimctheory.notation import Source
from aimctheory.scale import Scale

VERDICTS = ("holds", "holds as corrected", "fails", "vacuous", "not testable")
"""The verdicts a claim may expect; a check may also end "undecided" or with an "error"."""

LEVELS = ("proved", "certified", "deterministic", "statistical")
"""How strongly a statement is checked, the strongest level first."""

Instances = Callable[[Scale], Iterable[Mapping[str, Any]]]
Observe = Callable[..., Case]
Form = Callable[[Case], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Mutant:
    """A statement known to be false: why, and the parts of the claim that it replaces.

    A part that is None stays the claim's.  A mutant with instances of its own is judged without the
    claim's hypotheses, so such a mutant may violate one.

    Raises
    ------
    ValueError
        If the mutant replaces no part.

    Examples
    --------
    >>> Mutant("the sign of the noise term", stated=lambda c: -c.noise).why
    'the sign of the noise term'
    """

    why: str
    _: KW_ONLY
    instances: Instances | None = None
    observe: Observe | None = None
    stated: Form | None = None

    def __post_init__(self) -> None:
        if self.stated is None and self.instances is None and self.observe is None:
            raise ValueError(
                f"mutant {self.why!r} changes nothing; give it stated=, instances= or observe="
            )


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """One published statement, how to check it, and the verdict we expect.

    Files of claims give the keywords in the order in which they stand here.

    Parameters
    ----------
    id
        Lower-case words and digits joined by hyphens, such as "rf25-theorem-5".
    statement
        The statement as printed, in Markdown with LaTeX.
    expected
        One of `VERDICTS`.  With "vacuous" the two sides are the argument for vacuity.  With
        "not testable" the claim has no sides and no mutants, and `note` says why.
    level
        One of `LEVELS`: the strongest level at which the statement is checked here.
    relation
        How the computed side must compare with the stated one: a relation of `judge.relation`.
    hypotheses
        The assumptions of the statement: a name and a test of the case for each.  A case that
        fails a test is dropped and counted.
    unprinted
        Assumptions that the statement needs and the page does not print, as in `hypotheses`.  The
        printed form is judged without them, the corrected form with them.
    instances, observe
        `instances(scale)` yields mappings; `observe(**mapping)` returns the Case.
    computed, stated, corrected
        Functions of the Case returning a number, an array, or the pair (value, half_width).
        `computed` may be None where the relation has an `error`.  With `corrected` or `unprinted`,
        the mutants change the corrected form, and the printed form counts as the first mutant.
    note
        A remark on the printed proof, which does not change the verdict on the statement.

    Raises
    ------
    ValueError
        If the id is malformed, the level or the expected verdict unknown, or a part is missing.
    """

    id: str
    title: str
    statement: str
    source: Source
    _: KW_ONLY
    expected: str
    level: str = "deterministic"
    relation: Relation
    hypotheses: Mapping[str, Form] = field(default_factory=dict)
    unprinted: Mapping[str, Form] = field(default_factory=dict)
    instances: Instances | None = None
    observe: Observe | None = None
    computed: Form | None = None
    stated: Form | None = None
    corrected: Form | None = None
    mutants: Sequence[Mutant] = ()
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "mutants", tuple(self.mutants))
        object.__setattr__(self, "hypotheses", MappingProxyType(dict(self.hypotheses)))
        object.__setattr__(self, "unprinted", MappingProxyType(dict(self.unprinted)))
        for problem in _problems(self):
            raise ValueError(f"claim {self.id!r}: {problem}")

    @property
    def has_correction(self) -> bool:
        """Whether a correction stands beside the printed form: another form, or assumptions."""
        return self.corrected is not None or bool(self.unprinted)


def _problems(claim: Claim) -> Iterable[str]:
    """The faults of a claim's definition, one sentence for each."""
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
    if claim.has_correction != (claim.expected == "holds as corrected"):
        yield (
            "corrected= or unprinted= and expected='holds as corrected' go together; give both or "
            "neither"
        )
    if both := claim.hypotheses.keys() & claim.unprinted.keys():
        yield f"{', '.join(sorted(both))} in hypotheses= and in unprinted=; give each in one"
