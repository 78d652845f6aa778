"""Sums and gathers over the ranks, as TensorFlow operations that call mpi4py.

The strategy asks for them in the same order on every rank, which is what MPI needs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from wideload.harness.cluster import Cluster
from wideload.strategies.replicated import Collectives


class MpiCollectives(Collectives):
    def __init__(self, cluster: Cluster) -> None:
        self.ranks = cluster.ranks
        self._comm = cluster.comm

    def sum(self, vector: Any) -> Any:
        total = tf.numpy_function(self._sum, [vector], vector.dtype)
        total.set_shape(vector.shape)
        return total

    def gather(self, tensor: Any) -> Any:
        gathered = tf.numpy_function(self._gather, [tensor], tensor.dtype)
        gathered.set_shape([None, *tensor.shape[1:]])
        return gathered

    def _sum(self, vector: Any) -> Any:
        total = np.empty_like(vector)
        self._comm.Allreduce(np.ascontiguousarray(vector), total)
        return total

    def _gather(self, tensor: Any) -> Any:
        return np.concatenate(self._comm.allgather(tensor))
