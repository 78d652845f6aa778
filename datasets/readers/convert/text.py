"""Text as numbers, integers, ids and hexadecimal words; whole columns at a time.

=========  ===========================================================================================================
number     a decimal number that float32 can hold; ``true`` and ``false`` are 1 and 0
integer    a decimal integer of 64 bits, signed or unsigned, perhaps with ``.0`` behind it; stored as int64, of which an
           unsigned integer of 2^63 or more has the bit pattern; ``true`` and ``false`` are 1 and 0
id         an integer from 0 to 2^63 - 1
hex        1 to 16 hexadecimal digits, stored as int64 (bit pattern)
text       the text, without the space around it
=========  ===========================================================================================================
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wideload.arrays import Flags
from wideload.datasets.readers.convert.missing import Missing
from wideload.datasets.readers.convert.typed import NOT_UTF8, NUL, Typed, found, mask_of, nulled
from wideload.datasets.text.words import nibbles_of, packed, words_at

NOT_A_NUMBER = "not a number"
NOT_FINITE = "not a finite number"
NOT_AN_INTEGER = "not an integer"
TOO_LARGE = "an integer of more than 64 bits"
NEGATIVE = "an id is negative"
NOT_COUNTED = "an id of 2^63 or more does not count from 0; read the column with kind = 'integer'"
NOT_HEX = "not a hexadecimal word"

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_NOT_FINITE = r"^[+-]?(?i:nan|inf|infinity)$"
_NAN = r"^[+-]?(?i:nan)$"
_INTEGER = r"^[+-]?\d+(\.0*)?$"
_HEX = r"^[0-9a-fA-F]{1,16}$"
_BOOLEAN = r"^(?i:true|false)$"
_LARGEST, _SMALLEST = "18446744073709551615", "-9223372036854775808"


def words(column: Any, missing: Missing) -> Typed:
    """Strings or bytes as trimmed strings; a missing one is null."""
    raw = column if pa.types.is_binary(column.type) else column.cast(pa.binary())
    nul = mask_of(pc.match_substring(raw, "\0"))
    text, bad = _decoded(nulled(raw, nul))
    trimmed = missing.in_text(pc.utf8_trim_whitespace(text))
    return Typed(trimmed, (*found(nul, NUL), *found(bad, NOT_UTF8)))


def _decoded(raw: Any) -> tuple[Any, Flags]:
    """Bytes as strings, and which of them are not UTF-8."""
    try:
        return raw.cast(pa.string()), np.zeros(len(raw), dtype=bool)
    except pa.ArrowInvalid:
        bad = np.array([value is not None and not _is_utf8(value) for value in raw.to_pylist()], dtype=bool)
        return nulled(raw, bad).cast(pa.string()), bad


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def parsed(text: Any, kind: str, missing: Missing) -> Typed:
    """Trimmed strings as values of a kind."""
    if kind == "text":
        return Typed(text)
    if kind == "number":
        return _numbers(text, missing)
    return _hexadecimals(text, missing) if kind == "hex" else _integers(text, kind == "id", missing)


def _numbers(text: Any, missing: Missing) -> Typed:
    try:
        values = _float32(text)
    except pa.ArrowInvalid:
        return _some_numbers(text, missing)
    if pc.all(pc.is_finite(values)).as_py() is False:
        return _some_numbers(text, missing)
    return Typed(missing.in_floats(values))


def _float32(text: Any) -> Any:
    """By way of float64, like a number that a Parquet file holds as float64: halfway cases round alike."""
    return text.cast(pa.float64()).cast(pa.float32(), safe=False)


def _some_numbers(text: Any, missing: Missing) -> Typed:
    """Numbers of a column in which not every text is one."""
    text = _zero_or_one(text)
    good, there = mask_of(pc.match_substring_regex(text, _NUMBER)), mask_of(text.is_valid())
    named = mask_of(pc.match_substring_regex(text, _NOT_FINITE))
    if missing.covers_nan:
        there &= ~mask_of(pc.match_substring_regex(text, _NAN))
    values = _float32(pc.replace_substring_regex(nulled(text, ~good), r"^\+", ""))
    infinite = good & ~mask_of(pc.is_finite(values))
    problems = (*found(there & ~good & ~named, NOT_A_NUMBER), *found(there & (named | infinite), NOT_FINITE))
    return Typed(missing.in_floats(nulled(values, infinite)), problems)


def _zero_or_one(text: Any) -> Any:
    """``true`` and ``false`` as ``1`` and ``0``."""
    boolean = pc.match_substring_regex(text, _BOOLEAN)
    if not pc.any(boolean).as_py():
        return text
    return pc.if_else(boolean, pc.if_else(pc.match_substring_regex(text, "^[tT]"), "1", "0"), text)


def _integers(text: Any, ids: bool, missing: Missing) -> Typed:
    text = _zero_or_one(text)
    good, there = mask_of(pc.match_substring_regex(text, _INTEGER)), mask_of(text.is_valid())
    if missing.covers_nan:
        there &= ~mask_of(pc.match_substring_regex(text, _NAN))
    plain = pc.replace_substring_regex(nulled(text, ~good), r"^\+|\.0*$", "")
    plain = pc.replace_substring_regex(plain, r"^(-?)0+(\d)", r"\1\2")
    plain = pc.replace_substring_regex(plain, "^-0$", "0")
    negative = mask_of(pc.starts_with(plain, "-"))
    values, large, counted = _wide(plain, negative)
    problems = [*found(there & ~good, NOT_AN_INTEGER), *found(large, TOO_LARGE)]
    if not ids:
        return Typed(missing.in_integers(values), tuple(problems))
    values = missing.in_integers(nulled(values, ~counted))
    negative = mask_of(pc.less(values, 0))
    problems += [*found(negative, NEGATIVE), *found(~counted & ~large, NOT_COUNTED)]
    return Typed(nulled(values, negative), tuple(problems))


def _wide(plain: Any, negative: Flags) -> tuple[Any, Flags, Flags]:
    """Signed and unsigned 64-bit integers as int64, which are too large for either, and which are below 2^63."""
    none = np.zeros(len(plain), dtype=bool)
    try:
        return plain.cast(pa.int64()), none, ~none
    except pa.ArrowInvalid:
        pass
    digits = pc.binary_length(plain)
    limit = pc.if_else(pa.array(negative), _SMALLEST, _LARGEST)
    fits = pc.or_(pc.less(digits, 20), pc.and_(pc.equal(digits, 20), pc.less_equal(plain, limit)))
    large = mask_of(pc.invert(fits))
    positive = nulled(plain, negative | large).cast(pa.uint64())
    signed = nulled(plain, ~negative | large).cast(pa.int64())
    bits = pc.fill_null(positive, 0).to_numpy(zero_copy_only=False).view(np.int64)
    values = pa.array(np.where(negative, pc.fill_null(signed, 0).to_numpy(zero_copy_only=False), bits))
    counted = negative | (bits >= 0)
    return nulled(values, large | ~mask_of(plain.is_valid())), large, counted


def _hexadecimals(text: Any, missing: Missing) -> Typed:
    good, there = mask_of(pc.match_substring_regex(text, _HEX)), mask_of(text.is_valid())
    padded = pc.utf8_lpad(pc.fill_null(nulled(text, ~good), "0"), 16, "0").cast(pa.binary()).to_pylist()
    data = np.frombuffer(b"".join(padded) + bytes(8), dtype=np.uint8)
    halves = words_at(data)[: 16 * len(padded) : 8].reshape(-1, 2)
    parts = packed(nibbles_of(halves).byteswap())
    values = pa.array(((parts[:, 0] << np.uint64(32)) | parts[:, 1]).view(np.int64))
    return Typed(missing.in_integers(nulled(values, ~good), "hex"), found(there & ~good, NOT_HEX))
