"""``horovod_alltoall``: hybrid parallelism. Tables are sharded over the ranks, the tower is on all of them.

Ids, rows and row gradients go by Horovod's alltoall, the tower's gradients by its allreduce.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

from wideload.harness.cluster import Cluster
from wideload.harness.contract import Availability, Strategy, Trainer, require
from wideload.harness.features.layout import BatchLayout, Keys
from wideload.harness.workload.workload import Workload
from wideload.options import Options
from wideload.strategies.horovod import HorovodSettings, remedy
from wideload.strategies.replicated.options import ShardedOptions


class HorovodAlltoallOptions(HorovodSettings, ShardedOptions):
    """Rows that are looked up by all-to-all, by Horovod."""


class HorovodAlltoall(Strategy):
    name: ClassVar[str] = "horovod_alltoall"
    summary: ClassVar[str] = "tables sharded by all-to-all, allreduce for the rest, by Horovod over MPI"
    keys: ClassVar[Keys] = "ids"
    sharded: ClassVar[bool] = True
    Options: ClassVar[type[Options]] = HorovodAlltoallOptions

    @classmethod
    def availability(cls) -> Availability:
        return require("tensorflow", horovod=remedy(Path(sys.prefix)))

    def build(self, workload: Workload, layout: BatchLayout, cluster: Cluster) -> Trainer:
        from wideload.strategies.replicated.horovod_collectives import HorovodCollectives, start
        from wideload.strategies.replicated.sharded_trainer import ShardedTrainer
        from wideload.strategies.threads import limit_threads

        assert isinstance(self.options, HorovodAlltoallOptions)
        limit_threads(cluster.threads)
        start(cluster, self.options.settings)
        return ShardedTrainer(workload, layout, cluster, HorovodCollectives(cluster), self.options)
