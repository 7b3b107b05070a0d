"""Writes the stored results into the report `paper_repro.md`, whose prose is written by hand.

Only the text between two markers is replaced, such as ``<!-- begin:verdicts -->`` and
``<!-- end:verdicts -->``.  A marker names its block: ``verdicts``, ``claim ID`` or ``study ID``,
and the end marker may leave the id out.  A block depends on the stored results alone
(``claims.json`` and one JSON for each study), so that filling twice changes nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from aimctheory.figures import (
    FULL_SIZE,
    encode,
    full_results,
    provenance,
    read_json,
    versions,
    write_json,
    writing,
)
from aimctheory.judge.claim import Claim
from aimctheory.judge.verdict import Verdict
from aimctheory.scale import FULL, Scale

Result = Mapping[str, Any]
"""What is stored about one claim after a check: plain data, as `result` makes it."""

KEYS = (
    "id",
    "title",
    "paper",
    "locator",
    "relation",
    "verdict",
    "expected",
    "level",
    "stated",
    "computed",
    "margin",
    "error",
    "tightness",
    "mutants",
    "seconds",
)
"""The entries of a result that ``check --json`` prints."""

NOT_RUN = "*Not run yet: `aimctheory reproduce {}`.*\n"


WHEN = ("seconds", "date")
"""The entries of a result that are stored under "provenance"."""


# ---- results of claims, on disk --------------------------------------------------------------


def result(claim: Claim, verdict: Verdict, scale: Scale) -> dict[str, Any]:
    """Everything the report prints about one claim, as plain data that is valid JSON."""
    found = verdict.to_json()
    numbers = ("stated", "computed", "margin", "error", "tightness")
    return {
        **found,
        **{name: encode(found[name]) for name in numbers if found[name] is not None},
        "ok": verdict.ok,
        "scale": scale.name,
        "statement": claim.statement,
        "reason": verdict.reason,
        "note": verdict.note,
        "witness": str(verdict.witness) if verdict.witness else "",
        "worst": str(verdict.worst) if verdict.worst else "",
        "cases": verdict.cases,
        "dropped": dict(verdict.dropped),
        "comparisons": verdict.comparisons,
        "false_alarm": verdict.false_alarm,
        "attacks": [str(trial) for trial in verdict.mutants],
    }


def load_results(folder: Path) -> dict[str, dict[str, Any]]:
    """The results stored in the folder's claims.json, by id; empty where nothing is stored.

    `seconds` and `date` say how long the check took and when it ended.
    """
    content = read_json(folder / "claims.json")
    when = content.get("provenance", {})
    return {
        name: {**stored, **{key: when.get(name, {}).get(key) for key in WHEN}}
        for name, stored in content.get("claims", {}).items()
    }


def store_results(folder: Path, results: Mapping[str, Result]) -> None:
    """Write claims.json; a claim whose result is unchanged keeps its provenance.

    Raises ValueError if the folder cannot be written.
    """
    path = folder / "claims.json"
    old = read_json(path)
    before, when = old.get("claims", {}), old.get("provenance", {})
    claims = {
        name: {key: value for key, value in results[name].items() if key not in WHEN}
        for name in sorted(results)
    }
    stamps = {
        name: when[name]
        if name in when and before.get(name) == claims[name]
        else provenance(results[name]["seconds"] or 0.0)
        for name in claims
    }
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_json(path, {"versions": versions(), "claims": claims, "provenance": stamps})


# ---- markers ---------------------------------------------------------------------------------

_MARKER = re.compile(r"<!-- *(begin|end):([^>]*?) *-->")


def fill(text: str, blocks: Mapping[str, str]) -> str:
    r"""`text` with the content of every marked block replaced by `blocks[name]`.

    A block whose name is not among `blocks` is left as it is; `complaints` names it.

    >>> fill("<!-- begin:a -->old<!-- end:a -->", {"a": "new\n"})
    '<!-- begin:a -->\nnew\n<!-- end:a -->'

    Raises ValueError for a marker without its partner.
    """
    pieces: list[str] = []
    position, name = 0, ""
    for match in _MARKER.finditer(text):
        kind, marked = match.groups()
        if kind == "begin" and not name:
            pieces += [text[position : match.end()]]
            name = marked
        elif kind == "end" and marked in (name, name.split(" ")[0]):
            old = text[position : match.start()]
            pieces += [f"\n{blocks[name]}" if name in blocks else old, match.group()]
            name = ""
        elif name:
            raise ValueError(_unpaired(name, f"before {match.group()}"))
        else:
            raise ValueError(f"the report's marker end:{marked} has no begin:{marked} before it")
        position = match.end()
    if name:
        raise ValueError(_unpaired(name, "in the rest of the file"))
    return "".join([*pieces, text[position:]])


def _unpaired(name: str, where: str) -> str:
    return f"the report's marker begin:{name} has no end:{name} {where}; add it"


def complaints(text: str, names: Collection[str]) -> tuple[list[str], list[str]]:
    """Two lists of sentences: one for each unknown marker, one for each name without a marker."""
    marked = [name for kind, name in _MARKER.findall(text) if kind == "begin"]
    unknown = []
    for name in marked:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "`aimctheory list` shows what there is"
            unknown.append(f"the report has a marker for {name!r}, which there is not; {hint}")
    missing = [
        f"the report does not mention {name!r}; add <!-- begin:{name} --><!-- end:{name} -->"
        for name in names
        if name not in marked
    ]
    return unknown, missing


# ---- blocks ----------------------------------------------------------------------------------


def number(value: Any) -> str:
    """A number with four significant digits; text as it is; a dash for None and for "nan"."""
    if value is None or value == "nan":
        return "–"
    return value if isinstance(value, str) else f"{value:.4g}"


def table(head: Iterable[str], body: Iterable[Iterable[Any]]) -> str:
    """A Markdown table; a "|" or a line break in an entry cannot break it."""
    lines = [list(head)]
    lines.append(["---"] * len(lines[0]))
    lines += [
        [str(entry).replace("|", r"\|").replace("\n", " ") for entry in entries] for entries in body
    ]
    return "".join(f"| {' | '.join(entries)} |\n" for entries in lines)


def union_bound(results: Iterable[Result]) -> str:
    """A sentence: how likely chance alone made any of the statistical verdicts."""
    results = list(results)
    comparisons = sum(each["comparisons"] for each in results)
    if not comparisons:
        return "No verdict rests on a statistical comparison."
    statistical = sum(each["level"] == "statistical" for each in results)
    # The chance of any of several events is at most the sum of their chances.
    chance = sum(each["false_alarm"] for each in results)
    # A bound is rounded up; the digits beyond the twelfth are the rounding of the sum.
    bound = float(Context(prec=2, rounding=ROUND_CEILING).create_decimal(f"{chance:.12g}"))
    return (
        f"{statistical} verdicts rest on {comparisons} statistical comparisons; "
        f"the chance that any of these misleads is at most {bound:g}."
    )


def verdicts_block(results: Mapping[str, Result], transcribed: Mapping[str, bool]) -> str:
    """The table of all verdicts, the union bound, and which algorithms were transcribed."""
    if not results:
        return NOT_RUN.format("").replace(" `.", "`.")
    head = ("claim", "printed at", "what it says", "verdict", "level", "margin", "mutants killed")
    body = (
        (
            f"`{each['id']}`",
            f"{each['paper']} {each['locator']}",
            each["title"],
            _verdict(each),
            each["level"],
            number(each["margin"]),
            _killed(each),
        )
        for each in results.values()
    )
    meaning = "The margin is (allowed − found)/scale: at 0 or above the statement holds."
    compared = [f"`{name}`" for name, is_compared in transcribed.items() if is_compared]
    alone = [f"`{name}`" for name, is_compared in transcribed.items() if not is_compared]
    trust = f"Compared with a literal transcription of the paper: {', '.join(compared) or 'none'}."
    trust += f"  Not checked against the paper: {', '.join(alone)}." if alone else ""
    return f"{table(head, body)}\n{meaning}  {union_bound(results.values())}\n\n{trust}\n"


def _verdict(result: Result) -> str:
    surprise = "" if result["ok"] else f" (expected: {result['expected']})"
    return f"**{result['verdict']}**{surprise}"


def _killed(result: Result) -> str:
    return f"{result['mutants']['killed']}/{result['mutants']['total']}"


def _margin(result: Result) -> str:
    """The margin with its error; empty for a verdict that has none."""
    if result["margin"] is None:
        return ""
    return f"{number(result['margin'])}, error {number(result['error'])}"


def claim_block(result: Result, full: Result | None = None) -> str:
    """The statement as printed, and what was found; in one line also at full size."""
    size = "" if result["scale"] == "default" else f" ({result['scale']} size)"
    reason = result["reason"] if result["verdict"] in ("error", "undecided", "fails") else ""
    loose = result["tightness"]
    found = {
        "verdict": f"{_verdict(result)}, {result['level']}, {result['cases']} cases{size}",
        "because": "" if reason == result["note"] else reason,
        "closest case": result["worst"],
        "the printed form fails at": "" if reason else result["witness"],
        "margin": _margin(result),
        "tightness": "" if loose is None else f"{number(loose)}, bound over measured",
        "mutants killed": _killed(result),
        "at full size": _at_full_size(full) if full else "",
        "note": result["note"],
        "rerun": f"`aimctheory check {result['id']}`",
    }
    body = [(name, value) for name, value in found.items() if value]
    statement = " ".join(result["statement"].split())
    printed = f"> {statement}\n>\n> — {result['paper']}, {result['locator']}\n"
    head = (f"`{result['id']}`", result["title"])
    return f"{printed}\n{table(head, body)}"


def _at_full_size(full: Result) -> str:
    margin = "" if full["margin"] is None else f"margin {_margin(full)}, "
    return f"{_verdict(full)}, {margin}{full['date'][:10]}"


def study_block(content: Result, results: Mapping[str, Result], link: str, full: str = "") -> str:
    """The figure, its few numbers, and the verdicts it relies on.

    `full` is the day of the study's full-size run, which gets a line of links; "" without one.
    """
    name, title = content["id"], content["title"]
    summary = [
        (what, f"{number(found['value'])} {found['unit']}".strip())
        for what, found in content["summary"].items()
    ]
    relied = [
        f"`{claim}` ({results[claim]['verdict'] if claim in results else 'not run'})"
        for claim in content["relies_on"]
    ]
    size = "" if content["scale"] == "default" else f" at {content['scale']} size"
    sentences = [
        f"{title}; after {', '.join(content['sources'])}." if content["sources"] else f"{title}."
    ]
    if relied:
        sentences.append(f"It relies on {', '.join(relied)}.")
    sentences.append(
        f"Numbers: [JSON]({link}/{name}.json), drawn as [PDF]({link}/{name}.pdf){size}; "
        f"rerun with `aimctheory reproduce {name}`."
    )
    parts = [f"![{title}]({link}/{name}.png)\n\n"]
    if summary:
        parts += [table(("in this figure", ""), summary), "\n"]
    parts.append(f"*{'  '.join(sentences)}*\n")
    if full:
        at = f"{link}/{FULL_SIZE}/{name}"
        parts.append(
            f"\n*At full size, {full}: [figure]({at}.png), [JSON]({at}.json), [PDF]({at}.pdf).*\n"
        )
    return "".join(parts)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a report is about: ids of claims and studies; whether each algorithm was transcribed."""

    claims: Collection[str]
    studies: Collection[str]
    algorithms: Mapping[str, bool]


def all_blocks(contents: Contents, folder: Path, link: str) -> dict[str, str]:
    """Every block by its marker's name, from the results stored in `folder`.

    `link` is the path from the report to `folder`.
    """
    stored, full = load_results(folder), load_results(folder / FULL_SIZE)
    results = {name: stored[name] for name in contents.claims if name in stored}
    full = {name: each for name, each in full.items() if each["scale"] == FULL.name}
    blocks = {"verdicts": verdicts_block(results, contents.algorithms)}
    for name in contents.claims:
        blocks[f"claim {name}"] = (
            claim_block(results[name], full.get(name)) if name in results else NOT_RUN.format(name)
        )
    for name in contents.studies:
        content = read_json(folder / f"{name}.json")
        _, day = full_results(name, folder)
        blocks[f"study {name}"] = (
            study_block(content, results, link, day) if content else NOT_RUN.format(name)
        )
    return blocks


def write(
    template: Path, target: Path, folder: Path, contents: Contents
) -> tuple[list[str], list[str]]:
    """Fill the markers of `template` from the results in `folder`, into `target`.

    Returns the two lists of `complaints`.  Raises ValueError for a marker without its partner, a
    missing template, or a target that cannot be written.
    """
    if not template.is_file():
        raise ValueError(f"there is no {template}; restore it, or write it anew with its markers")
    text = template.read_text(encoding="utf-8")
    link = Path(os.path.relpath(folder, target.parent)).as_posix()
    blocks = all_blocks(contents, folder, link)
    filled = fill(text, blocks)
    if not target.exists() or target.read_text(encoding="utf-8") != filled:
        with writing(target.parent):
            part = target.with_suffix(".part")
            part.write_text(filled, encoding="utf-8")
            part.replace(target)
    return complaints(text, blocks)
