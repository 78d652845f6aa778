"""Watches a running job: it ends within seconds of a rank that died or hangs, and nothing of it is left running.

=======================================  =========  ==========================================================
what happens                             status     the job is ended after
=======================================  =========  ==========================================================
a rank ended by a signal                 crashed    1 s, in which the other ranks may end too
a rank ended without an outcome          crashed    the same
a rank ended with an error               failed     the same
a rank is stopped (SIGSTOP, debugger)    timeout    3 s
a rank makes no progress                 timeout    stall_limit in training, 5 times that until the second step
a rank has not reported at all           timeout    120 s, or twice the stall_limit if that is longer
a supervisor sends no status             crashed    20 s
the case takes too long                  timeout    time_limit
memory is about to run out               crashed    at once
the launcher ended, ranks are missing    crashed    at once
=======================================  =========  ==========================================================

Waiting for ranks to report or to train never takes more than three quarters of the time limit. A rank that the kernel
killed because memory ran out is reported as such.

The failing rank is the one that ended first, or the one that is furthest behind: the others only wait for it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wideload.harness.experiment.case import Case
from wideload.harness.job import diagnosis, messages
from wideload.harness.job.limits import Limits
from wideload.harness.job.memory_limits import Host, in_words
from wideload.harness.job.messages import Outcome, RankStatus
from wideload.harness.job.process_tree import Tree
from wideload.harness.records.results import Cause, Status

POLL_SECONDS = 0.2
GRACE_SECONDS = 1.0
STOPPED_SECONDS = 3.0
SILENT_SECONDS = 20.0
MEMORY_CHECK_SECONDS = 1.0
_SETTING_UP = ("start", "setup")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a job ended, and which rank failed, if one did."""

    status: Status
    error: str | None = None
    failing_rank: int | None = None
    cause: Cause | None = None


class Watchdog:
    """Watches one job.

    Args:
        process: the launcher; launcher_log: its output.
        folder: state folder of the case.
        several_hosts: whether ranks may run on other hosts.
        memory: of this host.
        clock, sleep: to pass time by.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        case: Case,
        folder: Path,
        limits: Limits,
        progress: Callable[[list[RankStatus]], None] = lambda _: None,
        *,
        launcher_log: Path = Path(os.devnull),
        several_hosts: bool = False,
        memory: Host = Host(),  # noqa: B008 - immutable
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._process = process
        self._case = case
        self._folder = folder
        self._limits = limits
        self._progress = progress
        self._launcher_log = launcher_log
        self._several_hosts = several_hosts
        self._memory = memory
        self._kills_before = memory.kills()
        self._clock = clock
        self._sleep = sleep
        self._begun = clock()
        self._statuses: dict[int, RankStatus] = {}
        self._seen: dict[int, float] = {}
        self._stopped: dict[int, float] = {}
        self._next_memory_check = 0.0
        self._suspected: tuple[float, Verdict] | None = None

    def watch(self) -> Verdict:
        """Returns when the job is over. Ends it if necessary, also when interrupted."""
        try:
            while (verdict := self._look()) is None:
                self._sleep(POLL_SECONDS)
        finally:
            Tree(self._process, list(self._statuses.values())).end()
        return verdict

    def _look(self) -> Verdict | None:
        self._read_statuses()
        self._progress([self._statuses[rank] for rank in sorted(self._statuses)])
        over = self._process.poll() is not None
        if over:
            self._read_statuses()
            return self._at_the_end()
        return self._ended_rank() or self._silent_rank() or self._wedged_rank() or self._exhausted()

    def _read_statuses(self) -> None:
        now = self._clock()
        for rank in range(self._case.processes):
            status = messages.read(messages.status_path(self._folder, rank), RankStatus)
            known = self._statuses.get(rank)
            if status is None or (known is not None and known.count == status.count):
                continue
            self._statuses[rank], self._seen[rank] = status, now
            if not status.stopped:
                self._stopped.pop(rank, None)
            else:
                self._stopped.setdefault(rank, now)

    def _at_the_end(self) -> Verdict:
        """Ranks that are known to have failed come first: the launcher may kill the others before they are recorded."""
        return self._failure() or self._missing() or Verdict("ok")

    def _missing(self) -> Verdict | None:
        """The first rank that left no outcome and whose end was not recorded."""
        for rank in range(self._case.processes):
            status = self._statuses.get(rank)
            if (status is None or not status.ended) and self._outcome(rank) is None:
                return self._left_no_record(rank)
        return None

    def _left_no_record(self, rank: int) -> Verdict:
        if self._memory.kills() > self._kills_before:
            return self._out_of_memory(f"rank {rank} left no record", rank)
        ended = f"the launcher ended with code {self._process.returncode}"
        said = diagnosis.launcher_said(self._launcher_log)
        return Verdict("crashed", f"{ended}: {said}" if said else f"{ended} and rank {rank} left no record", rank)

    def _ended_rank(self) -> Verdict | None:
        """A failure counts after a grace period: the failing rank may be recorded a moment after its victims."""
        if self._suspected is None:
            found = self._failure()
            self._suspected = (self._clock(), found) if found else None
            return None
        since, _ = self._suspected
        return self._failure() if self._clock() - since > GRACE_SECONDS else None

    def _failure(self) -> Verdict | None:
        """The most telling failure: first errors that ranks reported, last ranks that others took along."""
        verdicts = [verdict for status in self._statuses.values() if (verdict := self._end_of(status)) is not None]
        order = {"failed": 0, "crashed": 1}
        verdicts.sort(
            key=lambda verdict: (order.get(verdict.status, 2), self._is_consequence(verdict), verdict.failing_rank)
        )
        return verdicts[0] if verdicts else None

    def _is_consequence(self, verdict: Verdict) -> bool:
        """Whether this rank ended after another: the launcher ends the remaining ranks by SIGTERM or SIGKILL."""
        rank = verdict.failing_rank or 0
        return self._seen[rank] > min(self._seen[other] for other, status in self._statuses.items() if status.ended)

    def _end_of(self, status: RankStatus) -> Verdict | None:
        if not status.ended:
            return None
        outcome = self._outcome(status.rank)
        if outcome is not None and outcome.error is not None:
            return Verdict("failed", outcome.error, status.rank)
        if outcome is not None:
            return None
        if status.out_of_memory:
            used = f", where it had used {in_words(status.peak_rss_bytes)}" if status.peak_rss_bytes else ""
            what = f"rank {status.rank} was killed by the kernel after step {status.step}{used}"
            return self._out_of_memory(what, status.rank, status.memory_limit_bytes)
        if status.signal is not None:
            name = signal.Signals(status.signal).name
            return Verdict(
                "crashed",
                f"rank {status.rank} was ended by {name} after step {status.step}",
                status.rank,
            )
        return Verdict(
            "crashed",
            f"rank {status.rank} left with exit code {status.exit_code} after step {status.step}, before it was done",
            status.rank,
        )

    def _out_of_memory(self, what: str, rank: int | None = None, limit: int | None = None) -> Verdict:
        size = in_words(limit or self._memory.limit_bytes())
        error = f"out of memory: the case does not fit in {size}; {what}"
        return Verdict("crashed", error, rank, Cause.OUT_OF_MEMORY)

    def _outcome(self, rank: int) -> Outcome | None:
        return messages.read(messages.outcome_path(self._folder, rank), Outcome)

    def _silent_rank(self) -> Verdict | None:
        """A rank that has not reported long after that is usual."""
        waited = self._clock() - self._begun
        missing = [rank for rank in range(self._case.processes) if rank not in self._statuses]
        if not missing or waited <= self._limits.report_limit:
            return None
        who = "no rank" if not self._statuses else f"rank {missing[0]}"
        who += " has" if not self._statuses else " has not"
        cause = diagnosis.why_nothing_started(self._launcher_log, self._several_hosts)
        return Verdict("timeout", f"{who} reported within {waited:.0f} s of the start; {cause}", missing[0])

    def _wedged_rank(self) -> Verdict | None:
        now = self._clock()
        for rank, since in self._stopped.items():
            if now - since > STOPPED_SECONDS:
                step = self._statuses[rank].step
                return Verdict("timeout", f"rank {rank} is stopped by a signal (SIGSTOP?) after step {step}", rank)
        for rank, seen in self._seen.items():
            if now - seen > SILENT_SECONDS and not self._statuses[rank].ended:
                return Verdict(
                    "crashed", f"the supervisor of rank {rank} has sent no status for {SILENT_SECONDS:.0f} s", rank
                )
        return self._stalled_rank()

    def _stalled_rank(self) -> Verdict | None:
        running = [status for status in self._statuses.values() if not status.ended]
        late = [status for status in running if status.idle_seconds > self._stall_limit(status)]
        if not late:
            return None
        behind = min(running, key=lambda status: (status.step, -status.idle_seconds, status.rank))
        idle = f"rank {behind.rank} has made no progress for {behind.idle_seconds:.0f} s in phase {behind.phase}"
        if any(status.step for status in self._statuses.values()):
            return Verdict("timeout", f"{idle} after step {behind.step}", behind.rank)
        cause = diagnosis.why_no_first_step(running)
        return Verdict("timeout", f"no rank has done its first step: {idle}; {cause}", behind.rank)

    def _stall_limit(self, status: RankStatus) -> float:
        is_early = status.phase in _SETTING_UP or status.step < 2
        return self._limits.setup_limit if is_early else self._limits.stall_limit

    def _exhausted(self) -> Verdict | None:
        now = self._clock()
        if now - self._begun > self._limits.time_limit:
            slowest = min(self._statuses.values(), key=lambda status: status.step, default=None)
            done = f"rank {slowest.rank} had done {slowest.step} steps" if slowest else "no rank had started"
            error = f"over the time limit of {self._limits.time_limit:g} s; {done}"
            return Verdict("timeout", error, slowest.rank if slowest else None)
        if now < self._next_memory_check:
            return None
        self._next_memory_check = now + MEMORY_CHECK_SECONDS
        return self._memory_guard()

    def _memory_guard(self) -> Verdict | None:
        available, limit = self._memory.available_bytes(), self._memory.limit_bytes()
        if available > limit * self._limits.free_memory:
            return None
        return self._out_of_memory(f"ended by the memory guard with {in_words(available)} left")
