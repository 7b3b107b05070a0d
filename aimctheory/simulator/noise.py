"""From the words of a counter-based generator to normals, uniforms and sample indices.

`draw_counter` says which counter and key a draw has.  This module has the generator, the maps from
its words to numbers, and whole draws with NumPy (`raw_draws`, `sample_indices`); `lane_draws` makes
the same draws in compiled loops.  Nothing here has a state, so a number does not depend on threads,
windows, order, or on how many other numbers were asked for.

The functions in `KERNEL_FUNCTIONS` are written once and read twice: NumPy calls them with arrays,
Numba compiles them for one lane, and both give the same bits.  This needs the many casts: Numba
widens ``uint32 + uint32`` and ``float32 * 2.0``, NumPy does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aimctheory.simulator.draw_counter import (
    SAMPLE,
    STEPS_PER_PAIR,
    group_of,
    key_words,
    phase_of,
    stream_hash,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aimctheory.tree.elementary import Lanes

_LOW_WORD = np.uint64(0xFFFFFFFF)
_WORD_BITS = np.uint64(32)
_SIGN_BIT = np.uint32(0x80000000)


def philox(
    c0: Lanes, c1: Lanes, c2: Lanes, c3: Lanes, k0: Lanes, k1: Lanes
) -> tuple[Lanes, Lanes, Lanes, Lanes]:
    """Four independent uniform 32-bit words from a 128-bit counter and a 64-bit key.

    Every argument is uint32 and broadcasts.  Salmon et al., "Parallel random numbers: as easy as
    1, 2, 3", SC 2011, Section 4.3; ten rounds.

    >>> zero = np.zeros(1, dtype=np.uint32)
    >>> [hex(word[0]) for word in philox(zero, zero, zero, zero, zero, zero)]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    return philox_of_lane(c0, c3, *lane_words(c1, c2, k0), k0, k1)


def lane_words(c1: Lanes, c2: Lanes, k0: Lanes) -> tuple[Lanes, Lanes, Lanes]:
    """The part of the first two rounds that depends on the counter's words c1, c2 only.

    These are the coordinate and the replicate, which are the same at every step of a lane: the
    compiled loops compute this part once.
    """
    product = np.uint64(c2) * np.uint64(0xCD9E8D57)
    word = (product >> _WORD_BITS) ^ np.uint64(c1) ^ np.uint64(k0)
    second = word * np.uint64(0xD2511F53)
    return (
        np.uint32(product & _LOW_WORD),
        np.uint32(second >> _WORD_BITS),
        np.uint32(second & _LOW_WORD),
    )


def philox_of_lane(
    c0: Lanes, c3: Lanes, a: Lanes, b: Lanes, c: Lanes, k0: Lanes, k1: Lanes
) -> tuple[Lanes, Lanes, Lanes, Lanes]:
    """`philox` from the `lane_words` a, b, c: the rest of two rounds, and eight more."""
    # With 64-bit integers one multiplication gives both halves of a product.  The upper halves may
    # hold rubbish until the next mask.  This takes half the instructions of 32-bit integers.
    low_key, high_key = np.uint64(k0), np.uint64(k1)
    product = np.uint64(c0) * np.uint64(0xD2511F53)
    word = ((product >> _WORD_BITS) ^ np.uint64(c3) ^ high_key) & _LOW_WORD
    low_key = (low_key + np.uint64(0x9E3779B9)) & _LOW_WORD
    high_key = (high_key + np.uint64(0xBB67AE85)) & _LOW_WORD
    w1 = word * np.uint64(0xCD9E8D57)
    w0 = np.uint64(a) ^ ((w1 >> _WORD_BITS) ^ low_key)
    w2 = np.uint64(b) ^ ((product & _LOW_WORD) ^ high_key)
    w3 = np.uint64(c)
    for _ in range(8):
        low_key = (low_key + np.uint64(0x9E3779B9)) & _LOW_WORD
        high_key = (high_key + np.uint64(0xBB67AE85)) & _LOW_WORD
        product_0 = (w0 & _LOW_WORD) * np.uint64(0xD2511F53)
        product_2 = (w2 & _LOW_WORD) * np.uint64(0xCD9E8D57)
        w0 = (product_2 >> _WORD_BITS) ^ w1 ^ low_key
        w1 = product_2
        w2 = (product_0 >> _WORD_BITS) ^ w3 ^ high_key
        w3 = product_0
    return (
        np.uint32(w0 & _LOW_WORD),
        np.uint32(w1 & _LOW_WORD),
        np.uint32(w2 & _LOW_WORD),
        np.uint32(w3 & _LOW_WORD),
    )


def normal_pair(a: Lanes, b: Lanes) -> tuple[Lanes, Lanes]:
    """Two independent standard normals, float32, from two uniform 32-bit words.

    The transform of Box and Muller, r = sqrt(-2 log u) and the pair (r cos t, r sin t), in single
    precision and without branches.  u = (a // 2 + 1/2) / 2^31; the two top bits of b are the signs
    of the pair, the other thirty are the angle in one quadrant.

    Limits: |z| <= 6.66, the radius of u = 2^-32, which an exact normal exceeds once in 3.6e10.  The
    probability of a radius beyond x is a multiple of 2^-31: its relative error is 0.1 % at 5.5 and
    2 % at 6.  The rounding error of a normal is at most 3e-7 r + 6e-8 / r.
    """
    u = np.float32(np.uint32(a >> np.uint32(1)).view(np.int32)) + np.float32(0.5)
    radius = np.sqrt(_minus_two_log(u))

    # t in [-1, 1] is the angle from pi/4 in units of pi/4: cos and sin are even -+ odd part in t.
    t = np.float32(np.uint32(b << np.uint32(2)).view(np.int32)) * np.float32(2.0**-31)
    y = t * t
    even = (np.float32(0.70710676) + y * np.float32(-0.21808888)) + (y * y) * (
        np.float32(0.011207582) + y * np.float32(-0.00022548257)
    )
    odd = t * (
        (np.float32(0.55536037) + y * np.float32(-0.057095645))
        + (y * y) * (np.float32(0.0017607009) + y * np.float32(-2.5423676e-05))
    )
    first = np.float32(radius * (even - odd)).view(np.uint32)
    second = np.float32(radius * (even + odd)).view(np.uint32)
    first_sign = np.uint32(b & _SIGN_BIT)
    second_sign = np.uint32(np.uint32(b << np.uint32(1)) & _SIGN_BIT)
    return (
        np.uint32(first ^ first_sign).view(np.float32),
        np.uint32(second ^ second_sign).view(np.float32),
    )


def _minus_two_log(x: Lanes) -> Lanes:
    """-2 log(x / 2^31), float32, for x = 2^(31 + k) (1 + f) in [1/2, 2^31], 1/2 <= (1 + f)^2 <= 2.

    The polynomial is evaluated by Estrin's scheme: its chains of dependent operations are short,
    and the loop waits for the longest one.
    """
    sqrt_half = np.int32(0x3F3504F3)
    bits = np.float32(x).view(np.int32)  # Numba views only what is visibly a NumPy scalar
    bits = np.int32(bits - np.int32(0x4EB504F3))  # the bits of sqrt(1/2) 2^31
    k = np.float32(np.int32(bits >> np.int32(23)))
    f = np.int32(np.int32(bits & np.int32(0x7FFFFF)) + sqrt_half).view(np.float32) - np.float32(1.0)
    square = f * f
    p = (np.float32(-0.66668492) + f * np.float32(0.49966534)) + square * (
        (np.float32(-0.39849007) + f * np.float32(0.3427426))
        + square * (np.float32(-0.32048745) + f * np.float32(0.20383381))
    )
    near = (square + (square * f) * p) - np.float32(2.0) * f
    return near - k * np.float32(1.3862944)


def normal_of(a: Lanes) -> Lanes:
    """The normal whose single-precision bits are stored in a word, float64.

    >>> normal_of(np.array([0x3F800000], dtype=np.uint32))
    array([1.])
    """
    return np.float64(np.uint32(a).view(np.float32))


def unit_uniform(a: Lanes) -> Lanes:
    """(a + 1/2) / 2^32 in float64: uniform on the open unit interval, symmetric about 1/2.

    >>> unit_uniform(np.array([0, 2**32 - 1], dtype=np.uint32)) * 2**33
    array([1.00000000e+00, 8.58993459e+09])
    """
    return (np.float64(a) + 0.5) * 2.0**-32


def one_of(a: Lanes, samples: Lanes) -> Lanes:
    """The sample index floor(a samples / 2^32).

    The probability of each index is 1 / ``samples`` with a relative error below ``samples`` / 2^32.

    >>> one_of(np.array([0, 2**31, 2**32 - 1], dtype=np.uint32), 10)
    array([0, 5, 9], dtype=uint64)
    """
    return (np.uint64(a) * np.uint64(samples)) >> _WORD_BITS


KERNEL_FUNCTIONS = (
    lane_words,
    philox_of_lane,
    philox,
    _minus_two_log,
    normal_pair,
    normal_of,
    unit_uniform,
    one_of,
)
"""The functions that compiled code calls, callees first."""


def _words(
    key: np.uint64, stream: str, replicates: Lanes, coordinates: Lanes, step: int
) -> tuple[Lanes, Lanes, Lanes, Lanes]:
    """The four words behind the steps of one group, each of shape (R, C)."""
    replicate = np.asarray(replicates, dtype=np.uint32)[:, np.newaxis]
    coordinate = np.asarray(coordinates, dtype=np.uint32)[np.newaxis, :]
    replicate, coordinate = np.broadcast_arrays(replicate, coordinate)
    group = np.full_like(coordinate, group_of(step))
    return philox(group, coordinate, replicate, stream_hash(stream), *key_words(key))


def raw_draws(
    kind: str, key: np.uint64, stream: str, replicates: Lanes, coordinates: Lanes, step: int
) -> NDArray[np.float64]:
    """The raw draws of one stream at one step, float64 of shape (R, C).

    ``kind`` is "normal" (`normal_pair`, widened) or "uniform" (`unit_uniform`).  ``replicates``
    (R,) and ``coordinates`` (C,) are integers below 2^32; ``step`` is an integer below 2^34.
    Raises ValueError for another kind.

    >>> from aimctheory.simulator.draw_counter import key_from
    >>> one = raw_draws("normal", key_from(1), "gradient", [7], [0, 3], step=5)
    >>> many = raw_draws("normal", key_from(1), "gradient", range(9), range(4), step=5)
    >>> bool((one == many[7, [0, 3]]).all())
    True
    """
    words = _words(key, stream, replicates, coordinates, step)
    phase = phase_of(step)
    if kind == "uniform":
        return np.asarray(unit_uniform(words[phase]), dtype=np.float64)
    if kind == "normal":
        place = phase % STEPS_PER_PAIR  # two steps share a pair of normals
        first = phase - place
        pair = normal_pair(words[first], words[first + 1])
        return np.asarray(pair[place], dtype=np.float64)
    raise ValueError(f'kind = {kind!r} is not a raw draw: use "normal" or "uniform".')


def sample_indices(
    key: np.uint64, step: int, replicates: Lanes, batch: int, samples: int
) -> NDArray[np.intp]:
    """The mini-batches of one step: sample indices of shape (R, batch), drawn with replacement.

    They are draws of stream `SAMPLE`, with the position in the batch as coordinate (`one_of`).

    >>> from aimctheory.simulator.draw_counter import key_from
    >>> sample_indices(key_from(1), 0, range(2), batch=3, samples=10).shape
    (2, 3)
    """
    words = _words(key, SAMPLE, replicates, range(batch), step)
    return np.asarray(one_of(words[phase_of(step)], samples), dtype=np.intp)
