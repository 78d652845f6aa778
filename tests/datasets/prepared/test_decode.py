"""How a stored column is converted to a column of a batch."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from wideload.datasets import load
from wideload.datasets.contract import Field, Plan, Schema
from wideload.datasets.prepare.prepare import Request, prepare
from wideload.datasets.prepare.splitting import SplitRule
from wideload.datasets.prepared.decode import Decoder
from wideload.errors import DataError

VOCABULARY = pa.array(["b", "a"])


def decoded(field: Field, column: pa.Array, vocabulary: pa.Array | None = None) -> pa.Array:
    decoder = Decoder(Schema("label", (field,)), {} if vocabulary is None else {field.name: vocabulary})
    table = pa.table({"label": [1.0] * len(column), field.name: column})
    return decoder.finish([decoder.decode(table, "here")])[field.name]


def test_a_missing_number_stays_missing() -> None:
    found = decoded(Field("x", "numeric", mean=2.5), pa.array([1, None], pa.float32()))
    assert found.to_pylist() == [1.0, None]
    assert found.type == pa.float32()


@pytest.mark.parametrize("stored", [pa.string(), pa.dictionary(pa.int32(), pa.string())])
def test_codes_are_ids_of_the_vocabulary_and_others_are_null(stored: pa.DataType) -> None:
    column = pa.array(["a", "b", None, "new"]).cast(stored)
    found = decoded(Field("x", "categorical", vocabulary=("b", "a")), column, VOCABULARY)
    assert found.indices.to_pylist() == [1, 0, None, None]
    assert found.dictionary.to_pylist() == ["b", "a"]


def test_lists_of_text_are_lists_of_ids_and_a_missing_list_is_empty() -> None:
    column = pa.array([["a", "new"], None, [], ["b"]])
    found = decoded(Field("x", "categorical", True, vocabulary=("b", "a")), column, VOCABULARY)
    assert found.type == pa.list_(pa.dictionary(pa.int32(), pa.string()))
    assert found.to_pylist() == [["a", None], [], [], ["b"]]


def test_text_without_a_vocabulary_gets_a_dictionary_of_its_own() -> None:
    found = decoded(Field("x", "categorical"), pa.array(["q", "p", "q"]))
    assert found.type == pa.dictionary(pa.int32(), pa.string())
    assert found.to_pylist() == ["q", "p", "q"]
    lists = decoded(Field("x", "categorical", True), pa.array([["q"], ["p", "q"]]))
    assert lists.to_pylist() == [["q"], ["p", "q"]]


def test_integers_keep_their_nulls() -> None:
    found = decoded(Field("x", "categorical"), pa.array([3, None], pa.int32()))
    assert found.type == pa.int64()
    assert found.to_pylist() == [3, None]


def test_a_column_of_another_type_names_the_place_and_the_column() -> None:
    with pytest.raises(DataError, match=r"here: column 'x'"):
        decoded(Field("x", "categorical", cardinality=3), pa.array([1.5]))


def test_a_missing_label_is_an_error() -> None:
    decoder = Decoder(Schema("label", ()), {})
    with pytest.raises(DataError, match=r"column 'label'.*missing"):
        decoder.decode(pa.table({"label": pa.array([None], pa.float32())}), "here")


@pytest.mark.parametrize(
    "field",
    [
        Field("x", "numeric"),
        Field("x", "categorical"),
        Field("x", "categorical", cardinality=2),
        Field("x", "categorical", True, cardinality=2),
    ],
)
def test_an_empty_share_has_the_types_of_a_full_one(field: Field) -> None:
    decoder = Decoder(Schema("label", (field,)), {})
    column = pa.array([[1]] if field.multi_valued else [1])
    full = decoder.finish([decoder.decode(pa.table({"label": [1.0], "x": column}), "here")])
    assert decoder.empty().schema == full.schema


def test_weights_follow_their_values_into_the_batch(tmp_path: Path) -> None:
    (tmp_path / "layout.toml").write_text('format = "libsvm"\n[label]\ncolumn = 0\n')
    (tmp_path / "log.libsvm").write_text("1 3:0.5 8:1\n0\n1 2:4\n")
    asked = Request(reader="custom", options={"layout": str(tmp_path / "layout.toml")}, split=SplitRule(by="none"))
    prepare(asked, str(tmp_path / "log.libsvm"), tmp_path / "out")
    dataset = load(f"shards[path={tmp_path / 'out'}]")
    assert dataset.schema().fields == (
        Field("features", "categorical", multi_valued=True, cardinality=9, weights="features_weights"),
    )
    (batch,) = dataset.stream("train", Plan(8))
    assert batch.schema.names == ["label", "features", "features_weights"]
    assert batch.to_pydict() == {
        "label": [1.0, 0.0, 1.0],
        "features": [[3, 8], [], [2]],
        "features_weights": [[0.5, 1.0], [], [4.0]],
    }
