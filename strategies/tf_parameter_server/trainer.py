"""The trainer of one rank: it passes batches to the worker in its own process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from wideload.harness.checkpoints.variables import SavedSnapshot
from wideload.harness.cluster import Cluster
from wideload.harness.contract import Footprint, Snapshot, StepResult, Trainer
from wideload.harness.features.layout import Batch, BatchLayout
from wideload.harness.model.wide_deep import first_example
from wideload.harness.workload.workload import Workload
from wideload.strategies.replicated.kernels import find_kernels
from wideload.strategies.replicated.options import SingleOptions
from wideload.strategies.tf_parameter_server.mailbox import PREDICT, TRAIN, Answer, Mailbox
from wideload.strategies.tf_parameter_server.model import ServedModel
from wideload.strategies.tf_parameter_server.scheduler import Scheduler
from wideload.strategies.tf_parameter_server.servers import join
from wideload.strategies.threads import limit_threads


class TfParameterServerTrainer(Trainer):
    """See :class:`wideload.harness.contract.Trainer`."""

    def __init__(self, workload: Workload, layout: BatchLayout, cluster: Cluster, options: SingleOptions) -> None:
        limit_threads(cluster.threads)
        find_kernels(options.kernels)  # loads them, because graphs that were created on rank 0 run here
        self._cluster = cluster
        self._schedule = workload.model.schedule
        self._steps = 0
        self._servers = join(cluster)
        self._mailbox = Mailbox(layout, cluster)
        self._model: ServedModel | None = None
        self._scheduler: Scheduler | None = None
        if cluster.rank == 0:
            self._model = ServedModel(workload, layout, cluster, self._servers.strategy, options, self._mailbox.tokens)
            coordinator = self._servers.coordinator
            self._scheduler = Scheduler(coordinator, self._model.closure, cluster.ranks, self._mailbox.fail)
        footprints = self._model.footprints() if self._model else None
        self._footprint: Footprint = cluster.comm.bcast(footprints)[cluster.rank]

    def step(self, batch: Batch) -> StepResult:
        first = first_example(batch.global_size, self._cluster.rank, self._cluster.ranks)
        scale = 1.0 if self._schedule is None else self._schedule.factor(self._steps)
        answer = self._ask(TRAIN, batch, self._steps, first, scale)
        self._steps += 1
        start, pulled, computed, pushed = (answer.clock * 1e3).tolist()
        phases = {"pull": pulled - start, "compute": computed - pulled, "push": pushed - computed}
        return StepResult(answer.loss, phases)

    def predict(self, batch: Batch) -> npt.NDArray[np.float32]:
        return self._ask(PREDICT, batch).predicted

    def _ask(self, what: int, batch: Batch, step: int = 0, first: int = 0, scale: float = 1.0) -> Answer:
        self._activate()
        return self._mailbox.ask(what, batch, step, first, scale)

    def _activate(self) -> None:
        """Makes this trainer's closures the ones that the workers run. All ranks switch at the same point."""
        before = self._servers.active
        if before is self:
            return
        if before is not None:
            before.rest()
        self._servers.active = self
        self._mailbox.use(True)
        if self._scheduler:
            self._scheduler.start()

    def rest(self) -> None:
        """Ends this trainer's closures on every worker. Collective.

        Ranks arrive here at different times. None stops before all have been answered, because a rank with steps left
        needs closures. None continues, and perhaps ends its process, while its worker still runs a closure.
        """
        self._cluster.barrier()
        self._mailbox.use(False)
        if self._scheduler:
            self._scheduler.stop()
        self._cluster.barrier()
        self._servers.active = None

    def footprint(self) -> Footprint:
        return self._footprint

    def save(self, directory: Path) -> None:
        """Rank 0 writes everything, once, in the format of the replicated strategies."""
        try:
            self.snapshot().write(directory)
        finally:
            self._cluster.barrier()  # in a finally, because the others wait here even if the disk is full

    def snapshot(self, since: int | None = None) -> Snapshot:  # noqa: ARG002 - there are no increments
        if self._model is None:
            return SavedSnapshot(None)
        self._model.steps = self._steps
        return self._model.snapshot()

    def restore(self, directory: Path) -> None:
        self._cluster.barrier()  # a pending update of another rank would be applied to the restored model
        if self._model is not None:
            self._model.restore(directory)
        self._steps = self._cluster.comm.bcast(self._model.steps if self._model else None)

    def close(self) -> None:
        if self._servers.active is self:
            self.rest()
