"""What a supervisor records about a rank that ended, without MPI: the rank is a shell script."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from wideload.harness.experiment.case import Case
from wideload.harness.job import messages
from wideload.harness.job.memory_limits import Host
from wideload.harness.job.messages import Job, RankStatus
from wideload.harness.job.supervisor import Supervisor
from wideload.harness.workload.workload import Workload

CASE = Case(workload=Workload(dataset="tiny"), strategy="logistic", ranks=1, threads=1)


class Scripted(Supervisor):
    """Starts a shell script as its rank."""

    script = ""

    def _start(self, job_file: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["sh", "-c", self.script], stdout=subprocess.PIPE)


@pytest.fixture
def supervise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The exit code and the last status of a rank that is a script, where the kernel counts kills by its cgroup."""
    monkeypatch.setattr("signal.signal", lambda *_: None)
    events = tmp_path / "cgroup" / "memory.events"
    events.parent.mkdir()
    events.write_text("oom_kill 3\n")
    (events.parent / "memory.max").write_text("1800000000\n")
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text("0::/\n")
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 16000000 kB\n")

    def run(script: str) -> tuple[int, RankStatus]:
        job = Job(case=CASE, folder=str(tmp_path), logs=str(tmp_path), log_limit=1000)
        messages.write(tmp_path / "job.json", job)
        monkeypatch.setattr(Scripted, "script", script.replace("EVENTS", str(events)))
        supervisor = Scripted(tmp_path / "job.json", Host(tmp_path / "proc", tmp_path / "cgroup"))
        code = supervisor.run()
        supervisor.child.stdout.close()
        status = messages.read(messages.status_path(tmp_path, 0), RankStatus)
        assert status is not None
        return code, status

    return run


def test_an_exit_code_is_passed_on_and_recorded(supervise) -> None:
    code, status = supervise("exit 3")
    assert (code, status.exit_code, status.signal, status.ended) == (3, 3, None, True)


def test_a_signal_is_passed_on_and_recorded(supervise) -> None:
    code, status = supervise("kill -9 $$")
    assert (code, status.exit_code, status.signal) == (128 + 9, None, 9)
    assert not status.out_of_memory


def test_a_rank_that_the_kernel_killed_for_memory_is_recorded_as_such(supervise) -> None:
    _, status = supervise("echo 'oom_kill 4' > EVENTS; kill -9 $$")
    assert status.out_of_memory
    assert status.memory_limit_bytes == 1_800_000_000
    assert status.peak_rss_bytes > 0


@pytest.mark.parametrize("end", ["exit 1", "kill -15 $$"])
def test_other_ends_are_not_out_of_memory_even_where_something_else_was_killed(supervise, end: str) -> None:
    _, status = supervise(f"echo 'oom_kill 4' > EVENTS; {end}")
    assert not status.out_of_memory
