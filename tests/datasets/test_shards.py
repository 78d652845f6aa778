"""Shards on disk: complete or absent, and every damaged byte is noticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wideload.datasets import load
from wideload.datasets.contract import Plan
from wideload.datasets.prepared.shard import ShardWriter
from wideload.errors import DataError, WideloadError

Make = Callable[..., Path]


def read(folder: Path | str) -> list[int]:
    dataset = load(f"shards[path={folder}]")
    return [value for batch in dataset.stream("train", Plan(64)) for value in batch["n"].to_pylist()]


def test_rows_come_back_in_stored_order(shards: Make) -> None:
    assert read(shards(rows=500)) == list(range(500))


def test_any_reader_of_parquet_reads_a_shard(shards: Make) -> None:
    folder = shards(rows=300)
    tables = [pq.read_table(file) for file in sorted(folder.glob("*.parquet"))]
    assert pa.concat_tables(tables)["n"].to_pylist() == list(range(300))


def test_a_shard_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "train-00000.parquet"
    with ShardWriter(path, pa.schema([("n", pa.int64())]), 10) as writer:
        writer.write(pa.table({"n": range(25)}))
        assert not path.exists()
        entry = writer.close()
    assert path.exists()
    assert [group.rows for group in entry.groups] == [10, 10, 5]
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path / "a.parquet", pa.schema([("n", pa.int64())]), 10)
    with pytest.raises(ValueError, match="schema"), writer:
        writer.write(pa.table({"other": range(25)}))
    assert list(tmp_path.iterdir()) == []


def test_equal_rows_make_equal_bytes_however_they_arrive(tmp_path: Path) -> None:
    table = pa.table({"n": range(100)})
    for name, size in (("a", 100), ("b", 7)):
        with ShardWriter(tmp_path / name, table.schema, 16) as writer:
            for begin in range(0, 100, size):
                writer.write(table.slice(begin, size))
            writer.close()
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_truncated_shard_is_named(shards: Make, keep: int) -> None:
    folder = shards()
    path = folder / "train-00001.parquet"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"train-00001\.parquet is truncated"):
        read(folder)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_bit_anywhere_in_a_shard_is_found_and_the_file_named(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = _folder(tmp_path_factory)
    path = folder / "train-00000.parquet"
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(4, len(content) - 1))  # the first four bytes are a magic number that no reader needs
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"train-00000\.parquet"):
        read(folder)


def _folder(factory: pytest.TempPathFactory) -> Path:
    """Builds a small prepared folder; each example gets its own."""
    from wideload.datasets.prepared.manifest import FieldEntry, Manifest

    folder = factory.mktemp("flip")
    schema = pa.schema([("label", pa.float32()), ("n", pa.int64())])
    with ShardWriter(folder / "train-00000.parquet", schema, 30) as writer:
        writer.write(pa.table({"label": [float(n % 2) for n in range(70)], "n": range(70)}).cast(schema))
        entry = writer.close()
    fields = (FieldEntry(name="n", kind="categorical"),)
    Manifest(label="label", fields=fields, splits={"train": (entry,)}).save(folder)
    return folder


def test_a_missing_shard_is_named(shards: Make) -> None:
    folder = shards()
    (folder / "train-00002.parquet").unlink()
    with pytest.raises(DataError, match=r"cannot open .*train-00002\.parquet"):
        read(folder)


def test_only_the_shards_that_are_read_need_to_be_there(shards: Make) -> None:
    folder = shards(rows=900)
    (folder / "train-00000.parquet").unlink()
    stream = load(f"shards[path={folder}]").stream("train", Plan(100, start=3))
    assert [batch["n"][0].as_py() for batch in stream] == [300, 400, 500, 600, 700, 800]


def test_a_folder_without_a_manifest_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"wideload data prepare"):
        read(tmp_path)


@pytest.mark.parametrize("path", ["../secret.parquet", "/etc/passwd", "a/../../b", ""])
def test_a_manifest_cannot_lead_out_of_its_folder(shards: Make, path: str) -> None:
    folder = shards()
    _edit(folder, lambda manifest: manifest["splits"]["train"][0].__setitem__("file", path))
    with pytest.raises(DataError, match="relative path inside the folder"):
        read(folder)


def test_a_manifest_of_a_later_version_is_refused(shards: Make) -> None:
    folder = shards()
    _edit(folder, lambda manifest: manifest.__setitem__("version", 99))
    with pytest.raises(DataError, match="version 99"):
        read(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"label": 3}', "\x00"])
def test_a_damaged_manifest_is_named(shards: Make, text: str) -> None:
    folder = shards()
    (folder / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=r"manifest\.json"):
        read(folder)


def test_a_manifest_that_declares_another_type_is_found_out(shards: Make) -> None:
    folder = shards()
    _edit(folder, lambda manifest: manifest["fields"].append({"name": "absent", "kind": "numeric"}))
    with pytest.raises(WideloadError, match="absent"):
        read(folder)


def _edit(folder: Path, change: Callable[[dict], object]) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def test_the_fingerprint_follows_the_content_and_not_the_place(shards: Make, tmp_path: Path) -> None:
    folder = shards()
    before = load(f"shards[path={folder}]").fingerprint()
    moved = folder.rename(tmp_path / "elsewhere")
    assert load(f"shards[path={moved}]").fingerprint() == before
    _edit(moved, lambda manifest: manifest["splits"]["train"][0]["groups"][0].__setitem__("crc32", 1))
    assert load(f"shards[path={moved}]").fingerprint() != before


def test_shards_are_read_through_any_file_system(shards: Make) -> None:
    import fsspec

    folder = shards(rows=200)
    memory = fsspec.filesystem("memory")
    for file in folder.iterdir():
        memory.pipe(f"/there/{file.name}", file.read_bytes())
    assert read("memory://there") == list(range(200))
