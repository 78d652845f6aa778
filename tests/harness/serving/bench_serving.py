"""What one request costs: each SavedModel, loaded as a server would, on one example and on a batch of 512.

``python -m pytest -o addopts=--import-mode=importlib --benchmark-only -s tests/harness/serving/bench_serving.py``
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.mpi


@pytest.fixture(scope="module")
def model(train: Callable[..., Any], census: Callable[..., Any]) -> Any:
    return train("sparse_ps", census())


@pytest.fixture(scope="module")
def served(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """SavedModels by look-up and precision."""
    from wideload.harness.serving.export import export_model

    root, made = tmp_path_factory.mktemp("bench"), {}

    def loaded(lookup: Any, precision: Any = "fp32") -> tuple[Path, Any]:
        out = root / f"{lookup}-{precision}"
        if out not in made:
            export_model(model.checkpoint, out, lookup, precision)
            made[out] = tf.saved_model.load(str(out / "model"))
        return out, made[out]

    return loaded


def batch_of(model: Any, size: int) -> dict[str, Any]:
    """So many examples as signs."""
    from wideload import datasets
    from wideload.datasets.contract import Plan
    from wideload.harness.features.adapter import FeatureColumnAdapter

    dataset = datasets.load(model.workload.dataset)
    adapter = FeatureColumnAdapter(model.workload.columns, dataset.schema(), keys="signs")
    batch = adapter.transform(next(iter(dataset.stream("test", Plan(size)))), global_size=size)
    weights = np.empty(0, np.float32)
    return {"dense": batch.dense, "values": batch.values, "row_splits": batch.row_splits, "weights": weights}


@pytest.mark.parametrize("size", [1, 512])
def test_self_contained_from_raw_fields(
    benchmark: Any, served: Callable[..., Any], raw_test_split: Path, size: int
) -> None:
    signature = served("inside")[1].signatures["raw"]
    table = pq.read_table(raw_test_split).slice(0, size)
    wanted = signature.structured_input_signature[1]
    given = {name: tf.constant(table[name].to_pylist(), spec.dtype) for name, spec in wanted.items()}
    benchmark(lambda: signature(**given)["probability"].numpy())


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("size", [1, 512])
def test_self_contained_from_signs(
    benchmark: Any, served: Callable[..., Any], model: Any, size: int, precision: str
) -> None:
    signature = served("inside", precision)[1].signatures["signs"]
    given = {name: tf.constant(array) for name, array in batch_of(model, size).items()}
    benchmark(lambda: signature(**given)["probability"].numpy())


@pytest.mark.parametrize("size", [1, 512])
def test_dictionary_and_tower(benchmark: Any, served: Callable[..., Any], model: Any, size: int) -> None:
    """The look-up by NumPy in a dictionary that is in memory, then the tower."""
    folder, loaded = served("outside")
    tables = sorted((folder / "dictionary").glob("*.parquet"))
    about = {path.stem: pq.read_table(path) for path in tables}
    signs = {name: table["sign"].to_numpy() for name, table in about.items()}
    rows = {name: np.stack(table["weights"].to_numpy()) for name, table in about.items()}
    batch, signature = batch_of(model, size), loaded.signatures["rows"]
    parts = spans(folder, batch, size)

    def request() -> Any:
        given = {}
        for number, (name, begin, end) in enumerate(parts):
            place = np.searchsorted(signs[name], batch["values"][begin:end]).clip(max=len(signs[name]) - 1)
            given[f"rows_{number}"] = tf.constant(rows[name][place])
        rest = {name: tf.constant(batch[name]) for name in ("dense", "row_splits", "weights")}
        return signature(**given, **rest)["probability"].numpy()

    benchmark(request)


def spans(folder: Path, batch: dict[str, Any], size: int) -> list[tuple[str, int, int]]:
    """Each table's part of the values."""
    import json

    found, first = [], 0
    for table in json.loads((folder / "serving.json").read_text())["tables"]:
        last = first + len(table["slots"])
        begin, end = batch["row_splits"][[first * size, last * size]]
        found.append((Path(table["file"]).stem, int(begin), int(end)))
        first = last
    return found
