"""Jobs of several ranks: scripts under ``jobs/``, started by the mpirun of the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from wideload.harness.job import mpi

JOBS = Path(__file__).parent / "jobs"


@dataclass(frozen=True)
class Job:
    """The result of a job."""

    code: int
    output: str


@pytest.fixture(scope="session")
def job() -> Callable[..., Job]:
    """Runs a script of ``jobs/`` on a number of ranks."""
    launcher = mpi.find()

    def run(ranks: int, script: str, *arguments: object, timeout: float = 400) -> Job:
        command = [*launcher.command(ranks, mpi.Hosts()), sys.executable, str(JOBS / script), *map(str, arguments)]
        environment = os.environ | launcher.environment() | {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}
        environment.pop("TF_USE_LEGACY_KERAS", None)  # as in a user's shell; other tests set it for this process
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout, check=False)
        return Job(done.returncode, done.stdout + done.stderr)

    return run


@pytest.fixture(scope="session")
def train(job: Callable[..., Job], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    """Trains with ``sparse_ps`` and these options; returns the losses of every step and the counters of all ranks."""

    def run(ranks: int, spec: str = "sparse_ps", steps: int = 42, slow_rank: int | None = None) -> dict[str, Any]:
        out = tmp_path_factory.mktemp("job") / "out.json"
        slow = [] if slow_rank is None else [slow_rank]
        done = job(ranks, "train.py", spec, steps, out, *slow)
        assert out.exists(), done.output
        found: dict[str, Any] = json.loads(out.read_text())
        return found

    return run


@pytest.fixture(scope="session")
def reference(train: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Two ranks, synchronous, prefetch on."""
    return train(2, "sparse_ps[prefetch=true]")
