"""Every rank holds the tower. Its gradients are summed over the ranks, and each rank applies the same sums.

A step is one call into the graph::

    unique ids of each table ─► their rows (the working set) ─► model ─► loss, gradients
        dense gradient      ──sum over ranks──────────────────────────► fused dense update
        row gradients       ──to the ranks that hold the row──────────► fused sparse update of touched rows

Strategies differ in their :class:`wideload.strategies.replicated.collectives.Collectives`, and in the
:class:`wideload.strategies.replicated.row_store.RowStore`, which decides on which ranks a row is held.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from wideload.harness.checkpoints.variables import Arrays, Saved, SavedSnapshot, describe, read_weights
from wideload.harness.cluster import Cluster
from wideload.harness.contract import Footprint, Snapshot, StepResult, Trainer
from wideload.harness.features.layout import Batch, BatchLayout, TableLayout
from wideload.harness.features.remapping import Changes
from wideload.harness.model.tensors import Tensor
from wideload.harness.model.tower import DenseTower, Pass
from wideload.harness.model.wide_deep import Gradients, Inputs, WideDeep, first_example
from wideload.harness.workload.workload import Workload
from wideload.strategies.one_graph import OneGraph
from wideload.strategies.replicated import from_parameter_server
from wideload.strategies.replicated.by_column import by_column
from wideload.strategies.replicated.collectives import Collectives
from wideload.strategies.replicated.exchange import Exchange
from wideload.strategies.replicated.kernels import Kernels, find_kernels
from wideload.strategies.replicated.migration import migrate
from wideload.strategies.replicated.optimizers import Optimizer, make_optimizer
from wideload.strategies.replicated.options import RowOptions, SingleOptions
from wideload.strategies.replicated.row_store import ReplicatedRows, RowStore, WorkingSet
from wideload.strategies.replicated.table_variables import TableVariables


class ReplicatedTrainer(Trainer):
    """The trainer of every strategy in which each rank holds the tower; here, each rank holds all rows, too.

    Args:
        collectives: sums and gathers over the ranks.
        options: how rows are stored, looked up and exchanged.
    """

    def __init__(
        self,
        workload: Workload,
        layout: BatchLayout,
        cluster: Cluster,
        collectives: Collectives,
        options: RowOptions,
    ) -> None:
        kernels = find_kernels(options.kernels)
        self._seed = workload.seed
        self._cluster = cluster
        self._collectives = collectives
        self._layout = layout
        apart = isinstance(options, SingleOptions) and options.lookup == "column"
        looked_up, first_rows = by_column(layout) if apart else (layout, [])
        self._model = WideDeep(workload.model, looked_up, kernels.bag)
        self._steps = 0
        self._traffic: npt.NDArray[np.int64] | None = None
        tower = self._model.tower
        with collectives.scope():
            self._rows = self._row_store(looked_up, first_rows, workload, options, kernels)
            self._dense = self._vector(tower.initial(workload.seed), workload)
            self._statistics = _statistics_of(tower)
        self._schedule = workload.model.schedule
        self._make_graphs()

    def _make_graphs(self) -> None:
        """They are traced at their first call, with the row store as it is then."""
        signature = Inputs.signature(self._layout)
        counts = [tf.TensorSpec([], tf.int64)] * 2
        scale = tf.TensorSpec([], tf.float32)
        self._train = OneGraph(self._train_anywhere, [signature, *counts, scale])
        self._infer = OneGraph(self._infer_anywhere, [signature])

    def _row_store(
        self,
        layout: BatchLayout,
        first_rows: Sequence[int],
        workload: Workload,
        options: RowOptions,
        kernels: Kernels,
    ) -> RowStore:
        """Creates the rows of all tables.

        Args:
            layout: as they are looked up.
            first_rows: per table, the id at which its rows begin; empty if they all begin at 0.
        """
        tables = [self._table(table, workload, options) for table in layout.tables]
        way = options.way if isinstance(options, SingleOptions) else "fused"
        exchange = Exchange(way, self._collectives, kernels.unique, layout.tables)
        return ReplicatedRows(tables, exchange, kernels.unique, first_rows)

    def _table(self, layout: TableLayout, workload: Workload, options: RowOptions) -> TableVariables:
        """Creates the rows of one table, in this process."""
        return TableVariables(layout, workload.model, workload.seed, options.rows)

    def _vector(self, initial: Tensor, workload: Workload) -> Optimizer:
        """Creates the tower's parameters ``[P]`` with their optimizer, in this process."""
        return make_optimizer(workload.model.dense_optimizer, tf.Variable(initial))

    def step(self, batch: Batch) -> StepResult:
        first = first_example(batch.global_size, self._cluster.rank, self._cluster.ranks)
        counts = tf.constant(self._steps, tf.int64), tf.constant(first, tf.int64)
        scale = 1.0 if self._schedule is None else self._schedule.factor(self._steps)
        loss, clock, traffic = self._train(Inputs.of(batch), *counts, tf.constant(scale))
        self._steps += 1
        if traffic is not None:
            self._traffic = traffic.numpy() + (0 if self._traffic is None else self._traffic)
        start, pulled, computed, pushed = (clock.numpy() * 1e3).tolist()
        phases = {"pull": pulled - start, "compute": computed - pulled, "push": pushed - computed}
        return StepResult(float(loss), phases)

    def predict(self, batch: Batch) -> npt.NDArray[np.float32]:
        predicted: npt.NDArray[np.float32] = self._infer(Inputs.of(batch)).numpy()
        return predicted

    def _train_anywhere(self, inputs: Inputs, step: Tensor, first: Tensor, scale: Tensor) -> Any:
        return self._collectives.run(self._train_here, inputs, step, first, scale)

    def _infer_anywhere(self, inputs: Inputs) -> Any:
        return self._collectives.run(self._infer_here, inputs)

    def _train_here(self, inputs: Inputs, step: Tensor, first: Tensor, scale: Tensor) -> Any:
        self._collectives.begin_count()
        clock = [tf.timestamp()]
        inputs = Inputs(*_once(clock[-1], inputs))
        found = self._rows.look_up([part.values for part in self._model.parts(inputs)])
        clock.append(_after([*found.rows, *found.inverses]))
        rows = _once(clock[-1], found.rows)
        run = Pass(self._seed, step, first, self._sum_over_ranks if self._collectives.ranks > 1 else None)
        gradients = self._model.gradients(rows, found.inverses, self._dense.read(), inputs, run)
        clock.append(_after([gradients.loss, gradients.flat, *gradients.rows]))
        flat, *rows = _once(clock[-1], [gradients.flat, *gradients.rows])
        applied = self._apply(found, gradients._replace(flat=flat, rows=rows), scale)
        clock.append(_after(applied))
        return gradients.loss, tf.stack(clock), self._collectives.traffic()

    def _infer_here(self, inputs: Inputs) -> Any:
        found = self._rows.read([part.values for part in self._model.parts(inputs)])
        statistics = tf.zeros([0]) if self._statistics is None else _read(self._statistics)
        return self._model.probabilities(found.rows, found.inverses, self._dense.read(), statistics, inputs)

    def _apply(self, found: WorkingSet, gradients: Gradients, scale: Tensor) -> list[Any]:
        flat = self._collectives.sum(gradients.flat)
        updates = self._rows.update(found, gradients.rows, scale)
        updates.append(self._dense.apply(flat, scale))
        if self._statistics is not None:
            blended = self._model.tower.blend(_read(self._statistics), gradients.moments)
            updates.append(tf.raw_ops.AssignVariableOp(resource=self._statistics.handle, value=blended))
        return updates

    @property
    def _sum_over_ranks(self) -> Callable[[Any], Any]:
        """The collectives' sum, made differentiable: its gradient is the sum of the gradients."""

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def across(vector: Tensor) -> Any:
            return self._collectives.sum(vector), self._collectives.sum

        summed: Callable[[Any], Any] = across
        return summed

    def arrays(self) -> Arrays:
        """Copies what this rank holds, by the names used on disk: ``wide8/deep:accumulator``, ``tower``..."""
        tower = {name: np.array(variable.numpy()) for name, variable in self._tower_variables().items()}
        return self._rows.arrays() | tower

    def _tower_variables(self) -> dict[str, Any]:
        found = {"tower": self._dense.weights}
        found |= {f"tower:{slot}": variable for slot, variable in self._dense.state.items()}
        return found if self._statistics is None else found | {"tower/statistics": self._statistics}

    def _assign(self, arrays: Arrays) -> None:
        self._rows.assign(arrays)
        for name, variable in self._tower_variables().items():
            variable.assign(arrays[name])

    def counters(self) -> Mapping[str, float]:
        """Bytes that training steps have moved, where the collectives count them."""
        if self._traffic is None:
            return {}
        return dict(zip(("wire_bytes", "received_bytes"), self._traffic.tolist(), strict=True))

    def footprint(self) -> Footprint:
        parts = [self._dense, *self._rows.optimizers()]
        weights = byte_count([part.weights for part in parts])
        statistics = [] if self._statistics is None else [self._statistics]
        state = byte_count([slot for part in parts for slot in part.state.values()])
        return Footprint(weights=weights + byte_count(statistics), optimizer=state)

    def save(self, directory: Path) -> None:
        """Rank 0 writes what all ranks hold, and every rank the rows that it alone holds."""
        try:
            self.snapshot().write(directory)
        finally:
            self._cluster.barrier()  # in a finally, because the others wait here even if the disk is full

    def snapshot(self, since: int | None = None) -> Snapshot:  # noqa: ARG002 - there are no increments
        parts = self._rows.part.step or 1
        if self._cluster.rank >= parts:
            return SavedSnapshot(None)
        saved = Saved(self.arrays(), self._steps, describe(self._layout))
        return SavedSnapshot(saved, self._rows.part.start or 0, parts)

    def restore(self, directory: Path) -> None:
        arrays = self.arrays()
        shapes = {name: array.shape for name, array in arrays.items()} | self._rows.whole_shapes(arrays)
        if from_parameter_server.holds_rows(directory):
            arrays = {name: np.array(array) for name, array in arrays.items()}
            steps = from_parameter_server.load_rows(arrays, self._layout, directory, self._rows.part)
            saved = Saved(arrays, steps, describe(self._layout), shapes)
        else:
            saved = read_weights(directory, self._rows.part)
        saved.check_fits(shapes)
        self._assign(saved.arrays)
        self._steps = saved.steps

    def warm_start(self, directory: Path, changes: Changes) -> None:
        """Continues from a model that was saved with other columns; ``str(changes)`` says what is kept.

        Raises:
            CheckpointError: the model does not exist or does not have the old columns.
        """
        saved = read_weights(directory)
        self._assign(migrate(saved, self.arrays(), changes, self._model.tower.first_width, self._rows.part))
        self._steps = saved.steps

    def adopt(self, directory: Path, changes: Changes) -> None:
        """The old name of :meth:`warm_start`."""
        warnings.warn("adopt() is now called warm_start()", DeprecationWarning, stacklevel=2)
        self.warm_start(directory, changes)

    def close(self) -> None:
        self._collectives.close()


def _statistics_of(tower: DenseTower) -> Any:
    """The running statistics. None if there are none: TensorFlow crashes when it broadcasts an empty variable."""
    return tf.Variable(tower.initial_statistics(), trainable=False) if tower.statistics_size else None


def byte_count(variables: Sequence[Any]) -> int:
    """Returns the size of float32 variables in bytes."""
    return sum(4 * int(np.prod(variable.shape)) for variable in variables)


def _read(variable: Any) -> Any:
    return tf.raw_ops.ReadVariableOp(resource=variable.handle, dtype=tf.float32)


def _after(what: list[Any]) -> Any:
    """Returns the time, in seconds, at which all of ``what`` has been computed."""
    with tf.control_dependencies(what):
        return tf.timestamp()


def _once(moment: Tensor, tensors: Sequence[Any]) -> list[Any]:
    """The tensors, for work that must not start before ``moment``, so that the phases of a step do not overlap."""
    with tf.control_dependencies([moment]):
        return [tf.identity(tensor) for tensor in tensors]
