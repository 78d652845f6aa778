"""Small data sets and generated logs for the tests of data sets."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from wideload.datasets.prepared.manifest import FieldEntry, Manifest
from wideload.datasets.prepared.shard import ShardWriter
from wideload.datasets.readers.crc32c import crc32c, masked

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder for every test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    """Checks that no test leaves an input thread running."""
    yield
    left = [thread for thread in threading.enumerate() if thread.name == "wideload-input"]
    for thread in left:
        thread.join(timeout=5)
    assert not [thread for thread in left if thread.is_alive()]


@pytest.fixture
def sample() -> Callable[[str], Path]:
    """Returns a published file by name; skips the test where the files are not available."""

    def find(name: str) -> Path:
        path = SAMPLES / name
        if not path.exists():
            pytest.skip(f"the sample files are not here ({name})")
        return path

    return find


@pytest.fixture
def shards(tmp_path: Path) -> Callable[..., Path]:
    """Writes a prepared folder whose rows are numbered in column ``n``; 3 shards of several small row groups."""

    def make(rows: int = 1000, per_group: int = 64, count: int = 3) -> Path:
        folder = tmp_path / "shards"
        folder.mkdir()
        schema = pa.schema([("label", pa.float32()), ("n", pa.int64()), ("x", pa.float32())])
        entries = []
        for index, part in enumerate(np.array_split(np.arange(rows), count)):
            with ShardWriter(folder / f"train-{index:05d}.parquet", schema, per_group) as writer:
                values = {"label": part % 2, "n": part, "x": part / 2}
                writer.write(pa.table({name: pa.array(value) for name, value in values.items()}).cast(schema))
                entries.append(writer.close())
        fields = (
            FieldEntry(name="n", kind="categorical", ids=True, cardinality=rows),
            FieldEntry(name="x", kind="numeric"),
        )
        Manifest(label="label", fields=fields, splits={"train": tuple(entries)}).save(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def criteo_lines() -> Callable[..., bytes]:
    """Builds rows of a Criteo day file: label, 13 integers, 26 hexadecimal words; some cells are empty."""

    def make(rows: int, seed: int = 0, missing: float = 0.1) -> bytes:
        rng = np.random.default_rng(seed)
        labels = (rng.random(rows) < 0.25).astype(int).astype(str)
        numbers = np.minimum(rng.pareto(1.0, (rows, 13)) * 10, 99_999).astype(int) - 1
        words = rng.zipf(1.3, (rows, 26)) % 100_000 * 2654435761 % 2**32
        holes = rng.random((rows, 39)) < missing
        lines = []
        for row in range(rows):
            cells = [str(number) for number in numbers[row]] + [f"{word:08x}" for word in words[row]]
            shown = ("" if hole else cell for hole, cell in zip(holes[row], cells, strict=True))
            lines.append("\t".join([labels[row], *shown]))
        return "\n".join(lines).encode() + b"\n"

    return make


def _varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _feature(values: list[int] | list[float] | list[bytes]) -> bytes:
    if values and isinstance(values[0], bytes):
        return _field(1, b"".join(_field(1, value) for value in values if isinstance(value, bytes)))
    if values and isinstance(values[0], float):
        return _field(2, _field(1, struct.pack(f"<{len(values)}f", *values)))
    return _field(3, _field(1, b"".join(_varint(int(value)) for value in values)))


def _checksum(content: bytes) -> bytes:
    data = np.frombuffer(content, dtype=np.uint8)
    return struct.pack("<I", int(masked(crc32c(data, np.array([0]), np.array([len(content)])))[0]))


@pytest.fixture(scope="session")
def tfrecords() -> Callable[..., bytes]:
    """Builds a TFRecord file from dictionaries of features."""

    def make(examples: list[dict[str, list]]) -> bytes:
        out = bytearray()
        for features in examples:
            entries = (_field(1, name.encode()) + _field(2, _feature(values)) for name, values in features.items())
            message = _field(1, b"".join(_field(1, entry) for entry in entries))
            head = struct.pack("<Q", len(message))
            out += head + _checksum(head) + message + _checksum(message)
        return bytes(out)

    return make
