"""The fakes on the path of the ranks, found by their entry points as an installed distribution would be; and a small
schema with one field of every kind, with rows to go with it.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from wideload.datasets.contract import Field, Schema
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.layout import Batch, Keys
from wideload.harness.records.results import RunRecord
from wideload.harness.workload.columns import Column, Columns

PLUGIN = Path(__file__).parent / "plugin"

COLOURS = ("red", "green", "blue")

SCHEMA = Schema(
    "label",
    (
        Field("price", "numeric", mean=10.0, std=2.0),
        Field("shop", "categorical", cardinality=5),
        Field("colour", "categorical", vocabulary=COLOURS),
        Field("tags", "categorical", multi_valued=True, cardinality=7, weights="tag_weights"),
        Field("words", "categorical", multi_valued=True, vocabulary=("a", "b", "c")),
        Field("user", "categorical"),
    ),
)

TYPES = {
    "label": pa.float32(),
    "price": pa.float32(),
    "shop": pa.int64(),
    "colour": pa.dictionary(pa.int32(), pa.string()),
    "tags": pa.list_(pa.int64()),
    "tag_weights": pa.list_(pa.float32()),
    "words": pa.list_(pa.string()),
    "user": pa.int64(),
}

ROW: dict[str, Any] = {
    "label": 1.0,
    "price": 10.0,
    "shop": 3,
    "colour": "green",
    "tags": [1, 2],
    "tag_weights": [0.5, 2.0],
    "words": ["a", "b"],
    "user": 77,
}


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Registers the fake strategies and the tiny data set, here and in every process that is started."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    inherited = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(PLUGIN), inherited])))
    yield PLUGIN
    for name in [name for name in sys.modules if name.startswith("wideload_fakes")]:
        del sys.modules[name]


@pytest.fixture
def make_run() -> Callable[..., RunRecord]:
    """Makes a finished run; keywords change it."""

    def make(**changes: Any) -> RunRecord:
        values: dict[str, Any] = {
            "case_id": "a",
            "status": "ok",
            "strategy": "local",
            "dataset": "census",
            "ranks": 2,
            "processes": 2,
            "threads": 1,
            "repeat": 0,
            "batch_size": 1024,
            "steps": 3,
            "losses": [0.7, 0.6, 0.5],
            "fingerprints": dict.fromkeys(("workload", "problem", "data", "columns", "weights", "order"), "f"),
        }
        return RunRecord.model_validate(values | changes)

    return make


def _record_batch(*rows: dict[str, Any]) -> pa.RecordBatch:
    whole = [ROW | row for row in rows]
    arrays = [pa.array([row[name] for row in whole], kind) for name, kind in TYPES.items()]
    return pa.RecordBatch.from_arrays(arrays, names=list(TYPES))


def _adapter(*columns: Column, keys: Keys = "ids", **options: Any) -> FeatureColumnAdapter:
    return FeatureColumnAdapter(Columns(auto=False, column=columns, **options), SCHEMA, keys)


def _bags(batch: Batch) -> list[list[int]]:
    splits = batch.row_splits
    return [batch.values[begin:end].tolist() for begin, end in itertools.pairwise(splits)]


@pytest.fixture
def schema() -> Schema:
    return SCHEMA


@pytest.fixture
def rows() -> Callable[..., pa.RecordBatch]:
    """Makes a record batch of rows that differ from ROW in what is given."""
    return _record_batch


@pytest.fixture
def adapter() -> Callable[..., FeatureColumnAdapter]:
    """Makes an adapter of exactly the columns given, over SCHEMA."""
    return _adapter


@pytest.fixture
def bags() -> Callable[[Batch], list[list[int]]]:
    """The values of every bag of a batch, slot-major."""
    return _bags


@pytest.fixture
def compiled(adapter: Any, rows: Any) -> Callable[..., Batch]:
    """Transforms rows by columns in one go."""

    def compile_and_transform(columns: list[Column], given: list[dict[str, Any]], **options: Any) -> Batch:
        batch: Batch = adapter(*columns, **options).transform(rows(*given), global_size=len(given))
        return batch

    return compile_and_transform
