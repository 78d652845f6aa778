"""A case that gets too few cores is announced and flagged; one with enough is neither."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from wideload.harness.experiment.case import Case
from wideload.harness.job.cpu_limits import Host
from wideload.harness.job.messages import Outcome, RankStatus
from wideload.harness.records.results import FlagKind
from wideload.harness.sweep.cores import machines, shortages, warning
from wideload.harness.workload.workload import Workload


def outcome(rank: int, machine: str = "m", throttled: float = 0.0) -> Outcome:
    return Outcome(rank=rank, host="h", pid=1, machine=machine, window_seconds=10, throttled_seconds=throttled)


def status(rank: int, cpus: list[int], quota: float | None = None) -> RankStatus:
    return RankStatus(rank=rank, host="h", pid=1, supervisor_pid=2, cpus=cpus, cpu_quota=quota)


def test_a_core_for_every_thread_is_no_shortage() -> None:
    given = machines([status(0, [0, 1]), status(1, [0, 1])], [outcome(0), outcome(1)])
    assert [machine.cores for machine in given] == [2]
    assert shortages(given, threads=1) == []


def test_ranks_that_the_launcher_has_bound_have_the_cores_of_all() -> None:
    given = machines([status(0, [0]), status(1, [1])], [outcome(0), outcome(1)])
    assert shortages(given, threads=1) == []


def test_more_threads_than_cores_are_flagged() -> None:
    given = machines([status(rank, [0, 1]) for rank in range(4)], [outcome(rank) for rank in range(4)])
    (flag,) = shortages(given, threads=1)
    assert flag.kind is FlagKind.OVERSUBSCRIBED
    assert flag.text == "4 compute threads on 2 cores"


def test_a_quota_counts_like_cores_and_time_that_it_took_is_flagged() -> None:
    ranks = range(2)
    given = machines([status(rank, [0, 1], 1.0) for rank in ranks], [outcome(rank, throttled=4.0) for rank in ranks])
    over, throttled = shortages(given, threads=1)
    assert over.text == "2 compute threads on 1 core"
    assert throttled.kind is FlagKind.THROTTLED
    assert throttled.text == "throttled: in 10.0 s, threads waited 4.0 s for the CPU quota of their container"


def test_a_moment_of_throttling_is_no_shortage() -> None:
    assert shortages(machines([status(0, [0], 1.0)], [outcome(0, throttled=0.05)]), threads=1) == []


def test_machines_are_judged_one_by_one() -> None:
    statuses = [status(0, [0, 1]), status(1, [0, 1]), status(2, [0, 1])]
    given = machines(statuses, [outcome(0, "a"), outcome(1, "a"), outcome(2, "b")])
    assert [(machine.ranks, machine.cores) for machine in given] == [(2, 2), (1, 2)]
    assert shortages(given, threads=1) == []


def test_a_rank_without_a_status_leaves_its_machine_unjudged() -> None:
    assert machines([None], [outcome(0)]) == []


@dataclass(frozen=True)
class Offers(Host):
    amount: float = 2.0

    def cores(self) -> float:
        return self.amount


@pytest.mark.parametrize(("ranks", "threads", "cores", "text"), [
    (2, 1, 2.0, ""),
    (4, 1, 2.0, "4 compute threads on 2 cores: such cases are flagged and not ranked"),
    (2, 2, 2.0, "4 compute threads on 2 cores: such cases are flagged and not ranked"),
    (2, 1, 1.0, "2 compute threads on 1 core: such cases are flagged and not ranked"),
    (2, 1, 1.5, "2 compute threads on 1.5 cores: such cases are flagged and not ranked"),
])  # fmt: skip
def test_a_shortage_is_announced(ranks: int, threads: int, cores: float, text: str) -> None:
    case = Case(workload=Workload(dataset="census"), strategy="sparse_ps", ranks=ranks, threads=threads)
    assert warning(case, Offers(amount=cores)) == text
