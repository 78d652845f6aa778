"""How fast batches are compiled: ``pytest tests/columns/test_speed.py --benchmark-only``.

``extra_info.examples`` of a result is the batch size: examples a second are that over its mean.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from wideload.datasets.contract import Field, Schema
from wideload.harness.adapter import FeatureColumnAdapter
from wideload.harness.columns import Columns, Crossed
from wideload.harness.rows import initial_deep, table_signs

BATCH = 4096
MULTI_VALUED = 8

pytestmark = pytest.mark.benchmark(group="transform")


def numbers_and_ids() -> tuple[Schema, pa.RecordBatch]:
    """13 numbers and 26 single ids, as in a click log that is stored as integers."""
    draw = np.random.default_rng(0)
    numbers = {f"i{index}": draw.normal(size=BATCH).astype(np.float32) for index in range(13)}
    ids = {f"c{index}": draw.integers(0, 100_000, BATCH) for index in range(26)}
    fields = [Field(name, "numeric", mean=0.1, std=2.0) for name in numbers]
    fields += [Field(name, "categorical", cardinality=100_000) for name in ids]
    return Schema("label", tuple(fields)), pa.record_batch({"label": np.zeros(BATCH, np.float32)} | numbers | ids)


def bags_of_ids() -> tuple[Schema, pa.RecordBatch]:
    """Eight multi-valued fields of 0..9 ids each, and as many of words."""
    draw = np.random.default_rng(0)
    words = np.array([f"word {index}" for index in range(1000)])
    fields, arrays = [], {"label": np.zeros(BATCH, np.float32)}
    for index in range(MULTI_VALUED):
        splits = np.concatenate([[0], np.cumsum(draw.integers(0, 10, BATCH))]).astype(np.int32)
        ids = draw.integers(0, 1000, splits[-1])
        spelled = pa.DictionaryArray.from_arrays(ids.astype(np.int32), pa.array(words))
        arrays |= {
            f"t{index}": pa.ListArray.from_arrays(splits, ids),
            f"w{index}": pa.ListArray.from_arrays(splits, spelled),
        }
        fields += [
            Field(f"t{index}", "categorical", multi_valued=True, cardinality=1000),
            Field(f"w{index}", "categorical", multi_valued=True, vocabulary=tuple(words)),
        ]
    return Schema("label", tuple(fields)), pa.record_batch(arrays)


@pytest.mark.parametrize("keys", ["ids", "signs"])
def test_numbers_and_ids(benchmark: Any, keys: Any) -> None:
    schema, records = numbers_and_ids()
    adapter = FeatureColumnAdapter(Columns(), schema, keys)
    benchmark.extra_info["examples"] = BATCH
    benchmark(adapter.transform, records, global_size=BATCH)


def test_crosses(benchmark: Any) -> None:
    schema, records = numbers_and_ids()
    crosses = tuple(Crossed(name=f"x{i}", of=(f"c{i}", f"c{i + 1}"), buckets=10_000) for i in range(10))
    adapter = FeatureColumnAdapter(Columns(column=crosses), schema, "ids")
    benchmark.extra_info["examples"] = BATCH
    benchmark(adapter.transform, records, global_size=BATCH)


def test_multi_valued(benchmark: Any) -> None:
    schema, records = bags_of_ids()
    adapter = FeatureColumnAdapter(Columns(), schema, "ids")
    benchmark.extra_info["examples"] = BATCH
    benchmark(adapter.transform, records, global_size=BATCH)


@pytest.mark.benchmark(group="multi-valued, to embeddings")
def test_multi_valued_to_embeddings(benchmark: Any) -> None:
    import tensorflow as tf

    from wideload.harness.model import Inputs, WideDeep
    from wideload.harness.workload import Model
    from wideload.strategies.kernels import find_kernels

    schema, records = bags_of_ids()
    adapter = FeatureColumnAdapter(Columns(), schema, "ids")
    kernels = find_kernels("auto")
    model = WideDeep(Model(), adapter.layout, kernels.bag)
    (table,) = adapter.layout.tables
    deep = initial_deep(table, table_signs(table), 0)
    variable = tf.constant(np.concatenate([np.zeros((len(deep), 1), np.float32), deep], axis=1))
    bag = kernels.bag(table)

    @tf.function(input_signature=[Inputs.signature(adapter.layout)], autograph=False)
    def look_up(inputs: Any) -> Any:
        (part,) = model.parts(inputs)
        return bag(variable, tf.cast(part.values, tf.int32), part.row_splits, part.weights)

    benchmark.extra_info["examples"] = BATCH
    benchmark(lambda: look_up(Inputs.of(adapter.transform(records, global_size=BATCH))))


@pytest.mark.benchmark(group="multi-valued, to embeddings")
def test_multi_valued_to_embeddings_through_feature_columns(benchmark: Any) -> None:
    """Stock path: sparse tensors made beforehand, then DenseFeatures over wide and deep columns in a graph."""
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tf_keras

    schema, records = bags_of_ids()
    stock = FeatureColumnAdapter(Columns(), schema, "ids").to_feature_columns()
    features = stock.inputs(records)
    deep, wide = tf_keras.layers.DenseFeatures(stock.deep), tf_keras.layers.DenseFeatures(stock.wide)
    look_up = tf.function(lambda given: (wide(given), deep(given)))
    look_up(features)
    benchmark.extra_info["examples"] = BATCH
    benchmark(look_up, features)
