"""Windows: how long one may be, where it pauses, and that its length changes no bit."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from aimctheory.algorithms.residual_learning import residual_learning
from aimctheory.laws import gaussian
from aimctheory.objectives.softmax import softmax
from aimctheory.simulator.kernel_engine import least_window
from aimctheory.simulator.reference_engine import Reference
from aimctheory.simulator.windows import Schedule, march
from tests.comparison import AVERAGES, ENGINES, numbers_of, run, same_bits

MARCH = sys.modules["aimctheory.simulator.windows"]


def schedule(steps, every=10**9, batches=0):
    marks = np.append(np.arange(0, steps, every), steps)
    return Schedule(steps, marks, steps * np.arange(batches + 1) // max(batches, 1))


class Machine:
    """An engine that only says what it was asked for, at a known speed."""

    def __init__(self, seconds, least_window):
        self.asked, self.clock, self.seconds = [], [0.0], seconds
        self.least_window = least_window

    def advance(self, window):
        begin, end = window.begin, int(window.ends[-1])
        self.asked.append((begin, end))
        self.clock[0] += self.seconds * (end - begin)


def windows(steps, lanes, least, seconds, monkeypatch):
    """The sizes of the windows of a run whose steps take so long."""
    machine = Machine(seconds, least)
    monkeypatch.setattr(MARCH.time, "perf_counter", lambda: machine.clock[0])
    reached = [*march(machine, schedule(steps), lanes)]
    assert machine.asked == list(zip([0, *reached], reached, strict=False))
    assert reached[-1] == steps
    return np.diff([0, *reached])


@pytest.mark.parametrize("seconds", [1e-4, 1e-2])
def test_windows_are_as_long_as_a_key_press_may_wait(monkeypatch, seconds):
    sizes = windows(20_000, 100, 1, seconds, monkeypatch)
    assert sizes[0] == 256
    assert (sizes[1:] * seconds <= 0.26).all()
    assert (sizes[4:-1] * seconds > 0.2).all()


def test_a_window_is_at_most_twice_the_one_before(monkeypatch):
    sizes = windows(100_000, 10, 1, 0.0, monkeypatch)
    assert (sizes[1:] <= 2 * sizes[:-1]).all()


@pytest.mark.parametrize("lanes", [10**5, 10**6, 10**7, 10**8])
def test_windows_of_many_lanes_are_few_updates(monkeypatch, lanes):
    for least in (least_window(True, lanes), least_window(False, lanes), Reference.least_window):
        sizes = windows(200, lanes, least, 10.0, monkeypatch)  # far too slow
        assert sizes[0] * lanes <= max(2**27, 4 * lanes)
        assert (sizes[1:] <= least).all()
        assert least == 1 or sizes[0] % 4 == 0


def test_a_window_knows_its_records_and_batches():
    begin, ends, slots, closes = schedule(1000, every=100, batches=4).window(200, 700)
    assert begin == 200
    assert ends.tolist() == [250, 256, 300, 400, 500, 512, 600, 700]
    assert slots.tolist() == [-1, -1, 3, 4, 5, -1, 6, 7]
    assert closes.tolist() == [0, -1, -1, -1, 1, -1, -1, -1]


def test_windows_of_any_size_pause_once_at_every_record_and_batch():
    given = schedule(997, every=13, batches=64)
    for size in (1, 5, 100, 997):
        parts = [given.window(b, min(b + size, 997)) for b in range(0, 997, size)]
        ends, slots, closes = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("ends", "slots", "closes")
        )
        assert (np.diff(ends) > 0).all()
        assert (ends[slots >= 0] == given.marks[1:]).all()
        assert (slots[slots >= 0] == np.arange(1, given.marks.size)).all()
        assert (ends[closes >= 0] == given.edges[1:]).all()
        assert (closes[closes >= 0] == np.arange(64)).all()


def test_a_schedule_of_many_steps_stays_small():
    given = schedule(2**34 - 1, every=2**28, batches=64)
    for begin in (0, 10**9, 2**34 - 5000):
        assert given.window(begin, begin + 4096).ends.size < 20


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("window", [1, 3, 250])
def test_windows_of_coupled_objectives_and_two_arrays_change_no_bit(monkeypatch, engine, window):
    objective = softmax([[-1.0, 1.0], [1.0, 1.0], [0.5, 1.0]], [0, 1, 1], batch=2)
    rates = {"learning_rate": 0.1, "transfer_rate": 0.05, "mixing": 0.3}
    given = {
        "algorithm": residual_learning,
        "objective": objective,
        "hyper": rates,
        "engine": engine,
        "steps": 40,
        "averages": AVERAGES,
        "noise": gaussian(3.0),
    }
    first = run(**given)

    def fixed(machine, schedule, lanes):
        for begin in range(0, schedule.steps, window):
            stop = min(begin + window, schedule.steps)
            machine.advance(schedule.window(begin, stop))
            yield stop

    monkeypatch.setattr(sys.modules["aimctheory.simulator.simulate"], "march", fixed)
    again = numbers_of(run(**given))
    assert [n for n, v in numbers_of(first).items() if not same_bits(v, again[n])] == []
