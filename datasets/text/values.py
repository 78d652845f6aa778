"""Columns of cells parsed into Arrow arrays.

Numbers and hexadecimal words of up to eight characters are parsed inside 64-bit words, all rows and columns together;
what does not fit that is parsed by Arrow and, when Arrow refuses, value by value, which tells the bad rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wideload.arrays import Flags, Integers
from wideload.datasets.text.cells import Cells
from wideload.datasets.text.words import are_digits, decimal, lowered, nibbles_of, packed, spelled, words_at

_MINUS = 45
_HEXADECIMAL = b"0123456789abcdefABCDEF"
_INT64 = pa.int64()
LARGEST = float(np.finfo(np.float32).max)

Parsed = tuple[Any, Flags]
"""An Arrow array, and which rows could not be parsed (their value is null)."""


def integers(cells: Cells, columns: Sequence[int], missing: frozenset[bytes] = frozenset()) -> list[Parsed]:
    """Decimal integers as int64; an empty cell is null."""
    values, empty, fits = _short(cells, columns)
    return [
        _int64(values[:, place], empty[:, place]) if fits[place] else _slowly(cells, column, _integer, _INT64, missing)
        for place, column in enumerate(columns)
    ]


def numbers(cells: Cells, columns: Sequence[int], missing: frozenset[bytes] = frozenset()) -> list[Parsed]:
    """Finite decimal numbers as float32; an empty cell is null."""
    values, empty, fits = _short(cells, columns)
    none = np.zeros(len(cells), dtype=bool)
    return [
        (pa.array(values[:, place].astype(np.float32), mask=empty[:, place]), none)
        if fits[place]
        else _number(cells, column, missing)
        for place, column in enumerate(columns)
    ]


def _short(cells: Cells, columns: Sequence[int]) -> tuple[Integers, Flags, Flags]:
    """Integers of up to eight digits, inside words.

    Returns:
        Values ``[n, K]``, which of them are empty ``[n, K]``, and the columns with nothing else in them ``[K]``.
    """
    starts, ends = cells.bounds(columns)
    empty = ends == starts
    negative = (cells.data[starts] == _MINUS) & ~empty
    digits = ends - starts
    digits -= negative
    words = words_at(cells.data)[starts + negative]
    gap = ((8 - np.clip(digits, 1, 8)) << 3).astype(np.uint64)
    words <<= gap
    fits = are_digits(words, ~np.uint64(0) << gap)
    fits &= (digits > 0) & (digits <= 8)
    fits |= empty
    words &= np.uint64(0x0F0F0F0F0F0F0F0F)
    values = decimal(words).view(np.int64)
    np.negative(values, out=values, where=negative)
    return values, empty, fits.all(axis=0)


def _number(cells: Cells, column: int, missing: frozenset[bytes]) -> Parsed:
    """Any finite number: by Arrow, or value by value where Arrow refuses one."""
    try:
        parsed = texts(cells, column, missing).cast(pa.float32())
    except pa.ArrowInvalid:
        return _slowly(cells, column, finite, pa.float32(), missing)
    if pc.all(pc.is_finite(parsed)).as_py() is False:
        return _slowly(cells, column, finite, pa.float32(), missing)
    return parsed, np.zeros(len(parsed), dtype=bool)


def _integer(text: bytes) -> int:
    if b"_" in text:  # Python would take it
        raise ValueError
    return int(text)


def finite(text: bytes) -> float:
    """A number that float32 can hold.

    Raises:
        ValueError: it is none; Python's underscores are none either.
    """
    value = float(text)
    if not abs(value) <= LARGEST or b"_" in text:
        raise ValueError("not a finite number")
    return value


def hexadecimals(cells: Cells, columns: Sequence[int], missing: frozenset[bytes] = frozenset()) -> list[Parsed]:
    """Hexadecimal words of up to 16 digits as int64 (bit pattern); an empty cell is null."""
    starts, ends = cells.bounds(columns)
    lengths = ends - starts
    words = words_at(cells.data)[starts]
    nibbles = nibbles_of(words)
    valid = spelled(nibbles) == lowered(words)
    valid &= lengths == 8
    valid &= (nibbles & np.uint64(0xF0F0F0F0F0F0F0F0)) == 0
    values = packed(nibbles.byteswap(inplace=True)).view(np.int64)
    empty = lengths == 0
    return [
        _int64(values[:, place], empty[:, place])
        if (valid[:, place] | empty[:, place]).all()
        else _slowly(cells, column, hexadecimal, pa.int64(), missing)
        for place, column in enumerate(columns)
    ]


def hexadecimal(text: bytes) -> int:
    """One word of up to 16 digits, as a signed 64-bit integer.

    Raises:
        ValueError: it is none; Python's prefixes, signs and underscores are none either.
    """
    if not 0 < len(text) <= 16 or text.strip(_HEXADECIMAL):
        raise ValueError("not a hexadecimal word")
    value = int(text, 16)
    return value - 2**64 if value >= 2**63 else value


def texts(cells: Cells, column: int, missing: frozenset[bytes] = frozenset()) -> Any:
    """Cells as strings, space around them removed; an empty cell is null."""
    values = pc.utf8_trim_whitespace(cells.bytes_of(column).cast(pa.string()))
    gone = pa.array(["", *(word.decode() for word in missing)])
    return pc.if_else(pc.is_in(values, value_set=gone), pa.scalar(None, pa.string()), values)


def _int64(values: Integers, empty: Flags) -> Parsed:
    none = np.zeros(len(values), dtype=bool)
    return pa.array(np.ascontiguousarray(values), mask=empty if empty.any() else None), none


def _slowly(cells: Cells, column: int, parse: Callable[[bytes], Any], kind: Any, missing: frozenset[bytes]) -> Parsed:
    """Value by value: for what is long, rare or wrong."""
    values: list[Any] = []
    bad = np.zeros(len(cells), dtype=bool)
    for row, text in enumerate(cells.bytes_of(column).to_pylist()):
        stripped = text.strip()
        value = None
        if stripped and stripped not in missing:
            try:
                value = parse(stripped)
                pa.scalar(value, kind)
            except (ValueError, OverflowError, pa.ArrowException):
                bad[row], value = True, None
        values.append(value)
    return pa.array(values, kind), bad


def converted(values: Any, kind: str) -> Parsed:
    """Strings as int64, for the kinds ``integer``, ``id`` and ``hex``; wrong ones are 0."""
    parse = hexadecimal if kind == "hex" else _integer
    found = np.zeros(len(values), dtype=np.int64)
    bad = np.zeros(len(values), dtype=bool)
    for index, text in enumerate(values.to_pylist()):
        try:
            found[index] = parse(text.encode())
        except (ValueError, OverflowError):
            bad[index] = True
    if kind == "id":
        bad |= found < 0
    return pa.array(found), bad
