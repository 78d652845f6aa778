"""Rows that are to be scored: without a label, with all their columns, read as those of training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wideload.datasets.raw_rows import Origin, RawRows, Scorable
from wideload.datasets.rejects import BadRows, Rejects
from wideload.errors import DataError

FIELDS = {"label": {"column": "y"}, "field": [{"name": "n", "kind": "number"}]}


def read(origin: Origin, *paths: Path, policy: str = "error") -> tuple[list[Scorable], RawRows]:
    rows = RawRows(origin, tuple(map(str, paths)), None, Rejects(BadRows(policy=policy)))  # type: ignore[arg-type]
    return list(rows.blocks()), rows


@pytest.mark.parametrize("label", [True, False])
def test_criteo_with_and_without_its_label(tmp_path: Path, criteo_lines: Callable[..., bytes], label: bool) -> None:
    lines = criteo_lines(50).splitlines()
    (tmp_path / "test.txt").write_bytes(
        b"".join((line if label else line.split(b"\t", 1)[1]) + b"\n" for line in lines)
    )
    (block,), rows = read(Origin("criteo"), tmp_path / "test.txt")
    assert rows.rows_in == block.fields.num_rows == 50
    assert len(block.kept.column_names) == 39 + label
    assert block.kept["C26"].to_pylist() == [line.split(b"\t")[-1].decode() for line in lines]
    assert block.done == rows.total


def test_parquet_columns_keep_their_types(tmp_path: Path) -> None:
    table = pa.table(
        {"id": pa.array([2**60, None]), "n": ["1", "x"], "lists": [[{"a": 1}], None], "day": [b"\xff", b""]}
    )
    pq.write_table(table, tmp_path / "new.parquet")
    origin = Origin("custom", layout={"format": "parquet", **FIELDS})
    with pytest.raises(DataError, match=r"new\.parquet:2: column 'n': not a number"):
        read(origin, tmp_path / "new.parquet")
    (block,), rows = read(origin, tmp_path / "new.parquet", policy="skip")
    assert (rows.rows_in, rows.rejects.rows) == (2, 1)
    assert block.kept == table.slice(0, 1)


def test_cells_are_kept_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_bytes(b'y,n,note,more\n7,1,NA,x\n,2," a ""b"", c ",\n')
    (block,), _ = read(Origin("custom", layout={"missing": ["NA"], **FIELDS}), tmp_path / "new.csv")
    assert block.kept.to_pylist() == [
        {"y": "7", "n": "1", "note": "NA", "more": "x"},
        {"y": "", "n": "2", "note": ' a "b", c ', "more": ""},
    ]


def test_pairs_are_kept_as_lists(tmp_path: Path) -> None:
    (tmp_path / "new.svm").write_text("1 3:0.5 4:2\n0\n")
    (block,), _ = read(Origin("custom", layout={"format": "libsvm"}), tmp_path / "new.svm")
    assert block.kept.to_pylist() == [
        {"features": [3, 4], "features_weights": [0.5, 2.0]},
        {"features": [], "features_weights": []},
    ]


def test_movies_and_users_are_joined(tmp_path: Path) -> None:
    (tmp_path / "ratings.dat").write_text("1::9::5::978300760\n2::9::nonsense::\n")
    (tmp_path / "movies.dat").write_text("9::Name (1990)::Drama|War\n")
    (tmp_path / "users.dat").write_text("1::F::25::4::55117\n2::M::18::5::55118\n")
    (block,), _ = read(Origin("movielens", {"positive_from": "3"}), tmp_path)
    assert block.fields["genres"].to_pylist() == [["Drama", "War"]] * 2
    assert block.fields["gender"].to_pylist() == ["F", "M"]
    assert block.kept["rating"].to_pylist() == ["5", "nonsense"]
