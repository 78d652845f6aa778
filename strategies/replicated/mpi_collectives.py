"""The job's MPI as :class:`wideload.strategies.replicated.collectives.Collectives`.

Each operation is an op (``native/tf_ops/collective_ops.cpp``) that runs on a thread of its own. MPI matches collectives
by their order, which must be the same on all ranks, so each waits for the one that was traced before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from wideload import ops
from wideload._native import Collectives as NativeCollectives
from wideload.harness.cluster import Cluster
from wideload.harness.model.tensors import Tensor
from wideload.strategies.mpi_library import find
from wideload.strategies.replicated.collectives import RowCollectives, Slices
from wideload.strategies.replicated.traffic import Traffic


class MpiCollectives(RowCollectives):
    """Sums and gathers over a cluster's communicator. Made and closed collectively."""

    def __init__(self, cluster: Cluster) -> None:
        from mpi4py import MPI

        self.ranks = cluster.ranks
        self._native = NativeCollectives(library=str(find()), comm=MPI._handleof(cluster.comm))
        self._last: Any = None
        self._traffic = Traffic(cluster.ranks)

    def sum(self, vector: Tensor) -> Any:
        self._traffic.summed(vector)
        return self._in_order(lambda: ops.mpi_allreduce(self._native.id, vector))

    def gather(self, tensor: Tensor) -> Any:
        gathered = self._in_order(lambda: ops.mpi_allgather(self._native.id, tensor))
        self._traffic.gathered(tensor, gathered)
        return gathered

    def sum_rows(self, slices: Slices) -> Slices:
        found: ops.Merged = self._in_order(lambda: ops.mpi_sparse_allreduce(self._native.id, slices))
        self._traffic.add(found.sent, found.received)
        return found.tables

    def _in_order(self, operation: Callable[[], Any]) -> Any:
        follows = self._last is not None and self._last.graph is tf.compat.v1.get_default_graph()
        with tf.control_dependencies([self._last] if follows else []):
            found = operation()
        self._last = tf.nest.flatten(found)[0].op
        return found

    def begin_count(self) -> None:
        self._traffic.begin()

    def traffic(self) -> Any:
        return self._traffic.total()

    def close(self) -> None:
        self._native.close()
