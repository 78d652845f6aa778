"""TFRecord files of ``tf.train.Example``, without TensorFlow.

::

    u64 length | u32 masked CRC-32C of the length | length bytes: one Example | u32 masked CRC-32C of the bytes

A damaged length leaves no way to find the next record, so it always ends the file with an error; a damaged or malformed
record is one bad row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from wideload.datasets.readers import columnar, example
from wideload.datasets.readers.contract import Block
from wideload.datasets.readers.crc32c import crc32c, masked
from wideload.datasets.readers.layout import InputField, Kind, Layout
from wideload.datasets.text.blocks import LONGEST, Position, open_stream
from wideload.datasets.text.values import LARGEST, hexadecimal
from wideload.errors import DataError

_RECORDS = 8192
_HEAD, _TAIL = 12, 4


def read(source: str, layout: Layout, start: Position) -> Iterator[Block]:
    """Rows of one file from ``start`` on.

    Raises:
        DataError: the file is truncated or its framing is damaged.
    """
    at = start
    for records, after in _frames(source, start):
        yield _block(records, layout, source, at, after)
        at = after


@dataclass(frozen=True, slots=True)
class _Records:
    """Framed records in one buffer; ``heads`` is where their lengths are."""

    data: bytes
    heads: list[int]
    lengths: list[int]

    def intact(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Whether each record matches its checksum."""
        data = np.frombuffer(self.data, dtype=np.uint8)
        starts, lengths = np.array(self.heads) + _HEAD, np.array(self.lengths)
        words = data[(starts + lengths)[:, None] + np.arange(4)].astype(np.uint32)
        stored = words @ np.array([1, 1 << 8, 1 << 16, 1 << 24], dtype=np.uint32)
        matches: np.ndarray[Any, np.dtype[np.bool_]] = masked(crc32c(data, starts, lengths)) == stored
        return matches


def _frames(source: str, start: Position) -> Iterator[tuple[_Records, Position]]:
    """Up to ``_RECORDS`` records at a time, and the position after them."""
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
    for row, intact in enumerate(records.intact()):
        head, length = records.heads[row], records.lengths[row]
        features: dict[str, example.Value] = {}
        try:
            features = example.decode(records.data[head + _HEAD : head + _HEAD + length]) if intact else {}
        except ValueError as error:
            bad[row] = f"not a tf.train.Example ({error})"
        if not intact:
            bad[row] = "the record does not match its checksum"
        rows.append(features)
    table = _table(rows, layout, bad)
    block = columnar.convert(table, layout, source, at, bad)
    return Block(block.table, block.rejects, after)


def _table(rows: list[dict[str, example.Value]], layout: Layout, bad: dict[int, str]) -> pa.Table:
    """One column for each that the layout names."""
    columns: dict[str, Any] = {}
    label: Kind = "text" if layout.label.positive is not None else "number"
    columns[str(layout.label.column)] = _column(rows, InputField(name=str(layout.label.column), kind=label), bad)
    for field in layout.field:
        columns[str(field.source)] = _column(rows, field, bad)
        if field.weights:
            weights = InputField(name=field.weights, kind="integer", multi_valued=True)
            columns[field.weights] = _column(rows, weights, bad, number=True)
    if layout.time is not None:
        columns[str(layout.time)] = _column(rows, InputField(name=str(layout.time), kind="integer"), bad)
    if layout.split is not None:
        columns[str(layout.split)] = _column(rows, InputField(name=str(layout.split), kind="text"), bad)
    return pa.table(columns)


def _column(rows: list[dict[str, example.Value]], field: InputField, bad: dict[int, str], number: bool = False) -> Any:
    name = str(field.source)
    convert = _number if number or field.kind == "number" else _CONVERT[field.kind]
    values: list[Any] = []
    for row, features in enumerate(rows):
        try:
            found = [convert(value) for value in features.get(name, [])]
            if not field.lists and len(found) > 1:
                raise ValueError(f"{len(found)} values where one is expected")
        except (ValueError, TypeError, OverflowError) as error:
            bad.setdefault(row, f"feature {name!r}: {error}")
            found = []
        values.append(found if field.lists else (found[0] if found else None))
    kind = pa.list_(pa.float32()) if number else field.stored
    return pa.array(values, kind)


def _number(value: float | bytes) -> float:
    found = float(value)
    if not abs(found) <= LARGEST:
        raise ValueError("not a finite number")
    return found


def _integer(value: float | bytes) -> int:
    if isinstance(value, float):
        raise TypeError("a float where an integer is expected")
    found = int(value)
    if not -(2**63) <= found < 2**63:
        raise ValueError("an integer of more than 64 bits")
    return found


def _hex(value: float | bytes) -> int:
    return hexadecimal(value) if isinstance(value, bytes) else _integer(value)


def _text(value: float | bytes) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


_CONVERT: dict[str, Callable[[float | bytes], Any]] = {"integer": _integer, "id": _integer, "hex": _hex, "text": _text}
