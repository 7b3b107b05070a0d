"""Random words at scale, in the order in which a run uses them, and every word of the normals.

Philox is well tested; what is ours is the counter: (group of steps, coordinate, replicate, stream).
The words of many steps are therefore laid out as (step, replicate, coordinate, stream), the last
fastest, with 1, 4 and 8192 replicates, with 65 coordinates and with three streams, and go through
dieharder and through tests of our own.  The same tests judge spoiled words, to show that they can
fail.  Every test here is slow.
"""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass

import numba
import numpy as np
import pytest

from aimctheory.simulator import numba_rules
from aimctheory.simulator.draw_counter import key_from, key_words, stream_hash
from aimctheory.simulator.noise import normal_pair, philox, raw_draws, unit_uniform

pytestmark = pytest.mark.slow
assert numba_rules.KNOWN  # its import lets compiled code call the functions of the noise

KEY = key_from(20250101)
MEGA = 2**20


@dataclass(frozen=True)
class Order:
    """The words of a run with so many replicates, coordinates and streams."""

    replicates: int = 1
    coordinates: int = 1
    streams: tuple[str, ...] = ("gradient",)

    @property
    def wide(self) -> int:
        """Words a step."""
        return self.replicates * self.coordinates * len(self.streams)


ORDERS = {
    "1 replicate": Order(),
    "4 replicates": Order(replicates=4),
    "8192 replicates": Order(replicates=8192),
    "65 coordinates": Order(coordinates=65),
    "3 streams": Order(streams=("gradient", "read", "sample")),
    "3 streams of 64 replicates": Order(replicates=64, streams=("gradient", "read", "sample")),
}


@numba.njit(error_model="numpy")
def laid(out, first, streams, low, high, replicate_counts):
    groups, _, replicates, coordinates, count = out.shape
    for g in range(groups):
        for r in range(replicates):
            for c in range(coordinates):
                for s in range(count):
                    x = philox(
                        np.uint32(first + g),
                        np.uint32(c),
                        np.uint32(r if replicate_counts else 0),
                        streams[s],
                        low,
                        high,
                    )
                    for phase in range(4):
                        out[g, phase, r, c, s] = x[phase]


def words(order, size, first=0, *, replicate_counts=True):
    """At least `size` words from the group `first` of steps on, and how many groups they take."""
    groups = -(-size // (4 * order.wide))
    shape = groups, 4, order.replicates, order.coordinates, len(order.streams)
    out = np.empty(shape, dtype=np.uint32)
    hashes = np.array([stream_hash(stream) for stream in order.streams], dtype=np.uint32)
    laid(out, first, hashes, *key_words(KEY), replicate_counts)
    return out.ravel(), groups


def test_the_words_are_those_that_runs_draw():
    order = Order(3, 2, ("gradient", "read"))
    found = words(order, 8 * order.wide, first=5)[0].reshape(8, 3, 2, 2)
    for step, (s, stream) in ((k, each) for k in range(8) for each in enumerate(order.streams)):
        expected = raw_draws("uniform", KEY, stream, range(3), range(2), 20 + step)
        np.testing.assert_array_equal(unit_uniform(found[step, :, :, s]), expected)


# -- tests of our own -----------------------------------------------------------------------------


def bits(x):
    """Standard scores of the ones in each of the 32 bits."""
    ones = np.array([np.count_nonzero(x & np.uint32(1 << bit)) for bit in range(32)])
    return (ones - x.size / 2) / math.sqrt(x.size / 4)


def bytes_in_pairs(x, lag):
    """The score of a chi-square over pairs of bytes, of words so far apart, top and low bytes."""
    scores = []
    for shift in (0, 24):
        byte = (x >> np.uint32(shift)) & np.uint32(255)
        pairs = byte[lag:].astype(np.int64) * 256 + byte[:-lag]
        counts, expected = np.bincount(pairs, minlength=2**16), pairs.size / 2**16
        chi_square = np.sum((counts - expected) ** 2) / expected
        scores.append((chi_square - (2**16 - 1)) / math.sqrt(2 * (2**16 - 1)))
    return scores


def distances(x, lag):
    """The scores of mean and variance of the bits in which words so far apart differ."""
    differ = np.bitwise_count(x[lag:] ^ x[:-lag]).astype(float) - 16.0
    mean = differ.mean() / math.sqrt(8 / differ.size)
    # E (d − 16)⁴ = 3·8² − 8·2 for the sum of 32 fair bits: 8·8·(3 − 2/32) − 8².
    spread = (np.mean(differ**2) - 8.0) / math.sqrt((64 * (3 - 2 / 32) - 64) / differ.size)
    return [mean, spread]


def products(x, lag):
    """The score of the correlation of the uniforms of words so far apart."""
    u = unit_uniform(x) - 0.5
    product = u[lag:] * u[:-lag]
    return [product.mean() * 12 * math.sqrt(product.size)]


def birthdays(x):
    """The score of equal spacings: 4096 birthdays in a year of 2^32 days, many years."""
    years = np.sort(x[: x.size // 4096 * 4096].reshape(-1, 4096), axis=1)
    spacings = np.sort(np.diff(years, axis=1), axis=1)
    equal = np.count_nonzero(spacings[:, 1:] == spacings[:, :-1])
    expected = 4096**3 / 2**34 * len(years)  # Marsaglia: Poisson of n³/4m a year
    return [(equal - expected) / math.sqrt(expected)]


def scores(x, order):
    """All scores by name; lags are of neighbours in each direction of the order, and of groups."""
    lags = {1, 2, 3, len(order.streams), order.coordinates * len(order.streams)}
    lags |= {order.wide, 2 * order.wide, 4 * order.wide}
    found = {"bits": bits(x), "birthdays": birthdays(x)}
    for lag in sorted(lags):
        found[f"bytes, {lag} apart"] = bytes_in_pairs(x, lag)
        found[f"distances, {lag} apart"] = distances(x, lag)
        found[f"products, {lag} apart"] = products(x, lag)
    return found


def worst(found):
    return max(found.items(), key=lambda item: np.max(np.abs(item[1])))


@pytest.mark.parametrize("name", ORDERS)
def test_words_in_the_order_of_a_run_are_random(name):
    # 16 million words, 67 MB; fewer than 80 scores below 6.5 each: false alarm 1e-8.
    order = ORDERS[name]
    what, found = worst(scores(words(order, 16 * MEGA)[0], order))
    assert np.max(np.abs(found)) < 6.5, (what, found)


def few_rounds(order):
    """Words of a generator with two rounds in the place of ten."""
    x = np.arange(4 * MEGA, dtype=np.uint64)
    a, b, c, d = x, np.zeros_like(x), np.zeros_like(x), np.full_like(x, stream_hash("gradient"))
    low, mask = np.uint64(32), np.uint64(2**32 - 1)
    for _ in range(2):
        left, right = a * np.uint64(0xD2511F53), c * np.uint64(0xCD9E8D57)
        a, b, c, d = right >> low ^ b, right & mask, left >> low ^ d, left & mask
    return np.stack([a, b, c, d], axis=1).ravel().astype(np.uint32)


SPOILED = {
    "two rounds": (few_rounds, Order()),
    "a replicate that does not count": (
        lambda order: words(order, 4 * MEGA, replicate_counts=False)[0],
        Order(replicates=4),
    ),
    "one bit that is set too often, by a thousandth": (
        lambda order: (
            words(order, 16 * MEGA)[0]
            | (words(order, 16 * MEGA, 2**31)[0] % np.uint32(500) == 0).astype(np.uint32)
        ),
        Order(),
    ),
    "a step drawn twice": (
        lambda order: np.repeat(words(order, 4 * MEGA)[0].reshape(-1, 8), 2, axis=0).ravel(),
        Order(replicates=8),
    ),
}


@pytest.mark.parametrize("name", SPOILED)
def test_spoiled_words_are_told_apart(name):
    make, order = SPOILED[name]
    assert np.max(np.abs(worst(scores(make(order), order))[1])) > 6.5


# -- dieharder ------------------------------------------------------------------------------------

DIEHARDER = shutil.which("dieharder")
BATTERY = {
    "birthdays": ["-d", "0"],
    "ranks of 6 x 8 bits": ["-d", "3"],
    "ones in a stream": ["-d", "8"],
    "runs up and down": ["-d", "15"],
    "runs of bits": ["-d", "101"],
    "sums of every eighth word": ["-d", "203", "-n", "7", "-p", "20"],
}
TAKEN = 280 * MEGA
"""The least number of words that the battery takes of an order: more than a gigabyte."""


def judged(stream, options):
    """The p-values that one test of dieharder gives, and how many words it took."""
    command = [DIEHARDER, "-g", "200", "-S", "1", *options]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    taken = 0
    with subprocess.Popen(command, **pipes) as running:
        with suppress(BrokenPipeError):  # dieharder ends when it has taken what it needs
            for chunk in stream:
                running.stdin.write(chunk.tobytes())
                taken += chunk.size
        told = running.stdout.read().decode()
        with suppress(BrokenPipeError):
            running.stdin.close()
    return [float(p) for p in re.findall(r"([01]\.\d+)\|\s*[A-Z]+", told)], taken


def in_chunks(order, make=words):
    """Words without end."""
    first = 0
    while True:
        chunk, groups = make(order, MEGA, first)
        first += groups
        yield chunk


needs_dieharder = pytest.mark.skipif(
    DIEHARDER is None,
    reason="dieharder is not installed (on Debian and Ubuntu: apt-get install dieharder)",
)


@needs_dieharder
@pytest.mark.parametrize("name", ["1 replicate", "4 replicates", "8192 replicates", "3 streams"])
def test_dieharder_finds_nothing_in_words_in_the_order_of_a_run(name):
    # Seven p-values, two-sided at 1e-7 each: false alarm 1.4e-6.
    stream, total = in_chunks(ORDERS[name]), 0
    for test, options in BATTERY.items():
        found, taken = judged(stream, options)
        assert found, test
        assert all(1e-7 < p < 1 - 1e-7 for p in found), (test, found)
        total += taken
    assert total > TAKEN


@needs_dieharder
def test_dieharder_finds_a_generator_that_repeats_its_replicates():
    def alike(order, size, first):
        return words(order, size, first, replicate_counts=False)

    found, _ = judged(in_chunks(ORDERS["4 replicates"], alike), BATTERY["ones in a stream"])
    assert min(found) < 1e-7


# -- every word of the normals --------------------------------------------------------------------


@numba.njit(error_model="numpy")
def radii(begin, end):
    """The worst error of the radius in units of what is allowed, and the sums of its powers."""
    worst = first_power = second = third = fourth = 0.0
    for half in range(begin, end):
        x, _ = normal_pair(np.uint32(half << 1), np.uint32(0))  # at the angle of 45 degrees
        r = np.float64(x) / 0.7071067811865476
        exact = math.sqrt(-2.0 * math.log((half + 0.5) * 2.0**-31))
        allowed = 3e-7 * exact + min(6e-8 / exact, 4e-4)
        worst = max(worst, abs(r - exact) / allowed)
        first_power += r
        second += r * r
        third += r * r * r
        fourth += r * r * r * r
    return worst, first_power, second, third, fourth


def test_every_radius_is_right_and_so_are_their_moments():
    worst_error, *sums = radii(0, 2**31)
    assert worst_error < 1.0
    root = math.sqrt(math.pi / 2)
    found = np.array(sums) / 2**31
    # Rounding is 3e-7 of a radius.
    np.testing.assert_allclose(found, [root, 2.0, 3 * root, 8.0], rtol=1e-6)


@numba.njit(error_model="numpy")
def angles(begin, end):
    """The worst error of a cosine or sine over angles of the first quadrant, and the sums."""
    word = np.uint32(2**31)
    r = math.sqrt(-2.0 * math.log((2**30 + 0.5) * 2.0**-31))
    worst = first = second = fourth = mixed = 0.0
    for place in range(begin, end):
        centred = place - 2**30 if place >= 2**29 else place
        t = math.pi / 4 * (1.0 + centred * 2.0**-29)
        a, b = normal_pair(word, np.uint32(place))
        x, y = np.float64(a) / r, np.float64(b) / r
        worst = max(worst, abs(x - math.cos(t)), abs(y - math.sin(t)))
        first += x
        second += x * x
        fourth += x * x * x * x
        mixed += x * y
    return worst, first, second, fourth, mixed


@numba.njit(error_model="numpy")
def unlike_by_sign(begin, end):
    """How many angles differ between quadrants in more than the signs."""
    word, unlike = np.uint32(2**31), 0
    for place in range(begin, end):
        a, b = normal_pair(word, np.uint32(place))
        for quadrant in range(1, 4):
            x, y = normal_pair(word, np.uint32(place + quadrant * 2**30))
            unlike += x != (-a if quadrant >= 2 else a)
            unlike += y != (-b if quadrant % 2 else b)
    return unlike


def test_every_angle_is_right_and_so_are_their_moments():
    worst_error, *sums = angles(0, 2**30)
    assert worst_error < 3e-7  # of the radius, as `normal_pair` states
    # First quadrant: E cos = 2/π, E cos² = 1/2, E cos⁴ = 3/8, E cos sin = 1/π.
    stated = [2 / math.pi, 1 / 2, 3 / 8, 1 / math.pi]
    np.testing.assert_allclose(np.array(sums) / 2**30, stated, rtol=1e-7)
    assert unlike_by_sign(0, 2**30) == 0
