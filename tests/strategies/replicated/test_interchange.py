"""Checkpoints of rows that are dealt over the ranks: under other numbers of ranks, to and from the other strategies."""

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
from wideload.strategies import find

pytestmark = [pytest.mark.mpi, pytest.mark.slow]
SCRIPT = Path(__file__).parents[2] / "harness" / "checkpoints" / "jobs" / "sparse_ps.py"

DEALT = "horovod_alltoall"
HOT = "horovod_alltoall[hot_rows=40]"
"""Chosen after ten steps."""
# Ranks, and what each model does there: actions, strategy, optimizers. Later jobs see the folders of earlier ones.
JOBS = [
    (2, {
        "dealt": ("train:6,save:dealt,train:6", DEALT, "other"),
        "again": ("restore:dealt,train:6", DEALT, "other"),
        "on sparse_ps": ("restore:dealt,train:6,save:rows", "sparse_ps", "other"),
        "at 12": ("restore:rows", "sparse_ps", "other"),
        "hot": ("train:18,save:hot,train:6", HOT, "other"),
        "hot again": ("train:12,restore:hot,train:6", HOT, "other"),
    }),
    (3, {
        "again on 3": ("restore:dealt,train:6,save:whole", DEALT, "other"),
        "on horovod": ("restore:dealt,train:6,save:copied", "horovod", "other"),
        "from sparse_ps": ("restore:rows", DEALT, "other"),
    }),
    (1, {
        "on local": ("restore:dealt,train:6", "local", "other"),
        "on 1": ("restore:whole", DEALT, "other"),
        "cold": ("train:24", "local", "other"),
        "cooled": ("restore:hot,train:6", "local", "other"),
    }),
    (2, {"from horovod": ("restore:copied", DEALT, "other")}),
]  # fmt: skip


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Losses and predictions of every model above."""
    usable = find(DEALT).availability()
    if not usable.usable:
        pytest.skip(usable.reason)
    folder, launcher = tmp_path_factory.mktemp("models"), mpi.find()
    found: dict[str, Any] = {}
    for number, (ranks, wanted) in enumerate(JOBS):
        out = folder / f"out-{number}.json"
        script = [sys.executable, str(SCRIPT), str(folder), json.dumps(wanted), str(out)]
        environment = os.environ | launcher.environment() | {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}
        command = [*launcher.command(ranks, mpi.Hosts()), *script]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
        assert out.exists(), done.stdout + done.stderr
        found |= json.loads(out.read_text())
    found["files"] = {name: sorted(path.name for path in (folder / name).iterdir()) for name in ("dealt", "copied")}
    return found


def test_every_rank_writes_its_rows(models: dict[str, Any]) -> None:
    assert models["files"]["dealt"] == ["model-001.safetensors", "model.safetensors"]
    assert models["files"]["copied"] == ["model.safetensors"]


def test_the_same_ranks_go_on_with_the_same_bits(models: dict[str, Any]) -> None:
    assert models["again"]["losses"] == models["dealt"]["losses"][6:12]


@pytest.mark.parametrize("where", ["again on 3", "on horovod", "on local"])
def test_other_ranks_and_strategies_go_on_with_the_same_model(models: dict[str, Any], where: str) -> None:
    np.testing.assert_allclose(models[where]["losses"], models["dealt"]["losses"][6:12], rtol=1e-6)


def test_the_parameter_server_goes_on_with_it(models: dict[str, Any]) -> None:
    """Its own optimizers round differently."""
    np.testing.assert_allclose(models["on sparse_ps"]["losses"], models["dealt"]["losses"][6:12], rtol=1e-4)


@pytest.mark.parametrize(
    ("here", "there"), [("from sparse_ps", "at 12"), ("on 1", "again on 3"), ("from horovod", "on horovod")]
)
def test_what_another_has_saved_predicts_the_same(models: dict[str, Any], here: str, there: str) -> None:
    np.testing.assert_allclose(models[here]["predicted"], models[there]["predicted"], rtol=1e-5)


def test_hot_rows_change_nothing_but_where_rows_are(models: dict[str, Any]) -> None:
    np.testing.assert_allclose(models["hot"]["losses"], models["cold"]["losses"], rtol=1e-6)


def test_what_is_saved_comes_from_the_copies_of_hot_rows(models: dict[str, Any]) -> None:
    np.testing.assert_allclose(models["cooled"]["losses"], models["hot"]["losses"][18:], rtol=1e-6)


def test_a_model_is_restored_into_the_copies_of_hot_rows_too(models: dict[str, Any]) -> None:
    np.testing.assert_allclose(models["hot again"]["losses"][12:], models["hot"]["losses"][18:], rtol=1e-6)
