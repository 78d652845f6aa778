"""A case that gets too few cores is announced and flagged; one with enough is neither."""

from __future__ import annotations

from typing import Any

import pytest

from wideload.harness.experiment.case import Case
from wideload.harness.job.messages import Outcome, RankStatus
from wideload.harness.job.places import Place
from wideload.harness.records.results import FlagKind
from wideload.harness.sweep.cores import machines, shortages, warnings
from wideload.harness.sweep.sweep import disturbed
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


def place(cpus: list[int], quota: float | None = None, machine: str = "m") -> Place:
    return Place(machine=machine, cpus=cpus, cpu_quota=quota)


def case(ranks: int, threads: int = 1) -> Case:
    return Case(workload=Workload(dataset="census"), strategy="sparse_ps", ranks=ranks, threads=threads)


@pytest.mark.parametrize(("ranks", "threads", "quota", "texts"), [
    (2, 1, None, []),
    (4, 1, None, ["4 compute threads on 2 cores in 1 of 1 case: flagged and not ranked"]),
    (2, 2, None, ["4 compute threads on 2 cores in 1 of 1 case: flagged and not ranked"]),
    (2, 1, 1.0, ["2 compute threads on 1 core in 1 of 1 case: flagged and not ranked"]),
    (2, 1, 1.5, ["2 compute threads on 1.5 cores in 1 of 1 case: flagged and not ranked"]),
])  # fmt: skip
def test_a_shortage_is_announced(ranks: int, threads: int, quota: float | None, texts: list[str]) -> None:
    assert warnings([case(ranks, threads)], lambda processes: [place([0, 1], quota)] * processes) == texts


def test_the_shortages_of_a_sweep_are_announced_together() -> None:
    cases = [case(2), case(3), case(3), case(4)]
    assert warnings(cases, lambda processes: [place([0, 1])] * processes) == [
        "3 compute threads on 2 cores in 2 of 4 cases: flagged and not ranked",
        "4 compute threads on 2 cores in 1 of 4 cases: flagged and not ranked",
    ]


def test_hosts_are_counted_apart() -> None:
    def spread(processes: int) -> list[Place]:
        return [place([0, 1], machine=f"m{rank % 2}") for rank in range(processes)]

    assert warnings([case(4), case(5)], spread) == [
        "3 compute threads on 2 cores in 1 of 2 cases: flagged and not ranked"
    ]


def test_hosts_that_do_not_answer_are_not_judged() -> None:
    assert warnings([case(4)], lambda _: []) == []


@pytest.mark.parametrize(("kinds", "again"), [
    ((), False),
    ((FlagKind.NOT_SETTLED,), False),
    ((FlagKind.BACKGROUND_LOAD,), True),
    ((FlagKind.THROTTLED,), True),
    ((FlagKind.OVERSUBSCRIBED, FlagKind.THROTTLED), False),
])  # fmt: skip
def test_a_case_is_repeated_where_that_helps(kinds: tuple[FlagKind, ...], again: bool, make_run: Any) -> None:
    assert disturbed(make_run(flagged=[{"kind": kind, "text": ""} for kind in kinds])) is again
