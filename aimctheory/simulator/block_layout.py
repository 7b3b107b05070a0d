"""Which row of a block holds what; kernel texts, the kernel engine and the loops all read it here.

A *lane* is one element of one replicate.  Lanes are numbered (replicate, coordinate) with the
coordinate fastest, and are held in blocks of `LANES`.  An array of a run has the shape
(blocks, rows, LANES); a kernel gets one block of it as a flat array, with row i of lane j at
``LANES * i + j``.

The rows of a block are, in this order: the states; the sum of each average; the sum of each product
of two averages; and, where many steps pass between two looks at the dynamic range, the smallest and
the largest weight of each array since the last look, and one row that stays 0 as long as the
states that need such a flag are finite (`Plan.unsafe`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from numpy.typing import NDArray

T = TypeVar("T")
Rows = NDArray[Any]

LANES = 512
"""Lanes in a block: large enough to vectorise, small enough that a block's rows stay in L1."""

SOUND = "sound"
"""The row that stays 0 as long as the unsafe states are finite."""
KINDS = ("state", "sum", "product", "low", "high", SOUND)
"""What the names of rows, which are variables of a kernel, begin with."""


class RowNumbers(NamedTuple):
    """Where the groups of rows begin: what compiled loops have to know of a layout.

    The states are rows 0 … states − 1, those of the `arrays` first; the moments (sums of averages
    and of their products) are rows states … extremes − 1.
    """

    states: int
    arrays: int
    extremes: int
    sound: int


class Blocks(NamedTuple):
    """The lanes of a run, block by block; `size` counts them, the filled up last ones included."""

    rows: Rows  # (blocks, rows of the layout, LANES)
    start: Rows  # the same, as they were when the watch on the dynamic range began
    number: Rows  # (blocks, numbers, LANES): those that differ between lanes
    gradient: int  # of the numbers, the one that is the gradient of coupled coordinates; −1: none
    points: Rows  # (blocks, 1, LANES): where that gradient is taken; no blocks: nowhere
    scalar: Rows  # (numbers,): those that all lanes share
    bounds: Rows  # (blocks, ends of each array, LANES), or (1, …) where all blocks have the same
    left: Rows  # (blocks, LANES): the first step outside the dynamic range, −1 for never
    broke: Rows  # (blocks, LANES): the first step that was not finite, −1 for never
    size: int
    layout: RowNumbers


@dataclass(frozen=True, slots=True)
class BlockLayout:
    """The rows of a block by name.

    `arrays` are the first states; `moments` name the averages whose product is summed: one average,
    or two; `watched` says whether a block holds the extremes and the row `SOUND`.

    >>> layout = BlockLayout(("W", "H"), ("W",), (("a",), ("b",), ("a", "b")), watched=True)
    >>> layout.names
    ('state_W', 'state_H', 'sum_a', 'sum_b', 'product_0_1', 'low_W', 'high_W', 'sound')
    >>> layout.numbers
    RowNumbers(states=2, arrays=1, extremes=5, sound=7)
    """

    states: tuple[str, ...]
    arrays: tuple[str, ...]
    moments: tuple[tuple[str, ...], ...]
    watched: bool

    @property
    def moment_rows(self) -> Mapping[str, tuple[str, ...]]:
        """The averages behind each row of a moment."""
        places = {moment[0]: str(i) for i, moment in enumerate(self.moments) if len(moment) == 1}

        def name(moment: tuple[str, ...]) -> str:
            if len(moment) == 1:
                return f"sum_{moment[0]}"
            # By place: the names "a_b" and "c" would make one row with "a" and "b_c".
            return "_".join(["product", *(places[average] for average in moment)])

        return {name(moment): moment for moment in self.moments}

    @property
    def names(self) -> tuple[str, ...]:
        """Every row in order."""
        rows = [f"state_{s}" for s in self.states]
        rows += self.moment_rows
        if self.watched:
            rows += ends([f"low_{a}" for a in self.arrays], [f"high_{a}" for a in self.arrays])
            rows.append(SOUND)
        return tuple(rows)

    @property
    def numbers(self) -> RowNumbers:
        """The same layout for compiled loops."""
        extremes = len(self.states) + len(self.moments)
        return RowNumbers(
            states=len(self.states),
            arrays=len(self.arrays),
            extremes=extremes,
            sound=extremes + 2 * len(self.arrays),
        )


def wide_vectors() -> None:
    """Lets the compiler use the processor's widest vectors in the loop over lanes that calls it."""


# ---- the two ends of each array: extremes, and bounds of the dynamic range ---------------------


def low_of(array: int) -> int:
    """Among rows that hold two ends of each array, the lower end of the array of this number."""
    return 2 * array


def high_of(array: int) -> int:
    """Among rows that hold two ends of each array, the upper end of the array of this number."""
    return 2 * array + 1


def ends(lows: Sequence[T], highs: Sequence[T]) -> list[T]:
    """The lower and upper ends of all arrays in the order that `low_of` and `high_of` state.

    >>> ends(["low_P", "low_W"], ["high_P", "high_W"])
    ['low_P', 'high_P', 'low_W', 'high_W']
    """
    placed = {low_of(i): end for i, end in enumerate(lows)}
    placed |= {high_of(i): end for i, end in enumerate(highs)}
    return [placed[row] for row in sorted(placed)]


KERNEL_FUNCTIONS = (low_of, high_of)
"""What Numba has to know."""
