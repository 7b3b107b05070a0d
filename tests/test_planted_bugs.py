"""Bugs planted on purpose: the comparison of the two engines must notice every one of them."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest

from aimctheory.algorithms.residual_learning import residual_learning_v2
from aimctheory.catalogue import linear, power
from aimctheory.laws import gaussian
from aimctheory.objectives.quadratic import quadratic
from aimctheory.simulator import (
    kernel_engine,
    lane_draws,
    lane_loops,
    noise,
    problem,
    reference_engine,
)
from aimctheory.simulator.simulate import simulate
from aimctheory.tree.elementary import where
from aimctheory.tree.recorder import numpy_ops
from tests.comparison import (
    AVERAGES,
    differing,
    largest_gap,
    plain_module,
    same_bits,
    uncompiled,
)

PAIR = {"P": linear(tau=1, c=0.2), "W": power(tau=1, gamma=2)}
HYPER = {
    "learning_rate": 0.4,
    "transfer_rate": 0.2,
    "mixing": 0.3,
    "filter_rate": 0.6,
    "threshold": 0.02,
}
GIVEN = {
    "hyper": HYPER,
    "noise": {"gradient": gaussian(1.2), "read": gaussian(0.1)},
    "steps": 70,
    "replicates": 5,
    "rng": 3,
    "averages": AVERAGES,
    "record_every": 5,
}


def run(which):
    with np.errstate(all="ignore"):  # a bug may well overflow
        return simulate(
            residual_learning_v2, PAIR, quadratic([1.0, 2.0], 0.1), engine=which, **GIVEN
        )


@pytest.fixture(autouse=True)
def as_printed():
    """Kernels run as the Python they are printed as."""
    with uncompiled():
        yield


@pytest.fixture(scope="module")
def printed():
    with uncompiled():
        return run("kernel")


@pytest.fixture(scope="module")
def honest():
    return run("reference")


def test_without_a_bug_nothing_differs(honest, printed):
    assert differing(honest, printed) == []
    assert np.unique(honest.outcomes.left).size > 2  # so that flagged steps are compared as well


# -- in the reference engine ----------------------------------------------------------------------


def swapped(device):
    return lambda w, d: w + d * where(d >= 0.0, device.q_down(w), device.q_up(w))


def without_absolute_value(device):
    return lambda w, d: w + d * device.mean_response(w) - d * device.asymmetry(w)


def after_the_step(device):
    return lambda w, d: w + d * reference_engine.response(device)(w + d, d)


def dropped_where(**rest):
    return replace(numpy_ops(**rest), where=lambda condition, a, b: where(condition, b, a))


def same_for_all_steps(kind, key, stream, replicates, coordinates, step):
    return noise.raw_draws(kind, key, stream, replicates, coordinates, 0)


def shared_by_replicates(kind, key, stream, replicates, coordinates, step):
    drawn = noise.raw_draws(kind, key, stream, [0], coordinates, step)
    return np.broadcast_to(drawn, (len(replicates), len(coordinates)))


REFERENCE_BUGS = {
    "q_up and q_down swapped": ("pulse", swapped),
    "the absolute value of d dropped": ("pulse", without_absolute_value),
    "the response taken after the step": ("pulse", after_the_step),
    "the branches of where swapped": ("numpy_ops", dropped_where),
    "one draw for all steps": ("raw_draws", same_for_all_steps),
    "one draw for all replicates": ("raw_draws", shared_by_replicates),
}


@pytest.mark.parametrize("bug", REFERENCE_BUGS)
def test_a_bug_in_the_reference_is_noticed(monkeypatch, printed, bug):
    monkeypatch.setattr(reference_engine, *REFERENCE_BUGS[bug])
    assert "readout" in differing(run("reference"), printed)


def test_a_mistyped_stream_is_noticed(monkeypatch, honest):
    monkeypatch.setattr(
        kernel_engine, "stream_hash", lambda name: np.uint32(zlib.crc32(name.upper().encode()))
    )
    assert "readout" in differing(honest, run("kernel"))


def test_replicates_numbered_by_lane_are_noticed(monkeypatch, honest):
    def confused(machine):
        draws = laid(machine)
        return draws._replace(lane=np.roll(draws.lane, 1, axis=3))

    laid = kernel_engine.Kernel._lay_draws
    monkeypatch.setattr(kernel_engine.Kernel, "_lay_draws", confused)
    assert "readout" in differing(honest, run("kernel"))


def test_coordinates_laid_out_wrongly_are_noticed(monkeypatch, honest):
    def reversed_coordinates(machine, per):
        return places(machine, per)[::-1]

    places = problem.Problem.stream_coordinates
    monkeypatch.setattr(problem.Problem, "stream_coordinates", reversed_coordinates)
    assert "readout" in differing(honest, run("kernel"))


# -- in the printed text --------------------------------------------------------------------------

TEXT_BUGS = {
    "the sign of d": ("where(d >= 0.0", "where(d < 0.0"),
    "a sign in the step": ("-hyper_learning_rate * gradient", "hyper_learning_rate * gradient"),
    "one parameter for another": ("hyper_transfer_rate * H", "hyper_filter_rate * H"),
    "the old P for the new": ("(P + ", "(state_P + "),
    "the threshold without its size": ("abs(H) > hyper_threshold", "H > hyper_threshold"),
    "the draws of another stream": ("gradient_sigma * raw_gradient", "gradient_sigma * raw_read"),
    "two results exchanged": ("return P, W, H", "return W, P, H"),
    "sums that count nothing": ("sum_W += average_W", "sum_W = average_W"),
    "squares that are none": ("+= average_size * average_size", "+= average_size"),
    "a product of the wrong pair": ("+= average_W * average_size", "+= average_W * average_W"),
    "a maximum that is the minimum": ("where(state_P > high_P", "where(state_P < high_P"),
}


@pytest.mark.parametrize("bug", TEXT_BUGS)
def test_a_bug_in_the_printed_text_is_noticed(honest, bug):
    right, wrong = TEXT_BUGS[bug]

    def read(text):
        assert right in text, "the text has changed: plant this bug elsewhere"
        return plain_module(text.replace(right, wrong))

    with uncompiled(read):
        assert differing(honest, run("kernel")) != []


# -- in the functions around the step -------------------------------------------------------------


def late(rows, blocks, step, b, n):
    return lanes_note(rows, blocks, step + 1, b, n)


def one_draw_for_two_steps(draws, *rest):
    lanes_fill(draws, *rest)
    draws.raw[:, :, 1] = draws.raw[:, :, 0]


lanes_note, lanes_fill = lane_loops.note, lane_draws.fill
LANE_BUGS = {
    "a flag one step late": (lane_loops, "note", late),
    "a draw used twice": (lane_draws, "fill", one_draw_for_two_steps),
    "nobody is watched": (lane_loops, "escaped", lambda *_: False),
}


@pytest.mark.parametrize("bug", LANE_BUGS)
def test_a_bug_around_the_step_is_noticed(monkeypatch, honest, bug):
    monkeypatch.setattr(*LANE_BUGS[bug])
    assert differing(honest, run("kernel")) != []


# -- where coordinates are coupled ----------------------------------------------------------------

COUPLED = quadratic([[1.0, 0.5], [0.5, 2.0]], 0.1)


def coupled(which):
    given = GIVEN | {"noise": {"gradient": gaussian(2.5), "read": gaussian(0.1)}}
    with np.errstate(all="ignore"):
        return simulate(residual_learning_v2, PAIR, COUPLED, engine=which, **given)


@pytest.fixture(scope="module")
def honestly_coupled():
    return coupled("reference")


def shifted(gradient, *rest):
    return lanes_place(np.roll(gradient, 1), *rest)


lanes_place = lane_loops.place
COUPLED_BUGS = {
    "a flag one step late": ("note", late),
    "nobody is looked at": ("astray", lambda *_: False),
    "the gradient of another lane": ("place", shifted),
}


@pytest.mark.parametrize("bug", COUPLED_BUGS)
def test_a_bug_around_a_coupled_step_is_noticed(monkeypatch, honestly_coupled, bug):
    monkeypatch.setattr(lane_loops, *COUPLED_BUGS[bug])
    found = coupled("kernel")
    other_flags = not same_bits(found.outcomes.left, honestly_coupled.outcomes.left)
    assert other_flags or largest_gap(found, honestly_coupled) > 1e-6


def test_coupled_runs_agree_without_a_bug(honestly_coupled):
    found = coupled("kernel")
    assert (honestly_coupled.outcomes.left >= 0).any()
    assert same_bits(found.outcomes.left, honestly_coupled.outcomes.left)
    assert largest_gap(found, honestly_coupled) < 1e-12
