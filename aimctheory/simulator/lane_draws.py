"""The raw draws of blocks of lanes, in compiled loops.

A block keeps the raw draws of one group of steps until a step of another group needs its own.
`noise.raw_draws` and `noise.sample_indices` make the same draws with NumPy, with the same bits;
`draw_counter` says which counter a draw has.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from aimctheory.simulator.block_layout import AnyArray, wide_vectors
from aimctheory.simulator.draw_counter import STEPS_PER_CALL, STEPS_PER_PAIR, group_of
from aimctheory.simulator.noise import normal_pair, one_of, philox, philox_of_lane


class Draws(NamedTuple):
    """The raw draws of one group of steps in every block, and the counters and key behind them."""

    raw: AnyArray  # (blocks, streams, STEPS_PER_CALL, LANES): what `fill` makes
    group: AnyArray  # (blocks,): the group of steps whose draws `raw` holds, −1 for none
    normal: AnyArray  # (streams,): whether a stream draws normals
    streams: AnyArray  # (streams,): their hashes
    lane: AnyArray  # (blocks, streams, 3, LANES): `noise.lane_words` of coordinate and replicate
    key: AnyArray  # (2,)


def fill(draws: Draws, words: AnyArray, group: int, b: int, n: int) -> None:
    """Make the raw draws of one group of steps of block b; `words` (4, LANES) is scratch room.

    A raw draw is one word: the bits of a normal (`noise.normal_of`), or the word of a uniform.
    """
    wide_vectors()
    raw, streams, lane, key = draws.raw, draws.streams, draws.lane, draws.key
    for s in range(streams.size):
        for j in range(n):
            words[0, j], words[1, j], words[2, j], words[3, j] = philox_of_lane(
                np.uint32(group),
                streams[s],
                lane[b, s, 0, j],
                lane[b, s, 1, j],
                lane[b, s, 2, j],
                key[0],
                key[1],
            )
        if draws.normal[s]:
            for phase in range(0, STEPS_PER_CALL, STEPS_PER_PAIR):
                for j in range(n):
                    first, second = normal_pair(words[phase, j], words[phase + 1, j])
                    raw[b, s, phase, j] = np.float32(first).view(np.uint32)
                    raw[b, s, phase + 1, j] = np.float32(second).view(np.uint32)
        else:
            for phase in range(STEPS_PER_CALL):
                for j in range(n):
                    raw[b, s, phase, j] = words[phase, j]


def refill(draws: Draws, words: AnyArray, k: int, b: int, n: int) -> None:
    """Make the raw draws that step k of block b needs, unless `raw` holds them already."""
    group = group_of(k)
    if group != draws.group[b]:
        draws.group[b] = group
        fill(draws, words, group, b, n)


def sample(indices: AnyArray, group: int, stream: int, key: AnyArray, samples: int) -> None:
    """The mini-batches of one group of steps: sample indices (STEPS_PER_CALL, R, B)."""
    for r in range(indices.shape[1]):
        for i in range(indices.shape[2]):
            x = philox(
                np.uint32(group), np.uint32(i), np.uint32(r), np.uint32(stream), key[0], key[1]
            )
            for phase in range(STEPS_PER_CALL):
                indices[phase, r, i] = one_of(x[phase], samples)


KERNEL_FUNCTIONS = (fill, refill)
"""The functions that compiled code calls."""
