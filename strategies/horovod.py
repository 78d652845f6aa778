"""``horovod``: every rank holds the model. Horovod's allreduce sums the tower's gradients, its allgather the rows'."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from wideload.harness.cluster import Cluster
from wideload.harness.contract import Availability, Strategy, Trainer, require
from wideload.harness.features.layout import BatchLayout, Keys
from wideload.harness.workload.workload import Workload
from wideload.options import Options
from wideload.strategies.replicated.options import ReplicatedOptions


class HorovodSettings(Options):
    """How Horovod works.

    Attributes:
        cycle_time_ms: how long Horovod's background thread waits for more tensors before it starts a round.
        fusion_threshold_mb: tensors of one round are fused up to this size; 0 switches fusion off.
    """

    cycle_time_ms: float = Field(default=0.1, gt=0)
    fusion_threshold_mb: int = Field(default=64, ge=0)

    @property
    def settings(self) -> dict[str, str]:
        """Environment variables that Horovod reads when it starts."""
        return {
            "HOROVOD_CYCLE_TIME": str(self.cycle_time_ms),
            "HOROVOD_FUSION_THRESHOLD": str(self.fusion_threshold_mb << 20),
        }


class HorovodOptions(HorovodSettings, ReplicatedOptions):
    """All ways of exchanging row gradients, by Horovod."""


BUILD_LOG = "wideload-horovod.log"
"""A failed build leaves this file in the environment's folder; a successful one removes it (tools/horovod.py)."""

RUNNING_LOG = "wideload-horovod.running"
"""The log while a build runs. One that is interrupted leaves it."""


def remedy(environment: Path) -> str:
    """Says how to install Horovod in an environment that lacks it."""
    log = environment / BUILD_LOG
    if log.exists():
        return f"its build failed ({log}): fix the cause, then run `nox -s demo`, which builds it again"
    running = environment / RUNNING_LOG
    if running.exists():
        return f"it is being built, or that was interrupted ({running}): run `nox -s demo`, which builds it"
    if any(environment.glob("wideload-*.stamp")):
        return "run `nox -s demo`, which builds it"
    return "build it against this TensorFlow and MPI as CONTRIBUTING.md shows"


class Horovod(Strategy):
    name: ClassVar[str] = "horovod"
    summary: ClassVar[str] = "allreduce and allgather by Horovod over MPI"
    keys: ClassVar[Keys] = "ids"
    Options: ClassVar[type[Options]] = HorovodOptions

    @classmethod
    def availability(cls) -> Availability:
        return require("tensorflow", horovod=remedy(Path(sys.prefix)))

    def build(self, workload: Workload, layout: BatchLayout, cluster: Cluster) -> Trainer:
        from wideload.strategies.replicated.horovod_collectives import HorovodCollectives, start
        from wideload.strategies.replicated.trainer import ReplicatedTrainer
        from wideload.strategies.threads import limit_threads

        assert isinstance(self.options, HorovodOptions)
        limit_threads(cluster.threads)
        start(cluster, self.options.settings)
        return ReplicatedTrainer(workload, layout, cluster, HorovodCollectives(cluster), self.options)
