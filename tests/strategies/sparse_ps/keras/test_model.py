"""Keras models trained by the parameter server, in real jobs started by plain mpirun."""

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

EXAMPLE = Path(__file__).parents[4] / "examples" / "train_with_ps.py"
Fit = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def fit(job: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Fit:
    """What every rank of a job saw."""

    def run(ranks: int, **options: object) -> list[dict[str, Any]]:
        out = tmp_path_factory.mktemp("keras") / "out.json"
        done = job(ranks, "keras_train.py", out, *(f"{name}={value}" for name, value in options.items()))
        assert out.exists(), done.output
        assert done.code == 0, done.output
        found: list[dict[str, Any]] = json.loads(out.read_text())
        return found

    return run


@pytest.fixture(scope="session")
def alone(fit: Fit) -> dict[str, Any]:
    """One rank, synchronous."""
    return fit(1)[0]


@pytest.fixture(scope="session")
def pair(fit: Fit) -> list[dict[str, Any]]:
    """Two ranks, synchronous."""
    return fit(2)


def test_two_ranks_see_the_losses_of_one(alone: dict[str, Any], pair: list[dict[str, Any]]) -> None:
    assert len(alone["losses"]) == 3 * 8
    np.testing.assert_allclose(pair[0]["losses"], alone["losses"], rtol=1e-5)
    assert alone["losses"][-1] < alone["losses"][7] < alone["losses"][0]


def test_every_rank_reports_the_loss_of_the_whole_batch(pair: list[dict[str, Any]]) -> None:
    assert pair[0]["losses"] == pair[1]["losses"]


def test_evaluation_is_over_the_examples_of_all_ranks(alone: dict[str, Any], pair: list[dict[str, Any]]) -> None:
    assert pair[0]["evaluated"] == pair[1]["evaluated"]
    assert list(pair[0]["evaluated"]) == ["loss", "auc"]
    for name, value in alone["evaluated"].items():
        assert pair[0]["evaluated"][name] == pytest.approx(value, rel=1e-4)


def test_evaluation_and_prediction_create_no_row(alone: dict[str, Any], pair: list[dict[str, Any]]) -> None:
    for found in (alone, pair[0]):
        before, after = found["rows"]
        assert before == after > 0
    assert pair[0]["rows"] == alone["rows"]


def test_ranks_predict_their_own_examples(pair: list[dict[str, Any]]) -> None:
    assert pair[0]["predicted"] == [211, 210]


def test_a_learning_rate_schedule_acts_at_the_same_step_on_all_owners(fit: Fit, alone: dict[str, Any]) -> None:
    one, two = fit(1, schedule="decay")[0], fit(2, schedule="decay")[0]
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=1e-5)
    assert abs(one["losses"][-1] - alone["losses"][-1]) > 1e-3


def test_statistics_of_batch_normalisation_are_shared(fit: Fit) -> None:
    first, second = fit(2, batch_norm=1)
    assert first["statistics"] == second["statistics"]
    mean, variance = first["statistics"]
    assert np.isfinite([mean, variance]).all()
    assert np.abs(mean).max() > 0.01


@pytest.mark.parametrize("options", [{"mode": "async"}, {"mode": "bounded", "staleness": 1}])
def test_asynchronous_modes_learn(fit: Fit, options: dict[str, Any], alone: dict[str, Any]) -> None:
    found = fit(2, epochs=6, **options)
    assert found[0]["evaluated"]["loss"] < 0.9 * alone["losses"][0]
    assert found[0]["evaluated"] == found[1]["evaluated"]


def test_bounded_by_zero_steps_is_synchronous(fit: Fit, pair: list[dict[str, Any]]) -> None:
    assert fit(2, mode="bounded", staleness=0)[0]["losses"] == pair[0]["losses"]


def test_a_checkpoint_of_two_ranks_resumes_on_one(fit: Fit, alone: dict[str, Any], tmp_path: Path) -> None:
    fit(2, epochs=2, save=tmp_path / "model")
    found = fit(1, epochs=1, restore=tmp_path / "model")[0]
    assert found["steps"] == 24
    np.testing.assert_allclose(found["losses"], alone["losses"][16:], rtol=1e-5)


def test_callbacks_of_keras_save_and_set_the_learning_rate(fit: Fit, tmp_path: Path) -> None:
    assert fit(2, callbacks=tmp_path)[0]["losses"] == fit(2, schedule="drop")[0]["losses"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-1", "epoch-2", "epoch-3"]


def test_a_model_returns_to_its_own_checkpoint(fit: Fit, tmp_path: Path) -> None:
    once, again = fit(2, rewind=tmp_path / "model")[0]["evaluated"]
    assert once == again


@pytest.mark.parametrize(
    ("odd", "named"),
    [
        ("combiner", "layer 'deep'"),
        ("dimension", "dimension 8"),
        ("tower", "variables of the tower"),
    ],
)
def test_ranks_that_disagree_are_told_what_differs(
    odd: str, named: str, job: Callable[..., Any], tmp_path: Path
) -> None:
    done = job(2, "keras_train.py", tmp_path / "out.json", f"odd={odd}")
    assert done.output.count("refused: ranks disagree about") == 2, done.output
    assert named in done.output


def test_a_rank_that_dies_of_an_exception_ends_the_job(job: Callable[..., Any], tmp_path: Path) -> None:
    done = job(2, "keras_train.py", tmp_path / "out.json", "die=1", timeout=50)
    assert done.code != 0
    assert "this rank has had enough" in done.output


def test_the_example_learns_census_income() -> None:
    launcher = mpi.find()
    command = [*launcher.command(2, mpi.Hosts()), sys.executable, str(EXAMPLE)]
    environment = os.environ | launcher.environment() | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("auc") == 1 + done.stdout.count("Epoch"), done.stdout
    assert float(done.stdout.rsplit("auc ", 1)[1].split(",")[0]) > 0.90, done.stdout
