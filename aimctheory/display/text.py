"""The layout that all descriptions share."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

WIDTH = 100


def field(name: str, text: Any) -> Iterator[str]:
    """The lines of "name      text", wrapped at `WIDTH`; no line for an empty text.

    >>> list(field("printed", "RF25 (2), p. 3")), list(field("note", ""))
    (['printed   RF25 (2), p. 3'], [])
    """
    if str(text):
        yield textwrap.fill(
            " ".join(str(text).split()),
            WIDTH,
            initial_indent=f"{name:<10}",
            subsequent_indent=" " * 10,
            break_long_words=False,
            break_on_hyphens=False,
        )
