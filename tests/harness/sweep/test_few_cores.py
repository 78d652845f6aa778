"""Real jobs that get fewer cores than they have threads: by affinity, and by the CPU quota of a real control group."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wideload.harness.experiment.case import Case
from wideload.harness.experiment.experiment import from_document
from wideload.harness.job.messages import RankStatus
from wideload.harness.job.mpi import Hosts
from wideload.harness.records.results import FlagKind, Results, RunRecord
from wideload.harness.sweep.sweep import Sweep
from wideload.reports.findings.answer import answer
from wideload.reports.findings.decision import decide
from wideload.reports.findings.race import Race

pytestmark = [pytest.mark.mpi, pytest.mark.usefixtures("fakes")]
LOCAL = Hosts()
V1, V2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
STARVED = {FlagKind.OVERSUBSCRIBED, FlagKind.THROTTLED}


def unavailable() -> str:
    if os.geteuid() != 0:
        return "only root can make a control group"
    return "" if os.access(V1 / "cgroup.procs", os.W_OK) or v2() else "there is no control group that can be written to"


def v2() -> bool:
    controllers = V2 / "cgroup.subtree_control"
    return os.access(controllers, os.W_OK) and "cpu" in controllers.read_text().split()


class Warnings:
    def __init__(self) -> None:
        self.texts: list[str] = []

    def planned(self, todo: int, done: int) -> None: ...
    def started(self, number: int, case: Case) -> None: ...
    def progress(self, case: Case, statuses: list[RankStatus]) -> None: ...
    def ended(self, run: RunRecord) -> None: ...
    def warned(self, text: str) -> None:
        self.texts.append(text)


@contextmanager
def quota_of_half_a_core() -> Iterator[None]:
    """Puts this process, and all that it starts, into a control group of its own, which uses up its half a core on a
    busy machine, too: whatever else runs comes second.
    """
    root = V1 if os.access(V1 / "cgroup.procs", os.W_OK) else V2
    group = root / f"wideload-{os.getpid()}"
    group.mkdir()
    try:
        v1, v2 = (
            {"cpu.cfs_quota_us": "50000", "cpu.shares": "262144"},
            {"cpu.max": "50000 100000", "cpu.weight": "10000"},
        )
        for name, text in (v1 if root == V1 else v2).items():
            (group / name).write_text(text)
        (group / "cgroup.procs").write_text(str(os.getpid()))
        yield
    finally:
        (root / "cgroup.procs").write_text(str(os.getpid()))
        deadline = time.monotonic() + 10
        while (group / "cgroup.procs").read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        group.rmdir()


@contextmanager
def two_cores() -> Iterator[None]:
    offered = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(offered)[:2])
    try:
        yield
    finally:
        os.sched_setaffinity(0, offered)


def run(folder: Path, ranks: int, hosts: Hosts = LOCAL, retries: int = 0) -> tuple[RunRecord, list[str]]:
    document = {
        "strategies": ["logistic"],
        "ranks": [ranks],
        "warmup_steps": 5,
        "evaluate": False,
        "background_retries": retries,
        "workload": {"dataset": "tiny", "batch_size": 100, "steps": 2000},
    }
    watcher = Warnings()
    (record,) = Sweep.prepare(from_document(document, "test"), folder, watcher, hosts).run()
    assert record.status == "ok", record.error
    return record, watcher.texts


def kinds(record: RunRecord) -> set[FlagKind]:
    return {flag.kind for flag in record.flagged} & STARVED


def headline(folder: Path) -> str:
    race = Race.of(Results.read(folder))
    return answer(race, decide(race)).headline


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="this machine has one core")
def test_a_core_for_every_rank_is_no_reason_to_warn_or_flag(tmp_path: Path) -> None:
    with two_cores():
        record, warnings = run(tmp_path, 2)
    assert (kinds(record), record.cores, warnings) == (set(), 2, [])
    assert "No case" not in headline(tmp_path)


def test_more_ranks_than_cores_are_announced_flagged_and_not_ranked(tmp_path: Path) -> None:
    with two_cores():
        record, warnings = run(tmp_path, 4)
    assert FlagKind.OVERSUBSCRIBED in kinds(record)
    assert warnings == ["4 compute threads on 2 cores in 1 of 1 case: flagged and not ranked"]
    assert headline(tmp_path) == "No case finished that could be ranked."


def test_the_hosts_of_a_host_file_are_asked_for_their_cores(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("localhost:4\n")
    with two_cores():
        record, warnings = run(tmp_path / "run", 4, Hosts.read(tmp_path / "hosts", None), retries=1)
    assert warnings == ["4 compute threads on 2 cores in 1 of 1 case: flagged and not ranked"]
    assert FlagKind.OVERSUBSCRIBED in kinds(record)
    assert record.attempt == 0, "another attempt has no more cores"


@pytest.mark.skipif(bool(unavailable()), reason=unavailable())
def test_a_quota_is_announced_flagged_and_keeps_a_case_out_of_the_headline(tmp_path: Path) -> None:
    with quota_of_half_a_core():
        record, warnings = run(tmp_path, 2)
    assert kinds(record) == STARVED
    assert record.cores == 0.5
    assert record.throttled_seconds is not None
    assert record.throttled_seconds > 0
    assert warnings == ["2 compute threads on 0.5 cores in 1 of 1 case: flagged and not ranked"]
    assert headline(tmp_path) == "No case finished that could be ranked."
