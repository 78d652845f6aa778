"""The parameter server's part of a checkpoint: under other numbers of ranks, and in increments."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wideload.harness.job import mpi

pytestmark = [pytest.mark.mpi, pytest.mark.slow]
SCRIPT = Path(__file__).parent / "jobs" / "sparse_ps.py"

Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs actions on so many ranks; every call sees the folders of those before."""
    folder = tmp_path_factory.mktemp("models")
    launcher = mpi.find()

    def actions(ranks: int, text: str, strategy: str = "sparse_ps", optimizer: str = "") -> dict[str, Any]:
        out = folder / "out.json"
        out.unlink(missing_ok=True)
        command = [*launcher.command(ranks, mpi.Hosts()), sys.executable, str(SCRIPT), str(folder), text, str(out)]
        command += [strategy, *filter(None, [optimizer])]
        environment = os.environ | launcher.environment() | {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
        assert out.exists(), done.stdout + done.stderr
        found: dict[str, Any] = json.loads(out.read_text())
        return found

    return actions


@pytest.fixture(scope="module")
def straight(run: Run) -> dict[str, Any]:
    """Two ranks: 6 steps, a full save, 6 steps, an increment, a third of the rows erased, 4 steps, another."""
    return run(2, "train:6,save:full,train:6,increment:first:6,erase,train:4,increment:second:12,save:last")


def test_two_ranks_go_on_with_the_same_bits(run: Run, straight: dict[str, Any]) -> None:
    again = run(2, "restore:full,train:6")
    assert again["losses"] == straight["losses"][6:12]


@pytest.mark.parametrize("ranks", [1, 3])
def test_another_number_of_ranks_resumes_with_the_same_model(run: Run, straight: dict[str, Any], ranks: int) -> None:
    again = run(ranks, "restore:full,train:6")
    np.testing.assert_allclose(again["losses"], straight["losses"][6:12], rtol=1e-5)
    loaded = run(ranks, "restore:last")
    assert loaded["rows"] == straight["rows"]
    np.testing.assert_allclose(loaded["predicted"], straight["predicted"], rtol=1e-5)


def test_increments_and_the_rows_that_went_give_the_same_model(run: Run, straight: dict[str, Any]) -> None:
    merged = run(2, "restore:full,put:first,put:second")
    assert merged["rows"] == straight["rows"]
    assert merged["predicted"] == straight["predicted"]


def test_a_replicated_model_resumes_from_what_the_parameter_server_trained(run: Run, straight: dict[str, Any]) -> None:
    seeded = run(1, "restore:full,train:6", "local")
    np.testing.assert_allclose(seeded["losses"], straight["losses"][6:12], rtol=1e-5)


def test_the_parameter_server_resumes_from_what_a_replicated_model_trained(run: Run) -> None:
    trained = run(1, "train:6,save:replicated,train:6", "local")
    loaded = run(1, "restore:replicated", "local")
    seeded = run(2, "restore:replicated")
    np.testing.assert_allclose(seeded["predicted"], loaded["predicted"], rtol=1e-6)
    assert 0 < seeded["rows"] < 4 * 200, "rows that were never touched are not made"
    going_on = run(3, "restore:replicated,train:6")
    np.testing.assert_allclose(going_on["losses"], trained["losses"][6:12], rtol=1e-5)


def test_a_model_that_goes_there_and_back_is_the_same(run: Run) -> None:
    """Momentum, Adam's moments and counts, running statistics: what is forgotten changes the steps that follow."""
    trained = run(1, "train:6,save:there,train:6", "local", "other")
    there = run(2, "restore:there,save:back,train:6", "sparse_ps", "other")
    back = run(1, "restore:back,train:6", "local", "other")
    np.testing.assert_allclose(there["losses"], trained["losses"][6:12], rtol=1e-4)
    np.testing.assert_allclose(back["losses"], trained["losses"][6:12], rtol=1e-6)
