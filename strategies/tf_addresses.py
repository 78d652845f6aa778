"""The addresses on which a job's TensorFlow servers listen: one for each rank, exchanged over MPI.

Each rank binds a free port and keeps it bound, without listening, while TensorFlow's server binds the same one
(SO_REUSEADDR): no other process can take a port between the exchange of addresses and the start of the server.
"""

from __future__ import annotations

import socket

from wideload.harness.cluster import Cluster


def claim(cluster: Cluster, holder: socket.socket) -> list[str]:
    """Returns ``host:port`` of every rank, in rank order. Binds ``holder`` to this rank's; keep it open."""
    host = _host(cluster)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind((host, 0))
    return cluster.allgather(f"{host}:{holder.getsockname()[1]}")


def _host(cluster: Cluster) -> str:
    """Loopback if all ranks share a host, else the address to which this host's name resolves."""
    hosts = cluster.allgather(socket.gethostname())
    return "127.0.0.1" if len(set(hosts)) == 1 else socket.gethostbyname(socket.gethostname())
