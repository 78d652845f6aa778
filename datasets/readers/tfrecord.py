"""Reads TFRecord files of ``tf.train.Example`` without TensorFlow.

::

    u64 length | u32 masked CRC-32C of the length | length bytes: one Example | u32 masked CRC-32C of the bytes

After a damaged length the next record cannot be found, so it always stops the work with an error; a damaged or
malformed record is one bad row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from wideload.arrays import Integers
from wideload.datasets.readers import example
from wideload.datasets.readers.contract import Block
from wideload.datasets.readers.convert.rows import Name, convert
from wideload.datasets.readers.convert.values import as_text
from wideload.datasets.readers.crc32c import crc32c, masked
from wideload.datasets.readers.layout import Layout
from wideload.datasets.readers.sources import keys_of
from wideload.datasets.rejects import Reject
from wideload.datasets.text.blocks import LONGEST, Position, open_stream
from wideload.errors import DataError

_RECORDS = 8192
_HEAD, _TAIL = 12, 4
_SHOWN = 200


def read(source: str, layout: Layout, start: Position) -> Iterator[Block]:
    """Yields the rows of one file, beginning at ``start``.

    Raises:
        DataError: the file is truncated or its framing is damaged.
    """
    at = start
    for records, after in _frames(source, start):
        yield _block(records, layout, source, at, after)
        at = after


def examples(source: str) -> Iterator[dict[str, example.Value]]:
    """The features of the intact records, by name, with the columns that the file's folders stand for.

    Raises:
        DataError: the file is truncated or its framing is damaged.
    """
    keys: dict[str, example.Value] = {
        name: [] if value is None else [value.encode()] for name, value in keys_of(source).items()
    }
    for records, _ in _frames(source, Position()):
        for row, intact in enumerate(records.intact()):
            try:
                if intact:
                    yield {**keys, **example.decode(records.body(row))}
            except ValueError:
                continue


@dataclass(frozen=True, slots=True)
class _Records:
    """Framed records in one buffer; ``heads`` holds the offsets of their lengths."""

    data: bytes
    heads: list[int]
    lengths: list[int]

    def body(self, row: int) -> bytes:
        """The bytes of one record."""
        begin = self.heads[row] + _HEAD
        return self.data[begin : begin + self.lengths[row]]

    def intact(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Returns whether each record matches its checksum."""
        data = np.frombuffer(self.data, dtype=np.uint8)
        starts, lengths = np.array(self.heads) + _HEAD, np.array(self.lengths)
        words = data[(starts + lengths)[:, None] + np.arange(4)].astype(np.uint32)
        stored = words @ np.array([1, 1 << 8, 1 << 16, 1 << 24], dtype=np.uint32)
        matches: np.ndarray[Any, np.dtype[np.bool_]] = masked(crc32c(data, starts, lengths)) == stored
        return matches


def _frames(source: str, start: Position) -> Iterator[tuple[_Records, Position]]:
    """Yields up to ``_RECORDS`` records at a time, with the position after them."""
    with open_stream(source) as stream:
        reader = _FrameReader(source, stream, start.offset)
        line = start.line
        while records := reader.next():
            line += len(records.heads)
            yield records, Position(reader.offset, line)


class _FrameReader:
    def __init__(self, source: str, stream: Any, offset: int) -> None:
        self._source, self._stream = source, stream
        self.offset = 0
        while self.offset < offset:
            self.offset += len(self._read(min(offset - self.offset, 2**22)))

    def next(self) -> _Records | None:
        parts: list[bytes] = []
        heads: list[int] = []
        lengths: list[int] = []
        size = 0
        while len(heads) < _RECORDS and (head := self._stream_read(_HEAD)):
            length = self._length(head)
            body = self._read(length + _TAIL)
            parts += [head, body]
            heads.append(size)
            lengths.append(length)
            size += _HEAD + length + _TAIL
            self.offset += _HEAD + length + _TAIL
        return _Records(b"".join(parts), heads, lengths) if heads else None

    def _length(self, head: bytes) -> int:
        length = int.from_bytes(head[:8], "little")
        word = np.frombuffer(head[:8].ljust(8, b"\0"), dtype=np.uint8)
        stored = int.from_bytes(head[8:12], "little")
        if len(head) < _HEAD or int(masked(crc32c(word, np.array([0]), np.array([8])))[0]) != stored:
            raise DataError(f"{self._source}: no TFRecord at byte {self.offset}: its length is damaged or cut off.")
        if length > LONGEST:
            raise DataError(f"{self._source}: the record at byte {self.offset} has {length} bytes; at most {LONGEST}.")
        return length

    def _stream_read(self, size: int) -> bytes:
        try:
            content: bytes = self._stream.read(size)
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"cannot read {self._source} beyond byte {self.offset}: {error}") from None
        return content

    def _read(self, size: int) -> bytes:
        content = self._stream_read(size)
        if len(content) != size:
            raise DataError(f"{self._source} is truncated: it ends inside the record at byte {self.offset}.")
        return content


def _block(records: _Records, layout: Layout, source: str, at: Position, after: Position) -> Block:
    bad: dict[int, str] = {}
    rows: list[dict[str, example.Value]] = []
    keys: dict[str, example.Value] = {
        name: [] if value is None else [value.encode()] for name, value in keys_of(source).items()
    }
    for row, intact in enumerate(records.intact()):
        features: dict[str, example.Value] = {}
        try:
            features = example.decode(records.body(row)) if intact else {}
        except ValueError as error:
            bad[row] = f"not a tf.train.Example ({error})"
        if not intact:
            bad[row] = "the record does not match its checksum"
        rows.append({**keys, **features})
    lines = np.arange(at.line + 1, at.line + 1 + len(rows))
    done = convert(_Features(rows, lines), layout, source, bad)
    reasons = sorted(done.reasons.items())
    rejects = [Reject(source, at.line + row + 1, why, str(rows[row])[:_SHOWN]) for row, why in reasons]
    return Block(done.table, rejects, after, 0, done.dropped, done.unmatched)


class _Features:
    """Decoded Examples as columns: lists of bytes, float32 or int64."""

    def __init__(self, rows: list[dict[str, example.Value]], lines: Integers) -> None:
        self._rows, self.lines = rows, lines

    def column(self, name: Name, kind: str) -> Any:
        values: list[Any] = [row.get(str(name), []) for row in self._rows]
        types = {type(one) for value in values for one in value[:1]}
        if len(types) > 1:
            values = [[_as_bytes(one, kind) for one in value] for value in values]
        return pa.array(values, pa.list_(pa.binary() if len(types) != 1 else _ARROW[types.pop()]))

    def quick(self, name: Name, kind: str) -> Any | None:  # noqa: ARG002
        return None


_ARROW = {bytes: pa.binary(), float: pa.float32(), int: pa.int64()}


def _as_bytes(value: float | bytes, kind: str) -> bytes:
    """A value of a feature that holds bytes in some records and numbers in others."""
    if isinstance(value, bytes):
        return value
    if kind == "hex" and isinstance(value, int):
        return b"%x" % (value & (2**64 - 1))
    return str(as_text(pa.array([value], _ARROW[type(value)]))[0]).encode()
