"""``mpi_allreduce``: what ``horovod`` does, by the job's MPI itself, without Horovod's negotiation and cycle."""

from __future__ import annotations

from typing import ClassVar, Literal

from wideload.harness.cluster import Cluster
from wideload.harness.contract import Availability, Strategy, Trainer
from wideload.harness.features.layout import BatchLayout, Keys
from wideload.harness.workload.workload import Workload
from wideload.options import Options
from wideload.strategies import mpi_library
from wideload.strategies.replicated.options import SingleOptions, Way


class MpiAllreduceOptions(SingleOptions):
    """Attributes:
    exchange: how row gradients travel: in two gathers for all tables (``fused``), in two for each table (``table``),
        as sums over whole tables (``dense``), or by a sparse allreduce that adds equal rows on the way (``merge``).
    """

    exchange: Literal["fused", "table", "dense", "merge"] = "fused"

    @property
    def way(self) -> Way:
        return self.exchange


class MpiAllreduce(Strategy):
    name: ClassVar[str] = "mpi_allreduce"
    summary: ClassVar[str] = "allreduce and allgather by the job's MPI, from TensorFlow ops"
    keys: ClassVar[Keys] = "ids"
    Options: ClassVar[type[Options]] = MpiAllreduceOptions

    @classmethod
    def availability(cls) -> Availability:
        return mpi_library.availability()

    def build(self, workload: Workload, layout: BatchLayout, cluster: Cluster) -> Trainer:
        from wideload.strategies.replicated.mpi_collectives import MpiCollectives
        from wideload.strategies.replicated.trainer import ReplicatedTrainer
        from wideload.strategies.threads import limit_threads

        assert isinstance(self.options, MpiAllreduceOptions)
        limit_threads(cluster.threads)
        return ReplicatedTrainer(workload, layout, cluster, MpiCollectives(cluster), self.options)
