"""Real jobs with ranks that break: each ends in the right record, within its limit, with nothing left running."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import psutil
import pytest

from wideload.harness.experiment.case import Case
from wideload.harness.experiment.experiment import from_document
from wideload.harness.job.launcher import Launcher
from wideload.harness.job.limits import Limits
from wideload.harness.job.messages import RankStatus
from wideload.harness.job.mpi import Hosts, find
from wideload.harness.records.results import RunRecord
from wideload.harness.records.schema import FlagKind
from wideload.harness.records.store import CaseRecords
from wideload.harness.sweep.assemble import assemble
from wideload.harness.sweep.plan import plan

pytestmark = [pytest.mark.mpi, pytest.mark.slow, pytest.mark.usefixtures("fakes")]

BUSY_SECONDS = 10.0
"""How much longer it may take to end processes on a machine that is busy with other things."""

LIMITS = Limits(time_limit=60, stall_limit=2)


def case(fault: str, steps: int = 40, at_rank: int = 1) -> Case:
    document = {
        "strategies": [f"faulty[fault={fault},at_rank={at_rank}]"],
        "workload": {"dataset": "tiny", "batch_size": 100, "steps": steps},
        "warmup_steps": 2,
    }
    (entry,) = plan(from_document(document, "test"))
    return entry.case


def run(folder: Path, case: Case, progress=lambda _: None, limits: Limits = LIMITS, **options: int) -> CaseRecords:
    return assemble(Launcher(find(), folder, limits, **options).launch(case, progress), 0, 0, 0.15)


def nothing_is_left(records: CaseRecords) -> bool:
    return not any(
        psutil.pid_exists(rank.pid) and psutil.Process(rank.pid).status() != psutil.STATUS_ZOMBIE
        for rank in records.ranks
        if rank.pid
    )


def test_a_healthy_job_has_all_its_numbers(tmp_path: Path) -> None:
    records = run(tmp_path, case("none"))
    assert (records.run.status, records.run.error, records.run.steps) == ("ok", None, 40)
    assert records.run.auc > 0.7
    assert records.run.examples == 4000
    assert records.run.counters["wire_bytes"] > 0
    assert len(records.run.losses) == 40
    assert [rank.examples for rank in records.ranks] == [2000, 2000]
    assert all(rank.peak_rss_bytes > 10_000_000 and rank.cpu_seconds > 0 for rank in records.ranks)
    assert all(rank.exit_code == 0 for rank in records.ranks)


@pytest.mark.parametrize("at_rank", [0, 1])
def test_a_rank_that_raises_fails_the_case_with_its_error(tmp_path: Path, at_rank: int) -> None:
    records = run(tmp_path, case("raise", at_rank=at_rank))
    assert (records.run.status, records.run.error) == ("failed", "RuntimeError: told to raise")
    assert "Traceback" in records.run.log_tail
    assert records.ranks[at_rank].status == "failed"
    assert nothing_is_left(records)


def test_a_rank_that_is_killed_crashes_the_case_and_is_named(tmp_path: Path) -> None:
    records = run(tmp_path, case("kill"))
    assert records.run.status == "crashed"
    assert "rank 1 was ended by SIGKILL after step 9" in records.run.error
    assert records.ranks[1].signal == "SIGKILL"
    assert nothing_is_left(records)


def test_a_rank_killed_from_outside_ends_the_case_at_once(tmp_path: Path) -> None:
    killed_at: list[float] = []

    def kill_rank_1(statuses: list[RankStatus]) -> None:
        if not killed_at and len(statuses) == 2 and statuses[1].step > 5:
            os.kill(statuses[1].pid, signal.SIGKILL)
            killed_at.append(time.monotonic())

    records = run(tmp_path, case("slow", steps=2000), kill_rank_1)
    assert time.monotonic() - killed_at[0] < 10
    assert (records.run.status, records.ranks[1].signal) == ("crashed", "SIGKILL")
    assert nothing_is_left(records)


@pytest.mark.parametrize(
    ("fault", "row"),
    [
        ("raise", "a rank raises"),
        ("kill", "a rank is killed, or leaves before it is done"),
        ("exit", "a rank is killed, or leaves before it is done"),
        ("stop", "a rank is stopped"),
        ("hang", "a rank hangs"),
    ],
)
def test_a_fault_is_over_within_the_time_that_is_documented(tmp_path: Path, fault: str, row: str) -> None:
    limits = Limits(time_limit=60, stall_limit=2 if fault == "hang" else 50)
    finished = Launcher(find(), tmp_path, limits).launch(case(fault))
    broke = re.search(r"breaks at ([\d.]+)", finished.logs[1].read_text())
    assert broke is not None
    assert finished.started + finished.seconds - float(broke[1]) < documented(row, limits) + BUSY_SECONDS


def documented(row: str, limits: Limits) -> float:
    """Seconds that docs/explanation/measuring.md gives a fault."""
    page = (Path(__file__).parents[3] / "docs" / "explanation" / "measuring.md").read_text()
    within = re.search(rf"^\| {row} \|[^|]*\| (?:`stall_limit` and )?(\d+) s", page, re.MULTILINE)
    assert within is not None
    return float(within[1]) + (limits.stall_limit if "stall_limit" in within[0] else 0)


def test_a_killed_supervisor_takes_its_rank_along(tmp_path: Path) -> None:
    killed: list[int] = []

    def kill_supervisor_1(statuses: list[RankStatus]) -> None:
        if not killed and len(statuses) == 2 and statuses[1].step > 5:
            os.kill(statuses[1].supervisor_pid, signal.SIGKILL)
            killed.append(statuses[1].pid)

    records = run(tmp_path, case("slow", steps=2000), kill_supervisor_1)
    assert records.run.status == "crashed"
    assert nothing_is_left(records)


def test_a_rank_that_leaves_early_with_code_0_crashes_the_case(tmp_path: Path) -> None:
    records = run(tmp_path, case("exit"))
    assert records.run.status == "crashed"
    assert "rank 1 left with exit code 0 after step 9" in records.run.error
    assert "about to leave" in records.run.log_tail


def test_a_hung_rank_is_a_timeout_and_is_distinguished_from_the_ranks_that_wait_for_it(tmp_path: Path) -> None:
    records = run(tmp_path, case("hang"))
    assert records.run.status == "timeout"
    assert records.run.error.startswith("rank 1 has made no progress")
    assert nothing_is_left(records)


def test_a_stopped_rank_is_a_timeout_that_says_so(tmp_path: Path) -> None:
    records = run(tmp_path, case("stop"), limits=Limits(time_limit=60, stall_limit=60))
    assert records.run.status == "timeout"
    assert "rank 1 is stopped by a signal" in records.run.error
    assert nothing_is_left(records)


def test_a_case_over_its_time_limit_is_ended(tmp_path: Path) -> None:
    records = run(tmp_path, case("slow", steps=100_000), limits=Limits(time_limit=3, stall_limit=60))
    assert records.run.status == "timeout"
    assert "over the time limit of 3 s" in records.run.error
    assert nothing_is_left(records)


def test_a_rank_that_floods_its_log_does_not_fill_the_disk(tmp_path: Path) -> None:
    records = run(tmp_path, case("spam"), log_limit=1_000_000)
    assert records.run.status == "ok"
    log = tmp_path / records.ranks[1].log_path
    assert log.stat().st_size < 1_100_000
    assert "bytes left out" in log.read_text()


def test_a_rank_that_crashes_after_its_work_is_kept_and_flagged(tmp_path: Path) -> None:
    records = run(tmp_path, case("late_crash"))
    assert records.run.status == "ok"
    unclean = [flag.text for flag in records.run.flagged if flag.kind == FlagKind.UNCLEAN_EXIT]
    assert unclean == ["rank 1 did not exit cleanly: SIGABRT"]


def test_memory_running_out_ends_the_case_before_the_machine_does(tmp_path: Path) -> None:
    limits = Limits(time_limit=60, stall_limit=60, free_memory=2.0)
    records = run(tmp_path, case("slow", steps=100_000), limits=limits)
    assert records.run.status == "crashed"
    assert "memory guard" in records.run.error


def test_a_launcher_that_breaks_is_a_record_with_its_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "mpirun"
    script.write_text("#!/bin/sh\ncase $1 in --version) echo other;; *) echo 'no such host' >&2; exit 3;; esac\n")
    script.chmod(0o755)
    monkeypatch.setenv("WIDELOAD_MPIRUN", str(script))
    record: RunRecord = run(tmp_path / "run", case("none")).run
    assert (record.status, record.error) == ("crashed", "the launcher ended with code 3: no such host")
    assert "no such host" in record.log_tail


def test_a_host_that_does_not_exist_is_the_reason_in_the_words_of_the_launcher(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("nowhere.invalid:1  # gone\n")
    agent = tmp_path / "agent"
    agent.write_text("#!/bin/sh\necho 'ssh: Could not resolve hostname nowhere.invalid' >&2; exit 255\n")
    agent.chmod(0o755)
    where = Hosts.read(tmp_path / "hosts", str(agent))
    record = assemble(Launcher(find(), tmp_path / "run", LIMITS, where).launch(case("none")), 0, 0, 0.15).run
    assert record.status == "crashed"
    assert record.error.endswith(": ssh: Could not resolve hostname nowhere.invalid")


def test_being_watched_costs_a_rank_less_than_a_hundredth_of_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)  # to trace the supervisor costs more than it does
    finished = Launcher(find(), tmp_path, LIMITS).launch(case("slow", steps=80))
    for outcome in finished.outcomes:
        # The kernel counts in steps of 10 ms.
        assert outcome.overhead_cpu_seconds <= 0.01 * outcome.window_seconds + 0.02
