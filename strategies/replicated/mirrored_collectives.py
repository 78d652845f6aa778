"""MultiWorkerMirroredStrategy's operations as :class:`wideload.strategies.replicated.collectives.Collectives`.

TensorFlow learns which processes take part from the environment variable TF_CONFIG, derived from the MPI ranks.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any

import tensorflow as tf

from wideload.harness.cluster import Cluster
from wideload.harness.model.tensors import Tensor
from wideload.strategies.replicated.collectives import Collectives
from wideload.strategies.tf_addresses import claim

HEARTBEAT_TIMEOUT_MS = 600_000


class MirroredCollectives(Collectives):
    """Joins the job, with one replica per rank. A job of one rank needs no TF_CONFIG and no server.

    Args:
        cluster: the ranks that take part.
        communication: ``ring``, ``auto`` or ``nccl``.
    """

    def __init__(self, cluster: Cluster, communication: str) -> None:
        self.ranks = cluster.ranks
        implementation = tf.distribute.experimental.CommunicationImplementation[communication.upper()]
        self._options = tf.distribute.experimental.CommunicationOptions(implementation=implementation)
        self._strategy = join(cluster, self._options)

    def scope(self) -> AbstractContextManager[Any]:
        scope: AbstractContextManager[Any] = self._strategy.scope()
        return scope

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return self._strategy.run(function, args=arguments)

    def sum(self, vector: Tensor) -> Any:
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, vector, self._options)

    def gather(self, tensor: Tensor) -> Any:
        return tf.distribute.get_replica_context().all_gather(tensor, 0, self._options)


_joined: list[Any] = []


def join(cluster: Cluster, options: Any) -> Any:
    """Returns the process's MultiWorkerMirroredStrategy; created once, because TensorFlow's server cannot start twice.

    ``options`` are its defaults; every collective is called with its own.
    """
    if not _joined:
        if cluster.ranks > 1:
            holder = socket.socket()
            atexit.register(holder.close)
            os.environ["TF_CONFIG"] = agree_on_config(cluster, holder)
            extend_heartbeat_timeout(cluster.ranks)
        _joined.append(tf.distribute.MultiWorkerMirroredStrategy(communication_options=options))
        os.environ.pop("TF_CONFIG", None)
    return _joined[0]


def extend_heartbeat_timeout(ranks: int) -> None:
    """Lets ranks miss heartbeats for as long as the broadcast of a large table takes.

    A variable's first value is broadcast from rank 0: gigabytes over the connection that also carries the heartbeats,
    and TensorFlow gives up after 10 s without one. The launcher and the harness notice dead ranks. TensorFlow has no
    public setting for this, so the coordination service is configured here, before the strategy would configure it.
    """
    from tensorflow.python.eager import context

    coordination_config_pb2 = _coordination_config()
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader="/job:worker/replica:0/task:0",
        coordinated_jobs=[coordination_config_pb2.CoordinatedJob(name="worker", num_tasks=ranks)],
        heartbeat_timeout_in_ms=HEARTBEAT_TIMEOUT_MS,
    )


def _coordination_config() -> ModuleType:
    """The module that describes the service: TensorFlow moved it between 2.18 and 2.21."""
    try:
        return importlib.import_module("tensorflow.compiler.xla.tsl.protobuf.coordination_config_pb2")
    except ModuleNotFoundError:
        return importlib.import_module("tensorflow.tsl.protobuf.coordination_config_pb2")


def agree_on_config(cluster: Cluster, holder: socket.socket) -> str:
    """TF_CONFIG of this rank: the addresses of all ranks, in rank order. Binds ``holder`` to this rank's."""
    workers = claim(cluster, holder)
    return json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": cluster.rank}})
