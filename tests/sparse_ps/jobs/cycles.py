"""Opens and closes a parameter server again and again: cycles.py TIMES. Prints what is left over."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import numpy as np

from wideload import _native
from wideload.harness.cluster import Cluster
from wideload.strategies.sparse_ps import SparsePsOptions
from wideload.strategies.sparse_ps import server as sparse_ps


def leftovers() -> tuple[int, int, int]:
    """Threads of this process, its open files, and shared memory segments of the machine."""
    return (
        len(list(Path("/proc/self/task").iterdir())),
        len(list(Path("/proc/self/fd").iterdir())),
        len(list(Path("/dev/shm").iterdir())),  # noqa: S108
    )


def cycle(cluster: Cluster) -> None:
    table = _native.SparseTable("t", [_native.Slice("deep", 2)])
    dense = np.zeros(3, np.float32)
    kind = getattr(sparse_ps, "PsCluster", None) or sparse_ps.Server
    server = kind([table], dense, [(3, _native.Sgd())], cluster, SparsePsOptions(), {})
    server.flush()
    server.close()


def main(times: int) -> None:
    cluster = Cluster.world(threads=1)
    cycle(cluster)  # what MPI sets up once
    before = leftovers()
    for _ in range(times):
        cycle(cluster)
    cluster.barrier()
    after = leftovers()
    threads = threading.active_count()
    print(f"rank {cluster.rank}: {before} {after} {threads}" + (" clean" if after <= before else " LEFT OVER"))


if __name__ == "__main__":
    main(int(sys.argv[1]))
