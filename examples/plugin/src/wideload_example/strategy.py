"""``mpi_allreduce``: the model on every rank, kept equal by MPI's own collectives."""

from __future__ import annotations

import importlib.util
from typing import ClassVar

from wideload.harness.cluster import Cluster
from wideload.harness.contract import Availability, Strategy, Trainer
from wideload.harness.features.layout import BatchLayout, Keys
from wideload.harness.workload.workload import Workload


class MpiAllreduce(Strategy):
    """Cheap to import: TensorFlow is loaded when a trainer is built, not when strategies are listed."""

    name: ClassVar[str] = "mpi_allreduce"
    summary: ClassVar[str] = "allreduce by mpi4py, called from the graph"
    keys: ClassVar[Keys] = "ids"

    @classmethod
    def availability(cls) -> Availability:
        if importlib.util.find_spec("tensorflow") is None:
            return Availability(False, "tensorflow is not installed; run `pip install 'wideload[tensorflow]'`.")
        return Availability(True)

    def build(self, workload: Workload, layout: BatchLayout, cluster: Cluster) -> Trainer:
        from wideload.strategies.replicated.options import SingleOptions
        from wideload.strategies.replicated.trainer import ReplicatedTrainer
        from wideload.strategies.threads import limit_threads
        from wideload_example.collectives import MpiCollectives

        limit_threads(cluster.threads)
        return ReplicatedTrainer(workload, layout, cluster, MpiCollectives(cluster), SingleOptions())
