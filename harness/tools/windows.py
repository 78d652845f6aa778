"""``mpirun -n N python -m wideload.harness.tools.windows PLAN``: a job that measures the same case repeatedly.

::

    build ─► warm up ─► barrier, clock on ── steps ── finish, barrier, clock off ─► the next window ...

Loop, clock, barriers and handicap are those of every case. Windows do not include what differs between two starts of a
job: where memory is, which ports and cores the job gets. :mod:`wideload.harness.tools.calibrate` says what follows.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from wideload import datasets
from wideload.errors import UsageError
from wideload.harness.cluster import Cluster
from wideload.harness.contract import Trainer
from wideload.harness.experiment.case import Case
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.feed import Feed
from wideload.harness.features.layout import Batch
from wideload.harness.job.heartbeat import Heartbeat
from wideload.harness.rank.clock import Clock
from wideload.harness.rank.loop import Loop
from wideload.harness.rank.main import check_size
from wideload.harness.rank.trace import Trace
from wideload.harness.rank.train import build_strategy

BATCHES = 16
"""Number of batches that are kept in memory and used in turn, so that windows do not include reading them."""


class WindowPlan(BaseModel):
    """What the job measures.

    Attributes:
        handicaps: one for each window: the share by which its steps are lengthened.
        output: file to which rank 0 appends the rate of each window, one a line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    case: Case
    handicaps: tuple[float, ...]
    output: str


def main(arguments: Sequence[str]) -> None:
    """Measures every window of a plan."""
    if len(arguments) != 1:
        raise UsageError("usage: mpirun -n N python -m wideload.harness.tools.windows PLAN")
    plan = WindowPlan.model_validate_json(Path(arguments[0]).read_bytes())
    cluster = Cluster.world()
    cluster.bind()
    check_size(plan.case, cluster)
    strategy = build_strategy(plan.case)
    dataset = datasets.load(plan.case.workload.dataset)
    adapter = FeatureColumnAdapter(plan.case.workload.columns, dataset.schema(), keys=strategy.keys)
    feed = Feed(plan.case.workload, dataset, adapter, cluster)
    trainer = strategy.build(plan.case.workload, adapter.layout, cluster)
    with Path(plan.output).open("a", encoding="utf-8") as output:
        for rate in rates(plan, cluster, feed, trainer):
            if cluster.rank == 0:
                output.write(f"{rate}\n")
                output.flush()
    trainer.close()
    cluster.barrier()


def rates(plan: WindowPlan, cluster: Cluster, feed: Feed, trainer: Trainer) -> Iterator[float]:
    """Examples per second of every window, in order."""
    kept = list(itertools.islice(feed.train(), BATCHES))
    for _ in range(max(plan.case.warmup_steps, 1)):
        trainer.step(kept[0])
    for handicap in plan.handicaps:
        yield measured(trainer, cluster, itertools.islice(itertools.cycle(kept), feed.steps), handicap)


def measured(trainer: Trainer, cluster: Cluster, batches: Iterator[Batch], handicap: float) -> float:
    """Examples per second over all ranks."""
    clock = Clock()
    loop = Loop(
        trainer=trainer,
        cluster=cluster,
        heartbeat=Heartbeat(None),
        clock=clock,
        trace=Trace(cluster.rank, False),
        handicap=handicap,
    )
    return loop.run(batches).window_examples / clock.seconds


if __name__ == "__main__":
    main(sys.argv[1:])
