"""The parameter server's part of a checkpoint: under other numbers of ranks, and in increments."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wideload.harness.job import mpi

pytestmark = [pytest.mark.mpi, pytest.mark.slow]
SCRIPT = Path(__file__).parent / "jobs" / "sparse_ps.py"

# A full save, an increment, a third of the rows erased, another increment.
STRAIGHT = "train:6,save:full,train:6,increment:first:6,erase,train:4,increment:second:12,save:last"

# Ranks, and what each model does there: actions, strategy, optimizer. Later jobs see the folders of earlier ones.
PS, REPLICATED = ("sparse_ps", "usual"), ("local", "usual")
JOBS = [
    (2, {
        "straight": (STRAIGHT, *PS),
        "again": ("restore:full,train:6", *PS),
        "merged": ("restore:full,put:first,put:second", *PS),
    }),
    (1, {
        "again on 1": ("restore:full,train:6", *PS),
        "loaded on 1": ("restore:last", *PS),
        "seeded": ("restore:full,train:6", *REPLICATED),
        "replicated": ("train:6,save:replicated,train:6", *REPLICATED),
        "replicated, loaded": ("restore:replicated", *REPLICATED),
        "other": ("train:6,save:there,train:6", "local", "other"),
    }),
    (3, {
        "again on 3": ("restore:full,train:6", *PS),
        "loaded on 3": ("restore:last", *PS),
        "from replicated on 3": ("restore:replicated,train:6", *PS),
    }),
    (2, {
        "from replicated": ("restore:replicated", *PS),
        "other there": ("restore:there,save:back,train:6", "sparse_ps", "other"),
    }),
    (1, {"other back": ("restore:back,train:6", "local", "other")}),
]  # fmt: skip


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Losses, predictions and rows of every model above."""
    folder = tmp_path_factory.mktemp("models")
    found: dict[str, Any] = {}
    for ranks, wanted in JOBS:
        found |= job(folder, ranks, wanted)
    return found


def job(folder: Path, ranks: int, wanted: dict[str, Any]) -> dict[str, Any]:
    launcher, out = mpi.find(), folder / "out.json"
    out.unlink(missing_ok=True)
    command = [*launcher.command(ranks, mpi.Hosts()), sys.executable, str(SCRIPT), str(folder), json.dumps(wanted)]
    environment = os.environ | launcher.environment() | {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(out)], env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert out.exists(), done.stdout + done.stderr
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def test_two_ranks_go_on_with_the_same_bits(models: dict[str, Any]) -> None:
    assert models["again"]["losses"] == models["straight"]["losses"][6:12]


@pytest.mark.parametrize("ranks", [1, 3])
def test_another_number_of_ranks_resumes_with_the_same_model(models: dict[str, Any], ranks: int) -> None:
    straight, loaded = models["straight"], models[f"loaded on {ranks}"]
    np.testing.assert_allclose(models[f"again on {ranks}"]["losses"], straight["losses"][6:12], rtol=1e-5)
    assert loaded["rows"] == straight["rows"]
    np.testing.assert_allclose(loaded["predicted"], straight["predicted"], rtol=1e-5)


def test_increments_and_the_rows_that_went_give_the_same_model(models: dict[str, Any]) -> None:
    assert models["merged"]["rows"] == models["straight"]["rows"]
    assert models["merged"]["predicted"] == models["straight"]["predicted"]


def test_a_replicated_model_resumes_from_what_the_parameter_server_trained(models: dict[str, Any]) -> None:
    np.testing.assert_allclose(models["seeded"]["losses"], models["straight"]["losses"][6:12], rtol=1e-5)


def test_the_parameter_server_resumes_from_what_a_replicated_model_trained(models: dict[str, Any]) -> None:
    seeded = models["from replicated"]
    np.testing.assert_allclose(seeded["predicted"], models["replicated, loaded"]["predicted"], rtol=1e-6)
    assert 0 < seeded["rows"] < 4 * 200, "rows that were never touched are not made"
    resumed = models["from replicated on 3"]
    np.testing.assert_allclose(resumed["losses"], models["replicated"]["losses"][6:12], rtol=1e-5)


def test_a_model_that_goes_there_and_back_is_the_same(models: dict[str, Any]) -> None:
    """Momentum, Adam's moments and counts, running statistics: what is forgotten changes the steps that follow."""
    expected = models["other"]["losses"][6:12]
    np.testing.assert_allclose(models["other there"]["losses"], expected, rtol=1e-4)
    np.testing.assert_allclose(models["other back"]["losses"], expected, rtol=1e-6)
