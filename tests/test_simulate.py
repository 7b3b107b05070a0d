"""The loop around the engines: outcomes, averages, limiting cases, and what it refuses."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from aimctheory.algorithms.digital_sgd import digital_sgd
from aimctheory.algorithms.residual_learning import residual_learning, residual_learning_v2
from aimctheory.catalogue import exponential, ideal, linear, power
from aimctheory.laws import gaussian, rademacher, uniform
from aimctheory.objectives.quadratic import quadratic
from aimctheory.simulator.run import Outcomes
from tests.comparison import AVERAGES, ENGINES, differing, hyper_of, run, same_bits

# -- limiting cases -------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_analog_sgd_on_the_ideal_cell_is_digital_sgd_bit_for_bit(engine):
    analog, digital = run(device=ideal(), engine=engine), run(digital_sgd, engine=engine)
    assert same_bits(analog.readout, digital.readout)


@pytest.mark.parametrize("engine", ENGINES)
def test_v2_with_filter_rate_one_no_threshold_and_no_read_noise_is_residual_learning(engine):
    device = {"P": exponential(tau=1, gamma=2), "W": linear(tau=1, c=0.2)}
    rates = {"learning_rate": 0.1, "transfer_rate": 0.05, "mixing": 0.3}
    first = run(residual_learning, device, hyper=rates, engine=engine)
    second = run(
        residual_learning_v2,
        device,
        hyper=rates | {"filter_rate": 1.0, "threshold": 0.0},
        engine=engine,
    )
    for name in ("P", "W"):
        assert same_bits(first.states[name], second.states[name])
    assert same_bits(second.states["H"][:, 1:], second.states["P"][:, 1:])


def test_the_filter_rate_is_the_transfer_rate_where_it_is_not_given():
    rates = {"learning_rate": 0.1, "transfer_rate": 0.05, "mixing": 0.3}
    assert (
        differing(
            run(residual_learning_v2, hyper=rates),
            run(residual_learning_v2, hyper=rates | {"filter_rate": 0.05}),
        )
        == []
    )


def test_a_threshold_above_every_buffer_stops_the_transfer():
    rates = {"learning_rate": 0.1, "transfer_rate": 0.05, "mixing": 0.3, "threshold": 10.0}
    still = run(residual_learning_v2, hyper=rates)
    assert not still.states["W"].any()
    assert still.states["P"].any()


def test_without_noise_analog_sgd_descends_to_the_minimiser():
    quiet = run(noise=None, steps=2000, hyper={"learning_rate": 0.1})
    np.testing.assert_allclose(quiet.readout[:, -1], [[0.1, 0.2, -0.3]] * 4, atol=1e-12)
    assert (np.diff(quiet.readout[0, :, 1]) >= 0).all()


def test_a_law_of_width_zero_is_no_noise():
    assert differing(run(noise=gaussian(0.0)), run(noise=None)) == []


def test_every_stream_that_is_not_named_is_zero():
    rates = hyper_of(residual_learning_v2)
    silent = run(residual_learning_v2, hyper=rates, noise={"gradient": gaussian(0.5)})
    zero = {"gradient": gaussian(0.5), "read": uniform(0.0)}
    assert differing(silent, run(residual_learning_v2, hyper=rates, noise=zero)) == []
    loud = {"gradient": gaussian(0.5), "read": uniform(0.1)}
    assert "readout" in differing(silent, run(residual_learning_v2, hyper=rates, noise=loud))


def test_a_symmetric_problem_has_mirrored_trajectories():
    # every sign change is exact in floating point, so that the mirror image is exact too
    cell, objective = power(tau=1, gamma=2), quadratic(1.0, 0.25)
    law = rademacher(np.array([[0.5], [0.5]]))
    one = run(device=cell, objective=objective, noise=law, replicates=2, steps=60)
    # the law draws ±sigma; a negative minimiser with flipped draws is the mirrored problem
    flipped = replace(law.form, draw=lambda raw, point, p, ops: -law.form.draw(raw, point, p, ops))
    mirrored = run(
        device=cell,
        objective=quadratic(1.0, -0.25),
        noise=replace(law, form=flipped),
        replicates=2,
        steps=60,
    )
    assert (one.readout == -mirrored.readout).all()


def test_an_asymmetric_cell_is_pulled_to_its_symmetric_point():
    # at the minimiser 0.5 the mean drift is -alpha Sigma G(0.5), 40 times its standard error
    one_step = run(
        device=linear(tau=1),
        objective=quadratic(1.0, 0.5),
        start={"W": 0.5},
        steps=1,
        replicates=10_000,
        hyper={"learning_rate": 0.01},
    )
    drift = one_step.readout[:, 1].mean() - 0.5
    assert drift == pytest.approx(-0.01 * gaussian(0.5).mean_abs(0.0) * 0.5, abs=6 * 0.005 / 100)


# -- outcomes -------------------------------------------------------------------------------------


def literal_exits(steps, replicates, rate=0.6, sigma=0.8):
    """The first step outside [-1, 1] of Analog SGD on the linear response, on its own noise."""
    from aimctheory.simulator.draw_counter import key_from
    from aimctheory.simulator.noise import raw_draws

    key, w = key_from(1), np.zeros((replicates, 1))
    left = np.full(replicates, -1)
    for k in range(steps):
        g = 0.3 * (w - 0.9) + sigma * raw_draws(
            "normal", key, "gradient", range(replicates), [0], k
        )
        w = w - rate * g - np.abs(rate * g) * w
        left[(left < 0) & (np.abs(w[:, 0]) > 1)] = k + 1
    return left


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("every", [1, 17, 140])
def test_leaving_the_range_is_flagged_at_the_very_step(engine, every):
    restless = run(
        device=linear(tau=1),
        objective=quadratic(0.3, 0.9),
        hyper={"learning_rate": 0.6},
        noise=gaussian(0.8),
        steps=140,
        replicates=15,
        record_every=every,
        engine=engine,
    )
    expected = literal_exits(140, 15)
    assert restless.outcomes.left.tolist() == expected.tolist()
    assert len(set(expected)) > 5
    assert np.isfinite(restless.readout).all()


def test_compiled_kernels_flag_the_same_steps():
    given = {
        "objective": quadratic([0.3, 0.2, 0.1], [0.9] * 3),
        "hyper": {"learning_rate": 0.4},
        "noise": gaussian(0.75),
        "replicates": 300,
        "averages": AVERAGES,
        "record_every": 100,
        "steps": 700,
    }
    reference, compiled = run(**given), run(**given, engine="kernel")
    assert differing(reference, compiled) == []
    assert np.unique(reference.outcomes.left).size > 50


@pytest.mark.parametrize("engine", ENGINES)
def test_a_replicate_that_is_no_longer_finite_stops_and_the_others_go_on(engine):
    rates = np.array([[0.5], [100.0], [0.5], [1000.0]])
    diverging = run(
        digital_sgd, hyper={"learning_rate": rates}, steps=200, record_every=10, engine=engine
    )
    broke = diverging.outcomes.broke
    assert broke[[0, 2]].tolist() == [-1, -1]
    # |1 - alpha h| = 199, 1999 for h = 2: a double overflows after 308 decimal orders of magnitude
    assert broke[[1, 3]] == pytest.approx([308 / np.log10(199), 308 / np.log10(1999)], abs=3)
    for replicate, step in enumerate(broke):
        stopped = (diverging.steps >= step) & (step >= 0)
        assert np.isnan(diverging.readout[replicate, stopped]).all()
        assert np.isfinite(diverging.readout[replicate, ~stopped]).all()


def test_both_engines_break_at_the_same_step():
    rates = np.array([[0.5], [100.0], [0.5], [1000.0]])
    given = {
        "hyper": {"learning_rate": rates},
        "steps": 200,
        "record_every": 7,
        "averages": AVERAGES,
    }
    assert differing(*(run(digital_sgd, engine=e, **given) for e in ENGINES)) == []


def spiking(state, hyper, gradient, ops):
    return {"W": state.W - hyper.learning_rate * gradient, "B": 1.0 / (ops.k - 3.0)}


def test_a_buffer_that_is_not_finite_for_one_step_is_noticed_by_both_engines():
    given = {"steps": 90, "record_every": 30}
    spiked = replace(digital_sgd, buffers={"W": 0.0, "B": 0.0}, step=spiking)
    assert [run(spiked, engine=e, **given).outcomes.broke[0] for e in ENGINES] == [4, 4]


@pytest.mark.parametrize(
    ("left", "broke", "said"),
    [
        ([-1], [-1], "1 replicate finished inside the dynamic range"),
        ([-1] * 3, [-1] * 3, "3 replicates finished inside the dynamic range"),
        (
            [5, -1, 9],
            [-1] * 3,
            "1 of 3 replicates finished inside the dynamic range; "
            "2 left it (first at step 5) and went on",
        ),
        (
            [5, -1, -1],
            [7, 8, -1],
            "1 of 3 replicates finished inside the dynamic range; "
            "1 left it (first at step 5) and went on; "
            "2 became non-finite (first at step 7) and stopped there",
        ),
        (
            [5, -1, -1],
            [-1, 8, -1],
            "1 of 3 replicates finished inside the dynamic range; "
            "1 left it (first at step 5) and went on; "
            "1 became non-finite (first at step 8) and stopped there",
        ),
    ],
    ids=["one", "all", "left", "both", "either"],
)
def test_a_run_says_its_outcomes_in_a_sentence(left, broke, said):
    assert str(Outcomes(np.array(left), np.array(broke))) == said


def test_the_sentence_of_a_run_names_what_was_run():
    assert str(run()) == (
        "analog-sgd on linear(tau=1, c=0.2), 30 steps: "
        "4 replicates finished inside the dynamic range."
    )


# -- records and averages -------------------------------------------------------------------------


def test_step_zero_and_the_last_step_are_recorded():
    short = run(steps=25, record_every=10, start={"W": [0.1, 0.2, 0.3]})
    assert short.steps.tolist() == [0, 10, 20, 25]
    assert short.states["W"].shape == short.readout.shape == (4, 4, 3)
    assert (short.readout[:, 0] == [0.1, 0.2, 0.3]).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_averages_are_batch_means_of_every_step(engine):
    watched = run(steps=130, record_every=1, averages={"W": AVERAGES["W"]}, engine=engine)
    batches, states = watched.averages["W"], watched.states["W"]
    assert (batches.edges[0], batches.edges[-1], batches.mean.shape) == (0, 130, (4, 64, 3))
    for b in (0, 17, 63):
        seen = states[:, batches.edges[b] : batches.edges[b + 1]]  # before each step of the batch
        np.testing.assert_allclose(batches.mean[:, b], seen.mean(axis=1), rtol=1e-12)
        np.testing.assert_allclose(batches.variance[:, b], seen.var(axis=1), atol=1e-14)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_average_sees_the_complete_gradient_and_the_step(engine):
    seen = {
        "g": lambda state, hyper, gradient, ops: gradient,
        "k": lambda state, hyper, gradient, ops: ops.k,
        "one": lambda state, hyper, gradient, ops: 1.0,
    }
    watched = run(digital_sgd, steps=40, record_every=1, averages=seen, engine=engine)
    moved = -np.diff(watched.readout, axis=1) / 0.05
    np.testing.assert_allclose(watched.averages["g"].mean, moved, atol=1e-13)
    assert (watched.averages["k"].mean[0, :, 0] == np.arange(40)).all()
    assert (watched.averages["one"].mean == 1.0).all()


def test_the_readout_is_the_mixed_weight():
    rates = {
        "learning_rate": 0.1,
        "transfer_rate": 0.05,
        "mixing": np.array([[0.1], [0.2], [0.3], [0.4]]),
    }
    mixed = run(residual_learning, hyper=rates)
    expected = mixed.states["W"] + rates["mixing"][:, None] * mixed.states["P"]
    assert (mixed.readout == expected).all()


def test_the_mean_of_a_run_is_the_mean_of_its_replicates_after_a_step():
    late = run(steps=64, record_every=1, replicates=50, averages={"w": AVERAGES["W"]})
    estimate = late.mean("w", after=32)
    np.testing.assert_allclose(estimate.value, late.readout[:, 32:64].mean(axis=(0, 1)), rtol=1e-12)
    assert estimate.n == 50


def test_the_mean_leaves_out_replicates_that_stopped():
    rates = np.array([[1000.0], [0.5], [1000.0]])
    diverging = run(
        digital_sgd, hyper={"learning_rate": rates}, steps=400, replicates=3, record_every=1
    )
    kept = diverging.readout[1, 210:].mean(axis=0)  # 191 steps: batches of two and three
    lost, found = diverging.mean("readout", after=210).value
    np.testing.assert_allclose(found, kept, rtol=1e-12)
    assert np.isnan(lost).all()


def test_a_run_without_a_finite_replicate_has_no_mean():
    lost = run(digital_sgd, hyper={"learning_rate": 1000.0}, steps=200)
    with pytest.raises(ValueError, match="all 4 replicates became non-finite"):
        lost.mean("readout", after=150)


def test_the_mean_of_an_unknown_state_lists_the_known_ones():
    with pytest.raises(ValueError, match="there is no 'V' in this run; it has: W, readout"):
        run().mean("V")


def test_a_mean_after_the_last_step_is_refused():
    with pytest.raises(ValueError, match="nothing of 'W' lies after step 99; the run has 30 steps"):
        run().mean("W", after=99)


def test_provenance_says_how_to_make_the_run_again():
    told = run(hyper={"learning_rate": np.full(3, 0.05)}).provenance
    assert told["algorithm"] == "analog-sgd"
    assert told["noise"] == {"gradient": "gaussian(sigma=0.5)"}
    assert told["hyper"] == {"learning_rate": (3,)}
    assert (told["steps"], told["replicates"], told["engine"]) == (30, 4, "reference")


def test_an_interrupt_in_the_middle_is_passed_on(monkeypatch):
    reference = sys.modules["aimctheory.simulator.reference_engine"].Reference

    def press(self, k):
        raise KeyboardInterrupt

    monkeypatch.setattr(reference, "_step", press)
    with pytest.raises(KeyboardInterrupt):
        run()
