"""How fast batches are compiled, on one core.

Run: ``pytest tests/harness/features/bench_transform.py --benchmark-only``.

Examples per second, of wall time and of CPU time, are in ``extra_info``. The same run measures what stock TensorFlow
needs for the same look-up: ``tf.feature_column`` over the same declaration, and Keras's ``DenseFeatures``.
"""

from __future__ import annotations

import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from wideload.datasets.contract import Field, Schema
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.layout import table_signs
from wideload.harness.model.initial_rows import initial_deep
from wideload.harness.workload.columns import Columns, Crossed

BATCH = 4096
MULTI_VALUED = 8


@pytest.fixture(scope="module", autouse=True)
def one_core() -> Iterator[None]:
    """Runs on one core, where the system allows it. TensorFlow's threads start later and stay on it too."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


def measured(benchmark: Any, work: Callable[[], Any]) -> None:
    """Many short rounds, so that occasional load by other processes does not change the median."""
    seconds: list[float] = []

    def timed() -> None:
        begin = time.process_time()
        work()
        seconds.append(time.process_time() - begin)

    benchmark.pedantic(timed, rounds=200, warmup_rounds=5)
    benchmark.extra_info["examples_per_second"] = round(BATCH / benchmark.stats.stats.median)
    benchmark.extra_info["examples_per_cpu_second"] = round(BATCH / statistics.median(seconds))


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


@pytest.mark.benchmark(group="transform")
@pytest.mark.parametrize("keys", ["ids", "signs"])
def test_numbers_and_ids(benchmark: Any, keys: Any) -> None:
    schema, records = numbers_and_ids()
    adapter = FeatureColumnAdapter(Columns(), schema, keys)
    measured(benchmark, lambda: adapter.transform(records, global_size=BATCH))


@pytest.mark.benchmark(group="transform")
def test_crosses(benchmark: Any) -> None:
    schema, records = numbers_and_ids()
    crosses = tuple(Crossed(name=f"x{i}", of=(f"c{i}", f"c{i + 1}"), buckets=10_000) for i in range(10))
    adapter = FeatureColumnAdapter(Columns(column=crosses), schema, "ids")
    measured(benchmark, lambda: adapter.transform(records, global_size=BATCH))


@pytest.mark.benchmark(group="transform")
def test_multi_valued(benchmark: Any) -> None:
    schema, records = bags_of_ids()
    adapter = FeatureColumnAdapter(Columns(), schema, "ids")
    measured(benchmark, lambda: adapter.transform(records, global_size=BATCH))


@pytest.mark.benchmark(group="multi-valued, to embeddings")
def test_multi_valued_to_embeddings(benchmark: Any) -> None:
    import tensorflow as tf

    from wideload.harness.model.wide_deep import Inputs, WideDeep
    from wideload.harness.workload.model import Model
    from wideload.strategies.replicated.kernels import find_kernels

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
        return bag(variable, tf.cast(part.values, tf.int32), part.row_splits, part.weights, inputs.dense)

    measured(benchmark, lambda: look_up(Inputs.of(adapter.transform(records, global_size=BATCH))))


@pytest.mark.benchmark(group="multi-valued, to embeddings")
def test_multi_valued_to_embeddings_through_feature_columns(benchmark: Any) -> None:
    """Stock path: sparse tensors made beforehand, then DenseFeatures over wide and deep columns in a graph."""
    import tensorflow as tf

    from wideload.harness.model.tf_columns import to_feature_columns

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tf_keras

    schema, records = bags_of_ids()
    stock = to_feature_columns(FeatureColumnAdapter(Columns(), schema, "ids"))
    features = stock.inputs(records)
    deep, wide = tf_keras.layers.DenseFeatures(stock.deep), tf_keras.layers.DenseFeatures(stock.wide)
    look_up = tf.function(lambda given: (wide(given), deep(given)))
    look_up(features)
    measured(benchmark, lambda: look_up(features))
