"""``multi_worker_mirrored``: TensorFlow's own MultiWorkerMirroredStrategy, started by ``mpirun`` like the others."""

from __future__ import annotations

from typing import ClassVar, Literal

from wideload.harness.cluster import Cluster
from wideload.harness.contract import Availability, Strategy, Trainer, require
from wideload.harness.features.layout import BatchLayout, Keys
from wideload.harness.workload.workload import Workload
from wideload.options import Options
from wideload.strategies.replicated.options import ReplicatedOptions


class MultiWorkerMirroredOptions(ReplicatedOptions):
    """Attributes:
    communication: implementation of TensorFlow's collectives; ``nccl`` needs GPUs.
    """

    communication: Literal["ring", "auto", "nccl"] = "ring"


class MultiWorkerMirrored(Strategy):
    name: ClassVar[str] = "multi_worker_mirrored"
    summary: ClassVar[str] = "TensorFlow's MultiWorkerMirroredStrategy over gRPC"
    keys: ClassVar[Keys] = "ids"
    Options: ClassVar[type[Options]] = MultiWorkerMirroredOptions

    @classmethod
    def availability(cls) -> Availability:
        return require("tensorflow")

    def build(self, workload: Workload, layout: BatchLayout, cluster: Cluster) -> Trainer:
        from wideload.strategies.replicated.mirrored_collectives import MirroredCollectives
        from wideload.strategies.replicated.trainer import ReplicatedTrainer
        from wideload.strategies.threads import limit_threads

        assert isinstance(self.options, MultiWorkerMirroredOptions)
        limit_threads(cluster.threads)
        collectives = MirroredCollectives(cluster, self.options.communication)
        return ReplicatedTrainer(workload, layout, cluster, collectives, self.options)
