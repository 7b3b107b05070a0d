"""What the package makes can be pickled, so that other processes can be given it."""

from __future__ import annotations

import multiprocessing
import pickle

import numpy as np
import pytest

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.catalogue import exponential, linear
from aimctheory.derive import mean_drift
from aimctheory.exact.stationary import stationary_law
from aimctheory.laws import gaussian, two_point
from aimctheory.objectives.quadratic import quadratic
from aimctheory.objectives.softmax import softmax
from aimctheory.simulator.run import Interrupted
from aimctheory.simulator.simulate import simulate
from tests.comparison import ALGORITHMS, AVERAGES, CELLS, LAWS, RESPONSES, differing, run

DENSE = quadratic([[2.0, 0.5], [0.5, 1.0]], [0.1, 0.2])
LINE = softmax([[-1.0, 1.0], [1.0, 1.0], [0.5, 1.0]], [0, 1, 1], l2=0.1, batch=2)
OBJECTIVES = {"scalar": quadratic(2.0, 0.3), "diagonal": quadratic([1.0, 2.0]), "dense": DENSE}
OBJECTIVES["softmax"] = LINE


def copied(record):
    return pickle.loads(pickle.dumps(record))


@pytest.mark.parametrize("name", LAWS)
def test_a_law_comes_back_equal(name):
    law = LAWS[name]
    assert copied(law) == law
    assert copied(law).form.draw is law.form.draw


@pytest.mark.parametrize("name", ALGORITHMS)
def test_an_algorithm_comes_back_equal(name):
    assert copied(ALGORITHMS[name]) == ALGORITHMS[name]


@pytest.mark.parametrize("name", RESPONSES)
def test_a_response_comes_back_equal(name):
    assert copied(RESPONSES[name]) == RESPONSES[name]


@pytest.mark.parametrize("name", CELLS)
def test_a_device_comes_back_the_same_cell(name):
    cell, points = CELLS[name], np.linspace(-0.5, 0.5, 9)
    again = copied(cell)
    assert again.numbers == cell.numbers
    np.testing.assert_array_equal(again.q_up(points), cell.q_up(points))
    np.testing.assert_array_equal(again.q_down(points), cell.q_down(points))


def test_a_device_that_was_asked_everything_comes_back():
    cell = exponential(tau=1, gamma=2)
    asked = cell.symmetric_points(), cell.conditions(), cell.penalty(0.3), cell.trees
    again = copied(cell)
    assert again.symmetric_point() == cell.symmetric_point()
    assert again.penalty(0.3) == asked[2]
    assert copied(asked[:3]) == asked[:3]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_objective_comes_back_with_all_its_functions(name):
    objective, again = OBJECTIVES[name], copied(OBJECTIVES[name])
    weights = np.linspace(-0.5, 0.7, 3 * objective.coordinates).reshape(3, -1)
    np.testing.assert_array_equal(again.value(weights), objective.value(weights))
    np.testing.assert_array_equal(again.hessian(weights[0]), objective.hessian(weights[0]))
    if objective.accuracy:
        np.testing.assert_array_equal(again.accuracy(weights), objective.accuracy(weights))
        found, known = again.sampling_noise(weights[0]), objective.sampling_noise(weights[0])
        np.testing.assert_array_equal(found, known)
    one = run(objective=objective, averages={"W": AVERAGES["W"]})
    assert differing(run(objective=again, averages={"W": AVERAGES["W"]}), one) == []


def test_a_run_its_estimates_and_its_interruption_come_back():
    whole = run(averages={"W": AVERAGES["W"]})
    assert differing(copied(whole), whole) == []
    assert repr(copied(whole.mean("W", after=10))) == repr(whole.mean("W", after=10))
    assert str(copied(Interrupted(3, 5, lambda: whole))) == str(Interrupted(3, 5, lambda: whole))


def test_results_of_the_theory_come_back():
    law = stationary_law(linear(tau=1), quadratic(1.0, 0.5), gaussian(0.5), 0.05)
    assert copied(law).mean == law.mean
    assert copied(mean_drift(analog_sgd)).means == mean_drift(analog_sgd).means


@pytest.mark.slow
def test_a_spawned_process_simulates_what_it_is_sent():
    given = {"hyper": {"learning_rate": 0.05}, "noise": two_point(0.5, tau=2.0), "rng": 1}
    given |= {"steps": 20, "replicates": 4, "engine": "reference"}
    asked = analog_sgd, linear(tau=1, c=0.2), DENSE
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(simulate, asked, given)
    assert differing(found, simulate(*asked, **given)) == []
