"""``local``: one process, plain TensorFlow. The reference that every other strategy must reproduce."""

from __future__ import annotations

from typing import ClassVar

from wideload.harness.cluster import Cluster
from wideload.harness.contract import Availability, Strategy, Trainer, require
from wideload.harness.features.layout import BatchLayout, Keys
from wideload.harness.workload.workload import Workload
from wideload.options import Options
from wideload.strategies.replicated.options import SingleOptions


class Local(Strategy):
    name: ClassVar[str] = "local"
    summary: ClassVar[str] = "one process, plain TensorFlow: the reference"
    keys: ClassVar[Keys] = "ids"
    distributed: ClassVar[bool] = False
    Options: ClassVar[type[Options]] = SingleOptions

    @classmethod
    def availability(cls) -> Availability:
        return require("tensorflow")

    def build(self, workload: Workload, layout: BatchLayout, cluster: Cluster) -> Trainer:
        from wideload.strategies.replicated.collectives import Collectives
        from wideload.strategies.replicated.trainer import ReplicatedTrainer
        from wideload.strategies.threads import limit_threads

        assert isinstance(self.options, SingleOptions)
        limit_threads(cluster.threads)
        return ReplicatedTrainer(workload, layout, cluster, Collectives(), self.options)
