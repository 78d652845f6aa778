"""Opens and closes a parameter server again and again: cycles.py TIMES. Prints what is left over.

What a cycle may leave is counted in this process alone, so that other jobs on the machine make no difference.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import psutil

from wideload import _native
from wideload.harness.cluster import Cluster
from wideload.strategies.sparse_ps.options import SparsePsOptions
from wideload.strategies.sparse_ps.server import PsCluster

SHARED = "/dev/shm/"  # noqa: S108


def shared() -> list[str]:
    """Files of shared memory that this process maps, also those that have no name any more."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return [SHARED + line.partition(SHARED)[2] for line in lines if SHARED in line]


def counts(seen: set[str]) -> dict[str, int]:
    """What this process holds, and those of the shared files it has ``seen`` that still have a name."""
    here = psutil.Process()
    return {
        "threads": here.num_threads(),
        "open files": here.num_fds(),
        "sockets and ports": len(here.net_connections(kind="all")),
        "child processes": len(here.children(recursive=True)),
        "shared mappings": len(shared()),
        "shared files": sum(Path(name).exists() for name in seen),
    }


def cycle(cluster: Cluster, seen: set[str]) -> None:
    table = _native.SparseTable("t", [_native.Slice("deep", 2)])
    server = PsCluster([table], np.zeros(3, np.float32), [(3, _native.Sgd())], cluster, SparsePsOptions(), {})
    server.flush()
    seen.update(shared())
    server.close()


def grown(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    return ", ".join(f"{what} {before[what]} -> {now}" for what, now in after.items() if now > before[what])


def main(times: int) -> None:
    cluster = Cluster.world(threads=1)
    seen: set[str] = set()
    cycle(cluster, seen)  # what MPI sets up once
    before = counts(seen)
    for _ in range(times):
        cycle(cluster, seen)
    cluster.barrier()
    after = counts(seen)
    left = grown(before, after)
    held = ", ".join(f"{count} {what}" for what, count in after.items())
    print(f"rank {cluster.rank}: {f'LEFT OVER {left}' if left else 'clean'} after {times} cycles; holds {held}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
