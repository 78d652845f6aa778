"""Ranks of one host get cores of their own, where there are enough."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from wideload.harness import mpi

pytestmark = pytest.mark.mpi

SCRIPT = """
import json, os, sys
from wideload.harness.cluster import Cluster
cluster = Cluster.world(threads=int(sys.argv[1]))
cluster.bind()
cores = cluster.allgather(sorted(os.sched_getaffinity(0)))
if cluster.rank == 0:
    print(json.dumps(cores))
"""


def bound(ranks: int, threads: int) -> list[list[int]]:
    """Cores of every rank."""
    launcher = mpi.find()
    command = [*launcher.command(ranks, mpi.Hosts()), sys.executable, "-c", SCRIPT, str(threads)]
    environment = os.environ | launcher.environment()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    cores: list[list[int]] = json.loads(done.stdout)
    return cores


def test_ranks_share_no_core() -> None:
    available = sorted(os.sched_getaffinity(0))
    ranks = min(2, len(available))
    assert bound(ranks, threads=1) == [[core] for core in available[:ranks]]


def test_a_rank_gets_a_core_for_each_of_its_threads() -> None:
    available = sorted(os.sched_getaffinity(0))
    assert bound(1, threads=len(available)) == [available]


def test_ranks_that_outnumber_the_cores_go_where_they_may() -> None:
    available = sorted(os.sched_getaffinity(0))
    assert bound(2, threads=len(available)) == [available, available]
