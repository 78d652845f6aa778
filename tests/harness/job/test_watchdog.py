"""Every row of the watchdog's table, with a clock of its own and without MPI: nothing here waits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wideload.harness.experiment.case import Case
from wideload.harness.job import messages
from wideload.harness.job.limits import Limits
from wideload.harness.job.messages import Outcome, RankStatus
from wideload.harness.job.watchdog import Verdict, Watchdog
from wideload.harness.records.results import Cause
from wideload.harness.workload.workload import Workload

CASE = Case(workload=Workload(dataset="tiny"), strategy="logistic", ranks=2, threads=1)
LIMITS = Limits(time_limit=600, stall_limit=20)


class Launcher:
    """A process that runs until it is ended, or until ``code`` is set."""

    pid = 2**22 + 1

    def __init__(self) -> None:
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        return self.returncode or 0

    def terminate(self) -> None:
        self.returncode = -15


class Memory:
    """A host with a gigabyte, most of it free."""

    def __init__(self) -> None:
        self.free, self.killed = 900_000_000, 0

    def limit_bytes(self) -> int:
        return 1_000_000_000

    def available_bytes(self) -> int:
        return self.free

    def kills(self) -> int:
        return self.killed


class Job:
    """A job that is acted out: what happens when is given by the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.launcher, self.memory = Launcher(), Memory()
        self.now = 0.0
        self.counts: dict[int, int] = {}
        self.known: dict[int, dict[str, Any]] = {}

    def report(self, rank: int, **changes: Any) -> None:
        """The supervisor of a rank writes its status."""
        self.counts[rank] = self.counts.get(rank, 0) + 1
        self.known[rank] = {"phase": "train", "step": 5, **self.known.get(rank, {}), **changes}
        status = RankStatus(
            rank=rank, host="here", pid=2**22 + 2, supervisor_pid=2**22 + 3, count=self.counts[rank], **self.known[rank]
        )
        messages.write(messages.status_path(self.folder, rank), status)

    def leave(self, rank: int, error: str | None = None) -> None:
        """A rank writes its outcome."""
        outcome = Outcome(rank=rank, host="here", pid=1, error=error)
        messages.write(messages.outcome_path(self.folder, rank), outcome)

    def watch(self, each_second: Callable[[float], None], limits: Limits = LIMITS, **options: Any) -> Verdict:
        """The verdict, where ``each_second`` is called with the time whenever the watchdog sleeps."""

        def sleep(_: float) -> None:
            self.now += 1.0
            assert self.now < 2000, "the watchdog does not end"
            each_second(self.now)

        watchdog = Watchdog(
            self.launcher, CASE, self.folder, limits,
            memory=self.memory, clock=lambda: self.now, sleep=sleep, **options,
        )  # fmt: skip
        return watchdog.watch()

    def both_train(self, **changes: Any) -> None:
        for rank in (0, 1):
            self.report(rank, **changes)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_a_job_whose_ranks_all_leave_an_outcome_is_ok(job: Job) -> None:
    def script(now: float) -> None:
        job.both_train(ended=now >= 3)
        if now == 3:
            job.leave(0)
            job.leave(1)
            job.launcher.returncode = 0

    assert job.watch(script) == Verdict("ok")


def test_a_rank_that_is_ended_by_a_signal_crashes_the_job_after_the_grace_period(job: Job) -> None:
    def script(now: float) -> None:
        job.report(0)
        job.report(1, **({"ended": True, "signal": 9} if now >= 5 else {}))

    verdict = job.watch(script)
    assert verdict == Verdict("crashed", "rank 1 was ended by SIGKILL after step 5", 1)
    assert job.now <= 5 + 2


def test_a_rank_that_ends_without_an_outcome_crashes_the_job(job: Job) -> None:
    def script(now: float) -> None:
        job.report(0)
        job.report(1, **({"ended": True, "exit_code": 0} if now >= 5 else {}))

    verdict = job.watch(script)
    assert verdict == Verdict("crashed", "rank 1 left with exit code 0 after step 5, before it was done", 1)


def test_a_rank_that_reports_an_error_fails_the_job_with_it(job: Job) -> None:
    def script(now: float) -> None:
        job.report(0)
        if now == 5:
            job.leave(1, "RuntimeError: no")
        job.report(1, **({"ended": True, "exit_code": 1} if now >= 5 else {}))

    assert job.watch(script) == Verdict("failed", "RuntimeError: no", 1)


def test_an_error_counts_more_than_the_end_of_the_ranks_that_it_took_along(job: Job) -> None:
    def script(now: float) -> None:
        if now == 5:
            job.report(0, ended=True, signal=15)
            job.leave(1, "RuntimeError: no")
            job.report(1, ended=True, exit_code=1)
        elif now < 5:
            job.both_train()

    assert job.watch(script) == Verdict("failed", "RuntimeError: no", 1)


def test_a_rank_that_is_stopped_is_a_timeout_after_three_seconds(job: Job) -> None:
    def script(now: float) -> None:
        job.report(0)
        job.report(1, stopped=now >= 5)

    verdict = job.watch(script)
    assert (verdict.status, verdict.failing_rank) == ("timeout", 1)
    assert "rank 1 is stopped by a signal (SIGSTOP?) after step 5" in verdict.error
    assert job.now <= 5 + 3 + 1


def test_a_rank_that_is_continued_in_time_is_forgiven(job: Job) -> None:
    def script(now: float) -> None:
        job.report(0)
        job.report(1, stopped=now in (5, 6), ended=now >= 30)
        if now == 30:
            job.leave(0)
            job.leave(1)
            job.launcher.returncode = 0

    assert job.watch(script).status == "ok"


def test_a_rank_that_makes_no_progress_is_a_timeout_and_the_one_furthest_behind_is_named(job: Job) -> None:
    def script(now: float) -> None:
        job.report(0, step=6, idle_seconds=max(now - 4, 0))
        job.report(1, step=5, idle_seconds=max(now - 5, 0))

    verdict = job.watch(script)
    assert (verdict.status, verdict.failing_rank) == ("timeout", 1)
    assert verdict.error == "rank 1 has made no progress for 20 s in phase train after step 5"
    assert job.now == pytest.approx(4 + LIMITS.stall_limit, abs=2)


def test_setting_up_may_take_five_times_as_long(job: Job) -> None:
    verdict = job.watch(lambda now: job.both_train(phase="setup", step=0, idle_seconds=now))
    assert verdict.status == "timeout"
    assert job.now == pytest.approx(5 * LIMITS.stall_limit, abs=2)


def test_a_job_that_does_not_train_says_so_with_the_likely_cause(job: Job) -> None:
    error = job.watch(lambda now: job.both_train(phase="setup", step=0, idle_seconds=now)).error
    assert error.startswith("no rank has done its first step: rank 0 has made no progress for 101 s in phase setup;")
    assert "likely cause" in error


def test_a_job_that_does_not_train_leaves_a_quarter_of_the_time_limit(job: Job) -> None:
    limits = Limits(time_limit=100, stall_limit=60)
    job.watch(lambda now: job.both_train(phase="setup", step=0, idle_seconds=now), limits)
    assert job.now == pytest.approx(75, abs=2)


def test_a_supervisor_that_sends_no_status_for_20_seconds_crashes_the_job(job: Job) -> None:
    def script(now: float) -> None:
        job.report(0)
        if now <= 5:
            job.report(1)

    verdict = job.watch(script)
    assert verdict == Verdict("crashed", "the supervisor of rank 1 has sent no status for 20 s", 1)
    assert job.now == pytest.approx(5 + 20, abs=2)


def test_a_rank_that_has_ended_well_needs_no_status(job: Job) -> None:
    def script(now: float) -> None:
        job.report(0)
        if now <= 5:
            job.report(1, ended=now == 5)
        if now == 5:
            job.leave(1)
        if now == 100:
            job.leave(0)
            job.report(0, ended=True)
            job.launcher.returncode = 0

    assert job.watch(script).status == "ok"


def test_a_case_over_its_time_limit_names_the_slowest_rank(job: Job) -> None:
    def script(now: float) -> None:
        job.report(0, step=int(now) + 2)
        job.report(1, step=int(now))

    verdict = job.watch(script)
    assert verdict == Verdict("timeout", "over the time limit of 600 s; rank 1 had done 601 steps", 1)


def test_memory_that_is_about_to_run_out_ends_the_job(job: Job) -> None:
    def script(now: float) -> None:
        job.both_train()
        if now == 5:
            job.memory.free = 20_000_000

    verdict = job.watch(script)
    assert verdict.status == "crashed"
    assert verdict.error == (
        "out of memory: the case does not fit in 1.0 GB; ended by the memory guard with 20 MB left"
    )
    assert job.now <= 5 + 2


def test_a_rank_that_the_kernel_killed_for_memory_is_reported_as_out_of_memory(job: Job) -> None:
    gone = {"ended": True, "signal": 9, "out_of_memory": True, "memory_limit_bytes": 1_800_000_000}

    def script(now: float) -> None:
        job.report(0)
        job.report(1, step=0, **(gone | {"peak_rss_bytes": 1_100_000_000} if now >= 5 else {}))

    assert job.watch(script) == Verdict(
        "crashed",
        "out of memory: the case does not fit in 1.8 GB; "
        "rank 1 was killed by the kernel after step 0, where it had used 1.1 GB",
        1,
        Cause.OUT_OF_MEMORY,
    )


def test_a_launcher_that_ends_while_ranks_are_missing_crashes_the_job_at_once(job: Job) -> None:
    def script(now: float) -> None:
        job.report(0)
        if now == 5:
            job.launcher.returncode = 255

    verdict = job.watch(script)
    assert verdict == Verdict("crashed", "the launcher ended with code 255 and rank 0 left no record", 0)
    assert job.now == 5


def test_where_the_launcher_said_why_that_is_the_reason(job: Job, tmp_path: Path) -> None:
    log = tmp_path / "mpirun.log"
    log.write_text("[mpiexec@vm] main (mpiexec.c:270): error waiting\nssh: Could not resolve hostname nowhere\n")

    def script(now: float) -> None:
        job.launcher.returncode = 255

    verdict = job.watch(script, launcher_log=log)
    assert verdict.error == "the launcher ended with code 255: ssh: Could not resolve hostname nowhere"


def test_a_missing_rank_is_out_of_memory_when_the_kernel_killed_something_for_it(job: Job) -> None:
    def script(now: float) -> None:
        job.report(0)
        if now == 5:
            job.memory.killed = 1
            job.launcher.returncode = 9

    error = job.watch(script).error
    assert error == "out of memory: the case does not fit in 1.0 GB; rank 0 left no record"


def test_ranks_that_never_report_end_the_job_long_before_its_time_limit(job: Job, tmp_path: Path) -> None:
    verdict = job.watch(lambda _: None)
    assert verdict.status == "timeout"
    assert verdict.error.startswith("no rank has reported within 121 s of the start; likely cause: ")


def test_a_single_rank_that_never_reports_is_named(job: Job) -> None:
    verdict = job.watch(lambda _: job.report(0), several_hosts=True)
    assert verdict.error.startswith("rank 1 has not reported within 121 s of the start; likely cause: a host cannot be")
    assert verdict.failing_rank == 1


def test_what_the_launcher_says_is_the_cause_of_ranks_that_never_report(job: Job, tmp_path: Path) -> None:
    log = tmp_path / "mpirun.log"
    log.write_text("[mpiexec@vm] HYDU_create_process (launch.c:73): execvp error on file srun (No such file)\n")
    verdict = job.watch(lambda _: None, launcher_log=log)
    assert verdict.error.endswith("; the launcher says: execvp error on file srun (No such file)")


@pytest.mark.parametrize(("time_limit", "stall_limit", "seconds"), [(600, 60, 120), (3600, 300, 600), (60, 60, 45)])
def test_how_long_ranks_may_take_to_report(time_limit: float, stall_limit: float, seconds: float) -> None:
    assert Limits(time_limit, stall_limit).report_limit == seconds


def test_an_interrupt_ends_the_launcher(job: Job) -> None:
    def script(now: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job.watch(script)
    assert job.launcher.returncode == -15
