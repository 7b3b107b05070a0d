"""How much work a check or a study does: quick, default or full.

A claim or a study gives its own three sizes to `Scale.pick`, so no other module has to know what
"quick" means for that claim.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

_NAMES = ("quick", "default", "full")


@dataclass(frozen=True, slots=True)
class Scale:
    """One of three sizes: "quick" for a look, "default" for a verdict, "full" for numbers to quote.

    >>> QUICK.pick(10, 100, 1000), DEFAULT.pick(10, 100, 1000), FULL.pick(10, 100, 1000)
    (10, 100, 1000)

    Raises
    ------
    ValueError
        If `name` is not one of the three.
    """

    name: str

    def __post_init__(self) -> None:
        if self.name not in _NAMES:
            raise ValueError(f"scale: name = {self.name!r} is not one of {', '.join(_NAMES)}")

    def pick(self, quick: T, default: T, full: T) -> T:
        """The value of the three that belongs to this scale.

        >>> Scale("quick").pick(5, 7, 9)
        5
        """
        return (quick, default, full)[_NAMES.index(self.name)]

    def __str__(self) -> str:
        return self.name


QUICK = Scale("quick")
DEFAULT = Scale("default")
FULL = Scale("full")
