"""Ranks of one host get cores of their own, where there are enough."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys

import pytest

from wideload.harness.job import mpi

pytestmark = pytest.mark.mpi

CORES = sorted(os.sched_getaffinity(0))

SCRIPT = """
import json, os, sys
from wideload.harness.cluster import Cluster
cluster = Cluster.world(threads=int(sys.argv[1]))
cluster.bind()
cores = cluster.allgather(sorted(os.sched_getaffinity(0)))
idle = cluster.allgather(cluster.has_idle_cores())
if cluster.rank == 0:
    print(json.dumps([cores, idle]))
"""


def bound(ranks: int, threads: int) -> tuple[list[list[int]], list[bool]]:
    """Cores of every rank, and whether it hears that there are idle ones."""
    launcher = mpi.find()
    command = [*launcher.command(ranks, mpi.Hosts()), sys.executable, "-c", SCRIPT, str(threads)]
    environment = os.environ | launcher.environment()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    cores, idle = json.loads(done.stdout)
    return cores, idle


def test_ranks_share_the_cores_evenly() -> None:
    ranks = min(2, len(CORES))
    cores, idle = bound(ranks, threads=1)
    ends = [len(CORES) * share // ranks for share in range(ranks + 1)]
    assert cores == [CORES[first:last] for first, last in itertools.pairwise(ends)]
    assert idle == [len(CORES) > ranks] * ranks


@pytest.mark.parametrize("threads", [1, len(CORES)])
def test_a_rank_alone_keeps_every_core(threads: int) -> None:
    assert bound(1, threads) == ([CORES], [len(CORES) > threads])


def test_ranks_that_outnumber_the_cores_go_where_they_may() -> None:
    assert bound(2, threads=len(CORES)) == ([CORES, CORES], [False, False])
