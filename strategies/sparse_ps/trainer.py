"""One rank's training under the parameter server.

A step is one graph::

    pull(step, signs) -> rows, inverse, dense     gradients of this rank's share     push(step, gradients)

The cluster's dense vector consists of the tower's parameters, followed by the running statistics of batch
normalisation. The statistics are updated by SGD with learning rate 1: each rank pushes its share of ``old - new`` as a
gradient, so that the owners apply the average over the ranks. The gradient is divided by the schedule's factor, because
the owners multiply every learning rate by that factor.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from wideload import ops
from wideload.errors import UsageError
from wideload.harness.cluster import Cluster
from wideload.harness.contract import Footprint, Snapshot, StepResult, Trainer
from wideload.harness.features.layout import Batch, BatchLayout
from wideload.harness.model.native_bag import native_bag
from wideload.harness.model.tensors import Tensor
from wideload.harness.model.tower import Pass
from wideload.harness.model.wide_deep import Inputs, WideDeep, first_example
from wideload.harness.workload.optimizers import Sgd
from wideload.harness.workload.workload import Workload
from wideload.strategies.one_graph import OneGraph
from wideload.strategies.sparse_ps import from_replicated, restoring, saving
from wideload.strategies.sparse_ps.meeting import Meetings
from wideload.strategies.sparse_ps.options import SparsePsOptions
from wideload.strategies.sparse_ps.server import PsCluster
from wideload.strategies.sparse_ps.tables import make_optimizer, make_table
from wideload.strategies.threads import limit_threads


class SparsePsTrainer(Trainer):
    """See :class:`wideload.harness.contract.Trainer`."""

    incremental = True

    def __init__(self, workload: Workload, layout: BatchLayout, cluster: Cluster, options: SparsePsOptions) -> None:
        limit_threads(cluster.threads)
        self._workload = workload
        self._layout = layout
        self._cluster = cluster
        self._options = options
        wanted = cluster.has_idle_cores() if options.prefetch is None else options.prefetch
        self._prefetches = wanted and options.synchronous
        self._model = WideDeep(workload.model, layout, native_bag)
        tower = self._model.tower
        dense = np.concatenate([tower.initial(workload.seed), tower.initial_statistics()])
        moving = make_optimizer(Sgd(learning_rate=1.0))
        self.server = PsCluster(
            [make_table(table, workload) for table in layout.tables],
            dense,
            [(tower.size, make_optimizer(workload.model.dense_optimizer)), (tower.statistics_size, moving)],
            cluster,
            options,
            declaration={"workload": workload.fingerprint},
            # The harness notices ranks that do nothing; one may still write a checkpoint when the others close.
            meetings=Meetings(cluster, float("inf")),
        )
        self._widths = [table.width for table in layout.tables]
        self._step = 0
        self._tracks = False
        self._since: saving.Since | None = None
        self._schedule = workload.model.schedule
        counts, scale = [tf.TensorSpec([], tf.int64)] * 2, tf.TensorSpec([], tf.float32)
        self._train = OneGraph(self._train_graph, [Inputs.signature(layout), *counts, scale])
        self._predict = OneGraph(self._predict_graph, [Inputs.signature(layout)])

    # ------------------------------------------------------------------------------------------ steps

    def prefetch(self, batch: Batch) -> None:
        if self._prefetches:
            self.server.prefetch(self._step + 1, [batch.values_of(table) for table in self._layout.tables])

    def step(self, batch: Batch) -> StepResult:
        begin = time.perf_counter()
        pulled, pushed = self.server.wait_seconds
        first = first_example(batch.global_size, self._cluster.rank, self._cluster.ranks)
        counts = tf.constant(self._step, tf.int64), tf.constant(first, tf.int64)
        scale = 1.0 if self._schedule is None else self._schedule.factor(self._step)
        loss = self._train(Inputs.of(batch), *counts, tf.constant(scale))
        value = float(loss)
        self._step += 1
        pulled_now, pushed_now = self.server.wait_seconds
        pull, push = pulled_now - pulled, pushed_now - pushed
        compute = time.perf_counter() - begin - pull - push
        return StepResult(value, {"pull": 1e3 * pull, "compute": 1e3 * compute, "push": 1e3 * push})

    def predict(self, batch: Batch) -> npt.NDArray[np.float32]:
        probabilities: npt.NDArray[np.float32] = self._predict(Inputs.of(batch)).numpy()
        return probabilities

    def _train_graph(self, inputs: Inputs, step: Tensor, first: Tensor, scale: Tensor) -> Any:
        parts = self._model.parts(inputs)
        pulled = ops.sparse_table_pull(self.server.id, step, [part.values for part in parts], self._widths)
        if self._schedule is not None:
            # Here, between pull and push, the owners have applied every earlier push and none of this step.
            tf.numpy_function(self.server.set_learning_rate_scale, [scale], [])
        flat, statistics = self._split(pulled.dense)
        run = Pass(self._workload.seed, step, first, self._across())
        found = self._model.gradients(pulled.rows, pulled.inverse, flat, inputs, run)
        dense = tf.concat([found.flat, self._moved(statistics, found.moments, inputs) / scale], axis=0)
        ops.sparse_table_push(self.server.id, step, found.rows, dense)
        return found.loss

    def _predict_graph(self, inputs: Inputs) -> Any:
        parts = self._model.parts(inputs)
        read = ops.sparse_table_read(self.server.id, [part.values for part in parts], self._widths)
        flat, statistics = self._split(read.dense)
        return self._model.probabilities(read.rows, read.inverse, flat, statistics, inputs)

    def _split(self, dense: Tensor) -> tuple[Any, Any]:
        tower = self._model.tower
        if not tower.statistics_size:
            return tf.ensure_shape(dense, [tower.size]), tf.zeros([0])
        flat, statistics = tf.split(dense, [tower.size, tower.statistics_size])
        return flat, statistics

    def _across(self) -> Any:
        """The sum over the ranks within a step, or None in modes in which ranks do not take steps together."""
        if self._cluster.ranks == 1 or not self._options.synchronous:
            return None
        return lambda values: ops.sum_over_ranks(self.server.id, values)

    def _moved(self, statistics: Tensor, moments: Tensor, inputs: Inputs) -> Any:
        """Returns this rank's share of ``old - new`` of the running statistics, float32 ``[Q]``."""
        if not self._model.tower.statistics_size:
            return statistics
        share = tf.cast(inputs.examples, tf.float32) / tf.cast(inputs.global_size, tf.float32)
        return (statistics - self._model.tower.blend(statistics, moments)) * share

    # ----------------------------------------------------------------------------------------- upkeep

    def finish(self) -> None:
        self.server.flush()

    def counters(self) -> Mapping[str, float]:
        return self.server.counters()

    def footprint(self) -> Footprint:
        return self.server.footprint()

    def save(self, directory: Path) -> None:
        saving.save(directory, self.server, self._step, noted=self._begin_note())

    def snapshot(self, since: int | None = None) -> Snapshot:
        before = None if since is None else self._noted(since)
        return saving.snapshot(self.server, self._step, before, self._begin_note())

    def restore(self, directory: Path) -> None:
        if from_replicated.holds_weights(directory):
            self._step = from_replicated.load_variables(directory, self.server, self._workload, self._layout)
        else:
            self._step = restoring.restore(directory, self.server)
        self._note()

    def track(self) -> None:
        self._tracks = True

    def save_increment(self, directory: Path, since: int) -> None:
        before = self._noted(since)
        saving.save(directory, self.server, self._step, before, self._begin_note())

    def restore_increment(self, directory: Path) -> None:
        self._step = restoring.restore_increment(directory, self.server)
        self._note()

    def _note(self) -> None:
        if self._tracks:
            self._since = saving.Since(self._step, saving.known_signs(self.server))

    def _begin_note(self) -> saving.Known | None:
        """Creates the dictionary for the signs of this step, if increments are to build on it."""
        if not self._tracks:
            return None
        self._since = saving.Since(self._step, {})
        return self._since.known

    def _noted(self, since: int) -> saving.Since:
        """Returns what an increment builds on; without it, removed rows would silently come back."""
        if self._since is None or self._since.step != since:
            noted = "none was kept" if self._since is None else f"the last was after step {self._since.step}"
            raise UsageError(f"no increment since step {since}: {noted}. Call track(), and save the whole model first.")
        return self._since

    def close(self) -> None:
        self.server.close()
