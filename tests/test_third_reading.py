"""What both engines share, held against `third_reading`: numbers, places, draws, counters, steps.

A trajectory is worked out in plain Python from the seed to the last weight.  Uniforms are the same
bits; normals are single-precision polynomials, exact to 3e-7 r + 6e-8 / r at the radius r.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from aimctheory.algorithms.digital_sgd import digital_sgd
from aimctheory.catalogue import linear, soft_bounds
from aimctheory.laws import gaussian, rademacher, two_point, two_point_frozen, uniform
from aimctheory.objectives.quadratic import quadratic
from aimctheory.simulator import kernel_cache
from aimctheory.simulator.draw_counter import key_from, stream_hash
from aimctheory.simulator.noise import philox, raw_draws, sample_indices
from tests import third_reading as third
from tests.comparison import AVERAGES, ENGINES, run

FAR = [0, 1, 4, 511, 512, 2**16 - 1, 2**16, 2**16 + 1, 70_001, 2**20 + 3, 2**32 - 1]
STEPS = [*range(8), 2**16 - 1, 2**16, 2**18 - 1, 2**18, 2**18 + 5, 2**32 + 2, 2**34 - 1]
SEEDS = [0, 1, 2**31, 2**32 - 1, 2**32, 2**64 + 5, 3**100, 10**60]


def close(found, *place):
    """Whether a normal is the one of its place but for single precision."""
    *where, step = place
    radius = math.hypot(*(third.normal(*where, step - step % 2 + i) for i in (0, 1)))
    allowed = 3e-7 * radius + min(6e-8 / radius, 4e-4)
    return abs(float(found) - third.normal(*place)) < allowed


# -- seeds, words, numbers ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_gives_the_key_that_numpys_documents_say(seed):
    assert int(key_from(seed)) == third.key_of_seed(seed)


def test_words_are_those_of_the_published_algorithm_at_any_counter_and_key():
    counters = np.random.default_rng(1).integers(2**32, size=(300, 6), dtype=np.uint64)
    counters[:60] %= np.uint64(3)  # small words too
    counters[60:120] += np.uint64(2**32 - 3) - counters[60:120] % np.uint64(2**32 - 3)  # and large
    found = np.array(philox(*counters.T.astype(np.uint32))).T
    expected = [third.philox(row[:4], row[4:]) for row in counters.tolist()]
    assert found.tolist() == expected


@pytest.mark.parametrize("name", ["gradient", "sample", "read", "transfer", "ξ", ""])
def test_a_stream_is_known_by_the_crc_of_its_name(name):
    assert int(stream_hash(name)) == third.crc32(name)


@pytest.mark.parametrize("step", STEPS)
def test_draws_are_those_of_their_place_however_far(step):
    key = third.key_of_seed(3)
    uniforms, normals = (
        raw_draws(kind, np.uint64(key), "read", FAR, FAR[::-1], step)
        for kind in ("uniform", "normal")
    )
    for i, replicate in enumerate(FAR):
        for j, coordinate in enumerate(FAR[::-1]):
            place = key, "read", replicate, coordinate, step
            assert uniforms[i, j] == third.uniform(*place)
            assert close(normals[i, j], *place)


def test_mini_batches_are_those_of_their_place_however_far():
    key = third.key_of_seed(4)
    for step in STEPS:
        found = sample_indices(np.uint64(key), step, FAR, batch=3, samples=1797)
        expected = [[third.sample(key, r, i, step, 1797) for i in range(3)] for r in FAR]
        assert found.tolist() == expected


def test_every_replicate_of_a_large_run_has_the_mini_batches_of_its_place():
    replicates, group = 2**16 + 4, 2**16 + 1
    indices = np.empty((4, replicates, 2), dtype=np.intp)
    key = third.key_of_seed(4)
    words = np.array([key % 2**32, key // 2**32], dtype=np.uint32)
    kernel_cache.driver("sample")(indices, group, stream_hash("sample"), words, 1797)
    for r in (0, 1, 511, 512, 2**16 - 1, 2**16, 2**16 + 3):
        for phase in range(4):
            expected = [third.sample(key, r, i, 4 * group + phase, 1797) for i in range(2)]
            assert indices[phase, r].tolist() == expected


# -- whole trajectories ---------------------------------------------------------------------------


def draw(law, key, stream, replicate, coordinate, step, point):
    """ξ of a law as its paper has it."""
    place, s = (key, stream, replicate, coordinate, step), law.numbers["sigma"]
    if law.form.id == "gaussian":
        return s * third.normal(*place)
    u = third.uniform(*place)
    if law.form.id == "uniform":
        return math.sqrt(3) * s * (2 * u - 1)
    if law.form.id == "rademacher":
        return s if u >= 0.5 else -s
    p = law.numbers["p"] if "p" in law.numbers else (1 - point / law.numbers["tau"]) / 2
    return s * math.sqrt((1 - p) / p) if u < p else -s * math.sqrt(p / (1 - p))


def pulse(w, d, high, low):
    """The linear response between saturation points, EX24 C.1: q₊ = 1 − w/high, q₋ = 1 − w/low."""
    return w + d * (1 - w / high) if d >= 0 else w + d * (1 - w / low)


def analog_sgd_by_hand(law, seed, replicate, coordinate, steps, cell, bowl, rate):
    key, w = third.key_of_seed(seed), 0.0
    for k in range(steps):
        g = bowl[0] * (w - bowl[1]) + draw(law, key, "gradient", replicate, coordinate, k, w)
        w = pulse(w, -rate * g, *cell)
    return w


LAWS = {
    "gaussian": gaussian(0.5),
    "uniform": uniform(0.5),
    "rademacher": rademacher(0.5),
    "two-point": two_point(0.5, tau=2.0),
    "two-point-frozen": two_point_frozen(0.5, p=0.3),
}


@pytest.mark.parametrize("law", LAWS)
def test_a_run_is_the_recursion_worked_out_by_hand(law):
    found = run(device=linear(tau=1), noise=LAWS[law], steps=21, replicates=3, rng=7)
    for replicate in range(3):
        for j, bowl in enumerate([(1.0, 0.1), (2.0, 0.2), (0.5, -0.3)]):
            w = analog_sgd_by_hand(LAWS[law], 7, replicate, j, 21, (1.0, -1.0), bowl, 0.05)
            assert found.readout[replicate, -1, j] == pytest.approx(w, abs=1e-6)


PER = ("element", "row", "column")


def jumping(state, hyper, gradient, ops):
    """W takes the gradient, and each buffer the last draw of a stream of its own."""
    drawn = {per: ops.noise(f"by_{per}", per) for per in PER}
    return {"W": state.W - hyper.learning_rate * gradient, **drawn}


@pytest.mark.parametrize("engine", ENGINES)
def test_elements_of_a_row_or_a_column_share_the_draws_of_its_number(engine):
    jumpy = replace(
        digital_sgd,
        buffers={"W": 0.0} | dict.fromkeys(PER, 0.0),
        step=jumping,
        noises=tuple(f"by_{per}" for per in PER),
    )
    layer = replace(quadratic(np.ones(6)), shape=(2, 3))
    noise = {"by_element": uniform(1.0), "by_row": uniform(1.0), "by_column": gaussian(1.0)}
    found = run(jumpy, {}, layer, noise=noise, steps=7, replicates=3, rng=11, engine=engine)
    key = third.key_of_seed(11)
    for replicate in range(3):
        for element in range(6):
            row, column = divmod(element, 3)
            for per, at in zip(PER, (element, row, column), strict=True):
                law, stream = noise[f"by_{per}"], f"by_{per}"
                expected = draw(law, key, stream, replicate, at, 6, 0.0)
                assert found.states[per][replicate, -1, element] == pytest.approx(
                    expected, abs=1e-6
                )


# -- counters at size -----------------------------------------------------------------------------


def compiled(**changes):
    """A run by the kernel that `test_engines` compiles too."""
    given = {"device": linear(tau=1, c=0.0), "noise": gaussian(0.6), "averages": AVERAGES, "rng": 9}
    return run(engine="kernel", **(given | changes))


def test_a_compiled_run_of_many_blocks_draws_beyond_the_65536th_replicate():
    count = 2**16 + 300
    found = compiled(replicates=count, steps=6, record_every=6)
    places = [
        (0, 0),
        (170, 2),
        (171, 0),
        (2**16 - 1, 2),
        (2**16, 0),
        (2**16 + 1, 1),
        (count - 1, 2),
    ]
    for replicate, j in places:
        bowl = [(1.0, 0.1), (2.0, 0.2), (0.5, -0.3)][j]
        w = analog_sgd_by_hand(gaussian(0.6), 9, replicate, j, 6, (1.0, -1.0), bowl, 0.05)
        assert found.readout[replicate, -1, j] == pytest.approx(w, abs=1e-6)


@pytest.mark.parametrize("last", [2**16, 2**18 + 2, 2**18 + 4 * 513 + 3])
def test_a_compiled_run_draws_beyond_the_65536th_group_of_steps(last):
    found = compiled(replicates=2, steps=last + 1, record_every=last)
    key = third.key_of_seed(9)
    for replicate in range(2):
        for j, (h, centre) in enumerate([(1.0, 0.1), (2.0, 0.2), (0.5, -0.3)]):
            before, after = found.readout[replicate, -2:, j]
            g = h * (before - centre) + 0.6 * third.normal(key, "gradient", replicate, j, last)
            assert after == pytest.approx(pulse(before, -0.05 * g, 1.0, -1.0), abs=1e-7)


# -- numbers and ranges that differ between blocks ------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_every_lane_of_several_blocks_has_its_own_numbers_and_range(engine):
    # 1206 lanes: two full blocks and a part of a third; a third of the replicates leaves.
    replicates, steps, rate = 402, 9, 0.3
    spread = np.arange(replicates)[:, None] + 300.0 * np.arange(3)
    # The ranges become narrower: who looks at the first block's misses those who leave.
    high, low = 0.8 - 0.0004 * spread, -0.6 + 0.0003 * spread
    widths, curvatures = 0.5 + 0.001 * spread, 0.5 + 0.0007 * spread
    found = run(
        device=soft_bounds(tau_max=high, tau_min=low),
        objective=quadratic(curvatures, 0.1),
        hyper={"learning_rate": rate},
        noise=uniform(widths),
        steps=steps,
        replicates=replicates,
        rng=5,
        engine=engine,
    )
    key = third.key_of_seed(5)
    exits = set()
    for replicate in [*range(0, replicates, 23), 170, 171, 341, 342, 401]:
        left = []
        for j in range(3):
            cell, w = (high[replicate, j], low[replicate, j]), 0.0
            for k in range(steps):
                u = third.uniform(key, "gradient", replicate, j, k)
                g = curvatures[replicate, j] * (w - 0.1)
                g += math.sqrt(3) * widths[replicate, j] * (2 * u - 1)
                w = pulse(w, -rate * g, *cell)
                left += [k + 1] if not cell[1] <= w <= cell[0] else []
            assert found.readout[replicate, -1, j] == pytest.approx(w, rel=1e-9, abs=1e-12)
        assert found.outcomes.left[replicate] == min(left, default=-1)
        exits.add(min(left, default=-1))
    assert len(exits) > 3


DENSE = quadratic([[2.0, 0.5, 0.0], [0.5, 1.0, -0.25], [0.0, -0.25, 3.0]], [0.1, 0.2, -0.3])


@pytest.mark.parametrize("engine", ENGINES)
def test_every_lane_of_several_blocks_gets_its_own_gradient_where_coordinates_are_coupled(engine):
    replicates, steps = 402, 4
    h, centre = DENSE.hessian(np.zeros(3)).tolist(), [0.1, 0.2, -0.3]
    start = 0.0005 * np.arange(replicates)[:, None] * np.array([1.0, -1.0, 0.5])
    found = run(
        device=linear(tau=1),
        objective=DENSE,
        noise=uniform(0.5),
        start={"W": start},
        steps=steps,
        replicates=replicates,
        rng=5,
        engine=engine,
    )
    key = third.key_of_seed(5)
    for replicate in (0, 1, 169, 170, 171, 340, 341, 342, 401):
        w = start[replicate].tolist()
        for k in range(steps):
            noise = [
                0.5 * math.sqrt(3) * (2 * third.uniform(key, "gradient", replicate, j, k) - 1)
                for j in range(3)
            ]
            g = [sum(h[j][i] * (w[i] - centre[i]) for i in range(3)) + noise[j] for j in range(3)]
            w = [pulse(w[j], -0.05 * g[j], 1.0, -1.0) for j in range(3)]
        assert found.readout[replicate, -1].tolist() == pytest.approx(w, abs=1e-12)


def test_the_third_reading_tells_a_normal_of_the_wrong_step_apart():
    key = third.key_of_seed(1)
    (found,) = raw_draws("normal", np.uint64(key), "gradient", [0], [0], 5).ravel()
    assert [k for k in range(12) if close(found, key, "gradient", 0, 0, k)] == [5]
    assert [r for r in range(12) if close(found, key, "gradient", r, 0, 5)] == [0]
