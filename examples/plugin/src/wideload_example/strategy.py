"""``mpi_allreduce``: the model on every rank, kept equal by MPI's own collectives."""

from __future__ import annotations

from typing import ClassVar

from wideload.harness.cluster import Cluster
from wideload.harness.features.layout import BatchLayout, Keys
from wideload.harness.workload import Workload
from wideload.strategies.contract import Availability, Strategy, Trainer, require


class MpiAllreduce(Strategy):
    """Cheap to import: TensorFlow is loaded when a trainer is built, not when strategies are listed."""

    name: ClassVar[str] = "mpi_allreduce"
    summary: ClassVar[str] = "allreduce by mpi4py, called from the graph"
    keys: ClassVar[Keys] = "ids"

    @classmethod
    def availability(cls) -> Availability:
        return require("tensorflow")

    def build(self, workload: Workload, layout: BatchLayout, cluster: Cluster) -> Trainer:
        from wideload.strategies.replicated import ReplicatedTrainer
        from wideload.strategies.replicated.options import SingleOptions
        from wideload.strategies.threads import limit_threads
        from wideload_example.collectives import MpiCollectives

        limit_threads(cluster.threads)
        return ReplicatedTrainer(workload, layout, cluster, MpiCollectives(cluster), SingleOptions())
