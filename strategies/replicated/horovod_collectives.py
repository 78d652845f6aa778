"""Horovod's operations as :class:`wideload.strategies.replicated.collectives.Collectives`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import horovod.tensorflow as hvd
import tensorflow as tf

from wideload.errors import UsageError
from wideload.harness.cluster import Cluster
from wideload.harness.model.tensors import Tensor
from wideload.strategies.replicated.collectives import Collectives
from wideload.strategies.replicated.traffic import Traffic, size_in_bytes

_started: dict[str, str] = {}


def start(cluster: Cluster, settings: Mapping[str, str]) -> None:
    """Starts Horovod over the cluster's communicator, once per process; it stops when the process ends.

    Horovod 0.28 reads its settings when it starts, and crashes when it is started again after it was stopped.

    Raises:
        UsageError: Horovod already runs in this process with other settings.
    """
    if not _started:
        os.environ.update(settings)
        hvd.init(comm=cluster.comm)
        _started.update(settings)
    if _started != settings:
        raise UsageError(f"Horovod runs in this process with {_started}; {dict(settings)} needs a process of its own.")


class HorovodCollectives(Collectives):
    """Sums, gathers and all-to-alls of a started Horovod.

    Horovod matches tensors by name. An operation is named by its position in the order of tracing, which is the same
    on all ranks.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.ranks = cluster.ranks
        self._rank = cluster.rank
        self._traced = 0
        self._traffic = Traffic(cluster.ranks)

    def _name(self) -> str:
        self._traced += 1
        return f"wideload_{self._traced}"

    def sum(self, vector: Tensor) -> Any:
        self._traffic.summed(vector)
        return hvd.allreduce(vector, op=hvd.Sum, name=self._name())

    def gather(self, tensor: Tensor) -> Any:
        gathered = hvd.allgather(tensor, name=self._name())
        self._traffic.gathered(tensor, gathered)
        return gathered

    def all_to_all(self, tensor: Tensor, splits: Tensor) -> tuple[Any, Any]:
        """Sends a piece of a tensor to each rank; returns the pieces from all ranks, in rank order, and their lengths.

        Args:
            tensor: ``[n]``, the pieces in the order of the ranks that they are for; a piece may be empty.
            splits: int32 ``[ranks]``, the lengths of the pieces.
        """
        received, lengths = hvd.alltoall(tensor, splits=splits, name=self._name())
        own = tf.cast(splits[self._rank], tf.int64) * tensor.dtype.size
        self._traffic.add(size_in_bytes(tensor) - own, size_in_bytes(received) - own)
        return received, lengths

    def begin_count(self) -> None:
        self._traffic.begin()

    def traffic(self) -> Any:
        return self._traffic.total()
