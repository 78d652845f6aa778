"""What one rank has while it works on a case: its place in the job, its batches, and the strategy's trainer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from wideload.harness.cluster import Cluster
from wideload.harness.contract import Trainer
from wideload.harness.experiment.case import Case
from wideload.harness.features.feed import Feed
from wideload.harness.features.layout import Batch
from wideload.harness.job.heartbeat import Heartbeat
from wideload.harness.job.messages import Job
from wideload.harness.model import fingerprint


@dataclass(frozen=True, eq=False)
class Session:
    """One rank of a case, from set-up to its outcome."""

    job: Job
    cluster: Cluster
    heartbeat: Heartbeat
    feed: Feed
    trainer: Trainer

    @property
    def case(self) -> Case:
        return self.job.case

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """Fingerprints that must be equal for two cases to be comparable.

        ``problem`` is the workload without its length, ``unseeded`` without its seed; ``input`` says where batches come
        from while the clock runs.
        """
        workload, adapter = self.case.workload, self.feed.adapter
        return {
            "workload": workload.fingerprint,
            "unseeded": workload.unseeded,
            "problem": workload.changed(steps=None, epochs=1).fingerprint,
            "data": self.feed.dataset.fingerprint(),
            "columns": adapter.fingerprint,
            "weights": fingerprint.fingerprint(workload, adapter.layout),
            "input": "memory" if self.case.preload else "stream",
        }

    def with_heartbeat(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The same batches, with a heartbeat for each."""
        for batch in batches:
            self.heartbeat.send("evaluate")
            yield batch
