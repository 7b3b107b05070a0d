"""What an engine is, and what it is asked to do: a GPU engine would stand beside the two there are.

`reference_engine` calls the step with NumPy arrays, `kernel_engine` runs compiled modules.  Both
are made from (plan, key, number of records, number of batches) and compute the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Steps = NDArray[np.int64]


class Window(NamedTuple):
    """Some steps in a row, from `begin` through each of the pauses `ends`.

    At pause i a record is kept in the slot ``slots[i]`` and the sums of the averages are closed as
    the batch ``closes[i]``; −1 stands for none.
    """

    begin: int
    ends: Steps
    slots: Steps
    closes: Steps


class Engine(Protocol):
    """The states of all replicates, which `advance` takes forward window by window."""

    def advance(self, window: Window) -> None:
        """Take the steps of a window, keep its records and close its batches."""

    @property
    def least_window(self) -> int:
        """Steps that no window should go below, but the last one."""

    @property
    def records(self) -> Mapping[str, NDArray[np.float64]]:
        """The states at the recorded steps, each (R, records, D)."""

    @property
    def sums(self) -> Mapping[tuple[str, ...], NDArray[np.float64]]:
        """The sums of each moment over the steps of each batch, (batches, R, D).

        A moment is named by the averages whose product is summed (`Problem.moments`).
        """

    @property
    def left(self) -> Steps:
        """The first step outside the dynamic range, (R, D), −1 for never."""

    @property
    def broke(self) -> Steps:
        """The first step that was not finite, (R, D), −1 for never."""
