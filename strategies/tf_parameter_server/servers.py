"""This process's TensorFlow servers: a worker and a parameter server on every rank, and the coordinator on rank 0.

They can be started only once per process and cannot be stopped. They also move the process's default device into the
job, so variables created earlier are lost. A process that uses this strategy should use no other.
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
class JobServers:
    """The part of the job in this process.

    Attributes:
        ranks: the size of the job.
        servers: TensorFlow's servers, kept alive here.
        strategy, coordinator: on rank 0, else None.
        active: the trainer whose closures run now.
    """

    ranks: int
    servers: list[Any]
    strategy: Any = None
    coordinator: Any = None
    active: Any = None


_joined: list[JobServers] = []


def join(cluster: Cluster) -> JobServers:
    """Starts this rank's servers; on rank 0 also connects the coordinator to all of them. Once per process.

    Raises:
        UsageError: this process already belongs to a job of another size.
    """
    if not _joined:
        _joined.append(_start(cluster))
    if _joined[0].ranks != cluster.ranks:
        raise UsageError(
            f"this process already runs TensorFlow's servers for {_joined[0].ranks} ranks; "
            f"a job of {cluster.ranks} needs a process of its own."
        )
    return _joined[0]


def _start(cluster: Cluster) -> JobServers:
    jobs = {job: _claimed(cluster) for job in ("worker", "ps", COORDINATOR)}
    # All ranks claim an address for a coordinator, because claiming is collective; only rank 0's is used.
    jobs[COORDINATOR] = jobs[COORDINATOR][:1]
    started = JobServers(cluster.ranks, [_server(jobs, job, cluster) for job in ("worker", "ps")])
    cluster.barrier()
    if cluster.rank == 0:
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec(jobs), task_type=COORDINATOR, task_id=0, rpc_layer="grpc"
        )
        started.strategy = tf.distribute.ParameterServerStrategy(resolver)
        started.coordinator = tf.distribute.coordinator.ClusterCoordinator(started.strategy)
    return started


def _claimed(cluster: Cluster) -> list[str]:
    holder = socket.socket()
    atexit.register(holder.close)
    return claim(cluster, holder)


def _server(jobs: dict[str, list[str]], job: str, cluster: Cluster) -> Any:
    """Starts one server.

    Its operations use as many threads as the rank may use. It has one more inter-op thread than requests that can wait
    at once: one closure waits at the mailbox, and every worker may have a request at this parameter server.
    """
    threads = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=cluster.threads, inter_op_parallelism_threads=cluster.ranks + 2
    )
    return tf.distribute.Server(jobs, job_name=job, task_index=cluster.rank, protocol="grpc", config=threads)
