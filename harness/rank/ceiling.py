"""Upper bounds that no strategy can exceed on this machine, measured like a strategy.

``tower``  every rank trains the dense tower on one batch kept in memory: no sparse work, no input, no communication
``input``  every rank reads and compiles its share of the batches and trains nothing

(``alone``, training without communication, is an ordinary training job: see :func:`wideload.harness.rank.train.team`.)
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wideload import datasets
from wideload.harness.cluster import Cluster
from wideload.harness.contract import Footprint, StepResult, Trainer
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.feed import Feed
from wideload.harness.features.layout import Batch
from wideload.harness.job.heartbeat import Heartbeat
from wideload.harness.job.messages import Job, Outcome
from wideload.harness.rank.clock import Clock
from wideload.harness.rank.loop import Loop
from wideload.harness.rank.outcome import outcome
from wideload.harness.rank.session import Session
from wideload.harness.rank.trace import Trace


class Idle(Trainer):
    """Accepts batches and does nothing with them."""

    def step(self, batch: Batch) -> StepResult:  # noqa: ARG002 - the contract's
        return StepResult(0.0)

    def predict(self, batch: Batch) -> npt.NDArray[np.float32]:
        return np.zeros(batch.size, np.float32)

    def footprint(self) -> Footprint:
        return Footprint()

    def save(self, directory: Path) -> None:
        """Nothing to save."""

    def restore(self, directory: Path) -> None:
        """Nothing to load."""


def measure_ceiling(job: Job, cluster: Cluster, heartbeat: Heartbeat) -> Outcome:
    """Measures the ceiling that the case names."""
    case = job.case
    dataset = datasets.load(case.workload.dataset)
    adapter = FeatureColumnAdapter(
        case.workload.columns, dataset.schema(), keys="ids" if case.kind == "input" else "signs"
    )
    feed = Feed(case.workload, dataset, adapter, cluster)
    trainer: Trainer = Idle()
    batches = feed.train()
    if case.kind == "tower":
        from wideload.harness.rank.tower_ceiling import TowerTrainer

        trainer = TowerTrainer(case.workload, adapter.layout, cluster)
        batches = repeated(feed)
    clock, trace = Clock(), Trace(cluster.rank, case.trace)
    warmup = min(case.warmup_steps, feed.steps // 2)
    loop = Loop(trainer=trainer, cluster=cluster, heartbeat=heartbeat, clock=clock, trace=trace, warmup_steps=warmup)
    measured = loop.run(batches)
    return outcome(Session(job, cluster, heartbeat, feed, trainer), measured, clock, warmup)


def repeated(feed: Feed) -> Iterator[Batch]:
    """The first batch, once for every step."""
    first = next(feed.train(), None)
    if first is not None:
        yield from (first for _ in range(feed.steps))
