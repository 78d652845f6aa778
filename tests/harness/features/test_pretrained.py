import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wideload.errors import ColumnError
from wideload.harness.features.layout import table_signs
from wideload.harness.features.pretrained import joined
from wideload.harness.model.initial_rows import initial_deep
from wideload.harness.workload.columns import Category, Crossed, Embedding, Hash, Pretrained, Shared, Vocabulary

VECTORS = {"green": [1.0, 2.0], "red": [3.0, 4.0], "mauve": [5.0, 6.0]}


@pytest.fixture(params=["rows.parquet", "rows.npz"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made: Path = tmp_path / request.param
    keys, rows = list(VECTORS), list(VECTORS.values())
    if made.suffix == ".npz":
        np.savez(made, key=np.array(keys), value=np.array(rows))
    else:
        pq.write_table(pa.table({"key": keys, "value": rows}), made)
    return made


def column(path: Path, dimension: int = 2, **options: Any) -> Category:
    embedding = Embedding(dimension=dimension, pretrained=Pretrained(path=str(path)))
    return Category(name="colour", embedding=embedding, **options)


def test_known_values_start_from_their_rows_and_others_from_the_initialiser(adapter: Any, path: Path) -> None:
    plain = adapter(Category(name="colour", embedding=Embedding(dimension=2))).layout.tables[0]
    table = adapter(column(path, encoder=Vocabulary(oov_buckets=0))).layout.tables[0]
    rows = initial_deep(table, table_signs(table), 1)
    assert rows[:2].tolist() == [VECTORS["red"], VECTORS["green"]]
    assert rows[2].tolist() == initial_deep(plain, table_signs(plain), 1)[2].tolist()


def test_unbounded_values_start_from_their_rows_too(adapter: Any, rows: Any, path: Path) -> None:
    made = adapter(column(path, encoder=Hash()), keys="signs")
    batch = made.transform(rows({"colour": "mauve"}, {"colour": "blue"}), global_size=2)
    deep = initial_deep(made.layout.tables[0], batch.values, 1)
    assert deep[0].tolist() == VECTORS["mauve"]
    assert np.abs(deep[1]).max() <= 0.05


def test_ranks_detect_other_vectors_in_a_file_of_the_same_name(adapter: Any, tmp_path: Path) -> None:
    path, found = tmp_path / "rows.npz", []
    for vectors in ([[1.0, 2.0]], [[1.0, 2.5]]):
        np.savez(path, key=np.array(["red"]), value=np.array(vectors))
        found.append(adapter(column(path)).column_fingerprints)
    assert found[0]["colour"] != found[1]["colour"]


def test_the_bucket_of_unknown_values_has_no_pretrained_row(adapter: Any, path: Path) -> None:
    table = adapter(column(path, encoder=Vocabulary(values=("red",)))).layout.tables[0]
    rows = initial_deep(table, table_signs(table), 1)
    assert rows[0].tolist() == VECTORS["red"]
    assert np.abs(rows[1]).max() <= 0.05


def test_slots_of_a_shared_column_have_one_row_for_a_value(adapter: Any, path: Path) -> None:
    embedding = Embedding(dimension=2, pretrained=Pretrained(path=str(path)))
    shared = Shared(name="letter", of=("colour", "words"), embedding=embedding, encoder=Vocabulary(values=("red", "a")))
    rows = joined(adapter(shared).layout.tables[0])
    assert rows is not None
    assert rows.rows.tolist() == [VECTORS["red"]]


def test_vectors_of_another_length_name_the_column(adapter: Any, path: Path) -> None:
    with pytest.raises(ColumnError, match=r"column 'colour'.*(key 'green': the vector has length 2|shape \(3, 2\)).*5"):
        adapter(column(path, dimension=5))


BAD_ROWS = {
    "ragged, of which the sum fits": (["a", "b"], [[1.0], [2.0, 3.0, 4.0]], "row 1, key 'a': the vector has length 1"),
    "a missing vector, made up for by the next": (
        ["a", "b", "c"],
        [[1.0, 2.0], None, [3.0, 4.0, 5.0, 6.0]],
        "row 2, key 'b': the vector is missing",
    ),
    "an empty vector": (["a", "b"], [[1.0, 2.0], []], "row 2, key 'b': the vector has length 0"),
    "a longer vector": (["a", "b"], [[1.0, 2.0], [1.0, 2.0, 3.0]], "row 2, key 'b': the vector has length 3"),
    "a missing number": (["a", "b"], [[1.0, 2.0], [3.0, None]], "row 2, key 'b': the vector has a missing number"),
    "NaN": (["a", "b"], [[1.0, 2.0], [float("nan"), 4.0]], "row 2, key 'b': number 1 of the vector is nan"),
    "infinite": (["a", "b"], [[1.0, float("inf")], [3.0, 4.0]], "row 1, key 'a': number 2 of the vector is inf"),
    "too large for float32": (["a"], [[1.0, -1e300]], "row 1, key 'a': number 2 of the vector is -inf as float32"),
    "a missing key": (["a", None], [[1.0, 2.0], [3.0, 4.0]], "row 2, key None: the key is missing"),
    "a key twice": (
        ["b", "a", "a"],
        [[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]],
        "row 3, key 'a': the key is in row 2 already",
    ),
    "an integer key twice": (
        [7, 8, 7],
        [[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]],
        "row 3, key 7: the key is in row 1 already",
    ),
}


@pytest.mark.parametrize("kind", ["list", "large list"])
@pytest.mark.parametrize(("keys", "vectors", "said"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_row_that_pairs_no_key_with_a_vector_is_named(
    adapter: Any, tmp_path: Path, keys: list[Any], vectors: list[Any], said: str, kind: str
) -> None:
    path = tmp_path / "rows.parquet"
    type_ = pa.list_(pa.float64()) if kind == "list" else pa.large_list(pa.float64())
    pq.write_table(pa.table({"key": pa.array(keys), "value": pa.array(vectors, type_)}), path)
    with pytest.raises(ColumnError, match=rf"column 'colour': {path}, {re.escape(said)}"):
        adapter(column(path, encoder=Hash()), keys="signs")


@pytest.mark.parametrize("name", ["NaN", "infinite", "too large for float32", "a key twice", "an integer key twice"])
def test_a_bad_row_of_an_npz_is_named(adapter: Any, tmp_path: Path, name: str) -> None:
    path = tmp_path / "rows.npz"
    keys, vectors, said = BAD_ROWS[name]
    np.savez(path, key=np.array(keys), value=np.array(vectors))
    with pytest.raises(ColumnError, match=rf"column 'colour': {path}, {re.escape(said)}"):
        adapter(column(path, encoder=Hash()), keys="signs")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ([0.5, 1.0], [[1.0, 2.0]] * 2, "holds keys of type double; valid are integers and text"),
        ([True, False], [[1.0, 2.0]] * 2, "holds keys of type bool; valid are integers and text"),
        (["a", "b"], [1.0, 2.0], "holds vectors of type double; valid are lists of numbers"),
        (["a", "b"], [["1", "2"]] * 2, "holds vectors of string; valid are lists of numbers"),
        (["a", "b"], [None, None], "holds vectors of type null"),
    ],
)
def test_keys_and_vectors_of_other_types_are_refused(
    adapter: Any, tmp_path: Path, key: list[Any], value: list[Any], said: str
) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"key": key, "value": value}), path)
    with pytest.raises(ColumnError, match=f"column 'colour': {path} {said}"):
        adapter(column(path, encoder=Hash()), keys="signs")


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"key": ["a", "b"], "value": [[1.0, 2.0]]}, r"vectors of shape \(1, 2\) for keys of shape \(2,\)"),
        ({"key": ["a", "b"], "value": [1.0, 2.0]}, r"vectors of shape \(2,\)"),
        ({"key": [["a", "b"]], "value": [[1.0, 2.0]]}, r"keys of shape \(1, 2\)"),
        ({"key": ["a"], "value": [["1", "2"]]}, "vectors of type <U1; valid are numbers"),
        ({"key": ["a"], "vectors": [[1.0, 2.0]]}, "has no array 'value'; it has key, vectors"),
        ({"key": [], "value": np.empty((0, 2))}, "holds no rows"),
    ],
)
def test_arrays_of_other_forms_are_refused(adapter: Any, tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    path = tmp_path / "rows.npz"
    np.savez(path, **{name: np.array(array) for name, array in arrays.items()})
    with pytest.raises(ColumnError, match=f"column 'colour': {path} .*{said}"):
        adapter(column(path, encoder=Hash()), keys="signs")


def test_a_column_that_is_not_in_the_file_is_named_with_those_that_are(adapter: Any, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"word": ["a"], "value": [[1.0, 2.0]]}), path)
    with pytest.raises(ColumnError, match="has no column 'key'; its columns are word, value"):
        adapter(column(path))


@pytest.mark.parametrize(
    "vectors",
    [
        pa.array([[1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float32(), 2)),
        pa.array([[9.0], [1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float16())).slice(1),
        pa.array([[1, 2], [3, 4]], pa.large_list(pa.int64())),
    ],
    ids=["fixed size", "slice", "integers"],
)
@pytest.mark.parametrize(
    "keys",
    [
        pa.array(["red", "mauve"], pa.large_string()),
        pa.array(["red", "mauve"]).dictionary_encode(),
        pa.array([b"red", b"mauve"]),
    ],
    ids=["large", "dictionary", "bytes"],
)
def test_vectors_and_keys_may_be_of_any_type_that_means_the_same(
    adapter: Any, tmp_path: Path, keys: Any, vectors: Any
) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"key": keys, "value": vectors}), path, row_group_size=1)
    table = adapter(column(path)).layout.tables[0]
    assert initial_deep(table, table_signs(table), 1)[0].tolist() == [1.0, 2.0]


def test_unsigned_keys_are_the_signs_of_their_bits(adapter: Any, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    keys = pa.array([2**64 - 3, 5], pa.uint64())
    pq.write_table(pa.table({"key": keys, "value": [[1.0, 2.0], [3.0, 4.0]]}), path)
    made = adapter(Category(name="user", encoder=Hash(), embedding=column(path).embedding), keys="signs")
    signed = tmp_path / "signed.npz"
    np.savez(signed, key=np.array([-3, 5]), value=np.array([[1.0, 2.0], [3.0, 4.0]]))
    same = adapter(Category(name="user", encoder=Hash(), embedding=column(signed).embedding), keys="signs")
    assert made.column_fingerprints != {}
    found, expected = joined(made.layout.tables[0]), joined(same.layout.tables[0])
    assert found is not None
    assert expected is not None
    assert found.signs.tolist() == expected.signs.tolist()
    assert found.rows.tolist() == expected.rows.tolist()


def test_a_file_that_cannot_be_read_names_the_column(adapter: Any, tmp_path: Path) -> None:
    with pytest.raises(ColumnError, match="column 'colour': cannot read pretrained rows"):
        adapter(column(tmp_path / "nothing.parquet"))


def test_a_cross_has_no_raw_values_to_look_up(adapter: Any, path: Path) -> None:
    embedding = Embedding(dimension=2, pretrained=Pretrained(path=str(path)))
    with pytest.raises(ColumnError, match="'x': pretrained rows need a column that reads one field"):
        adapter(Crossed(name="x", of=("colour", "shop"), buckets=9, embedding=embedding))
