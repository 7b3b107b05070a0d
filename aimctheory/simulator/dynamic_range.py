"""When a weight is outside its dynamic range, and when a number is no longer finite.

Both engines and the check of start values decide by these two functions; the range of each array
is that of its device (`Problem.bounds`).  A replicate that leaves is flagged and goes on, one that
breaks stops (`run.Outcomes`).  The reference engine looks after every step (`_watch`), a kernel in
`lane_watch`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aimctheory.tree.elementary import Lanes


def outside(smallest: Lanes, largest: Lanes, low: Lanes, high: Lanes) -> Lanes:
    """Whether weights from `smallest` to `largest` left [low, high]; False where one is NaN.

    A single weight is passed twice.

    >>> [outside(w, w, -1.0, 1.0) for w in (1.0, 1.1, float("nan"))]
    [False, True, False]
    """
    return (smallest < low) | (largest > high)


def broken(x: Lanes) -> Lanes:
    """Whether numbers are infinite or NaN.

    >>> [broken(x) for x in (1.0, float("inf"), float("nan"))]
    [False, True, True]
    """
    return x - x != 0.0  # inf − inf is NaN, and NaN differs from 0


KERNEL_FUNCTIONS = (outside, broken)
"""The functions that compiled code calls."""
