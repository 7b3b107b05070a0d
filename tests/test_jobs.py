"""Workers: results as they finish, a dead worker costs one job, Ctrl-C stops them all."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aimctheory.command import discover
from aimctheory.command.jobs import Job, run, run_all
from tests.fake_project import make_project, write_claim, write_study


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path)


def job(project, kind, id):
    return Job(kind, id, "quick", project.checkout / "figures", project)


def test_a_failing_study_is_a_sentence_with_the_line_that_raised(project):
    write_study(project.checkout / "analyses", "bad", before="1 / 0")
    done = run(job(project, "study", "bad"))
    line = (project.checkout / "analyses" / "bad.py").read_text().split("\n").index("    1 / 0") + 1
    assert done.problem == f"ZeroDivisionError: division by zero (line {line})"
    assert done.result is None
    assert "Traceback" in done.trace


def test_a_worker_that_dies_costs_its_job_only(project):
    write_claim(project.claims, "deadly", observed="os._exit(3)")
    jobs = [job(project, "claim", "deadly"), job(project, "claim", "true-thing")]
    watched = []
    done = {each.job.id: each for each in run_all(jobs, 1, watched.append)}
    assert "died (exit code 3" in done["deadly"].problem
    assert done["true-thing"].result["verdict"] == "holds"
    assert watched == [["deadly"], ["true-thing"]]


def test_two_workers_give_what_one_process_gives(project):
    jobs = [job(project, "claim", "true-thing"), job(project, "study", "square")]
    here = {each.id: {**run(each).result} for each in jobs}
    there = {each.job.id: {**each.result} for each in run_all(jobs, 2)}
    for result in (*here.values(), *there.values()):
        result.pop("seconds", None)
        result.pop("provenance", None)
    assert there == here


SCRIPT = """
import sys
from pathlib import Path
from aimctheory.command import cli, discover

if __name__ == "__main__":
    root = Path(sys.argv[1])
    cli.main(sys.argv[2:], obj=discover.Project(root / "claims", root))
"""


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(project, tmp_path):
    """The blocked job tells by a file that it runs; the finished one has been stored by then."""
    mark = tmp_path / "running"
    before = f"open({str(mark)!r}, 'w').close(); import threading; threading.Event().wait()"
    write_study(project.checkout / "analyses", "endless", before=before)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    arguments = ["reproduce", "--quick", "-j1", "true-thing", "endless"]
    root = str(discover.here().root)
    with subprocess.Popen(
        [sys.executable, script, tmp_path, *arguments],
        text=True,
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    ) as process:
        wait_for(mark, process)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped; 1 of 2 finished and kept" in stderr
    assert "go on with: aimctheory reproduce --quick endless" in stderr
    assert "Traceback" not in stderr
    assert "true-thing" in stdout
    assert '"true-thing"' in (tmp_path / "figures" / "claims.json").read_text()


def wait_for(path: Path, process: subprocess.Popen[str], seconds: float = 60) -> None:
    """Return once the file is there; the process must not end before."""
    for _ in range(int(seconds / 0.05)):
        if path.exists():
            return
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(f"it ended: {process.communicate()}")
    process.kill()
    pytest.fail("it never began")
