"""``sparse_ps`` as a strategy of the harness. Cheap to import: TensorFlow is loaded when a trainer is built."""

from __future__ import annotations

from wideload.harness.cluster import Cluster
from wideload.harness.contract import Availability, Strategy, Trainer
from wideload.harness.features.layout import BatchLayout
from wideload.harness.workload import Workload
from wideload.strategies import mpi_library
from wideload.strategies.sparse_ps.options import SparsePsOptions


class SparsePs(Strategy):
    name = "sparse_ps"
    summary = "parameter server: C++ sparse table sharded over the ranks, custom TensorFlow ops, MPI"
    keys = "signs"
    Options = SparsePsOptions

    @classmethod
    def availability(cls) -> Availability:
        return mpi_library.availability()

    def build(self, workload: Workload, layout: BatchLayout, cluster: Cluster) -> Trainer:
        from wideload.strategies.sparse_ps.trainer import SparsePsTrainer

        assert isinstance(self.options, SparsePsOptions)
        return SparsePsTrainer(workload, layout, cluster, self.options)
