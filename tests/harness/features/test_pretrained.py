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


def test_known_values_start_from_their_rows_and_others_as_ever(adapter: Any, path: Path) -> None:
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


def test_other_vectors_in_a_file_of_the_same_name_are_noticed_between_ranks(adapter: Any, tmp_path: Path) -> None:
    path, found = tmp_path / "rows.npz", []
    for vectors in ([[1.0, 2.0]], [[1.0, 2.5]]):
        np.savez(path, key=np.array(["red"]), value=np.array(vectors))
        found.append(adapter(column(path)).column_fingerprints)
    assert found[0]["colour"] != found[1]["colour"]


def test_the_bucket_of_unknown_values_is_nobodys_row(adapter: Any, path: Path) -> None:
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
    with pytest.raises(ColumnError, match=r"column 'colour'.*shape \(3, 2\) for 3 keys, not \(3, 5\)"):
        adapter(column(path, dimension=5))


def test_a_file_that_cannot_be_read_names_the_column(adapter: Any, tmp_path: Path) -> None:
    with pytest.raises(ColumnError, match="column 'colour': cannot read pretrained rows"):
        adapter(column(tmp_path / "nothing.parquet"))


def test_a_cross_has_no_raw_values_to_look_up(adapter: Any, path: Path) -> None:
    embedding = Embedding(dimension=2, pretrained=Pretrained(path=str(path)))
    with pytest.raises(ColumnError, match="'x': pretrained rows need a column that reads one field"):
        adapter(Crossed(name="x", of=("colour", "shop"), buckets=9, embedding=embedding))
