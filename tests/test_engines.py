"""Both engines compute the same trajectories, to the last bit wherever no matrix product enters."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace

import numpy as np
import pytest
import sympy

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.algorithms.digital_sgd import digital_sgd
from aimctheory.algorithms.residual_learning import residual_learning, residual_learning_v2
from aimctheory.catalogue import exponential, ideal, linear, power, soft_bounds
from aimctheory.laws import gaussian, rademacher, two_point, two_point_frozen, uniform
from aimctheory.notation import REALS, Parameter
from aimctheory.objectives.quadratic import quadratic
from aimctheory.objectives.softmax import softmax
from aimctheory.simulator import kernel_engine
from aimctheory.simulator.block_layout import LANES
from aimctheory.simulator.simulate import simulate
from tests.comparison import (
    ALGORITHMS,
    AVERAGES,
    CELLS,
    LAWS,
    both,
    differing,
    hyper_of,
    largest_gap,
    uncompiled,
)

BOWL = quadratic([1.0, 2.0, 0.5], [0.1, 0.2, -0.3])
PAIRS = {
    "linear and ideal": {"P": linear(tau=1, c=0.2), "W": ideal()},
    "ideal and power": {"P": ideal(), "W": power(tau=1, gamma=3)},
    "exponential and linear": {"P": exponential(tau=1, gamma=2), "W": linear(tau=2, c=-0.3)},
    "soft bounds and power": {
        "P": soft_bounds(tau_max=1, tau_min=-0.7),
        "W": power(tau=1, gamma=1.5),
    },
    "two powers": {"P": power(tau=1, gamma=0.5), "W": power(tau=0.8, gamma=2.37)},
}


def cases():
    """Every catalogue response under every algorithm; digital ones need no device."""
    for algorithm in ALGORITHMS.values():
        for cell in CELLS if algorithm.arrays else ["ideal"]:
            yield pytest.param(algorithm, CELLS[cell], id=f"{algorithm.id}, {cell}")
    for name, pair in PAIRS.items():
        for algorithm in (residual_learning, residual_learning_v2):
            yield pytest.param(algorithm, pair, id=f"{algorithm.id}, {name}")


def noises(algorithm, law):
    """The law for the gradient, and another for every further stream."""
    others = itertools.cycle([uniform(0.05), gaussian(0.05)])
    return {"gradient": law} | dict(zip(algorithm.noises, others, strict=False))


def start(algorithm):
    return dict.fromkeys(algorithm.states, 0.05)


def options(algorithm, law, **changes):
    given = {
        "hyper": hyper_of(algorithm),
        "noise": noises(algorithm, law),
        "start": start(algorithm),
    }
    return given | {"steps": 9, "replicates": 5, "rng": 7, "record_every": 3} | changes


# -- the printed text, read as Python: all combinations -------------------------------------------


@pytest.mark.parametrize(("algorithm", "device"), [*cases()])
def test_the_printed_kernel_means_what_the_step_says(algorithm, device):
    with uncompiled():
        for law in LAWS.values():
            runs = both(algorithm, device, BOWL, averages=AVERAGES, **options(algorithm, law))
            assert differing(*runs) == []
            assert np.ptp(runs[0].readout) > 1e-3


# -- the compiled kernel: representatives of every response, law and algorithm --------------------

COMPILED = {
    "analog-sgd, linear, gaussian": (analog_sgd, linear(tau=1, c=0.2), gaussian(0.6)),
    "analog-sgd, exponential, rademacher": (
        analog_sgd,
        exponential(tau=1, gamma=2),
        rademacher(0.6),
    ),
    "analog-sgd, power 5/2, two-point": (analog_sgd, CELLS["power-5/2"], two_point(0.6, tau=2.0)),
    "digital-sgd, uniform": (digital_sgd, None, uniform(0.6)),
    "residual-learning, soft bounds and power": (
        residual_learning,
        PAIRS["soft bounds and power"],
        two_point_frozen(0.6, p=0.3),
    ),
    "residual-learning-v2, two powers": (residual_learning_v2, PAIRS["two powers"], gaussian(0.6)),
}


@pytest.mark.parametrize("case", COMPILED)
def test_the_compiled_kernel_gives_the_bits_of_the_reference(case):
    algorithm, device, law = COMPILED[case]
    given = options(algorithm, law, steps=300, replicates=100, record_every=7)
    assert differing(*both(algorithm, device, BOWL, averages=AVERAGES, **given)) == []


@pytest.mark.slow
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(("algorithm", "device"), [*cases()])
def test_every_compiled_kernel_gives_the_bits_of_the_reference(algorithm, device, law):
    given = options(algorithm, LAWS[law], steps=300, replicates=100, record_every=7)
    assert differing(*both(algorithm, device, BOWL, averages=AVERAGES, **given)) == []


# -- numbers that vary over replicates and coordinates --------------------------------------------


def test_numbers_of_every_shape_reach_their_own_lanes():
    rng = np.random.default_rng(5)
    device = power(tau=rng.uniform(0.8, 1.2, size=3), gamma=rng.uniform(0.5, 3, size=(60, 3)))
    bowl = quadratic([1.0, 2.0, 0.5], rng.normal(size=(60, 1)) * 0.2)
    noise = gaussian(np.geomspace(0.1, 1.0, 60)[:, None])
    given = {"hyper": {"learning_rate": np.repeat([0.01, 0.05], 30)[:, None]}, "noise": noise}
    given |= {"start": {"W": rng.uniform(-0.5, 0.5, size=(60, 3))}, "rng": 3, "replicates": 60}
    assert differing(*both(analog_sgd, device, bowl, steps=70, record_every=9, **given)) == []


def test_a_sweep_in_one_call_holds_the_runs_made_one_by_one():
    rates = np.array([0.01, 0.02, 0.05])
    common = {"noise": gaussian(0.6), "steps": 40, "rng": 3}
    sweep = simulate(
        analog_sgd,
        linear(tau=1),
        BOWL,
        hyper={"learning_rate": rates[:, None]},
        replicates=3,
        engine="reference",
        **common,
    )
    for i, rate in enumerate(rates):
        alone = simulate(
            analog_sgd,
            linear(tau=1),
            BOWL,
            hyper={"learning_rate": rate},
            replicates=3,
            engine="reference",
            **common,
        )
        assert (sweep.readout[i] == alone.readout[i]).all()


# -- nothing else has an influence ----------------------------------------------------------------


@pytest.fixture(scope="module")
def linear_run():
    """A run of 1500 lanes (some blocks, the last one partly filled) by a kernel used often."""

    def run(**changes):
        given = {"hyper": {"learning_rate": 0.05}, "noise": gaussian(0.6), "steps": 600, "rng": 9}
        given |= {"replicates": 500, "record_every": 100, "averages": AVERAGES} | changes
        return simulate(analog_sgd, linear(tau=1, c=0.2), BOWL, **given)

    return run, run()


@pytest.fixture
def shared_out(monkeypatch):
    """Every call is worth its threads; the list grows with each share that one of them is given."""
    shares = []
    submit = kernel_engine.ThreadPoolExecutor.submit

    def counted(pool, work, first, last):
        shares.append((first, last))
        return submit(pool, work, first, last)

    monkeypatch.setattr(kernel_engine, "_WORTH_A_THREAD", 0)
    monkeypatch.setattr(kernel_engine.ThreadPoolExecutor, "submit", counted)
    return shares


@pytest.mark.parametrize("threads", [1, 2, 3, 16])
def test_the_number_of_threads_changes_no_bit(linear_run, monkeypatch, shared_out, threads):
    run, first = linear_run
    monkeypatch.setenv("AIMCTHEORY_THREADS", str(threads))
    assert differing(run(), first) == []
    assert (len(set(shared_out)) >= min(threads, -(-1500 // LANES))) == (threads > 1)


@pytest.mark.parametrize("window", [1, 7, 254, 10**6])
def test_the_length_of_a_call_changes_no_bit(linear_run, monkeypatch, window):
    run, first = linear_run

    def march(machine, schedule, lanes):
        for begin in range(0, schedule.steps, window):
            stop = min(begin + window, schedule.steps)
            machine.advance(schedule.window(begin, stop))
            yield stop

    monkeypatch.setattr(sys.modules["aimctheory.simulator.simulate"], "march", march)
    assert differing(run(), first) == []


@pytest.mark.parametrize("engine", ["kernel", "reference"])
@pytest.mark.parametrize("every", [7, 64, 599, 10**6])
def test_how_often_is_recorded_changes_no_trajectory(linear_run, every, engine):
    run, _ = linear_run
    often = run(record_every=1, engine=engine, replicates=5)
    rarely = run(record_every=every, engine=engine, replicates=5)
    assert rarely.steps.tolist() == sorted({*range(0, 600, every), 600})
    assert (rarely.states["W"] == often.states["W"][:, rarely.steps]).all()


@pytest.mark.parametrize("engine", ["kernel", "reference"])
def test_more_replicates_leave_the_old_ones_as_they_were(linear_run, engine):
    run, first = linear_run
    more = run(replicates=733, engine=engine)
    assert (more.readout[:500] == first.readout).all()
    assert (more.averages["W"].mean[:500] == first.averages["W"].mean).all()


def test_more_coordinates_leave_the_old_ones_as_they_were():
    given = {"hyper": {"learning_rate": 0.05}, "noise": gaussian(0.6), "steps": 50, "rng": 9}
    few = simulate(analog_sgd, linear(tau=1), quadratic(np.ones(2)), engine="reference", **given)
    many = simulate(analog_sgd, linear(tau=1), quadratic(np.ones(5)), engine="reference", **given)
    assert (many.readout[..., :2] == few.readout).all()


def test_replicates_and_coordinates_draw_numbers_of_their_own(linear_run):
    _, first = linear_run
    final = first.readout[:, -1] - first.readout[:, -1].mean(axis=0)
    assert np.unique(final).size == final.size


def test_a_longer_run_begins_with_the_shorter_one(linear_run):
    run, first = linear_run
    assert (run(steps=900).readout[:, :7] == first.readout).all()


def test_another_seed_gives_another_run(linear_run):
    run, first = linear_run
    assert "readout" in differing(run(rng=10), first)


def test_the_same_seed_gives_the_same_run_whatever_it_is_wrapped_in(linear_run):
    run, first = linear_run
    assert differing(run(rng=np.random.SeedSequence(9)), first) == []
    assert differing(run(rng=np.random.default_rng(9)), first) == []


# -- corners of arithmetic ------------------------------------------------------------------------


def zero_over_zero(state, hyper, gradient, ops):
    """Divisions of scalars by zero, which Python would refuse and a kernel must not."""
    rate = ops.where(ops.k > 0, hyper.learning_rate / ops.k, 0.0)
    return {"W": state.W - rate * gradient, "B": hyper.nothing / hyper.nothing}


ZERO = Parameter("nothing", sympy.Symbol("z"), REALS, (0, 1), "a number that is zero")
DIVIDING = replace(
    digital_sgd,
    id="dividing",
    buffers={"W": 0.0, "B": 0.0},
    step=zero_over_zero,
    hyper=(*digital_sgd.hyper, ZERO),
)


def test_scalars_divide_by_zero_alike_in_both_engines():
    given = {"hyper": {"learning_rate": 0.1, "nothing": 0.0}, "noise": gaussian(0.5), "rng": 1}
    with uncompiled():
        runs = both(DIVIDING, None, BOWL, steps=9, averages=AVERAGES, **given)
    assert differing(*runs) == []
    assert runs[0].outcomes.broke.tolist() == [1]


# -- where coordinates are coupled ----------------------------------------------------------------

DENSE = quadratic([[2.0, 0.5, 0.0], [0.5, 1.0, -0.25], [0.0, -0.25, 3.0]], [0.1, 0.2, -0.3])


def small_softmax():
    rng = np.random.default_rng(3)
    features = np.column_stack([rng.normal(size=(30, 3)), np.ones(30)])
    return softmax(features, np.arange(30) % 3, batch=4, l2=0.1)


def test_a_dense_quadratic_agrees_to_rounding():
    given = {
        "hyper": {"learning_rate": 0.05},
        "noise": gaussian(0.6),
        "rng": 2,
        "averages": AVERAGES,
    }
    runs = both(
        analog_sgd, linear(tau=1, c=0.2), DENSE, steps=120, replicates=90, record_every=7, **given
    )
    assert largest_gap(*runs) < 1e-12
    assert [name for name in differing(*runs) if name in ("left", "broke", "steps")] == []


def test_softmax_under_two_arrays_and_read_noise_agrees_to_rounding():
    given = options(residual_learning_v2, gaussian(0.1), steps=60, replicates=30)
    runs = both(residual_learning_v2, PAIRS["exponential and linear"], small_softmax(), **given)
    assert largest_gap(*runs) < 1e-12


def test_every_replicate_draws_mini_batches_of_its_own():
    given = {"hyper": {"learning_rate": 0.05}, "steps": 5, "rng": 2, "engine": "reference"}
    few = simulate(analog_sgd, linear(tau=1), small_softmax(), replicates=3, **given)
    many = simulate(analog_sgd, linear(tau=1), small_softmax(), replicates=8, **given)
    assert (many.readout[:3] == few.readout).all()
    assert np.unique(many.readout[:, -1, 0]).size == 8


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_and_records_change_no_bit_of_a_coupled_run(monkeypatch, shared_out, threads):
    given = {"hyper": {"learning_rate": 0.05}, "noise": gaussian(0.6), "rng": 2}
    given["replicates"] = LANES // DENSE.coordinates + 90  # more than a block
    monkeypatch.setenv("AIMCTHEORY_THREADS", "1")
    device = linear(tau=1, c=0.2)
    first = simulate(
        analog_sgd, device, DENSE, steps=60, record_every=1, averages=AVERAGES, **given
    )
    monkeypatch.setenv("AIMCTHEORY_THREADS", str(threads))
    again = simulate(
        analog_sgd, device, DENSE, steps=60, record_every=13, averages=AVERAGES, **given
    )
    assert (again.readout == first.readout[:, again.steps]).all()
    assert (again.averages["size"].mean == first.averages["size"].mean).all()
    assert (len(set(shared_out)) >= 2) == (threads > 1)
