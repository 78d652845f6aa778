"""MPI's collectives from TensorFlow's graph, on several ranks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from wideload import ops
from wideload.harness.job import mpi

SCRIPT = Path(__file__).parents[1] / "jobs" / "mpi_collectives.py"

pytestmark = pytest.mark.mpi


@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_every_collective_gives_what_the_ranks_gave(ranks: int) -> None:
    launcher = mpi.find()
    command = [*launcher.command(ranks, mpi.Hosts()), sys.executable, str(SCRIPT)]
    environment = os.environ | launcher.environment() | {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.stdout.count("every collective is right") == ranks, done.stdout + done.stderr
    assert done.returncode == 0


def test_closed_collectives_are_an_error_not_a_crash() -> None:
    with pytest.raises(tf.errors.FailedPreconditionError, match="no open collectives with id 99"):
        ops.mpi_allreduce(99, tf.constant([1.0]))


def test_rows_that_do_not_fit_their_ids_are_refused() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"rows of shape \[2,3\] for 1 ids"):
        ops.mpi_sparse_allreduce(99, [(tf.constant([1], tf.int64), tf.zeros([2, 3]))])
