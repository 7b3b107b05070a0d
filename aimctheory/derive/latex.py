"""Equations under one another in LaTeX."""

from __future__ import annotations

from collections.abc import Iterable


def aligned(lines: Iterable[str]) -> str:
    """Equations, each with its & in place, as one aligned block."""
    body = " \\\\\n".join(lines)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"
