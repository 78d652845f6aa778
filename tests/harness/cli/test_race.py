"""A real race: a strategy with its learning rate doubled is told apart from the reference, an equal one is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wideload.errors import UsageError
from wideload.harness.cli.race import racing
from wideload.harness.experiment.experiment import from_document

PLUGIN = Path(__file__).parents[1] / "plugin"
MAIN = [sys.executable, "-c", "from wideload.harness.cli import main; main()"]
TINY = ["-d", "tiny", "--batch-size", "100", "-n", "1", "--set", "reference=logistic_alone", "--set", "eval_every=2"]


def wideload(*arguments: str) -> subprocess.CompletedProcess[str]:
    settings = {**os.environ, "PYTHONPATH": str(PLUGIN), "PYTHONWARNINGS": "error"}
    return subprocess.run([*MAIN, *arguments], capture_output=True, text=True, env=settings, timeout=500)


@pytest.mark.mpi
def test_a_doubled_learning_rate_is_told_apart(tmp_path: Path) -> None:
    strategies = [word for name in ("logistic_alone", "logistic", "hasty") for word in ("-s", name)]
    line = ["race", *TINY, *strategies, "--seeds", "5", "--target-auc", "0.73", "-o", f"{tmp_path}/race"]
    answer = wideload(*line, "--json")
    assert answer.returncode == 0, answer.stderr
    (heat,) = json.loads(answer.stdout)["heats"]
    assert {each["entrant"]: each["convergence"] for each in heat["standings"]} == {
        "logistic_alone": "reference",
        "logistic": "as the reference",
        "hasty": "fewer examples than the reference",
    }
    assert all(seed["clock_seconds"] > seed["seconds"] for each in heat["standings"] for seed in each["seeds"])
    assert "<svg" in (tmp_path / "race" / "race.html").read_text()

    again = wideload(*line)
    assert "0 cases to run, 15 already recorded" in again.stderr
    assert "fewer examples than the reference" in again.stdout

    exported = wideload("export", f"{tmp_path}/race", "--format", "mllog", "-o", f"{tmp_path}/log")
    assert exported.returncode == 0, exported.stderr
    assert len(list((tmp_path / "log").glob("*/result_*.txt"))) == 15


def experiment(**document: Any) -> Any:
    return from_document({"strategies": ["local"], "workload": {"dataset": "tiny", "seed": 7}} | document, "test")


@pytest.mark.usefixtures("fakes")
def test_every_seed_is_a_variant_and_evaluations_are_spread_over_the_run() -> None:
    found = racing(experiment(workload={"dataset": "tiny", "seed": 7, "batch_size": 10}), 0.8, 3)
    assert [variant.workload.seed for variant in found.variants()] == [7, 8, 9]
    assert (found.target_auc, found.eval_every) == (0.8, 10)


@pytest.mark.usefixtures("fakes")
def test_other_axes_of_the_matrix_stay() -> None:
    found = racing(experiment(matrix={"workload": {"batch_size": [10, 20]}}, target_auc=0.9, eval_every=5), None, 2)
    assert [(each.workload.batch_size, each.workload.seed) for each in found.variants()] == [
        (10, 7),
        (10, 8),
        (20, 7),
        (20, 8),
    ]
    assert (found.target_auc, found.eval_every) == (0.9, 5)


def test_a_race_without_a_target_says_what_to_give() -> None:
    with pytest.raises(UsageError, match=r"--target-auc 0\.9"):
        racing(experiment(), None, 5)


def test_a_matrix_of_seeds_is_refused() -> None:
    with pytest.raises(UsageError, match="take it out of the matrix"):
        racing(experiment(matrix={"workload": {"seed": [1, 2]}}), 0.9, 5)
