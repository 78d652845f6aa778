"""Where TensorFlow's servers of a job listen: an address for each rank, agreed on over MPI.

Each rank binds a free port and keeps it bound, without listening, while TensorFlow's server binds the same one
(SO_REUSEADDR): nobody else can take a port between the exchange of addresses and the start of the server.
"""

from __future__ import annotations

import socket

from wideload.harness.cluster import Cluster


def claim(cluster: Cluster, holder: socket.socket) -> list[str]:
    """``host:port`` of every rank, in rank order. ``holder`` is bound to this rank's; keep it open."""
    host = _host(cluster)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind((host, 0))
    return cluster.allgather(f"{host}:{holder.getsockname()[1]}")


def _host(cluster: Cluster) -> str:
    """Loopback while all ranks share a host, else the address that this host's name stands for."""
    hosts = cluster.allgather(socket.gethostname())
    return "127.0.0.1" if len(set(hosts)) == 1 else socket.gethostbyname(socket.gethostname())
