"""A missing value is missing all the way: source file -> shards -> batch -> column -> served model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wideload import datasets
from wideload.datasets.contract import Dataset, Plan
from wideload.datasets.prepare.prepare import Request, prepare
from wideload.datasets.prepare.splitting import SplitRule
from wideload.datasets.rejects import BadRows
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.layout import Batch
from wideload.harness.workload.columns import Columns
from wideload.harness.workload.workload import Workload

ROWS = 1200
STATISTICS = {"mean": 2.0, "std": 1.5}

COLUMNS = Columns.model_validate(
    {
        "auto": False,
        "column": [
            {"kind": "numeric", "name": "standard", "field": "price", "missing_indicator": True},
            {"kind": "numeric", "name": "plain", "field": "price", "transform": "none", "missing_indicator": True},
            {"kind": "numeric", "name": "log", "field": "price", "transform": "log1p"},
            {"kind": "numeric", "name": "own", "field": "price", "mean": 40.0, "clip": [5.0, 80.0]},
            {"kind": "numeric", "name": "both", "field": "price", "transform": "log1p_standardise", **STATISTICS},
            {"kind": "bucketised", "name": "bucket", "field": "price", "boundaries": [20.0, 50.0], "embedding": {}},
            {"kind": "category", "name": "word", "embedding": {}},
            {"kind": "category", "name": "user", "encoder": {"kind": "hash", "buckets": 50}, "embedding": {}},
        ],
    }
)
WEIGHTED = Columns.model_validate(
    {
        "auto": False,
        "column": [
            *COLUMNS.model_dump()["column"],
            {"kind": "category", "name": "tags", "encoder": {"kind": "hash", "buckets": 50}, "embedding": {}},
        ],
    }
)
TAGS = {"name": "tags", "encoder": {"kind": "hash", "buckets": 50}, "embedding": {}}
EVERY_KIND = Columns.model_validate(
    {
        "auto": False,
        "column": [
            {"kind": "sequence", "last": 2, "weighted": True, **TAGS},
            {"kind": "category", "name": "all tags", "field": "tags", "encoder": {"kind": "hash"}, "weighted": True},
            {"kind": "crossed", "name": "pairs", "of": ["tags", "word"], "buckets": 99},
            {"kind": "crossed", "name": "triples", "of": ["all tags", "tags", "user"]},
            {"kind": "crossed", "name": "singles", "of": ["word", "user"], "buckets": 99},
            {"kind": "merged", "name": "bag", "of": ["word", "tags"], "buckets": 99, "weighted": True},
            {"kind": "merged", "name": "plain bag", "of": ["word", "user"], "buckets": 99},
            {"kind": "shared", "name": "both", "of": ["word", "tags"], "encoder": {"kind": "hash", "buckets": 9}},
            {"kind": "category", "name": "word", "encoder": {"kind": "vocabulary", "limit": 1, "oov_buckets": 3}},
            {"kind": "category", "name": "user", "encoder": {"kind": "identity", "size": 5}},
        ],
    }
)

LAYOUT = """
format = "{kind}"
missing = ["NA"]
split = "part"
[label]
column = "click"
[[field]]
name = "price"
kind = "number"
[[field]]
name = "word"
[[field]]
name = "user"
kind = "integer"
[[field]]
name = "tags"
separator = "|"
weights = "worth"
"""


def rows() -> list[dict[str, str]]:
    """Rows in which every kind of value is missing now and then, in every way of writing that."""
    random = np.random.default_rng(7)
    made = []
    for number in range(ROWS):
        count = int(random.integers(0, 4))
        tags = [random.choice(["a", " b", "NA", "", "c"]) for _ in range(count)]
        made.append(
            {
                "click": random.choice(["0", "1", "NA"], p=[0.6, 0.35, 0.05]),
                "price": random.choice(["", "NA", str(int(random.integers(0, 100)))], p=[0.3, 0.1, 0.6]),
                "word": random.choice(["red", " red", "green", "", "NA"]),
                "user": random.choice(["", str(2**63 + 1 + number % 9), str(number % 7)]),
                "tags": "|".join(tags),
                "worth": "|".join(random.choice(["1", "0.5", "", "nan"], p=[0.6, 0.3, 0.05, 0.05]) for _ in tags),
                "part": "test" if number % 4 == 0 else "train",
            }
        )
    return made


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Dataset]:
    """The rows in a format, prepared."""
    folder = tmp_path_factory.mktemp("missing")
    made = rows()

    def load(kind: str) -> Dataset:
        file = folder / f"rows.{kind}"
        if kind == "csv":
            file.write_text("\n".join([",".join(made[0]), *(",".join(row.values()) for row in made)]) + "\n")
        elif kind == "parquet":
            columns = {name: [row[name] or None for row in made] for name in made[0]}
            pq.write_table(pa.table(columns).set_column(1, "price", _numbers(columns["price"])), file)
        else:
            import tensorflow as tf

            with tf.io.TFRecordWriter(str(file)) as writer:
                for row in made:
                    writer.write(_example(row))
        (folder / f"{kind}.toml").write_text(LAYOUT.format(kind=kind))
        options = {"layout": str(folder / f"{kind}.toml")}
        asked = Request(reader="custom", options=options, bad_rows=BadRows(policy="skip"))
        prepare(asked, str(file), folder / kind)
        return datasets.load(f"shards[path={folder / kind}]")

    return load


def _numbers(words: list[str | None]) -> pa.Array:
    return pa.array([None if word in (None, "NA") else float(word) for word in words], pa.float64())


def _example(row: dict[str, str]) -> bytes:
    import tensorflow as tf

    def bytes_of(value: str) -> Any:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))

    features = {name: bytes_of(value) for name, value in row.items() if value}
    if row["price"].isdecimal():
        features["price"] = tf.train.Feature(float_list=tf.train.FloatList(value=[float(row["price"])]))
    message: bytes = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
    return message


def batches(dataset: Dataset, columns: Columns, split: Any, plan: Plan) -> Iterator[Batch]:
    adapter = FeatureColumnAdapter(columns, dataset.schema(), keys="signs")
    for records in dataset.stream(split, plan):
        yield adapter.transform(records, global_size=plan.batch_size)


@pytest.mark.parametrize("kind", ["parquet", "tfrecord"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_batches_are_equal_whatever_the_format(prepared: Callable[[str], Dataset], kind: str, split: Any) -> None:
    if kind == "tfrecord":
        pytest.importorskip("tensorflow")
    first, other = prepared("csv"), prepared(kind)
    assert first.schema() == other.schema()
    plan = Plan(100, seed=1 if split == "train" else None)
    pairs = zip(batches(first, WEIGHTED, split, plan), batches(other, WEIGHTED, split, plan), strict=True)
    for left, right in pairs:
        for name in ("label", "dense", "values", "row_splits", "weights"):
            np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)


def test_a_missing_number_is_indicated_in_no_bucket_and_the_mean_of_its_column(
    prepared: Callable[[str], Dataset],
) -> None:
    dataset = prepared("csv")
    raw = [row for batch in dataset.stream("train", Plan(100)) for row in batch["price"].to_pylist()]
    missing = np.array([price is None for price in raw])
    assert missing.sum() > 200
    found = list(batches(dataset, COLUMNS, "train", Plan(100)))
    standard, plain, log, own, both, *indicators = np.concatenate([batch.dense for batch in found]).T
    mean = dataset.schema().field("price").mean
    for indicator in indicators:
        np.testing.assert_array_equal(indicator, missing)
    np.testing.assert_allclose(standard[missing], 0, atol=1e-6)
    np.testing.assert_allclose(plain[missing], mean, rtol=1e-6)
    np.testing.assert_allclose(log[missing], np.log1p(mean), rtol=1e-6)
    np.testing.assert_allclose(own[missing], 0, atol=1e-6)
    np.testing.assert_allclose(both[missing], 0, atol=1e-6)
    tables = FeatureColumnAdapter(COLUMNS, dataset.schema(), keys="signs").layout.tables
    bucket = [slot.name for table in tables for slot in table.slots].index("bucket")
    lengths = np.concatenate(
        [np.diff(batch.row_splits)[bucket * batch.size : (bucket + 1) * batch.size] for batch in found]
    )
    np.testing.assert_array_equal(lengths, ~missing)


@pytest.mark.parametrize("columns", [COLUMNS, WEIGHTED, EVERY_KIND])
@pytest.mark.parametrize("vocabularies", [True, False])
def test_the_served_model_reads_values_as_training_does(
    prepared: Callable[[str], Dataset], columns: Columns, vocabularies: bool
) -> None:
    tf = pytest.importorskip("tensorflow")
    from wideload.harness.serving.raw import SPLITS, RawReader

    dataset = prepared("csv")
    schema = dataset.schema()
    (records,) = dataset.stream("test", Plan(1 << 20))
    if not vocabularies:  # as of a field with too many words: batches have text as it is
        fields = tuple(replace(field, vocabulary=None) for field in schema.fields)
        words = columns.model_dump()["column"]
        for column in words:
            if column["name"] == "word":
                column["encoder"] = {"kind": "vocabulary", "values": ["red"], "oov_buckets": 5}
        schema, columns = replace(schema, fields=fields), Columns.model_validate({"auto": False, "column": words})
    adapter = FeatureColumnAdapter(columns, schema, keys="signs")
    batch = adapter.transform(records, global_size=records.num_rows)
    known = {field.name: field.vocabulary for field in schema.fields if field.vocabulary is not None}
    raw = RawReader(adapter, records.schema, known)
    tags = records["tags"]
    given = {
        "price": tf.constant(records["price"].to_numpy(zero_copy_only=False)),
        "word": tf.constant(records["word"].cast(pa.string()).fill_null("").to_pylist()),
        "user": tf.constant(records["user"].fill_null(np.iinfo(np.int64).min).to_numpy()),
        "tags": tf.constant(tags.flatten().cast(pa.string()).fill_null("").to_pylist(), tf.string),
        f"tags{SPLITS}": tf.constant(tags.offsets.to_numpy().astype(np.int64)),
        "worth": tf.constant(records["worth"].flatten().to_numpy()),
    }
    dense, values, row_splits, weights = raw({name: given[name] for name in raw.fields})
    np.testing.assert_allclose(dense, batch.dense, atol=1e-6, rtol=0)
    np.testing.assert_array_equal(row_splits, batch.row_splits)
    np.testing.assert_array_equal(values, batch.values)
    np.testing.assert_array_equal(weights, [] if batch.weights is None else batch.weights)


@pytest.mark.mpi
@pytest.mark.slow
def test_a_model_trained_with_missing_numbers_serves_what_it_predicted(
    train: Callable[..., Any],
    serve: Callable[[Path, Path], Any],
    census: Callable[..., Workload],
    raw_of: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    from wideload.harness.serving.export import export_model

    lines = ["click,price,word", *(f"{row['click']},{row['price']},{row['word']}" for row in rows())]
    (tmp_path / "log.csv").write_text("\n".join(lines) + "\n")
    layout = LAYOUT.format(kind="csv").replace('split = "part"\n', "")
    (tmp_path / "layout.toml").write_text(layout[: layout.index('[[field]]\nname = "user"')])
    asked = Request(
        reader="custom",
        options={"layout": str(tmp_path / "layout.toml")},
        split=SplitRule(by="hash", test=0.3),
        bad_rows=BadRows(policy="skip"),
    )
    prepare(asked, str(tmp_path / "log.csv"), tmp_path / "shards")
    dataset = f"shards[path={tmp_path / 'shards'}]"
    columns = {"column": COLUMNS.model_dump()["column"][:-1], "auto": False}
    model = train("sparse_ps", census(dataset=dataset, columns=columns, batch_size=64))
    assert export_model(model.checkpoint, tmp_path / "out", "inside").not_raw == ""
    found = serve(tmp_path / "out", raw_of(dataset))
    np.testing.assert_allclose(found, model.predicted, atol=1e-6, rtol=0)
