"""The coordinator's model: variables on the parameter servers, and the closure that trains them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import tensorflow as tf

from wideload.harness.cluster import Cluster
from wideload.harness.contract import Footprint
from wideload.harness.features.layout import BatchLayout, TableLayout
from wideload.harness.model.tensors import Tensor
from wideload.harness.model.wide_deep import Inputs
from wideload.harness.workload.workload import Workload
from wideload.strategies.replicated.collectives import Collectives
from wideload.strategies.replicated.optimizers import Optimizer
from wideload.strategies.replicated.options import RowOptions
from wideload.strategies.replicated.table_variables import TableVariables
from wideload.strategies.replicated.trainer import ReplicatedTrainer, byte_count
from wideload.strategies.tf_parameter_server.mailbox import IDLE, PREDICT, REQUEST, TRAIN, Tokens
from wideload.strategies.tf_parameter_server.shards import Servers, ShardedTable, ShardedVector


class Scope(Collectives):
    """Creates variables in the strategy's scope; exchanges nothing: each worker's update is applied by itself."""

    def __init__(self, strategy: Any) -> None:
        self._strategy = strategy

    def scope(self) -> AbstractContextManager[Any]:
        scope: AbstractContextManager[Any] = self._strategy.scope()
        return scope


class ServedModel(ReplicatedTrainer):
    """A model of one process, on rank 0 only, whose variables are on the parameter servers.

    Args:
        strategy: a ``tf.distribute.ParameterServerStrategy``.
        tokens: of the mailboxes' calls.
    """

    def __init__(
        self,
        workload: Workload,
        layout: BatchLayout,
        cluster: Cluster,
        strategy: Any,
        options: RowOptions,
        tokens: Tokens,
    ) -> None:
        self._servers = Servers(strategy, cluster.ranks)
        self._tokens = tokens
        super().__init__(workload, layout, cluster, Scope(strategy), options)
        self.closure = tf.function(self._work, autograph=False)
        self.closure.get_concrete_function()

    @property
    def steps(self) -> int:
        """The number of steps that every rank has taken; saved and restored with the model."""
        return self._steps

    @steps.setter
    def steps(self, steps: int) -> None:
        self._steps = steps

    def _table(self, layout: TableLayout, workload: Workload, options: RowOptions) -> TableVariables:
        return ShardedTable(layout, workload.model, workload.seed, options, self._servers)

    def _vector(self, initial: Tensor, workload: Workload) -> Optimizer:
        return ShardedVector(initial, workload.model.dense_optimizer, self._servers)

    def _work(self) -> None:
        """Executes the request in the mailbox of the worker's rank, and answers it."""
        what, *rest = tf.raw_ops.PyFunc(input=[], token=self._tokens.take, Tout=list(REQUEST))
        *tensors, step, first, scale = rest
        specs = Inputs.signature(self._layout)
        inputs = Inputs(*(_shaped(tensor, spec) for tensor, spec in zip(tensors, specs, strict=True)))
        counts = [_shaped(number, tf.TensorSpec([])) for number in (step, first, scale)]
        nothing = tf.constant(0.0), tf.zeros([4], tf.float64), tf.zeros([0])

        def train() -> tuple[Any, Any, Any]:
            loss, clock, _ = self._train_here(inputs, *counts)
            return loss, clock, tf.zeros([0])

        def predict() -> tuple[Any, Any, Any]:
            return *nothing[:2], self._infer_here(inputs)

        branches = {IDLE: lambda: nothing, TRAIN: train, PREDICT: predict}
        answer = tf.switch_case(_shaped(what, tf.TensorSpec([])), branches)
        tf.raw_ops.PyFunc(input=[what, *answer], token=self._tokens.give, Tout=[tf.int32])

    def footprints(self) -> list[Footprint]:
        """Returns the bytes on each server."""
        found = []
        for server in range(len(self._servers)):
            tables = [table.shards[server] for table in self._rows.tables if isinstance(table, ShardedTable)]
            parts = [self._dense.shards[server]] if isinstance(self._dense, ShardedVector) else []
            parts += [part for table in tables for part in table.parts.values()]
            weights = [part.weights for part in parts]
            if self._statistics is not None and _server_of(self._statistics) == server:
                weights.append(self._statistics)
            state = [slot for part in parts for slot in part.state.values()]
            found.append(Footprint(weights=byte_count(weights), optimizer=byte_count(state)))
        return found


def _shaped(tensor: Tensor, spec: Any) -> Any:
    return tf.ensure_shape(tensor, spec.shape)


def _server_of(variable: Any) -> int:
    task: int = tf.DeviceSpec.from_string(variable.device).task
    return task
