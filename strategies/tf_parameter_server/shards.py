"""Variables spread over the parameter servers, with the same interfaces as variables of one process.

::

    row ``id`` of a table      server ``id % servers``, there row ``id // servers``: frequent ids often have small
                               numbers, so with ranges of ids one server would do all the work
    the tower's vector         one piece each, of equal length

Optimizer state is on the same server as its weights, so the fused kernels update rows on the server that holds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from wideload.errors import UsageError
from wideload.harness.checkpoints.variables import Arrays
from wideload.harness.features.layout import TableLayout
from wideload.harness.model.tensors import Tensor
from wideload.harness.workload.model import Model
from wideload.harness.workload.optimizers import Optimizer as Declared
from wideload.strategies.replicated.optimizers import Optimizer, make_optimizer
from wideload.strategies.replicated.options import RowOptions
from wideload.strategies.replicated.table_variables import TableVariables, variable_widths

MESSAGE_LIMIT_BYTES = 2**31
"""The limit on one of TensorFlow's messages, which is protobuf's."""


class Servers:
    """The parameter servers of a job, as devices on which to create variables.

    Args:
        strategy: a ``tf.distribute.ParameterServerStrategy``.
        count: the number of parameter servers.
    """

    def __init__(self, strategy: Any, count: int) -> None:
        self._strategy = strategy
        with strategy.scope():
            # The strategy assigns variables to servers in turn; variables colocated with one share its server.
            dealt = [tf.Variable(0.0, trainable=False) for _ in range(count)]
        self._anchors = sorted(dealt, key=lambda anchor: tf.DeviceSpec.from_string(anchor.device).task)

    def __len__(self) -> int:
        return len(self._anchors)

    def at(self, server: int) -> AbstractContextManager[Any]:
        """A context manager within which variables are created on that server."""
        placed: AbstractContextManager[Any] = self._strategy.extended.colocate_vars_with(self._anchors[server])
        return placed


class ShardedTable(TableVariables):
    """One table.

    Attributes:
        shards: one for each server.
    """

    def __init__(self, layout: TableLayout, model: Model, seed: int, options: RowOptions, servers: Servers) -> None:
        _require_sendable(layout, max(variable_widths(layout, model, options.rows).values()), len(servers))
        self.layout = layout
        self.rows = layout.rows or 0
        self.shards: list[TableVariables] = []
        for server in range(len(servers)):
            with servers.at(server):
                part = slice(server, None, len(servers))
                self.shards.append(TableVariables(layout, model, seed, options.rows, part))

    def gather(self, ids: Tensor) -> Any:
        places, parts = self._split(ids, tf.range(tf.size(ids))), self._split(ids, ids // len(self.shards))
        rows = [shard.gather(part) for shard, part in zip(self.shards, parts, strict=True)]
        return tf.ensure_shape(tf.dynamic_stitch(places, rows), [None, self.layout.width])

    def apply(self, ids: Tensor, gradients: Tensor, scale: Tensor = 1.0) -> Any:
        parts, rows = self._split(ids, ids // len(self.shards)), self._split(ids, gradients)
        split = zip(self.shards, parts, rows, strict=True)
        return tf.group(*(shard.apply(part, more, scale) for shard, part, more in split))

    def _split(self, ids: Tensor, what: Any) -> list[Any]:
        servers = len(self.shards)
        parts: list[Any] = tf.dynamic_partition(what, tf.cast(ids % servers, tf.int32), servers)
        return parts

    def arrays(self) -> Arrays:
        found: Arrays = {}
        for server, shard in enumerate(self.shards):
            for name, array in shard.arrays().items():
                if name not in found:
                    found[name] = np.empty((self.rows, array.shape[1]), np.float32)
                found[name][server :: len(self.shards)] = array
        return found

    def assign(self, arrays: Arrays) -> None:
        for server, shard in enumerate(self.shards):
            shard.assign({name: array[server :: len(self.shards)] for name, array in arrays.items()})


def _require_sendable(layout: TableLayout, width: int, servers: int) -> None:
    """Raises UsageError if TensorFlow cannot send a shard's initial values, ``width`` floats per row, to a server."""
    size = 4 * -(-(layout.rows or 0) // servers) * width
    if size >= MESSAGE_LIMIT_BYTES:
        raise UsageError(
            f"each of {servers} servers would get {size / 2**30:.1f} GiB of initial values of table {layout.name!r}, "
            "and TensorFlow sends them in one message of less than 2 GiB. Use more ranks, or another strategy."
        )


class ShardedVector(Optimizer):
    """The tower's parameters ``[P]`` with their optimizer.

    Attributes:
        shards: one for each server.
    """

    def __init__(self, initial: Tensor, optimizer: Declared, servers: Servers) -> None:
        pieces = np.array_split(np.asarray(initial), len(servers))
        self._sizes = [len(piece) for piece in pieces]
        self.shards: list[Optimizer] = []
        for server, piece in enumerate(pieces):
            with servers.at(server):
                self.shards.append(make_optimizer(optimizer, tf.Variable(piece)))
        super().__init__(Pieces([shard.weights for shard in self.shards]))
        self.state = {slot: Pieces([shard.state[slot] for shard in self.shards]) for slot in self.shards[0].state}

    def read(self) -> Any:
        return tf.concat([shard.read() for shard in self.shards], axis=0)

    def apply(self, gradient: Tensor, scale: Tensor = 1.0) -> Any:
        parts = tf.split(gradient, self._sizes)
        return tf.group(*(shard.apply(part, scale) for shard, part in zip(self.shards, parts, strict=True)))

    def apply_rows(self, ids: Tensor, gradients: Tensor, scale: Tensor = 1.0) -> Any:  # noqa: ARG002 - the signature of the base class
        raise TypeError("a vector has no rows")


class Pieces:
    """Variables that are saved and restored as if they were one; scalars are equal copies of one value."""

    def __init__(self, variables: Sequence[Any]) -> None:
        self._variables = variables
        scalar = variables[0].shape.rank == 0
        self.shape = [] if scalar else [sum(int(one.shape[0]) for one in variables)]

    def numpy(self) -> npt.NDArray[np.float32]:
        arrays = [variable.numpy() for variable in self._variables]
        whole: npt.NDArray[np.float32] = np.concatenate(arrays) if self.shape else np.asarray(arrays[0])
        return whole

    def assign(self, whole: npt.NDArray[np.float32]) -> None:
        if not self.shape:
            for variable in self._variables:
                variable.assign(whole)
            return
        ends = np.cumsum([int(variable.shape[0]) for variable in self._variables])
        for variable, part in zip(self._variables, np.split(whole, ends[:-1]), strict=True):
            variable.assign(part)
