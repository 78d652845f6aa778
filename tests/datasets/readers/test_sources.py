"""Which files of a folder are read."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wideload.datasets.readers import columnar, delimited, find, tfrecord
from wideload.datasets.readers.layout import Layout
from wideload.datasets.readers.sources import files, keys_of
from wideload.datasets.text.blocks import Position
from wideload.errors import DataError
from wideload.options import validate


def names(folder: Path, *patterns: str, **options: bool) -> list[str]:
    return [str(Path(file).relative_to(folder)) for file in files(str(folder), *(patterns or ("*.csv",)), **options)]


def touch(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("x")


def test_numbers_in_names_count_as_numbers(tmp_path: Path) -> None:
    touch(tmp_path, "day_10", "day_2", "day_1", "day_2b")
    assert names(tmp_path, "day_*") == ["day_1", "day_2", "day_2b", "day_10"]


def test_hidden_files_and_files_that_are_no_data_are_skipped(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "._a.csv",
        ".a.csv",
        "_SUCCESS.csv",
        "a.csv",
        "README.csv",
        "sampleSubmission.csv",
        "sample_submission.csv",
    )
    touch(tmp_path, "readme.txt", "LICENSE.txt", "notes.md", "b.txt")
    assert names(tmp_path, "*.csv", "*.txt", "*.md") == ["a.csv", "b.txt"]


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".lz4", ".xz", ".zst"])
def test_every_compression_is_found_and_the_same_file_twice_is_refused(tmp_path: Path, suffix: str) -> None:
    touch(tmp_path, f"a.csv{suffix}")
    assert names(tmp_path) == [f"a.csv{suffix}"]
    touch(tmp_path, "a.csv")
    with pytest.raises(DataError, match=r"a\.csv.* hold the same rows in two forms"):
        names(tmp_path)


def test_a_folder_with_training_and_test_files_asks_which_is_meant(tmp_path: Path) -> None:
    touch(tmp_path, "train.txt", "test.txt", "readme.txt")
    with pytest.raises(DataError, match=r"no labels\. Did you mean .*train\.txt\?"):
        names(tmp_path, "*.txt")
    assert names(tmp_path, "*.txt", splits=True) == ["test.txt", "train.txt"]


@pytest.mark.parametrize("opened", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_files_are_read(tmp_path: Path, opened: Callable[[bytes], bytes]) -> None:
    suffix = {gzip.compress: ".gz", bz2.compress: ".bz2", lzma.compress: ".xz"}[opened]
    (tmp_path / f"a.csv{suffix}").write_bytes(opened(b"y,c\n1,a\n0,b\n"))
    layout = validate(Layout, {"label": {"column": "y"}, "field": [{"name": "c"}]}, "layout")
    (block,) = delimited.read(str(tmp_path / f"a.csv{suffix}"), layout, Position())
    assert block.table["c"].to_pylist() == ["a", "b"]


def test_damaged_xz_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv.xz").write_bytes(lzma.compress(b"y,c\n1,a\n" * 99)[:-20])
    layout = validate(Layout, {"label": {"column": "y"}, "field": [{"name": "c"}]}, "layout")
    with pytest.raises(DataError, match=r"a\.csv\.xz"):
        list(delimited.read(str(tmp_path / "a.csv.xz"), layout, Position()))


def test_folders_of_keys_are_columns(tmp_path: Path, tfrecords: Callable[..., bytes]) -> None:
    layout = {"label": {"column": "y"}, "field": [{"name": "c"}, {"name": "day"}, {"name": "n", "kind": "integer"}]}
    for day, n in (("2026-01-10", "2"), ("2026-01-9", "__HIVE_DEFAULT_PARTITION__")):
        folder = tmp_path / f"day={day}" / f"n={n}"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"y": [1], "c": [day]}), folder / "part.parquet")
        (folder / "part.csv").write_text(f"y,c\n1,{day}\n")
        (folder / "part.tfrecord").write_bytes(tfrecords([{"y": [1], "c": [day.encode()]}]))
    touch(tmp_path, "_temporary/part.parquet", "day=2026-01-10/n=2/.part.parquet.crc")
    expected = [("2026-01-9", "2026-01-9", None), ("2026-01-10", "2026-01-10", 2)]
    for kind, read in (("parquet", columnar.read), ("csv", delimited.read), ("tfrecord", tfrecord.read)):
        asked = validate(Layout, {**layout, "format": kind}, "layout")
        found = [
            row
            for file in files(str(tmp_path), f"*.{kind}")
            for block in read(file, asked, Position())
            for row in block.table.to_pylist()
        ]
        assert [(row["c"], row["day"], row["n"]) for row in found] == expected
    assert keys_of("/x/a=b%20c/part.parquet") == {"a": "b c"}


def test_a_feature_of_the_record_takes_precedence_over_a_key(tmp_path: Path, tfrecords: Callable[..., bytes]) -> None:
    folder = tmp_path / "c=key"
    folder.mkdir()
    records = tfrecords([{"y": [1], "c": [b"own"]}, {"y": [0]}])
    (folder / "part.tfrecord").write_bytes(records)
    layout = {"label": {"column": "y"}, "field": [{"name": "c"}], "format": "tfrecord"}
    (block,) = tfrecord.read(str(folder / "part.tfrecord"), validate(Layout, layout, "layout"), Position())
    assert block.table["c"].to_pylist() == ["own", "key"]


def test_files_of_the_folder_come_before_folders_of_keys(tmp_path: Path) -> None:
    touch(tmp_path, "a.csv", "old=1/b.csv")
    assert names(tmp_path) == ["a.csv"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("y,c\n1,a\n".encode("utf-16"), "is UTF-16"),
        ("y,c\n1,a\n".encode("utf-16-be"), "is UTF-16"),
        ("y,c\n1,a\n".encode("utf-16-le"), "is UTF-16"),
        (b"y,c\r1,a\r0,b\r", "CR alone"),
    ],
)
def test_text_of_another_form_is_called_what_it_is(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    layout = validate(Layout, {"label": {"column": "y"}, "field": [{"name": "c"}]}, "layout")
    with pytest.raises(DataError, match=message):
        list(delimited.read(str(tmp_path / "a.csv"), layout, Position()))


def test_frappe_is_read_as_it_is_published(tmp_path: Path) -> None:
    line = " ".join(f"{index}:1" for index in range(10, 20))
    for split, label in (("train", "1"), ("validation", "-1"), ("test", "-1")):
        (tmp_path / f"frappe.{split}.libfm").write_text(f"{label} {line}\n{label} 3:1\n")
    reader = find("frappe")(str(tmp_path))
    blocks = [block for source in reader.sources() for block in reader.blocks(source, Position())]
    assert [reader.split_of(source) for source in reader.sources()] == ["test", "train", "validation"]
    assert [block.table["label"].to_pylist() for block in blocks] == [[0.0], [1.0], [0.0]]
    assert blocks[0].table.select(["user", "item", "city"]).to_pylist() == [{"user": 10, "item": 11, "city": 19}]
    assert [reject.reason for block in blocks for reject in block.rejects] == ["1 entries where 10 are expected"] * 3
