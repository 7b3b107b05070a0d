"""Which row of a block holds what: stated here for kernel texts, the kernel engine and the loops.

A *lane* is one element of one replicate.  Lanes are numbered (replicate, coordinate) with the
coordinate fastest, and are held in blocks of `LANES`.  An array of a run has the shape
(blocks, rows, LANES); a kernel gets one block of it as a flat array, with row i of lane j at
``LANES * i + j``.

The rows of a block are, in this order: the states; the sum of each average; and the sum of each
product of two averages.  A block that is watched (`lane_watch`) has more rows: the smallest and the
largest weight of each array since the last look, and one row that stays 0 as long as the states
that need such a flag are finite (`Plan.unsafe`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from numpy.typing import NDArray

T = TypeVar("T")
AnyArray = NDArray[Any]

LANES = 512
"""Lanes in a block: large enough to vectorise, small enough that a block's rows stay in L1."""

SOUND = "sound"
"""The row that stays 0 as long as the unsafe states are finite."""
KINDS = ("state", "sum", "product", "low", "high", SOUND)
"""What the names of rows, which are variables of a kernel, begin with."""


class RowNumbers(NamedTuple):
    """Where the groups of rows begin: all that compiled loops know of a layout.

    Rows 0 … states − 1 are the states, those of the `arrays` first.  Rows states … extremes − 1 are
    the moments, the sums of averages and of their products.
    """

    states: int
    arrays: int
    extremes: int
    sound: int


class Blocks(NamedTuple):
    """The lanes of a run, block by block.

    The lanes in use are filled up to a multiple of the vector width; `size` counts all of these.
    """

    rows: AnyArray  # (blocks, rows of the layout, LANES)
    start: AnyArray  # the same, as they were when the watch on the dynamic range began
    number: AnyArray  # (blocks, numbers, LANES): those that differ between lanes
    gradient: int  # of the numbers, the one that is the gradient of coupled coordinates; −1: none
    points: AnyArray  # (blocks, 1, LANES): where that gradient is taken; no blocks: nowhere
    scalar: AnyArray  # (numbers,): those that all lanes share
    bounds: AnyArray  # (blocks, ends of each array, LANES); (1, …) if all blocks have the same
    records: AnyArray  # (records, blocks, states, LANES): the states at the recorded steps
    sums: AnyArray  # (batches, blocks, moments, LANES): the moments of each batch of steps
    left: AnyArray  # (blocks, LANES): the first step outside the dynamic range, −1 for never
    broke: AnyArray  # (blocks, LANES): the first step that was not finite, −1 for never
    size: int
    layout: RowNumbers


@dataclass(frozen=True, slots=True)
class BlockLayout:
    """The rows of a block by name.

    `arrays` are the first states.  A moment names the averages whose product is summed: one average
    or two.  `watched` says whether a block has extremes and the row `SOUND`.

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
        """The averages whose product each row of a moment sums."""
        places = {moment[0]: str(i) for i, moment in enumerate(self.moments) if len(moment) == 1}

        def name(moment: tuple[str, ...]) -> str:
            if len(moment) == 1:
                return f"sum_{moment[0]}"
            # By place: by name, ("a_b", "c") and ("a", "b_c") would have the same row.
            return "_".join(["product", *(places[average] for average in moment)])

        return {name(moment): moment for moment in self.moments}

    @property
    def extreme_rows(self) -> Mapping[str, tuple[str, str]]:
        """The rows of the smallest and the largest weight of each array; none if not watched."""
        return {a: (f"low_{a}", f"high_{a}") for a in self.arrays} if self.watched else {}

    @property
    def names(self) -> tuple[str, ...]:
        """Every row in order."""
        rows = [f"state_{s}" for s in self.states]
        rows += self.moment_rows
        if self.watched:
            pairs = self.extreme_rows.values()
            rows += ends([low for low, _ in pairs], [high for _, high in pairs])
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


# ---- two rows for each array: its extremes, or the bounds of its dynamic range ----------------


def low_of(array: int) -> int:
    """The row of an array's lower end, of rows that hold two ends for each array."""
    return 2 * array


def high_of(array: int) -> int:
    """The row of an array's upper end, of rows that hold two ends for each array."""
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
"""The functions that compiled code calls."""
