"""The time of a row, for a split by time: float64 or int64, growing with time.

=====================  ================================================================================================
raw value              read as
=====================  ================================================================================================
a number, or its text  itself: seconds, milliseconds, whole or with a fraction, or any other number that grows with time
ISO 8601 text          microseconds since 1970 in UTC: ``2026-01-31``, ``2026-01-31T23:59:59.123Z``,
                       ``2026-01-31 23:59+01:00``; without a zone it is taken as UTC
Arrow timestamps       microseconds since 1970 in UTC, of every unit and zone; dates likewise
=====================  ================================================================================================

A column must keep to one form: a number and an ISO time cannot be compared.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from wideload.datasets.readers.convert.missing import Missing
from wideload.datasets.readers.convert.text import words
from wideload.datasets.readers.convert.typed import Problem, Typed, found, is_list, is_text, mask_of, nulled
from wideload.datasets.readers.convert.values import only, simple

NOT_A_TIME = "not a time"

_ISO = (
    r"^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(:\d\d)?(?:[.,]\d+)?)?"
    r"\s?(?:[Zz]|[+-]\d\d(?::?\d\d)?)?$"
)
_PARTS = (
    r"^(?P<day>\d{4}-\d\d-\d\d)(?:[Tt ](?P<minute>\d\d:\d\d)(?P<second>:\d\d)?(?:[.,](?P<fraction>\d{1,6})\d*)?)?"
    r"\s?(?P<zone>[Zz]|[+-]\d\d(?::?\d\d)?)?$"
)
_UTC = pa.timestamp("us", "UTC")
_MICROSECONDS = {"seconds": 1e6, "milliseconds": 1e3, "microseconds": 1.0, "nanoseconds": 1e-3}
_FIRST, _LAST = 631_152_000e6, 4_102_444_800e6
"""1990 and 2100 in microseconds since 1970."""


def unit_of(example: float) -> float | None:
    """Microseconds in the unit of numbers like this one, if they count from 1970; None where they do not."""
    return next((micros for micros in _MICROSECONDS.values() if _FIRST <= example * micros <= _LAST), None)


def moments(column: Any, missing: Missing) -> Typed:
    """The times of a column as timestamps in microseconds; null where there is none.

    A text keeps the clock of its zone: ``23:30+02:00`` is half past eleven, whatever it is in UTC.

    Raises:
        ValueError: the column holds no times, or numbers that do not count from 1970.
    """
    if is_list(column.type):
        column = only(column)[0]
    column = simple(column)
    problems: tuple[Problem, ...] = ()
    if is_text(column.type):
        text = words(column, missing)
        problems = text.problems
        column = pc.replace_substring_regex(text.values, r"(:\d\d(?:[.,]\d+)?)\s?[+-]\d\d(?::?\d\d)?$", r"\1")
    iso = not is_text(column.type) or bool(pc.any(pc.match_substring_regex(column, _ISO)).as_py())
    typed = times(column, missing)
    if pa.types.is_temporal(column.type) or (is_text(column.type) and iso):
        return Typed(typed.values.cast(pa.timestamp("us")), (*problems, *typed.problems))
    known = typed.values.drop_null()
    micros = unit_of(float(known[0].as_py())) if len(known) else 1.0
    if micros is None:
        raise ValueError(f"numbers like {known[0]} do not count from 1970")
    values = pc.multiply(typed.values.cast(pa.float64(), safe=False), micros)
    return Typed(pc.floor(values).cast(pa.int64(), safe=False).cast(pa.timestamp("us")), (*problems, *typed.problems))


def times(column: Any, missing: Missing) -> Typed:
    """The times of a column; null where there is none.

    Raises:
        ValueError: the column's type holds no times.
    """
    if is_list(column.type):
        column = only(column)[0]
    column = simple(column)
    if is_text(column.type):
        return _of_text(column, missing)
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return Typed(_micros(column))
    if pa.types.is_boolean(column.type) or pa.types.is_temporal(column.type):
        raise ValueError(f"a column of type {column.type} holds no times")
    if pa.types.is_integer(column.type):
        return Typed(missing.in_integers(column.cast(pa.int64(), safe=False)))
    plain = column.cast(pa.float64())
    bad = mask_of(pc.invert(pc.is_finite(plain))) & ~missing.nan(plain)
    return Typed(nulled(plain, mask_of(pc.invert(pc.is_finite(plain)))), found(bad, NOT_A_TIME))


def _micros(column: Any) -> Any:
    """Timestamps and dates as microseconds since 1970."""
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        nanos = column.cast(pa.int64())
        return pc.floor(pc.divide(nanos.cast(pa.float64(), safe=False), 1000.0)).cast(pa.int64(), safe=False)
    zone = getattr(column.type, "tz", None)
    return column.cast(pa.timestamp("us", zone)).cast(pa.int64())


def _of_text(column: Any, missing: Missing) -> Typed:
    text = words(column, missing)
    try:
        return Typed(text.values.cast(pa.int64()), text.problems)
    except pa.ArrowInvalid:
        pass
    iso = mask_of(pc.match_substring_regex(text.values, _ISO))
    moments = _moments(nulled(text.values, ~iso))
    numbers = _numbers(nulled(text.values, iso))
    bad = mask_of(text.values.is_valid()) & mask_of(moments.is_null()) & mask_of(numbers.is_null())
    if iso.any():
        numbers = numbers.cast(pa.int64(), safe=False)
    values = pc.coalesce(moments, numbers) if iso.any() else numbers
    return Typed(values, (*text.problems, *found(bad, NOT_A_TIME)))


def _numbers(text: Any) -> Any:
    """Texts as float64; null where one is no finite number."""
    good = mask_of(pc.match_substring_regex(text, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"))
    values = pc.replace_substring_regex(nulled(text, ~good), r"^\+", "").cast(pa.float64())
    return nulled(values, mask_of(pc.invert(pc.is_finite(values))))


def _moments(text: Any) -> Any:
    """ISO texts as microseconds since 1970, int64; null where the calendar or the clock has no such moment."""
    if text.null_count == len(text):
        return pa.nulls(len(text), pa.int64())
    parts = pc.extract_regex(text, _PARTS)
    day, minute, second, fraction, zone = (pc.struct_field(parts, n) for n in range(5))
    minute, second = _or(minute, "00:00"), _or(second, ":00")
    fraction = pc.utf8_rpad(pc.coalesce(fraction, pa.scalar("")), 6, "0")
    zone = pc.utf8_upper(_or(zone, "Z"))
    whole = pc.binary_join_element_wise(day, "T", minute, second, ".", fraction, zone, "")
    try:
        return whole.cast(_UTC).cast(pa.int64())
    except pa.ArrowInvalid:
        return pa.array([_moment(one) for one in whole.to_pylist()], pa.int64())


def _or(values: Any, default: str) -> Any:
    return pc.if_else(pc.equal(pc.fill_null(values, ""), ""), default, values)


def _moment(text: str | None) -> int | None:
    """One text, as far as the calendar has it."""
    try:
        return None if text is None else int(pa.scalar(text).cast(_UTC).cast(pa.int64()).as_py())
    except pa.ArrowInvalid:
        return None
