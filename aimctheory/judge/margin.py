"""The margin by which a number keeps what is stated of it, with the interval of that margin.

A margin is (allowed − found)/scale: at least 0 where the statement holds, below 0 where it fails,
and never above 1.  Of an equality it is 1 where the two sides are the same, of a bound 0.  The
half-width of the found number gives the interval; where it contains numbers on both sides of 0, the
statement is undecided.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aimctheory.statistics import as_number

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Margin:
    """(allowed − found)/scale and the ends of its interval: numbers, or arrays of one shape.

    >>> Margin(0.3, 0.1, 0.5).state, Margin(0.3, -0.1, 0.7).state, Margin(-2, -3, -1).state
    ('holds', 'undecided', 'fails')
    """

    value: float | Array
    low: float | Array
    high: float | Array

    @property
    def state(self) -> str:
        """The word "holds", "fails" or "undecided".

        A margin holds where no element can be below 0, and fails where one element certainly is.
        """
        if np.any(np.asarray(self.high) < 0):
            return "fails"
        return "holds" if np.all(np.asarray(self.low) >= 0) else "undecided"

    def worst(self) -> int:
        """The flat index of the worst element.

        An element that fails is worse than an undecided one, and an undecided one is worse than one
        that holds; among equals the smallest value is the worst.
        """
        value, low, high = (np.ravel(a) for a in (self.value, self.low, self.high))
        return int(np.lexsort((value, low >= 0, high >= 0))[0])

    def at(self, index: int) -> Margin:
        """The margin of one element, as floats."""
        value, low, high = (float(np.ravel(a)[index]) for a in (self.value, self.low, self.high))
        return Margin(value, low, high)


def equivalence(difference: ArrayLike, half_width: ArrayLike, within: ArrayLike) -> Margin:
    """The margin of |difference| ≤ within: (within − |difference|)/within.

    The margin is 1 at equality and 0 where the difference is just allowed.  Where `within` is 0 the
    scale is 1.  Judging this margin is the equivalence test by two one-sided tests.

    Raises
    ------
    ValueError
        If `within` is negative.

    Examples
    --------
    >>> equivalence(0.5, 0.1, 2.0).value
    0.75
    >>> equivalence(0.02, 0.1, 0.1).state
    'undecided'
    """
    found, width, within = (np.asarray(a, dtype=float) for a in (difference, half_width, within))
    if np.any(within < 0):
        raise ValueError(f"within = {within} is below 0; it is the largest difference allowed")
    found, scale = np.abs(found), np.where(within > 0, within, 1.0)
    return Margin(
        value=as_number((within - found) / scale),
        low=as_number((within - found - width) / scale),
        # |difference| cannot be below 0, so no margin is above 1.
        high=as_number((within - np.maximum(found - width, 0.0)) / scale),
    )


def bound(
    excess: ArrayLike, half_width: ArrayLike, scale: ArrayLike, rounding: ArrayLike = 0.0
) -> Margin:
    """The margin of excess ≤ 0: −excess/scale, and 0 where |excess| ≤ rounding.

    The scale is |excess| where that is larger than `scale`, so the margin lies within [−1, 1].

    >>> bound(-0.5, 0.1, 2.0).value, bound(-3.0, 0.1, 2.0).value
    (0.25, 1.0)
    >>> bound(1e-17, 0.0, 2.0, rounding=1e-16).value
    0.0
    """
    found, width, given = (np.asarray(a, dtype=float) for a in (excess, half_width, scale))
    # What is left below the bound; 0.0 − found keeps 0 from becoming −0.
    left = np.where(np.abs(found) <= np.asarray(rounding, dtype=float), 0.0, 0.0 - found)
    unit = np.maximum(given, np.abs(left))
    unit = np.where(unit > 0, unit, 1.0)
    return Margin(
        value=as_number(left / unit),
        low=as_number((left - width) / unit),
        high=as_number((left + width) / unit),
    )
