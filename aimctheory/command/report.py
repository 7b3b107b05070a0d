"""Verdicts and figures into `paper_repro.md`: prose by hand, everything between markers by code.

A block stands between ``<!-- begin:verdicts -->`` and ``<!-- end:verdicts -->``; in place of
``verdicts`` it may say ``claim ID`` or ``study ID``, and its end may leave the id out.  Blocks are
written from the stored results alone (``claims.json`` and one JSON for each study), and filling
twice changes nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from aimctheory.figures import encode, provenance, read_json, versions, write_json, writing
from aimctheory.judge.claim import Claim
from aimctheory.judge.verdict import Verdict
from aimctheory.scale import Scale

Row = Mapping[str, Any]

KEYS = (
    "id", "title", "paper", "locator", "relation", "verdict", "expected", "level", "stated",
    "computed", "margin", "error", "tightness", "mutants", "seconds",
)  # fmt: skip
"""What ``check --json`` prints of a claim."""

NOT_RUN = "*Not run yet: `aimctheory reproduce {}`.*\n"


# ---- results of claims, on disk --------------------------------------------------------------


def row(claim: Claim, verdict: Verdict, scale: Scale) -> dict[str, Any]:
    """Everything the report prints of one claim, as plain data that is valid JSON."""
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


def load_rows(folder: Path) -> dict[str, dict[str, Any]]:
    """The stored results of claims by id; none where nothing is stored."""
    content = read_json(folder / "claims.json")
    when = content.get("provenance", {})
    return {
        name: {**stored, "seconds": when.get(name, {}).get("seconds")}
        for name, stored in content.get("claims", {}).items()
    }


def store_rows(folder: Path, rows: Mapping[str, Row]) -> None:
    """Write claims.json; a claim whose result is unchanged keeps its provenance.

    Raises ValueError if the folder cannot be written.
    """
    path = folder / "claims.json"
    old = read_json(path)
    before, when = old.get("claims", {}), old.get("provenance", {})
    claims = {i: {k: v for k, v in rows[i].items() if k != "seconds"} for i in sorted(rows)}
    stamps = {
        i: when[i]
        if i in when and before.get(i) == claims[i]
        else provenance(rows[i]["seconds"] or 0.0)
        for i in claims
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
    """A sentence for each marker that is not in `names`, and for each name without a marker."""
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
    """A number for readers: four significant digits, text as it is, nothing as a dash."""
    if value is None or value == "nan":
        return "–"
    return value if isinstance(value, str) else f"{value:.4g}"


def table(head: Iterable[str], body: Iterable[Iterable[Any]]) -> str:
    """A Markdown table."""
    lines = [list(head)]
    lines.append(["---"] * len(lines[0]))
    lines += [
        [str(cell).replace("|", r"\|").replace("\n", " ") for cell in cells] for cells in body
    ]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def union_bound(rows: Iterable[Row]) -> str:
    """How likely chance alone made any of the statistical verdicts, in a sentence."""
    rows = list(rows)
    comparisons, bound = sum(r["comparisons"] for r in rows), sum(r["false_alarm"] for r in rows)
    if not comparisons:
        return "No verdict rests on a statistical comparison."
    statistical = sum(r["level"] == "statistical" for r in rows)
    return (
        f"{statistical} verdicts rest on {comparisons} statistical comparisons; "
        f"the chance that any of these misleads is at most {bound:.1g}."
    )


def verdicts_block(rows: Mapping[str, Row], transcribed: Mapping[str, bool]) -> str:
    """The table of all verdicts, the union bound, and which algorithms were transcribed."""
    if not rows:
        return NOT_RUN.format("").replace(" `.", "`.")
    head = ("claim", "printed at", "what it says", "verdict", "level", "margin", "mutants killed")
    body = (
        (
            f"`{r['id']}`", f"{r['paper']} {r['locator']}", r["title"], _verdict(r), r["level"],
            number(r["margin"]), _killed(r),
        )
        for r in rows.values()
    )  # fmt: skip
    meaning = "The margin is (allowed − found)/scale: above 0 the statement holds."
    compared = [f"`{name}`" for name, is_compared in transcribed.items() if is_compared]
    alone = [f"`{name}`" for name, is_compared in transcribed.items() if not is_compared]
    trust = f"Compared with a literal transcription of the paper: {', '.join(compared) or 'none'}."
    trust += f"  Not checked against the paper: {', '.join(alone)}." if alone else ""
    return f"{table(head, body)}\n{meaning}  {union_bound(rows.values())}\n\n{trust}\n"


def _verdict(r: Row) -> str:
    surprise = "" if r["ok"] else f" (expected: {r['expected']})"
    return f"**{r['verdict']}**{surprise}"


def _killed(r: Row) -> str:
    return f"{r['mutants']['killed']}/{r['mutants']['total']}"


def claim_block(r: Row) -> str:
    """The statement as printed, and what was found."""
    size = "" if r["scale"] == "default" else f" ({r['scale']} size)"
    reason = r["reason"] if r["verdict"] in ("error", "undecided", "fails") else ""
    found = {
        "verdict": f"{_verdict(r)}, {r['level']}, {r['cases']} cases{size}",
        "because": "" if reason == r["note"] else reason,
        "closest case": r["worst"],
        "the printed form fails at": "" if reason else r["witness"],
        "margin": ""
        if r["margin"] is None
        else f"{number(r['margin'])}, error {number(r['error'])}",
        "tightness": ""
        if r["tightness"] is None
        else f"{number(r['tightness'])}, bound over measured",
        "mutants killed": _killed(r),
        "note": r["note"],
        "rerun": f"`aimctheory check {r['id']}`",
    }
    body = [(name, value) for name, value in found.items() if value]
    printed = f"> {' '.join(r['statement'].split())}\n>\n> — {r['paper']}, {r['locator']}\n"
    head = (f"`{r['id']}`", r["title"])
    return f"{printed}\n{table(head, body)}"


def study_block(content: Row, rows: Mapping[str, Row], link: str) -> str:
    """The figure, its few numbers, and the verdicts it relies on."""
    name, title = content["id"], content["title"]
    summary = [
        (k, f"{number(v['value'])} {v['unit']}".strip()) for k, v in content["summary"].items()
    ]
    relied = [
        f"`{i}` ({rows[i]['verdict'] if i in rows else 'not run'})" for i in content["relies_on"]
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
    return "".join([*parts, f"*{'  '.join(sentences)}*\n"])


@dataclass(frozen=True, slots=True)
class Contents:
    """What a report is about: ids of claims and studies, algorithms and whether transcribed."""

    claims: Collection[str]
    studies: Collection[str]
    algorithms: Mapping[str, bool]


def all_blocks(contents: Contents, folder: Path, link: str) -> dict[str, str]:
    """Every block by its marker's name, from the results stored in `folder`."""
    stored = load_rows(folder)
    rows = {name: stored[name] for name in contents.claims if name in stored}
    blocks = {"verdicts": verdicts_block(rows, contents.algorithms)}
    for name in contents.claims:
        blocks[f"claim {name}"] = claim_block(rows[name]) if name in rows else NOT_RUN.format(name)
    for name in contents.studies:
        content = read_json(folder / f"{name}.json")
        block = study_block(content, rows, link) if content else NOT_RUN.format(name)
        blocks[f"study {name}"] = block
    return blocks


def write(
    template: Path, target: Path, folder: Path, contents: Contents
) -> tuple[list[str], list[str]]:
    """Fill the markers of `template` from the results in `folder`, into `target`.

    Returns what `complaints` has to say.  Raises ValueError for a marker without its partner, a
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
