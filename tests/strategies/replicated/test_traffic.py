"""The bytes that a rank counts are those of the formulas in docs/explanation/baselines.md.

The formulas are computed here from the batches alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wideload.harness.job import mpi
from wideload.strategies import find

pytestmark = [pytest.mark.mpi, pytest.mark.slow]
SCRIPT = Path(__file__).parents[1] / "jobs" / "traffic.py"
STEPS = 12

Formula = Callable[[int, dict[str, Any]], tuple[float, float]]


def allreduce(job: dict[str, Any]) -> float:
    """Of the tower's gradient: as much in as out."""
    ranks = len(job["ranks"])
    return STEPS * 2 * (ranks - 1) / ranks * 4 * job["tower"]


def horovod(rank: int, job: dict[str, Any]) -> tuple[float, float]:
    """Every rank's distinct ids, and a row gradient for each, to every other rank; so does ``mpi_allreduce``."""
    own, ranks = [0.0 for _ in job["ranks"]], len(job["ranks"])
    for who, found in enumerate(job["ranks"]):
        for step in found["ids"]:
            own[who] += sum((8 + 4 * width) * len(ids) for width, ids in zip(job["widths"], step, strict=True))
    return (ranks - 1) * own[rank] + allreduce(job), sum(own) - own[rank] + allreduce(job)


def horovod_alltoall(rank: int, job: dict[str, Any]) -> tuple[float, float]:
    """Ids and row gradients to the owner, rows from it, unless it is the rank itself."""
    ranks = len(job["ranks"])
    sent = received = allreduce(job)
    for who, found in enumerate(job["ranks"]):
        for step in found["ids"]:
            for width, ids in zip(job["widths"], step, strict=True):
                for owner in {one % ranks for one in ids} - {who}:
                    count = sum(one % ranks == owner for one in ids)
                    sent += count * ((4 + 4 * width) * (who == rank) + 4 * width * (owner == rank))
                    received += count * ((4 + 4 * width) * (owner == rank) + 4 * width * (who == rank))
    return sent, received


@pytest.mark.parametrize("ranks", [2, 3, 4])
@pytest.mark.parametrize(
    ("strategy", "formula"),
    [("horovod", horovod), ("mpi_allreduce", horovod), ("horovod_alltoall", horovod_alltoall)],
)
def test_counted_bytes_are_those_of_the_formula(strategy: str, formula: Formula, ranks: int, tmp_path: Path) -> None:
    usable = find(strategy).availability()
    if not usable.usable:
        pytest.skip(usable.reason)
    launcher, out = mpi.find(), tmp_path / "traffic.json"
    command = [*launcher.command(ranks, mpi.Hosts()), sys.executable, str(SCRIPT), strategy, str(STEPS), str(out)]
    environment = os.environ | launcher.environment() | {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert out.exists(), done.stdout + done.stderr
    job = json.loads(out.read_text())
    for rank, found in enumerate(job["ranks"]):
        counted = found["counters"]["wire_bytes"], found["counters"]["received_bytes"]
        assert counted == pytest.approx(formula(rank, job), rel=0.02), f"rank {rank} of {ranks}"
