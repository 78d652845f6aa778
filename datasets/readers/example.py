"""Decodes a ``tf.train.Example`` without TensorFlow or protobuf.

::

    Example { 1: Features { 1*: entry { 1: name, 2: Feature } } }
    Feature { 1: BytesList { 1*: bytes } | 2: FloatList { 1*: float } | 3: Int64List { 1*: int64 } }

Numbers may be packed (one length-delimited field) or not. Unknown fields are skipped, as protobuf does.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

Value = list[bytes] | list[float] | list[int]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def decode(message: bytes) -> dict[str, Value]:
    """Returns the features by name.

    Raises:
        ValueError: the message is malformed.
    """
    features: dict[str, Value] = {}
    for field, content in _messages(message):
        if field != 1:
            continue
        for inner, entry in _messages(content):
            if inner == 1:
                name, value = _entry(entry)
                features[name] = value
    return features


def _messages(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yields the length-delimited fields of a message."""
    return ((field, value) for field, value in _fields(message) if isinstance(value, bytes))


def _entry(message: bytes) -> tuple[str, Value]:
    name, value = "", b""
    for field, content in _messages(message):
        name = content.decode("utf-8") if field == 1 else name
        value = content if field == 2 else value
    return name, _feature(value)


def _feature(message: bytes) -> Value:
    found: Value = []
    for kind, content in _messages(message):
        if kind == 1:
            found = [value for field, value in _messages(content) if field == 1]
        elif kind == 2:
            found = list(_floats(content))
        elif kind == 3:
            found = list(_integers(content))
    return found


def _floats(message: bytes) -> Iterator[float]:
    for field, value in _fields(message):
        if field == 1 and isinstance(value, bytes):
            if len(value) % 4:
                raise ValueError("packed floats of a broken length")
            yield from struct.unpack(f"<{len(value) // 4}f", value)
        elif field == 1 and isinstance(value, int):
            yield struct.unpack("<f", struct.pack("<I", value & 0xFFFFFFFF))[0]


def _integers(message: bytes) -> Iterator[int]:
    for field, value in _fields(message):
        if field == 1 and isinstance(value, bytes):
            position = 0
            while position < len(value):
                number, position = _varint(value, position)
                yield _signed(number)
        elif field == 1:
            yield _signed(int(value))


def _signed(word: int) -> int:
    return word - 2**64 if word >= 2**63 else word


def _fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Yields the number and value of every field."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        kind = tag & 7
        value: bytes | int
        if kind == _VARINT:
            value, position = _varint(message, position)
        elif kind == _BYTES:
            length, position = _varint(message, position)
            value, position = _taken(message, position, length)
        elif kind in (_FIXED32, _FIXED64):
            raw, position = _taken(message, position, 4 if kind == _FIXED32 else 8)
            value = int.from_bytes(raw, "little")
        else:
            raise ValueError(f"wire type {kind}")
        yield tag >> 3, value


def _taken(message: bytes, position: int, length: int) -> tuple[bytes, int]:
    end = position + length
    if end > len(message):
        raise ValueError("a field ends beyond its message")
    return message[position:end], end


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70 and position < len(message):
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value & (2**64 - 1), position
    raise ValueError("a number does not end")
