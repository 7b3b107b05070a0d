"""Generated modules are kept across processes, and never stale."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aimctheory.simulator import kernel_cache, kernel_text

PACKAGE = Path(kernel_cache.__file__).parents[1]

SCRIPT = """
import json, sys
from aimctheory.simulator import kernel_cache, numba_rules
from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.catalogue import exponential, linear
from aimctheory.laws import gaussian
from aimctheory.objectives.quadratic import quadratic
from aimctheory.simulator.simulate import simulate

cells = {"linear": (linear(tau=1), 0.8), "exponential": (exponential(tau=1, gamma=2), 0.1)}
cell, sigma = cells[sys.argv[1]]
load, loaded = kernel_cache.load, {}
kernel_cache.load = lambda text: loaded.setdefault(text, load(text))
entry, entries = numba_rules.entry, []
numba_rules.entry = lambda *given: entries.append(entry(*given)) or entries[-1]

def final(engine):
    run = simulate(analog_sgd, cell, quadratic(minimiser=0.3), hyper={"learning_rate": 0.5},
                   noise=gaussian(sigma), steps=50, replicates=9, rng=1, engine=engine)
    return run.readout[:, -1, 0].tolist() + run.outcomes.left.tolist()

def kept():
    driver = kernel_cache.driver("run").stats
    hits = entries[0].cache_hits + sum(driver.cache_hits.values())
    return {"name": sorted(module.__name__ for module in loaded.values()), "hits": hits,
            "misses": len(entries) + 1 - hits}

print(json.dumps({"kernel": final("kernel"), "reference": final("reference")} | kept()))
"""


def start(root, cache, cell="linear"):
    """The script of above in a process of its own, with the package found in `root`."""
    settings = {"AIMCTHEORY_CACHE": str(cache), "PYTHONPATH": str(root)}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, cell],
        env=os.environ | settings,
        cwd=root,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process):
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return json.loads(output)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A cache that one process has filled, and what it computed."""
    cache = tmp_path_factory.mktemp("kernels")
    return cache, finish(start(PACKAGE.parent, cache))


def test_a_first_process_compiles_and_the_next_one_does_not(first):
    cache, before = first
    assert (before["hits"], before["misses"]) == (0, 2)
    after = finish(start(PACKAGE.parent, cache))
    assert (after["hits"], after["misses"]) == (2, 0)
    assert after["kernel"] == before["kernel"] == before["reference"]
    assert -1 in before["kernel"][9:]  # some replicates leave the dynamic range, others do not
    assert len(set(before["kernel"][9:])) > 3


EDITS = {
    "simulator/numba_rules": (
        "builder.select(*(target.cast(builder, *value) for value in wanted))",
        "(lambda c, a, b: builder.select(c, b, a))("
        "*(target.cast(builder, *value) for value in wanted))",
    ),
    "simulator/block_layout": ("return 2 * array + 1", "return 2 * array - 1"),
    "simulator/noise": ("np.float32(1.3862944)", "np.float32(1.5)"),
    "simulator/draw_counter": (
        "return step // STEPS_PER_CALL",
        "return 1 + step // STEPS_PER_CALL",
    ),
    "simulator/lane_draws": ("np.float32(first).view", "np.float32(-first).view"),
    "simulator/dynamic_range": ("smallest < low", "smallest < low + 0.5"),
    "simulator/lane_watch": ("left[b, j] = step", "left[b, j] = step + 1"),
    "simulator/lane_loops": ("records[slot, b, i, j] = rows", "records[slot, b, i, j] = -rows"),
}

NOISE = "simulator/noise"
SHARED = (NOISE, "simulator/draw_counter", "simulator/dynamic_range")  # both engines read these


def edited(folder, file, old, new):
    """A copy of the package with one edit."""
    shutil.copytree(PACKAGE, folder / "aimctheory", ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / "aimctheory" / f"{file}.py"
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))
    return folder


@pytest.mark.parametrize(
    "file", [NOISE, *(pytest.param(f, marks=pytest.mark.slow) for f in EDITS if f != NOISE)]
)
def test_an_edit_gives_fresh_numbers_under_a_new_name(first, tmp_path, file):
    cache, before = first
    after = finish(start(edited(tmp_path, file, *EDITS[file]), cache))
    assert after["name"] != before["name"]
    assert after["misses"] >= 1
    assert after["kernel"] != before["kernel"]
    assert (after["kernel"] == after["reference"]) == (file in SHARED)


@pytest.mark.slow
def test_an_edit_of_our_exponential_gives_fresh_numbers_in_both_engines(tmp_path):
    before = finish(start(PACKAGE.parent, tmp_path, "exponential"))
    copy = edited(tmp_path, "tree/elementary", "0.1666666666666641", "0.1666")
    after = finish(start(copy, tmp_path, "exponential"))
    assert after["name"] != before["name"]
    assert after["kernel"] == after["reference"] != before["kernel"] == before["reference"]


@pytest.mark.slow
def test_four_processes_may_build_the_same_kernel_at_once(tmp_path):
    results = [finish(p) for p in [start(PACKAGE.parent, tmp_path) for _ in range(4)]]
    assert all(r["kernel"] == results[0]["reference"] for r in results)
    assert len(list(tmp_path.glob("kernel_*.py"))) == 2
    assert not list(tmp_path.glob("*.part"))
    assert finish(start(PACKAGE.parent, tmp_path))["hits"] == 2


def test_an_unwritable_cache_folder_is_said_with_the_way_out(monkeypatch, tmp_path):
    file = tmp_path / "file"
    file.write_text("in the way")
    monkeypatch.setenv("AIMCTHEORY_CACHE", str(file / "kernels"))
    with pytest.raises(ValueError, match="cannot be written") as raised:
        kernel_cache.load("# a module that was never loaded before\n")
    said = str(raised.value)
    assert str(file) in said
    assert "set AIMCTHEORY_CACHE" in said
    assert "engine='reference'" in said


def test_the_cache_lies_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.delenv("AIMCTHEORY_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert kernel_cache.cache_folder() == tmp_path / "aimctheory"
    monkeypatch.setenv("AIMCTHEORY_CACHE", str(tmp_path / "mine"))
    assert kernel_cache.cache_folder() == tmp_path / "mine"


def test_a_module_whose_import_was_interrupted_is_imported_anew(monkeypatch, tmp_path):
    monkeypatch.setenv("AIMCTHEORY_CACHE", str(tmp_path))
    text = "import os\nif os.environ.pop('STOP', ''):\n    raise KeyboardInterrupt\nvalue = 3\n"
    monkeypatch.setenv("STOP", "now")
    with pytest.raises(KeyboardInterrupt):
        kernel_cache.load(text)
    assert kernel_cache.load(text).value == 3


def test_threads_may_ask_for_the_same_module_at_once(monkeypatch, tmp_path):
    monkeypatch.setenv("AIMCTHEORY_CACHE", str(tmp_path))
    text = "total = sum(range(300_000))\n"
    with ThreadPoolExecutor(8) as pool:
        modules = list(pool.map(kernel_cache.load, [text] * 8))
    assert all(module.total == sum(range(300_000)) for module in modules)


def test_digests_are_those_of_the_files_as_they_were_imported(monkeypatch):
    def edited(*_):
        raise AssertionError("a file is read again, and may have been edited since")

    monkeypatch.setattr(kernel_text, "digest", edited)
    monkeypatch.setattr(kernel_text.inspect, "getsource", edited)
    assert kernel_text.DIGESTS["simulator.noise"] in kernel_text.driver_text()
    assert "def run(" in kernel_text.driver_text()


def test_an_edit_of_what_compiles_kernels_is_refused_while_python_runs(monkeypatch):
    monkeypatch.setattr(kernel_cache, "digest", lambda name: "edited")
    kernel_cache._compiler.cache_clear()
    with pytest.raises(ValueError, match=r"/numba_rules\.py was edited after Python started"):
        kernel_cache.driver.__wrapped__("run")
    monkeypatch.undo()
    assert kernel_cache._compiler().entry
