"""Verdicts and figures into `paper_repro.md`: prose by hand, everything between markers by code.

A marker pair is ``<!-- begin:verdicts -->`` … ``<!-- end:verdicts -->``, or ``claim ID`` or
``study ID`` in place of ``verdicts``.  Filling is idempotent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from aimctheory.claim import Claim
from aimctheory.figures import versions, write_json, writing
from aimctheory.verdict import Verdict

Row = Mapping[str, Any]

_MARKER = re.compile(r"<!-- (begin|end):([^>]*?) -->")


def row(claim: Claim, verdict: Verdict) -> dict[str, Any]:
    """Everything the report prints of one claim, as plain data."""
    return {
        **verdict.to_json(),
        "ok": verdict.ok,
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
    """The stored claim results by id."""
    path = folder / "claims.json"
    if not path.exists():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    seconds = content["provenance"]["seconds"]
    return {key: {**value, "seconds": seconds.get(key)} for key, value in content["claims"].items()}


def store_rows(folder: Path, rows: Mapping[str, Row], scale: str) -> None:
    """Write claims.json: the results, and under "provenance" what changes from run to run."""
    claims = {i: {k: v for k, v in rows[i].items() if k != "seconds"} for i in sorted(rows)}
    seconds = {i: rows[i].get("seconds") for i in sorted(rows)}
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        content = {"scale": scale, "versions": versions(), "claims": claims}
        write_json(folder / "claims.json", {**content, "provenance": {"seconds": seconds}})


def fill(text: str, rows: Mapping[str, Row], folder: Path, link: str = "figures") -> str:
    """`text` with every marked block written anew.

    Raises ValueError for a marker that is unknown, unclosed or out of order.
    """
    pieces, position, open_name = [], 0, ""
    for match in _MARKER.finditer(text):
        kind, name = match.group(1), match.group(2).strip()
        if kind == "begin" and not open_name:
            pieces += [text[position : match.end()], "\n", _block(name, rows, folder, link)]
            open_name = name
        elif kind == "end" and name == open_name:
            pieces.append(match.group(0))
            open_name = ""
        else:
            raise ValueError(
                f"the report's marker {kind}:{name} does not match begin:{open_name or '…'}; "
                "every begin needs its own end before the next begin"
            )
        position = match.end()
    if open_name:
        raise ValueError(f"the report's marker begin:{open_name} has no end:{open_name}")
    return "".join([*pieces, text[position:]])


def unmarked(text: str, ids: Iterable[str]) -> list[str]:
    """The claims and studies that the report has no block for."""
    named = {match.group(2).split()[-1] for match in _MARKER.finditer(text)}
    return [name for name in ids if name not in named]


def _block(name: str, rows: Mapping[str, Row], folder: Path, link: str) -> str:
    kind, _, which = name.partition(" ")
    if name == "verdicts":
        return _verdicts(rows)
    if kind == "claim":
        return _claim(which, rows)
    if kind == "study":
        return _study(which, rows, folder, link)
    raise ValueError(f"the report's marker {name!r} is none of: verdicts, claim ID, study ID")


def _table(head: Iterable[str], body: Iterable[Iterable[Any]]) -> str:
    lines = [list(head)]
    lines.append(["---"] * len(lines[0]))
    lines += [[str(cell).replace("|", r"\|").replace("\n", " ") for cell in cells] for cells in body]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def number(value: Any) -> str:
    """A number for readers: four significant digits."""
    return "–" if value is None else f"{value:.4g}"


def _verdicts(rows: Mapping[str, Row]) -> str:
    if not rows:
        return "*Not run yet: `aimctheory reproduce`.*\n"
    body = [
        (
            f"`{r['id']}`", f"{r['paper']} {r['locator']}", r["title"], f"**{r['verdict']}**",
            r["level"], number(r["margin"]), f"{r['mutants']['killed']}/{r['mutants']['total']}",
        )
        for r in rows.values()
    ]  # fmt: skip
    head = ("claim", "printed at", "what it says", "verdict", "level", "margin", "mutants killed")
    alarm = sum(r["false_alarm"] for r in rows.values())
    comparisons = sum(r["comparisons"] for r in rows.values())
    return (
        _table(head, body)
        + f"\nThe margin is (allowed − found)/scale: above 0 holds.  Chance that any of the {comparisons} "
        f"statistical comparisons misleads: at most {alarm:.1g}.\n"
    )


def _claim(which: str, rows: Mapping[str, Row]) -> str:
    if which not in rows:
        return f"*Not run yet: `aimctheory check {which}`.*\n"
    r = rows[which]
    found = [
        ("stated", f"{r['statement']} ({r['paper']} {r['locator']})"),
        ("verdict", f"**{r['verdict']}**, {r['level']}, over {r['cases']} cases"),
        ("closest case", r["worst"]),
        ("the printed form fails at", r["witness"]),
        ("tightness", "" if r["tightness"] is None else f"{number(r['tightness'])} (bound / measured)"),
        ("mutants", f"{r['mutants']['killed']} of {r['mutants']['total']} killed"),
        ("note", r["note"]),
        ("rerun", f"`aimctheory check {which}`"),
    ]
    return _table((f"`{which}`", r["title"]), [(a, b) for a, b in found if b])


def _study(which: str, rows: Mapping[str, Row], folder: Path, link: str) -> str:
    path = folder / f"{which}.json"
    if not path.exists():
        return f"*Not run yet: `aimctheory reproduce {which}`.*\n"
    content = json.loads(path.read_text(encoding="utf-8"))
    summary = [(k, f"{number(v['value'])} {v['unit']}".strip()) for k, v in content["summary"].items()]
    relied = [f"`{i}` ({rows[i]['verdict'] if i in rows else 'not run'})" for i in content["relies_on"]]
    parts = [f"![{content['title']}]({link}/{which}.png)\n\n"]
    if summary:
        parts += [_table(("measured in this figure", ""), summary), "\n"]
    parts.append(f"*{content['title']}: {'; '.join(content['sources'])}.")
    parts.append(f"  Relies on {', '.join(relied)}." if relied else "")
    parts.append(f"  Numbers in `{link}/{which}.json`; rerun with `aimctheory reproduce {which}`.*\n")
    return "".join(parts)


def write(path: Path, rows: Mapping[str, Row], folder: Path) -> None:
    """Fill the report at `path` in place."""
    before = path.read_text(encoding="utf-8")
    after = fill(before, rows, folder)
    if after != before:
        with writing(path.parent):
            path.write_text(after, encoding="utf-8")
