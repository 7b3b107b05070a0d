"""The random numbers of a run, written down a third time in plain Python.

The engines share the generator, the counters, the maps from words to numbers and the key, so a
mistake in these is the same in both.  Nothing here imports the package: whole numbers are Python's,
and the formulas are those of the papers and of NumPy's documentation.

    words x_0 .. x_3 of steps 4g .. 4g + 3 = Philox4x32-10 of the counter
    (g, coordinate, replicate, CRC-32 of the stream's name) and the key's low and high word
"""

from __future__ import annotations

import math
from collections.abc import Sequence

WORD = 2**32
LONG = 2**64
WIDE = 2**128


def philox(counter: Sequence[int], key: Sequence[int]) -> list[int]:
    """Salmon et al. 2011, Section 4.3: ten rounds, the key bumped between two of them."""
    a, b, c, d = counter
    low, high = key
    for _ in range(10):
        left, right = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (
            right // WORD ^ b ^ low,
            right % WORD,
            left // WORD ^ d ^ high,
            left % WORD,
        )
        low, high = (low + 0x9E3779B9) % WORD, (high + 0xBB67AE85) % WORD
    return [a, b, c, d]


def crc32(text: str) -> int:
    """The CRC-32 of ISO 3309, bit by bit."""
    register = WORD - 1
    for byte in text.encode():
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xEDB88320 if register & 1 else 0)
    return register ^ (WORD - 1)


def key_of_seed(seed: int) -> int:
    """The first 64-bit number of NumPy's `default_rng(seed)`.

    `SeedSequence` stirs the words of the seed into a pool of four and draws eight words from it;
    these are the state and the increment of PCG64, whose first output is the key.
    """
    entropy = [seed % WORD]
    while seed := seed // WORD:
        entropy.append(seed % WORD)
    constant = 0x43B0D7E5

    def hashed(value: int) -> int:
        nonlocal constant
        value ^= constant
        constant = constant * 0x931E8875 % WORD
        value = value * constant % WORD
        return value ^ value >> 16

    def mixed(x: int, y: int) -> int:
        value = (0xCA01F9DD * x - 0x4973F715 * y) % WORD
        return value ^ value >> 16

    pool = [hashed(word) for word in [*entropy, 0, 0, 0, 0][:4]]
    for source in range(4):
        for to in range(4):
            if to != source:
                pool[to] = mixed(pool[to], hashed(pool[source]))
    for word in entropy[4:]:
        pool = [mixed(old, hashed(word)) for old in pool]

    words, constant = [], 0x8B51F9DD
    for i in range(8):
        value = pool[i % 4] ^ constant
        constant = constant * 0x58F38DED % WORD
        value = value * constant % WORD
        words.append(value ^ value >> 16)
    longs = [low + high * WORD for low, high in zip(words[::2], words[1::2], strict=True)]

    increment = (2 * (longs[2] * LONG + longs[3]) + 1) % WIDE
    state = (increment + longs[0] * LONG + longs[1]) % WIDE
    for _ in range(2):  # one step ends the seeding, one gives the first output
        state = (state * 0x2360ED051FC65DA44385DF649FCCF645 + increment) % WIDE
    folded, turn = state // LONG ^ state % LONG, state >> 122
    return (folded >> turn | folded << (64 - turn)) % LONG


def words(key: int, stream: str, replicate: int, coordinate: int, step: int) -> list[int]:
    """The four words of the group of steps to which `step` belongs."""
    counter = [step // 4, coordinate, replicate, crc32(stream)]
    return philox(counter, [key % WORD, key // WORD])


def uniform(key: int, stream: str, replicate: int, coordinate: int, step: int) -> float:
    """The midpoint of the interval of length 2^-32 that a word names."""
    word = words(key, stream, replicate, coordinate, step)[step % 4]
    return (2 * word + 1) / 2**33


def normal(key: int, stream: str, replicate: int, coordinate: int, step: int) -> float:
    """Box and Muller: two steps share the words (a, b), the even one takes the cosine."""
    group = words(key, stream, replicate, coordinate, step)
    a, b = group[:2] if step % 4 < 2 else group[2:]
    radius = math.sqrt(-2 * math.log((a // 2 + 0.5) / 2**31))
    place = b % 2**30  # of the angle in its quadrant, as a number of 30 bits with a sign
    place -= 2**30 if place >= 2**29 else 0
    angle = math.pi / 4 * (1 + place / 2**29)
    if step % 2 == 0:
        return radius * math.cos(angle) * (-1 if b >= 2**31 else 1)
    return radius * math.sin(angle) * (-1 if b % 2**31 >= 2**30 else 1)


def sample(key: int, replicate: int, position: int, step: int, samples: int) -> int:
    """The sample at a position of the mini-batch of a replicate."""
    word = words(key, "sample", replicate, position, step)[step % 4]
    return word * samples // WORD
