"""Whatever happens to ``wideload run`` itself, nothing that it started keeps running without it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from wideload.harness.job import messages
from wideload.harness.job.messages import RankStatus
from wideload.harness.records.results import Results

pytestmark = [pytest.mark.mpi, pytest.mark.usefixtures("fakes")]

# What a shell starts in its background ignores Ctrl-C, and so do all that it starts in turn: these tests, maybe.
HEED = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
MAIN = [sys.executable, "-c", f"{HEED}; from wideload.harness.cli import main; main()"]
SLOW = ["run", "-d", "tiny", "--batch-size", "10", "-s", "logistic", "-s", "faulty[fault=slow]"]
DEADLINE = 60.0


def start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*MAIN, *SLOW, "-o", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def running_statuses(folder: Path) -> list[RankStatus]:
    """Statuses of both ranks of the slow case, once they train."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        statuses = [messages.read(path, RankStatus) for path in folder.glob("state/faulty-*/status.*.json")]
        if len(statuses) == 2 and all(rank_status is not None and rank_status.step > 0 for rank_status in statuses):
            return statuses
        time.sleep(0.1)
    raise AssertionError("the slow case did not start")


def all_gone(statuses: list[RankStatus]) -> bool:
    deadline = time.monotonic() + DEADLINE
    pids = [pid for rank_status in statuses for pid in (rank_status.pid, rank_status.supervisor_pid)]
    while time.monotonic() < deadline:
        if not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids):
            return True
        time.sleep(0.1)
    return False


def test_ctrl_c_keeps_what_is_recorded_and_leaves_nothing_running(tmp_path: Path) -> None:
    process = start(tmp_path)
    statuses = running_statuses(tmp_path)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130
    assert "run the same line again" in errors
    assert [run.strategy for run in Results.read(tmp_path).runs] == ["logistic"]
    assert all_gone(statuses)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_sweep_takes_its_ranks_along(tmp_path: Path, number: signal.Signals) -> None:
    process = start(tmp_path)
    statuses = running_statuses(tmp_path)
    process.send_signal(number)
    process.communicate(timeout=DEADLINE)
    assert all_gone(statuses)
