"""Long calls: what Ctrl-C keeps, and what progress says."""

from __future__ import annotations

import io
import pickle
import re
import signal
import sys
import threading

import numpy as np
import pytest
import rich.progress

import aimctheory
from aimctheory.laws import gaussian
from aimctheory.simulator.kernel_engine import Kernel
from aimctheory.simulator.reference_engine import Reference
from aimctheory.simulator.run import Interrupted
from tests.comparison import AVERAGES, ENGINES, numbers_of, run, same_bits

MARCH = sys.modules["aimctheory.simulator.windows"]
PROGRESS = sys.modules["aimctheory.simulator.progress"]
TALL = {"steps": 300, "record_every": 7, "averages": AVERAGES}


@pytest.fixture
def small_windows(monkeypatch):
    """Windows of eleven steps at most, so that a short run has many."""
    monkeypatch.setattr(MARCH, "SEGMENT", 11)
    monkeypatch.setattr(MARCH, "SECONDS", 1e-9)
    for engine in (Kernel, Reference):
        monkeypatch.setattr(engine, "least_window", 11)


def press_ctrl_c():
    signal.raise_signal(signal.SIGINT)


def interrupted(at=60, **options):
    """A run on which Ctrl-C is pressed as soon as it has reached a step."""

    def press(step, steps):
        if step >= at:
            press_ctrl_c()

    with pytest.raises(Interrupted) as caught:
        run(progress=press, **options)
    return caught.value


def differing_at_first(part, whole):
    """What of an interrupted run differs from the first part of the whole one."""
    kept, closed = part.steps.size, next(iter(part.averages.values())).edges.size - 1
    found = numbers_of(whole)
    for name, values in numbers_of(part).items():
        expected = found[name]
        if name.startswith(("mean", "variance", "covariance")):
            expected = expected[:, :closed]
        elif name == "steps":
            expected = expected[:kept]
        elif name.startswith(("state", "readout")):
            expected = expected[:, :kept]
        else:  # outcomes
            expected = np.where(expected > part.provenance["reached"], -1, expected)
        if not same_bits(np.ascontiguousarray(values), np.ascontiguousarray(expected)):
            yield name


# -- Ctrl-C ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("sigma", [0.5, 40.0])  # the second leaves the dynamic range
def test_an_interrupt_keeps_the_first_part_of_the_run_to_the_last_bit(engine, sigma):
    given = {**TALL, "engine": engine, "noise": gaussian(sigma)}
    whole, part = run(**given), interrupted(**given).run
    reached = part.provenance["reached"]
    assert 60 <= reached < 75
    assert part.steps.tolist() == [*range(0, reached + 1, 7)]
    edges = part.averages["W"].edges
    assert edges.tolist() == [e for e in whole.averages["W"].edges if e <= reached]
    assert list(differing_at_first(part, whole)) == []
    if sigma > 1:
        assert (part.outcomes.left >= 0).sum() > 0


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("name", ["_keep", "_watch"])
def test_an_interrupt_inside_a_window_leaves_what_was_before_it(monkeypatch, name):
    given = {"steps": 40, "record_every": 3, "averages": AVERAGES, "noise": gaussian(9.0)}
    reference = sys.modules["aimctheory.simulator.reference_engine"].Reference
    whole = run(**given, replicates=20)
    method, calls, due = getattr(reference, name), [], []

    def pressed(self, at):
        method(self, at)
        calls.append(at)
        if len(calls) == due[-1]:
            press_ctrl_c()

    monkeypatch.setattr(reference, name, pressed)
    late = 0
    for call in range(5, 15):
        calls.clear()
        due.append(call)
        with pytest.raises(Interrupted) as caught:
            run(**given, replicates=20)
        part = caught.value.run
        assert list(differing_at_first(part, whole)) == []
        left, reached = whole.outcomes.left, caught.value.reached
        late += ((left > reached) & (left <= calls[-1])).sum()
    assert late or name == "_keep"  # replicates did leave in windows that do not count


def test_an_interrupt_before_the_first_window_is_over_keeps_the_start(monkeypatch):
    reference = sys.modules["aimctheory.simulator.reference_engine"].Reference
    monkeypatch.setattr(reference, "_step", lambda self, k: press_ctrl_c())
    with pytest.raises(Interrupted) as caught:
        run(**TALL)
    part = caught.value.run
    assert part.steps.tolist() == [0]
    assert part.averages["W"].mean.shape == (4, 0, 3)
    with pytest.raises(ValueError, match="lies after step 0; the run has 0 of 300 steps"):
        part.mean("W")


def test_an_interrupt_after_the_last_step_keeps_the_whole_run():
    whole, part = run(**TALL), interrupted(at=300, **TALL).run
    assert list(differing_at_first(part, whole)) == []
    assert str(part) == str(whole)


@pytest.mark.usefixtures("small_windows")
def test_an_interrupted_run_says_so():
    stop = interrupted(steps=100)
    assert stop.reached == stop.run.provenance["reached"]
    assert stop.run.provenance["steps"] == 100
    assert str(stop).startswith(f"stopped at step {stop.reached} of 100; what was recorded")
    assert str(stop.run) == (
        f"analog-sgd on linear(tau=1, c=0.2), interrupted at step {stop.reached} of 100: "
        "until then 4 replicates stayed inside the dynamic range."
    )


@pytest.mark.usefixtures("small_windows")
def test_an_interrupt_is_a_keyboard_interrupt_that_travels_between_processes():
    assert issubclass(aimctheory.Interrupted, KeyboardInterrupt)
    stop = interrupted(steps=100)
    again = pickle.loads(pickle.dumps(stop))
    assert str(again) == str(stop)
    assert same_bits(again.run.readout, stop.run.readout)


def test_a_thread_of_its_own_runs_a_simulation_as_well():
    found = []
    thread = threading.Thread(target=lambda: found.append(run(steps=20)))
    thread.start()
    thread.join()
    assert same_bits(found[0].readout, run(steps=20).readout)


# -- progress --------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("engine", ENGINES)
def test_progress_is_told_after_each_window_up_to_the_last_step(engine):
    told = []
    run(steps=100, progress=lambda *at: told.append(at), engine=engine)
    steps = [step for step, _ in told]
    assert len(steps) >= 9
    assert steps == sorted(set(steps))
    assert told[-1] == (100, 100)
    assert {whole for _, whole in told} == {100}


def test_what_a_progress_function_raises_is_passed_on():
    def progress(step, steps):
        raise RuntimeError("no more paper")

    with pytest.raises(RuntimeError, match="no more paper"):
        run(progress=progress)


def test_another_progress_is_refused():
    with pytest.raises(ValueError, match="progress = 'yes' is none of None, True, False and a"):
        run(progress="yes")


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(PROGRESS, "PATIENCE", 0.0)
    monkeypatch.setattr(PROGRESS, "REFRESH", 0.0)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.mark.usefixtures("small_windows", "impatient")
def test_nothing_is_shown_where_stderr_is_no_terminal(capsys):
    run(steps=100)
    assert capsys.readouterr() == ("", "")


def left_on(screen):
    """What a terminal shows after all that was written to it, and whether with its cursor."""
    lines, at, cursor = [""], 0, "shown"
    for part in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", screen.getvalue()):
        if part == "\n":
            at += 1
            lines += [""] * (at == len(lines))
        elif part == "\x1b[1A":
            at -= 1
        elif part == "\x1b[2K":
            lines[at] = ""
        elif part in ("\x1b[?25l", "\x1b[?25h"):
            cursor = "shown" if part[-1] == "h" else "hidden"
        elif part != "\r" and not part.startswith("\x1b"):
            lines[at] += part
    return "".join(lines), cursor


def frames(screen):
    """The lines that were drawn over each other, without their colours."""
    return re.sub(r"\x1b\[[\d;]*m|\x1b\[\?25l", "", screen.getvalue()).split("\r\x1b[2K")


@pytest.mark.usefixtures("small_windows", "impatient")
@pytest.mark.parametrize("stop", [False, True])
def test_a_terminal_shows_a_line_and_has_it_erased(monkeypatch, stop):
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    times = iter(np.arange(1000.0))
    monkeypatch.setattr(MARCH.time, "perf_counter", lambda: next(times))
    column, seen = rich.progress.TimeRemainingColumn, []

    def render(self, task, plain=column.render):
        seen.append(left_on(screen))
        if stop and len(seen) == 2:  # whatever ends the call
            press_ctrl_c()
        return plain(self, task)

    monkeypatch.setattr(column, "render", render)
    if stop:
        with pytest.raises(Interrupted):
            run(steps=100, replicates=10)
    else:
        run(steps=100, replicates=10)
    lines = frames(screen)
    assert lines[0] == "aimctheory: 8 of 100 steps (8%), -:--:-- left"
    assert max(map(len, lines)) < 200
    assert seen[1] == (lines[0], "hidden")
    assert left_on(screen) == ("", "shown")
    if not stop:
        assert len(lines) > 9
        assert lines[1] == "aimctheory: 16 of 100 steps (16%), 0:00:32 left, 80 updates/s"


@pytest.mark.usefixtures("small_windows")
def test_progress_that_is_asked_for_is_shown_at_once_and_anywhere(monkeypatch):
    monkeypatch.setattr(sys, "stderr", screen := io.StringIO())
    run(steps=100, progress=True)
    assert frames(screen)[0].startswith("aimctheory: 8 of 100 steps (8%)")
    assert left_on(screen) == ("", "shown")


@pytest.mark.usefixtures("small_windows", "impatient")
@pytest.mark.parametrize("error", [OSError, BrokenPipeError])
@pytest.mark.parametrize("after", [0, 3])
def test_a_run_goes_on_when_its_terminal_is_gone(monkeypatch, error, after):
    whole = run(steps=100)

    class Lost(Terminal):
        written = 0

        def write(self, text):
            self.written += 1
            self.flush()

        def flush(self):
            if self.written > after:
                raise error("no terminal")

    monkeypatch.setattr(sys, "stderr", screen := Lost())
    again = run(steps=100)
    assert same_bits(again.readout, whole.readout)
    assert screen.written > after + 2


@pytest.mark.usefixtures("small_windows")
def test_a_short_call_shows_nothing_and_does_not_import_rich(monkeypatch):
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    for name in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
        monkeypatch.setitem(sys.modules, name, None)  # an import of it would fail
    run(steps=20)
    assert screen.getvalue() == ""


@pytest.mark.usefixtures("small_windows", "impatient")
def test_a_thread_or_a_worker_process_leaves_the_terminal_to_others(monkeypatch):
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    thread = threading.Thread(target=lambda: run(steps=100))
    thread.start()
    thread.join()
    import multiprocessing

    monkeypatch.setattr(multiprocessing.current_process(), "_name", "SpawnProcess-1")
    run(steps=100)
    assert screen.getvalue() == ""
