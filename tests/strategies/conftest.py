"""A workload with every kind of column, batches for it, and jobs of several ranks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from wideload.harness.job import mpi
from wideload.testing import workload

FOLDER = Path(__file__).parent


@pytest.fixture(scope="session")
def everything() -> ModuleType:
    """The module that declares the workload and makes its batches."""
    return workload


@pytest.fixture
def trainer(everything: ModuleType) -> Iterator[Callable[..., Any]]:
    """Builds trainers of one rank in this process; closes them afterwards."""
    opened: list[Any] = []

    def build(spec: str, **changes: Any) -> Any:
        made = everything.OneRank(spec, **changes)
        opened.append(made)
        return made

    yield build
    for one in opened:
        one.trainer.close()


Losses = dict[str, npt.NDArray[np.float64]]


@pytest.fixture(scope="session")
def losses(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Losses]:
    """Global losses of every step of each workload, trained one after the other in one mpirun job."""
    launcher = mpi.find()

    def run(ranks: int, spec: str, **workloads: int) -> Losses:
        out = tmp_path_factory.mktemp("job") / "losses.npz"
        wanted = [f"{name}={steps}" for name, steps in workloads.items()]
        script = [sys.executable, str(FOLDER / "jobs" / "train.py"), spec, str(out), *wanted]
        command = [*launcher.command(ranks, mpi.Hosts()), *script]
        environment = os.environ | launcher.environment() | {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
        assert out.exists(), f"{done.stdout}\n{done.stderr}"
        with np.load(out) as found:
            return dict(found)

    return run
