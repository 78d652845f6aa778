"""How fast data goes in and out, on one core. Run: ``pytest tests/datasets/bench_input.py --benchmark-only``.

Rows per second, of wall time and of CPU time, are in ``extra_info``. pyarrow.csv reading the same file and tf.data
parsing the same rows are measured in the same run as the programs they are compared with.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from wideload.datasets import load
from wideload.datasets.contract import Plan
from wideload.datasets.prepare.prepare import Request, prepare
from wideload.datasets.prepare.splitting import SplitRule

REPEATS = 20
BLOCK_ROWS = 20_000
ROWS = REPEATS * BLOCK_ROWS
BATCH = 2048


@pytest.fixture(scope="module", autouse=True)
def one_core() -> Iterator[None]:
    """Arrow's own pools get one thread, and the process one core where the system allows it."""
    import os

    before = pa.cpu_count(), pa.io_thread_count(), os.sched_getaffinity(0)
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    os.sched_setaffinity(0, {min(before[2])})
    yield
    os.sched_setaffinity(0, before[2])
    pa.set_cpu_count(before[0])
    pa.set_io_thread_count(before[1])


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory, criteo_lines: Callable[..., bytes]) -> Path:
    file = tmp_path_factory.mktemp("criteo") / "day_0"
    file.write_bytes(criteo_lines(BLOCK_ROWS) * REPEATS)
    return file


@pytest.fixture(scope="module")
def shards(day: Path) -> Path:
    folder = day.parent / "shards"
    prepare(Request(reader="criteo", split=SplitRule(by="none")), str(day), folder)
    return folder


def measured(benchmark: Any, rows: int, work: Callable[[], Any], rounds: int = 5, **setup: Any) -> None:
    seconds: list[float] = []

    def timed() -> None:
        begin = time.process_time()
        work()
        seconds.append(time.process_time() - begin)

    benchmark.pedantic(timed, rounds=rounds, warmup_rounds=1, **setup)
    benchmark.extra_info["rows_per_second"] = round(rows / benchmark.stats.stats.median)
    benchmark.extra_info["rows_per_cpu_second"] = round(rows / statistics.median(seconds))


@pytest.mark.benchmark(group="criteo in")
def test_criteo_to_shards(benchmark: Any, day: Path) -> None:
    out = day.parent / "out"

    def clear() -> None:
        shutil.rmtree(out, ignore_errors=True)

    request = Request(reader="criteo", split=SplitRule(by="none"))
    measured(benchmark, ROWS, lambda: prepare(request, str(day), out), setup=clear)


@pytest.mark.benchmark(group="criteo in")
def test_pyarrow_csv_reads_the_same_file(benchmark: Any, day: Path) -> None:
    reading = pyarrow.csv.ReadOptions(use_threads=False, autogenerate_column_names=True)
    parsing = pyarrow.csv.ParseOptions(delimiter="\t")
    measured(benchmark, ROWS, lambda: pyarrow.csv.read_csv(day, reading, parsing))


def consume(stream: Iterator[pa.RecordBatch]) -> None:
    assert sum(batch.num_rows for batch in stream) == ROWS


@pytest.mark.benchmark(group="batches out")
def test_shards_to_batches(benchmark: Any, shards: Path) -> None:
    dataset = load(f"shards[path={shards}]")
    measured(benchmark, ROWS, lambda: consume(dataset.stream("train", Plan(BATCH, seed=1))))


@pytest.mark.benchmark(group="batches out")
def test_planted_files_to_batches(benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    dataset = load(f"planted[examples={ROWS},test_examples=0,storage=files]")
    next(dataset.stream("train", Plan(BATCH)))
    measured(benchmark, ROWS, lambda: consume(dataset.stream("train", Plan(BATCH, seed=1))))


@pytest.mark.benchmark(group="batches out")
def test_planted_stream(benchmark: Any) -> None:
    dataset = load(f"planted[examples={ROWS},test_examples=0]")
    measured(benchmark, ROWS, lambda: consume(dataset.stream("train", Plan(BATCH, seed=1))), rounds=3)


@pytest.mark.benchmark(group="batches out")
def test_tf_data_parses_the_same_rows(benchmark: Any, shards: Path, tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    path, rows = tmp_path / "rows.tfrecord", 20_000
    names = write_examples(tf, shards, path, rows)
    shape = {
        name: tf.io.FixedLenFeature([], tf.float32 if name == "label" or name.startswith("I") else tf.int64, 0)
        for name in names
    }
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    options.threading.max_intra_op_parallelism = 1

    def read() -> None:
        data = tf.data.TFRecordDataset(str(path)).batch(BATCH).map(lambda batch: tf.io.parse_example(batch, shape))
        assert sum(int(batch["label"].shape[0]) for batch in data.with_options(options)) == rows

    measured(benchmark, rows, read)


def write_examples(tf: Any, shards: Path, path: Path, rows: int) -> list[str]:
    """The first rows as tf.train.Example; missing values are left out."""
    batch = next(load(f"shards[path={shards}]").stream("train", Plan(rows)))
    columns = {name: batch[name].to_pylist() for name in batch.schema.names}
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in range(rows):
            features = {name: _feature(tf, values[row]) for name, values in columns.items() if values[row] is not None}
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    return list(columns)


def _feature(tf: Any, value: float) -> Any:
    if isinstance(value, float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


@pytest.mark.benchmark(group="order")
def test_finding_a_position_in_a_billion_rows(benchmark: Any) -> None:
    from wideload.datasets.prepared.order import Order

    order = Order(np.full(61_035, 16_384), Plan(8192, seed=1))
    measured(benchmark, 1, lambda: order.pieces(100_000), rounds=50)
