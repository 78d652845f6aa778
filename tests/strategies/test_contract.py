"""What every strategy promises, kept by each that is registered; one rank, in this process.

What several ranks promise is in test_parity.py, on more workloads than the contract's own jobs have.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wideload.strategies import find, names
from wideload.testing import TrainerContract
from wideload.testing.strategy import Build, Trained

ALONE = Path(__file__).parent / "jobs" / "contract_of_one.py"
OWN_PROCESS = [name for name in names() if find(name).owns_process]


class TestLocal(TrainerContract):
    strategy = "local"

    def test_a_model_fits_whatever_ways_of_doing_it_are_chosen(
        self, build: Build, trained: Trained, tmp_path: Path
    ) -> None:
        trained.rank.trainer.save(tmp_path)
        other = build("local[lookup=column,kernels=tensorflow,rows=split]")
        other.trainer.restore(tmp_path)
        expected = trained.rank.trainer.predict(trained.rank.batch(50))
        assert other.trainer.predict(other.batch(50)) == pytest.approx(expected, rel=1e-5)


class TestSparsePs(TrainerContract):
    strategy = "sparse_ps"


class TestHorovod(TrainerContract):
    strategy = "horovod"


class TestMpiAllreduce(TrainerContract):
    strategy = "mpi_allreduce"


class TestHorovodAlltoall(TrainerContract):
    strategy = "horovod_alltoall"


class TestMultiWorkerMirrored(TrainerContract):
    strategy = "multi_worker_mirrored"


@pytest.mark.slow
@pytest.mark.parametrize("name", OWN_PROCESS)
def test_strategies_that_own_their_process_keep_the_contract_too(name: str) -> None:
    usable = find(name).availability()
    if not usable.usable:
        pytest.skip(usable.reason)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", str(ALONE)]
    environment = os.environ | {"WIDELOAD_TEST_ALONE": name}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout[-8000:]
    assert "skipped" not in done.stdout


def test_every_registered_strategy_is_tried_here() -> None:
    classes = [TestLocal, TestSparsePs, TestHorovod, TestMpiAllreduce, TestHorovodAlltoall, TestMultiWorkerMirrored]
    assert {*OWN_PROCESS, *(one.strategy for one in classes)} == set(names())
