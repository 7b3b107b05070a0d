"""Which counter and key each random number of a run has.

A draw is a function of (key, stream, replicate, coordinate, step) and of nothing else.  Its words
come from the counter-based generator Philox4x32-10 (`noise.philox`)::

    x_0 .. x_3 = philox(group_of(step), coordinate, replicate, stream_hash(stream);
                        low and high word of the key)

One call gives four words and so serves a *group* of `STEPS_PER_CALL` consecutive steps; the
*phase* of a step is its place in the group.  A uniform is made from the word of its phase.  The
normals of two consecutive steps are made from the words of both (`noise.normal_pair`).
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from aimctheory.tree.elementary import Lanes

STEPS_PER_CALL = 4
"""Steps that one call of the generator serves: one for each of its words."""
STEPS_PER_PAIR = 2
"""Steps whose normals are made together, from the words of all of them."""

SAMPLE = "sample"
"""The stream that mini-batches are drawn from."""


def group_of(step: Lanes) -> Lanes:
    """The counter word of a step: the number of its group.

    >>> [group_of(step) for step in (0, 3, 4)]
    [0, 0, 1]
    """
    return step // STEPS_PER_CALL


def phase_of(step: Lanes) -> Lanes:
    """The place of a step in its group.

    >>> [phase_of(step) for step in (0, 3, 4)]
    [0, 3, 0]
    """
    return step % STEPS_PER_CALL


def raw_row(stream: int) -> int:
    """The row of a stream's raw draws at phase 0, where a kernel finds them; the others follow.

    >>> [raw_row(stream) for stream in (0, 1)]
    [0, 4]
    """
    return STEPS_PER_CALL * stream


KERNEL_FUNCTIONS = (group_of, phase_of)
"""The functions that compiled code calls."""


def stream_hash(stream: str) -> np.uint32:
    """The counter word of a named stream: the CRC-32 of its UTF-8 text.

    >>> int(stream_hash("gradient"))
    3485858037
    """
    return np.uint32(zlib.crc32(stream.encode()))


def key_from(rng: int | np.random.SeedSequence | np.random.Generator | None = None) -> np.uint64:
    """The 64-bit key of a run, ``default_rng(rng).integers(2**64, dtype=uint64)``.

    None takes fresh entropy from the system; a Generator is advanced by one draw.

    Raises
    ------
    ValueError
        If ``rng`` is not None, a non-negative integer, a SeedSequence or a Generator.

    >>> int(key_from(1)) == int(key_from(np.random.SeedSequence(1)))
    True
    """
    integer = isinstance(rng, int | np.integer) and not isinstance(rng, bool) and rng >= 0
    if not (
        rng is None or integer or isinstance(rng, np.random.SeedSequence | np.random.Generator)
    ):
        raise ValueError(
            f"rng = {rng!r} cannot seed a run: pass None, a non-negative integer, "
            "a numpy.random.SeedSequence or a numpy.random.Generator."
        )
    return np.random.default_rng(rng).integers(2**64, dtype=np.uint64)


def key_words(key: np.uint64) -> tuple[np.uint32, np.uint32]:
    """The low and the high 32-bit word of a key, in the order in which `noise.philox` takes them.

    >>> [hex(word) for word in key_words(np.uint64(0x0123456789ABCDEF))]
    ['0x89abcdef', '0x1234567']
    """
    return np.uint32(int(key) & 0xFFFFFFFF), np.uint32(int(key) >> 32)
