"""Known answers, equal bits in NumPy and Numba, and draws that are normal, uniform, independent.

Statistical tests use a fixed key; the false-alarm rate stated with each is that of a right
generator under a fresh key.  The helper that judges the draws judges spoiled ones too, to show that
it can fail.
"""

from __future__ import annotations

import itertools
import platform

import numba
import numpy as np
import pytest
from numba.extending import register_jitable
from scipy import stats

from aimctheory.simulator import noise
from aimctheory.simulator.draw_counter import key_from, key_words, stream_hash
from aimctheory.simulator.noise import (
    normal_pair,
    philox,
    raw_draws,
    sample_indices,
    unit_uniform,
)

for _function in noise.KERNEL_FUNCTIONS:
    register_jitable(forceinline=True)(_function)

KEY = key_from(20250101)
WORD = 2**32
EDGES = [0, 1, 2, 3, 2**24, 2**30 - 1, 2**30, 2**31 - 1, 2**31, 3 * 2**30, WORD - 2, WORD - 1]


@numba.njit(error_model="numpy")
def compiled_words(counters, key, out, n):
    for j in range(n):
        out[j], out[n + j], out[2 * n + j], out[3 * n + j] = philox(
            counters[j], counters[n + j], counters[2 * n + j], counters[3 * n + j], key[0], key[1]
        )


@numba.njit(error_model="numpy")
def compiled_normals(words, out, n):
    for j in range(n):
        out[j], out[n + j] = normal_pair(words[j], words[n + j])


@numba.njit(error_model="numpy")
def compiled_uniforms(words, out, n):
    for j in range(n):
        out[j] = unit_uniform(words[j])


def random_words(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(WORD, size=shape, dtype=np.uint32)


def normals(steps: int, replicates: int, coordinates: int, stream: str = "gradient") -> np.ndarray:
    """Normals of shape (steps, replicates, coordinates) from step 0 on."""
    lanes = range(replicates), range(coordinates)
    return np.stack([raw_draws("normal", KEY, stream, *lanes, step) for step in range(steps)])


# ---- the generator --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([WORD - 1] * 4, [WORD - 1] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
    ids=["zeros", "ones", "pi"],
)
def test_philox_gives_the_published_known_answers(counter, key, words):
    arguments = np.array([*counter, *key], dtype=np.uint32)
    assert [int(word) for word in philox(*arguments)] == words
    assert [int(word[0]) for word in philox(*arguments[:, np.newaxis])] == words


def test_the_compiled_philox_has_the_same_bits():
    counters, key, n = random_words(1, 4, 50_000), random_words(2, 2), 50_000
    out = np.empty(4 * n, dtype=np.uint32)
    compiled_words(counters.ravel(), key, out, n)
    np.testing.assert_array_equal(out.reshape(4, n), philox(*counters, *key))


def test_compiled_normals_have_the_same_bits():
    edges = np.array(list(itertools.product(EDGES, EDGES)), dtype=np.uint32).T
    words = np.concatenate([random_words(3, 2, 1_000_000), edges], axis=1)
    out = np.empty(words.shape, dtype=np.float32)
    compiled_normals(words.ravel(), out.ravel(), words.shape[1])
    expected = np.stack(normal_pair(*words))
    np.testing.assert_array_equal(out.view(np.uint32), expected.view(np.uint32))


def test_compiled_uniforms_have_the_same_bits():
    words = np.concatenate([random_words(4, 100_000), np.array(EDGES, dtype=np.uint32)])
    out = np.empty(words.size)
    compiled_uniforms(words, out, words.size)
    np.testing.assert_array_equal(out, unit_uniform(words))


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="reads x86 instructions")
def test_the_two_loops_of_a_kernel_are_vectorised():
    words = random_words(5, 4 * 8)
    compiled_words(words, words[:2].copy(), words.copy(), 8)
    compiled_normals(words, words.view(np.float32).copy(), 8)
    assert "pmuludq" in "".join(compiled_words.inspect_asm().values())
    floats = "".join(compiled_normals.inspect_asm().values())
    assert "sqrtps" in floats
    assert "mulps" in floats


# ---- counters, keys, streams ----------------------------------------------------------------


def test_a_draw_is_a_function_of_its_coordinates_alone():
    whole = normals(9, 6, 5)
    for step, replicate, coordinate in [(0, 0, 0), (3, 5, 4), (8, 2, 1)]:
        (alone,) = raw_draws("normal", KEY, "gradient", [replicate], [coordinate], step).ravel()
        assert alone == whole[step, replicate, coordinate]


@pytest.mark.parametrize("step", range(20, 24))
def test_one_counter_serves_four_steps(step):
    counter = np.array([[5], [30], [20], [stream_hash("read")]], dtype=np.uint32)
    words = philox(*counter, *key_words(KEY))
    pairs = [*normal_pair(words[0], words[1]), *normal_pair(words[2], words[3])]
    assert raw_draws("uniform", KEY, "read", [20], [30], step) == unit_uniform(words[step - 20])
    assert raw_draws("normal", KEY, "read", [20], [30], step) == pairs[step - 20]


def test_a_key_is_the_first_draw_of_the_generator():
    expected = np.random.default_rng(7).integers(2**64, dtype=np.uint64)
    sources = [7, np.int64(7), np.random.SeedSequence(7), np.random.default_rng(7)]
    assert [key_from(source) for source in sources] == [expected] * 4
    assert isinstance(key_from(7), np.uint64)


def test_a_generator_gives_a_new_key_each_time_and_so_does_none():
    rng = np.random.default_rng(7)
    assert key_from(rng) != key_from(rng)
    assert key_from(None) != key_from(None)


@pytest.mark.parametrize("rng", [-1, 1.0, True, "seed", [1, 2], np.random.RandomState(1)])
def test_other_sources_of_a_key_are_refused(rng):
    with pytest.raises(ValueError, match="cannot seed a run: pass None"):
        key_from(rng)


def test_an_unknown_kind_of_draw_is_refused():
    with pytest.raises(ValueError, match="kind = 'gauss' is not a raw draw"):
        raw_draws("gauss", KEY, "gradient", [0], [0], 0)


def test_streams_in_use_have_different_hashes():
    names = ["gradient", "sample", "read", "transfer", "write", "device", "cycle", "start"]
    assert len({int(stream_hash(name)) for name in names}) == len(names)


# ---- from words to numbers ------------------------------------------------------------------


def test_uniforms_lie_inside_the_unit_interval_symmetrically():
    ends = unit_uniform(np.array([0, WORD - 1], dtype=np.uint32))
    assert ends[0] == 2.0**-33
    assert ends.sum() == 1.0


def box_muller(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same map in double precision, written independently; and its radius."""
    radius = np.sqrt(-2.0 * np.log(((a >> 1) + 0.5) / 2.0**31))
    centred = (b << np.uint32(2)).view(np.int32) / 2.0**31
    angle = np.pi / 4 * (1.0 + centred)
    signs = 1.0 - 2.0 * (b >> 31), 1.0 - 2.0 * (b >> 30 & 1)
    return radius * np.cos(angle) * signs[0], radius * np.sin(angle) * signs[1], radius


def test_normals_are_those_of_box_muller_to_single_precision():
    words = random_words(6, 2, 300_000)
    words[0, :50_000] >>= np.arange(50_000, dtype=np.uint32) % 32  # large radii
    *exact, radius = box_muller(*words)
    # Near zero the radius has the error of u next to 1, 6e-8 divided by the radius.
    allowed = 3e-7 * radius + np.minimum(6e-8 / radius, 4e-4)
    for computed, expected in zip(normal_pair(*words), exact, strict=True):
        assert np.all(np.abs(computed - expected) < allowed)


def test_the_largest_normal_is_the_stated_one():
    angles = np.arange(0, WORD, 2**16, dtype=np.uint32)
    largest = np.abs(normal_pair(np.zeros_like(angles), angles)).max()
    assert largest == pytest.approx(np.sqrt(2 * np.log(2.0**32)), rel=1e-6)
    assert largest < 6.661


def test_normals_are_finite_at_the_smallest_radius():
    words = np.array([WORD - 1, WORD - 1, WORD - 1], dtype=np.uint32), random_words(7, 3)
    assert np.max(np.abs(normal_pair(*words))) < 1e-3


def test_the_two_signs_are_bits_of_their_own():
    a, b = random_words(8, 2, 1000)
    first, second = normal_pair(a, b)
    flipped = normal_pair(a, b ^ np.uint32(2**31)), normal_pair(a, b ^ np.uint32(2**30))
    np.testing.assert_array_equal(flipped, [[-first, second], [first, -second]])


@pytest.mark.parametrize(("x", "tolerance"), [(3.5, 1e-5), (5.0, 1e-4), (5.5, 1e-3), (6.0, 0.02)])
def test_the_tail_of_the_radius_is_right_word_by_word(x, tolerance):
    # Every word whose radius is near x, and all below them, which have larger radii: no sampling.
    edge = int(2.0**31 * np.exp(-0.5 * x * x))
    halves = np.arange(max(0, edge - 2000), edge + 2000, dtype=np.uint32)
    radius = np.hypot(*normal_pair(halves << np.uint32(1), np.zeros_like(halves)))
    beyond = max(0, edge - 2000) + np.sum(radius > x)
    assert beyond / 2.0**31 == pytest.approx(np.exp(-0.5 * x * x), rel=tolerance)


# ---- statistics of the draws ----------------------------------------------------------------


def moment_scores(z: np.ndarray) -> np.ndarray:
    """How many standard errors the first six moments are away from those of a normal."""
    order = np.arange(1, 7)
    moment = {p: np.prod(np.arange(p - 1, 0, -2.0)) if p % 2 == 0 else 0.0 for p in range(1, 13)}
    exact = np.array([moment[p] for p in order])
    deviation = np.sqrt([moment[2 * p] - moment[p] ** 2 for p in order])
    found = np.array([np.mean(z**p) for p in order])
    return (found - exact) / deviation * np.sqrt(z.size)


def tail_probability(z: np.ndarray, beyond: float) -> float:
    """Two-sided p-value of the number of draws beyond a distance from zero."""
    count = int(np.sum(np.abs(z) > beyond))
    law = stats.binom(z.size, 2.0 * stats.norm.sf(beyond))
    return float(min(1.0, 2.0 * law.cdf(count), 2.0 * law.sf(count - 1)))


def departures(z: np.ndarray, tails: tuple[float, ...]) -> list[str]:
    """What tells these draws from standard normals, each at a false-alarm rate below 1e-5.

    5 standard errors of a moment (6e-7; the sixth has a skewed law, for which 7 are allowed), a
    Kolmogorov-Smirnov p-value of 1e-6, and a tail p-value of 1e-6.
    """
    found = [
        f"moment {p}: {score:.1f} standard errors"
        for p, score in enumerate(moment_scores(z), start=1)
        if abs(score) > (5.0 if p < 5 else 7.0)
    ]
    if stats.kstest(z, "norm", method="asymp").pvalue < 1e-6:
        found.append("distribution function")
    return found + [f"tail beyond {x}" for x in tails if tail_probability(z, x) < 1e-6]


def correlations(z: np.ndarray) -> dict[str, float]:
    """Scores of neighbours of (steps, replicates, coordinates), for values, squares and signs."""
    scores = {}
    axes = {"step": 0, "replicate": 1, "coordinate": 2}
    functions = {"value": np.asarray, "square": lambda x: (x * x - 1) / np.sqrt(2), "sign": np.sign}
    for (axis, number), (name, function) in itertools.product(axes.items(), functions.items()):
        f = np.moveaxis(function(z), number, 0)
        for lag in (1, 2, 4):
            product = f[lag:] * f[:-lag]
            scores[f"{name}, {axis} + {lag}"] = float(np.mean(product) * np.sqrt(product.size))
    return scores


def test_a_million_normals_have_the_right_distribution():
    # 6 moments, one distribution, three tails: false alarm below 1e-5.
    assert departures(normals(4, 500, 500).ravel(), (3.0, 4.0, 5.0)) == []


def test_spoiled_normals_are_noticed():
    z = normals(4, 500, 500).ravel()
    assert departures(z * 1.01, (3.0, 4.0, 5.0)) != []
    assert departures(np.clip(z, -3.9, 3.9), (3.0, 4.0, 5.0)) == ["tail beyond 4.0"]
    assert departures(z + 0.01, (3.0, 4.0, 5.0)) != []


def test_neighbouring_normals_are_independent():
    # 27 scores with |score| < 5.5 each: false alarm 1e-6.
    worst = max(correlations(normals(12, 300, 300)).items(), key=lambda item: abs(item[1]))
    assert abs(worst[1]) < 5.5, worst


def test_dependent_neighbours_are_noticed():
    z = normals(12, 300, 300)
    z[:, 1:] = np.sqrt(1 - 0.01**2) * z[:, 1:] + 0.01 * z[:, :-1]
    assert abs(correlations(z)["value, replicate + 1"]) > 5.5


def test_streams_and_keys_are_independent_of_each_other():
    # Three scores with |score| < 5: false alarm 2e-6.
    one, other = normals(4, 300, 300), normals(4, 300, 300, stream="read")
    rekeyed = raw_draws("normal", KEY + np.uint64(1), "gradient", range(300), range(300), 0)
    products = [one * other, one[0] * rekeyed, (one**2 - 1) * (other**2 - 1) / 2]
    assert all(abs(np.mean(x)) * np.sqrt(x.size) < 5.0 for x in products)


def test_the_words_of_consecutive_steps_are_uniform_and_independent():
    # Kolmogorov-Smirnov of 3e5 draws and a chi-square of pairs on a 32 x 32 grid at 1e-6 each.
    draws = [raw_draws("uniform", KEY, "gradient", range(250), range(300), k) for k in range(4)]
    assert stats.kstest(np.ravel(draws), "uniform", method="asymp").pvalue > 1e-6
    for one, two in itertools.pairwise(draws):
        counts, _, _ = np.histogram2d(one.ravel(), two.ravel(), bins=32, range=[[0, 1], [0, 1]])
        assert stats.chisquare(counts.ravel()).pvalue > 1e-6


def test_sample_indices_are_uniform_with_replacement():
    # Chi-square at 1e-6.
    indices = sample_indices(KEY, 3, range(2000), batch=50, samples=37)
    assert indices.dtype == np.intp
    counts = np.bincount(indices.ravel(), minlength=37)
    assert counts.size == 37
    assert stats.chisquare(counts).pvalue > 1e-6


def test_sample_indices_of_replicates_and_steps_are_independent():
    # Coincidences of a row with that of the next replicate, position or step: |score| < 5 each.
    indices = np.stack([sample_indices(KEY, k, range(400), batch=40, samples=10) for k in range(8)])
    for axis in range(3):
        lined = np.moveaxis(indices, axis, 0)
        same = lined[1:] == lined[:-1]
        assert abs(same.mean() - 0.1) < 5.0 * np.sqrt(0.09 / same.size)


def test_sample_indices_do_not_depend_on_which_replicates_are_asked_for():
    whole = sample_indices(KEY, 6, range(10), batch=8, samples=100)
    some = sample_indices(KEY, 6, [7, 2], batch=5, samples=100)
    np.testing.assert_array_equal(some, whole[[7, 2], :5])


@pytest.mark.slow
def test_ten_million_normals_have_the_right_distribution():
    # As above, with the tail beyond 5.5, where 0.4 draws are expected: false alarm below 1e-5.
    assert departures(normals(10, 1000, 1000).ravel(), (3.0, 4.0, 5.0, 5.5)) == []


@pytest.mark.slow
def test_ten_million_normals_are_independent():
    # 27 scores with |score| < 5.5 each: false alarm 1e-6.
    worst = max(correlations(normals(10, 1000, 1000)).items(), key=lambda item: abs(item[1]))
    assert abs(worst[1]) < 5.5, worst
