"""A rank that is killed at any moment - while it starts, sets up, traces or trains - ends the job and is named.

``WIDELOAD_KILLS`` says how many moments are tried.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from wideload.harness.experiment.case import Case
from wideload.harness.job.launcher import Launcher
from wideload.harness.job.limits import Limits
from wideload.harness.job.messages import RankStatus
from wideload.harness.job.mpi import find
from wideload.harness.sweep.assemble import assemble
from wideload.harness.workload.model import Model
from wideload.harness.workload.workload import Workload

pytestmark = [pytest.mark.mpi, pytest.mark.slow]

LOG = logging.getLogger(__name__)
KILLS = int(os.environ.get("WIDELOAD_KILLS", "3"))
LATEST = 12.0
"""Seconds from the first sign of life within which the blow falls: by then training has long begun."""

WITHIN = 10.0
"""Seconds from the blow to the end of the job."""

RANKS = 2
ENDLESS = Case(
    workload=Workload(
        dataset="planted[slots=5,vocabulary=300,numeric=2,examples=4900,test_examples=500]",
        model=Model(hidden_units=(16,)),
        batch_size=240,
        steps=10_000_000,
    ),
    strategy="sparse_ps",
    ranks=RANKS,
    threads=1,
    evaluate=False,
)


@dataclass
class Killer:
    """Follows a job and kills a rank of it, once."""

    rank: int
    delay: float
    first_heartbeat: float | None = None
    killed_at: float | None = None
    pids: dict[int, int] = field(default_factory=dict)

    def __call__(self, statuses: list[RankStatus]) -> None:
        self.pids |= {status.rank: status.pid for status in statuses}
        if len(statuses) < RANKS or self.killed_at is not None:
            return
        now = time.monotonic()
        self.first_heartbeat = self.first_heartbeat or now
        if now - self.first_heartbeat >= self.delay:
            os.kill(self.pids[self.rank], signal.SIGKILL)
            self.killed_at = now

    def survivors(self) -> list[int]:
        """Ranks that are still there."""
        return [rank for rank, pid in self.pids.items() if is_running(pid)]


def is_running(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


@pytest.mark.parametrize("attempt", range(KILLS))
def test_a_rank_killed_at_a_random_moment_ends_the_job_and_is_named(attempt: int, tmp_path: Path) -> None:
    luck = random.Random(attempt)
    killer = Killer(rank=luck.randrange(RANKS), delay=luck.uniform(0.0, LATEST))
    finished = Launcher(find(), tmp_path, Limits(time_limit=120)).launch(ENDLESS, killer)
    over = time.monotonic()
    run = assemble(finished, 0, 0, 0.15).run
    assert killer.killed_at is not None, run.error
    seconds = over - killer.killed_at
    LOG.info("killed after %.1f s, over %.1f s later: %s", killer.delay, seconds, run.error)
    assert seconds < WITHIN
    assert run.status == "crashed"
    assert f"rank {killer.rank} was ended by SIGKILL" in str(run.error)
    assert killer.survivors() == []
