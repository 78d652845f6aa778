"""``sparse_ps`` as an entry in the race. Cheap to import: TensorFlow is loaded when a trainer is built."""

from __future__ import annotations

import importlib.util

from wideload.harness.cluster import Cluster
from wideload.harness.contract import Availability, Strategy, Trainer
from wideload.harness.features.layout import BatchLayout
from wideload.harness.workload import Workload
from wideload.strategies.sparse_ps.options import SparsePsOptions


class SparsePs(Strategy):
    name = "sparse_ps"
    summary = "parameter server: C++ sparse table sharded over the ranks, custom TensorFlow ops, MPI"
    keys = "signs"
    Options = SparsePsOptions

    @classmethod
    def availability(cls) -> Availability:
        for module, fix in (
            ("tensorflow", "install tensorflow==2.18.1"),
            ("mpi4py", "install mpi4py and an MPI (pip install mpich mpi4py)"),
            ("wideload._native", "build the native part: pip install --no-build-isolation -e ."),
        ):
            if importlib.util.find_spec(module) is None:
                return Availability(False, f"{module} is missing: {fix}")
        return Availability(True)

    def build(self, workload: Workload, layout: BatchLayout, cluster: Cluster) -> Trainer:
        from wideload.strategies.sparse_ps.trainer import SparsePsTrainer

        assert isinstance(self.options, SparsePsOptions)
        return SparsePsTrainer(workload, layout, cluster, self.options)
