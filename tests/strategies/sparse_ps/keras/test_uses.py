"""What scripts do with the Keras model beyond fit and evaluate: it works as in Keras, or says what to use instead."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.mpi

EVERYWHERE = [
    "restore_best",
    "weights_round_trip",
    "plain_weights",
    "early_stopping_on_accuracy",
    "plateau_on_accuracy",
    "one_rank_wants_to_stop",
    "one_rank_sets_another_rate",
    "metrics_over_all_ranks",
    "backup_and_restore",
    "checkpoint_whole_models",
    "frozen_later",
    "frozen_rows",
]
ALONE = [
    "save_a_keras_file",
    "save_an_h5_file",
    "export",
    "fit_by_position",
    "summary",
    "frozen_first",
    "frozen_under_adam",
    "restored_with_other_layers_frozen",
    "keras_3_tower",
    "keras_3_metric",
    "keras_3_callback",
    "jit",
    "mixed_bfloat16",
    "mixed_float16",
]
Found = list[dict[str, Any]]


def run(job: Callable[..., Any], folder: Path, ranks: int, names: list[str]) -> Found:
    done = job(ranks, "keras_uses.py", folder / "out.json", *names, timeout=400)
    assert (folder / "out.json").exists(), done.output
    found: Found = json.loads((folder / "out.json").read_text())
    return found


@pytest.fixture(scope="module")
def one(job: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each use gives on one rank."""
    return run(job, tmp_path_factory.mktemp("one"), 1, EVERYWHERE + ALONE)[0]


@pytest.fixture(scope="module")
def two(job: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What each use gives on each of two ranks."""
    return run(job, tmp_path_factory.mktemp("two"), 2, EVERYWHERE)


@pytest.fixture(params=["one", "two"])
def every(request: pytest.FixtureRequest) -> Found:
    """Each rank of a job of one rank, and of one of two."""
    found = request.getfixturevalue(request.param)
    return [found] if isinstance(found, dict) else found


def test_early_stopping_restores_the_best_weights(every: Found) -> None:
    for rank in every:
        losses, after = rank["restore_best"]
        assert len(losses) == 3
        assert losses[0] > losses[-1]
        assert after == pytest.approx(losses[0], rel=1e-6)


def test_weights_that_are_set_again_are_the_whole_model(every: Found) -> None:
    for rank in every:
        found = rank["weights_round_trip"]
        assert found["moved"]
        assert found["same"]
        assert found["again"] < 1e-6  # with the state of the optimizers
        assert found["rows"][0] == found["rows"][1] == 9
        assert found["tower"] == [[3, 4], [4], [4, 1], [1]]


def test_weights_without_rows_are_refused(every: Found) -> None:
    assert all("takes what get_weights of this model returned" in rank["plain_weights"] for rank in every)


def test_callbacks_see_the_metrics_of_all_ranks(one: dict[str, Any], two: Found) -> None:
    assert two[0]["metrics_over_all_ranks"] == two[1]["metrics_over_all_ranks"]
    for name, values in one["metrics_over_all_ranks"].items():
        np.testing.assert_allclose(two[0]["metrics_over_all_ranks"][name], values, rtol=1e-4, err_msg=name)


def test_ranks_stop_and_reduce_their_rate_together(one: dict[str, Any], two: Found) -> None:
    for use in ("early_stopping_on_accuracy", "plateau_on_accuracy"):
        assert two[0][use] == two[1][use]
        np.testing.assert_allclose(two[0][use], one[use], rtol=1e-4)
    assert one["plateau_on_accuracy"][-1] < one["plateau_on_accuracy"][0]
    assert len(one["early_stopping_on_accuracy"]) < 30


def test_one_rank_that_wants_to_stop_stops_all(every: Found) -> None:
    assert [rank["one_rank_wants_to_stop"] for rank in every] == [2] * len(every)


def test_all_ranks_use_the_rate_of_rank_0(every: Found) -> None:
    assert [rank["one_rank_sets_another_rate"] for rank in every] == [0.5] * len(every)


def test_backup_and_restore_is_refused_with_what_to_use(every: Found) -> None:
    for rank in every:
        assert "BackupAndRestore saves TensorFlow's variables" in rank["backup_and_restore"]
        assert "ModelCheckpoint(folder, save_weights_only=True)" in rank["backup_and_restore"]


def test_checkpoints_of_whole_models_are_folders(every: Found) -> None:
    assert all(rank["checkpoint_whole_models"] == ["best"] for rank in every)


def test_a_layer_that_is_frozen_later_stays_as_it_is(every: Found) -> None:
    for rank in every:
        assert rank["frozen_later"] == {"kept": True, "moved": True, "thawed": True}
        kept, rows = rank["frozen_rows"]
        assert kept
        assert rows > 0


def test_a_layer_that_was_frozen_from_the_start_never_trains(one: dict[str, Any]) -> None:
    kept, refusal = one["frozen_first"]
    assert kept
    assert "did not train when the parameter server opened" in refusal


def test_a_checkpoint_of_another_order_of_variables_is_refused(one: dict[str, Any]) -> None:
    """The total size is equal, so that nothing else would notice."""
    found = one["restored_with_other_layers_frozen"]
    assert found.startswith("CheckpointError")
    assert "trainable variables of shapes [[3, 4], [4], [4, 1], [1]]; this tower has [[4, 1], [1]]" in found


def test_optimizers_that_move_frozen_parameters_are_refused(one: dict[str, Any]) -> None:
    assert "hidden/kernel:0, hidden/bias:0: not trainable, but adam also changes" in one["frozen_under_adam"]


@pytest.mark.parametrize(
    ("use", "message"),
    [
        ("save_a_keras_file", r"model.keras is a format of Keras.*Give a folder, such as 'model'"),
        ("save_an_h5_file", r"model.weights.h5 is a format of Keras.*Give a folder"),
        ("export", r"export\('folder'\).*model.save\(folder\)"),
        ("keras_3_tower", r"the tower: Functional is of Keras 3.*`import tf_keras as keras`"),
        ("keras_3_metric", r"compile: AUC is of Keras 3.*`import tf_keras as keras`"),
        ("keras_3_callback", r"callbacks: TerminateOnNaN is of Keras 3"),
        ("jit", r"jit_compile=True: XLA cannot compile"),
        ("mixed_float16", r"mixed_float16.*mixed_bfloat16"),
    ],
)
def test_what_cannot_work_is_refused_by_name(one: dict[str, Any], use: str, message: str) -> None:
    assert re.search(message, one[use]), one[use]
    assert one[use].startswith("UsageError")


def test_arguments_by_position_mean_what_they_do_in_keras(one: dict[str, Any]) -> None:
    assert one["fit_by_position"] == [2, 2, 96]


def test_the_summary_counts_the_tower(one: dict[str, Any]) -> None:
    parameters, text = one["summary"]
    assert parameters == 3 * 4 + 4 + 4 + 1
    assert "deep (EmbeddingFeatures)" in text


def test_bfloat16_computes_with_float32_rows(one: dict[str, Any]) -> None:
    losses, dtype, predicted = one["mixed_bfloat16"]
    assert losses[-1] < losses[0]
    assert (dtype, predicted) == ("float32", 96)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        ("saves_on_rank_0_alone", r"called save.*called close|called close.*called save"),
        ("waits_for_a_rank_that_does_nothing", r"rank 0: no answer to evaluate within 2 s.*Missing: rank 1"),
        ("compiles_on_rank_0_alone", r"rank 0: no answer to compile within 2 s.*Missing: rank 1"),
        (
            "trains_while_rank_0_saves",
            r"no answer to save within 2 s|called save.*called the beginning|called the beginning.*called save",
        ),
    ],
)
def test_a_call_that_only_one_rank_makes_ends_the_job(
    use: str, message: str, job: Callable[..., Any], tmp_path: Path
) -> None:
    done = job(2, "keras_uses.py", tmp_path / "out.json", use, timeout=300)
    assert done.code != 0
    assert re.search(message, done.output.replace("\n", " ")), done.output
