"""A SavedModel predicts what the trainer predicted, in a process that has no wideload."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from wideload.errors import CheckpointError, UsageError
from wideload.harness.workload.workload import Workload

pytest.importorskip("tensorflow")
pytestmark = [pytest.mark.mpi, pytest.mark.slow]

Train, Make = Callable[..., Any], Callable[..., Workload]
Serve, Signs = Callable[[Path, Path], Any], Callable[[Any], Path]
PLANTED = "planted[slots=4,vocabulary=3000,numeric=2,multi_valued=1,examples=4000,test_examples=800]"


@pytest.mark.parametrize("strategy", ["sparse_ps", "local"])
def test_a_self_contained_model_predicts_from_raw_fields(
    train: Train, serve: Serve, census: Make, signs_of: Signs, raw_test_split: Path, tmp_path: Path, strategy: str
) -> None:
    from wideload.harness.serving.export import export_model

    model = train(strategy, census())
    served = export_model(model.checkpoint, tmp_path / "out", "inside")
    assert served.not_raw == ""
    found = serve(tmp_path / "out", raw_test_split)
    np.testing.assert_allclose(found, model.predicted, atol=1e-6, rtol=0)
    signs = signs_of(model)
    np.testing.assert_allclose(serve(tmp_path / "out", signs), model.predicted, atol=1e-6, rtol=0)


@pytest.mark.parametrize("strategy", ["sparse_ps", "local"])
def test_fields_may_have_any_name(
    train: Train,
    serve: Serve,
    census: Make,
    odd_names: str,
    raw_of: Callable[[str], Path],
    tmp_path: Path,
    strategy: str,
) -> None:
    from wideload.harness.cli import cli

    model = train(strategy, census(dataset=odd_names, columns={"auto": True}, batch_size=50))
    done = CliRunner().invoke(cli, ["checkpoint", "saved-model", str(model.checkpoint), str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "field 'site.id' is the input 'site_id' of the signature raw" in done.output
    assert "field 'Price'" not in done.output
    assert "field 'color' is the input 'color_2'" in done.output
    found = serve(tmp_path / "out", raw_of(odd_names))
    np.testing.assert_allclose(found, model.predicted, atol=1e-6, rtol=0)
    about = json.loads((tmp_path / "out" / "serving.json").read_text())
    assert {"name": "price in €", "input": "price_in__", "type": "float32", "row_splits": None} in about["fields"]
    assert {"name": "性别", "input": "arg_6", "type": "string", "row_splits": None} in about["fields"]


def test_a_tower_with_a_dictionary_predicts_the_same(
    train: Train, serve: Serve, census: Make, signs_of: Signs, tmp_path: Path
) -> None:
    from wideload.harness.serving.export import export_model

    model = train("sparse_ps", census())
    export_model(model.checkpoint, tmp_path / "out", "outside")
    signs = signs_of(model)
    np.testing.assert_allclose(serve(tmp_path / "out", signs), model.predicted, atol=1e-6, rtol=0)


@pytest.mark.parametrize("lookup", ["inside", "outside"])
def test_signs_that_were_never_trained_predict_as_the_table_would(
    train: Train, serve: Serve, census: Make, signs_of: Signs, tmp_path: Path, lookup: Any
) -> None:
    """Unbounded columns with several values an example, of which a few steps have seen a part only."""
    from wideload.harness.serving.export import export_model

    columns = {"column": [{"kind": "category", "name": "C1", "encoder": {"kind": "hash"}}]}
    model = train("sparse_ps", census(dataset=PLANTED, columns=columns, steps=6, batch_size=100))
    served = export_model(model.checkpoint, tmp_path / "out", lookup)
    assert bool(served.not_raw) == (lookup == "outside")
    source = signs_of(model)
    assert len(np.unique(np.load(source)["values"])) > sum(one.rows for one in served.tables) * 0.5
    np.testing.assert_allclose(serve(tmp_path / "out", source), model.predicted, atol=1e-6, rtol=0)


def test_fewer_bits_change_predictions_a_little(train: Train, census: Make) -> None:
    from wideload.harness.checkpoints import trained
    from wideload.harness.serving.quality import quality
    from wideload.harness.serving.weights import weights_of

    model = train("sparse_ps", census())
    origin = trained.read(model.checkpoint)
    weights = weights_of(model.checkpoint, origin.workload.model, origin.adapter.layout)
    losses = []
    for precision in ("fp32", "fp16", "bf16", "int8"):
        found = quality(origin, weights, precision, 0.0)  # type: ignore[arg-type]
        losses.append(abs(found.exported.logloss - found.exact.logloss))
        assert found.examples == len(model.predicted)
    assert losses[0] == 0
    assert all(0 < loss < 1e-3 for loss in losses[1:])


def test_the_command_prints_what_fewer_rows_and_bits_do_to_the_auc(
    train: Train, census: Make, signs_of: Signs, tmp_path: Path
) -> None:
    from sklearn.metrics import roc_auc_score

    from wideload import datasets
    from wideload.datasets.contract import Plan
    from wideload.harness.cli import cli

    model = train("sparse_ps", census())
    (batch,) = datasets.load("census").stream("test", Plan(1 << 20))
    labels = batch.column(0).to_numpy()
    options = ["--precision", "int8", "--threshold", "0.1", "--auc-on", "census"]
    done = CliRunner().invoke(cli, ["checkpoint", "export", str(model.checkpoint), str(tmp_path / "small"), *options])
    assert done.exit_code == 0, done.output
    assert f"AUC {roc_auc_score(labels, model.predicted):.6f} exact" in done.output
    line = next(line for line in done.output.splitlines() if "AUC" in line)
    before, after, change = (float(line.split(word)[1].split()[0].rstrip(",;")) for word in ("AUC", "exact,", "change"))
    assert change == pytest.approx(after - before, abs=2e-6)
    assert -0.1 < change < 0


def test_a_checkpoint_without_a_workload_and_a_folder_that_is_there_are_refused(
    train: Train, census: Make, signs_of: Signs, tmp_path: Path
) -> None:
    from wideload.harness.serving.export import export_model

    model = train("sparse_ps", census())
    with pytest.raises(UsageError, match="exists already"):
        export_model(model.checkpoint, tmp_path)
    with pytest.raises(CheckpointError, match=r"has no workload\.json"):
        export_model(tmp_path, tmp_path / "out")


def test_the_folder_says_what_is_in_it(train: Train, census: Make, signs_of: Signs, tmp_path: Path) -> None:
    from wideload.harness.serving.export import export_model

    model = train("sparse_ps", census())
    export_model(model.checkpoint, tmp_path / "out", "outside", threshold=0.01)
    about = json.loads((tmp_path / "out" / "serving.json").read_text())
    assert about["absent"] == "zeros"
    assert about["signatures"] == [*(f"absent_{k}" for k in range(len(about["tables"]))), "rows", "serving_default"]
    assert all((tmp_path / "out" / table["file"]).is_file() for table in about["tables"])
