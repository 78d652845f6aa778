"""TensorFlow's servers of this process: a worker and a parameter server on every rank, the coordinator on rank 0.

They can be started once in a process and not be stopped, and they move the process's default device into the job; so
variables made before are lost. A process that uses this strategy should use no other.
"""

from __future__ import annotations

import atexit
import socket
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from wideload.errors import UsageError
from wideload.harness.cluster import Cluster
from wideload.strategies.tf_addresses import claim

COORDINATOR = "chief"


@dataclass(slots=True, eq=False)
class Members:
    """What this process has of the job.

    Attributes:
        ranks: of the job.
        strategy, coordinator: on rank 0, else None.
        servers: kept alive.
        active: the trainer whose closures run.
    """

    ranks: int
    servers: list[Any]
    strategy: Any = None
    coordinator: Any = None
    active: Any = None


_joined: list[Members] = []


def join(cluster: Cluster) -> Members:
    """Starts this rank's servers; on rank 0 also connects the coordinator to all of them. Once per process.

    Raises:
        UsageError: this process belongs to a job of another size already.
    """
    if not _joined:
        _joined.append(_start(cluster))
    if _joined[0].ranks != cluster.ranks:
        raise UsageError(f"this process runs TensorFlow's servers of {_joined[0].ranks} ranks, not of {cluster.ranks}.")
    return _joined[0]


def _start(cluster: Cluster) -> Members:
    jobs = {job: _claimed(cluster) for job in ("worker", "ps", COORDINATOR)}
    # All ranks claim an address for a coordinator, because claiming is done by all; one of them is needed.
    jobs[COORDINATOR] = jobs[COORDINATOR][:1]
    members = Members(cluster.ranks, [_server(jobs, job, cluster) for job in ("worker", "ps")])
    cluster.barrier()
    if cluster.rank == 0:
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec(jobs), task_type=COORDINATOR, task_id=0, rpc_layer="grpc"
        )
        members.strategy = tf.distribute.ParameterServerStrategy(resolver)
        members.coordinator = tf.distribute.coordinator.ClusterCoordinator(members.strategy)
    return members


def _claimed(cluster: Cluster) -> list[str]:
    holder = socket.socket()
    atexit.register(holder.close)
    return claim(cluster, holder)


def _server(jobs: dict[str, list[str]], job: str, cluster: Cluster) -> Any:
    """One server.

    As many threads within an operation as the rank may use. Between operations one more than requests can wait at once:
    a closure waits at the mailbox, and every worker may have one at this parameter server.
    """
    threads = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=cluster.threads, inter_op_parallelism_threads=cluster.ranks + 2
    )
    return tf.distribute.Server(jobs, job_name=job, task_index=cluster.rank, protocol="grpc", config=threads)
