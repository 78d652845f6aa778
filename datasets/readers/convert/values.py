"""One value per row, of any Arrow type, as the kind of a field.

=====================  ================================================================================================
raw column             read as
=====================  ================================================================================================
text, bytes            parsed, see :mod:`wideload.datasets.readers.convert.text`; decimals and dictionaries likewise
integers               themselves; an unsigned one of 2^63 or more keeps its bits
floating point         as ``integer`` or ``id``: itself, where it is a whole number that the type holds exactly
boolean                1 or 0; as ``text``: ``true`` or ``false``
dates and times        as numbers: Arrow's integer, in the unit of the column
lists                  the only element; several are an error of the row
=====================  ================================================================================================
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wideload.arrays import Flags
from wideload.datasets.readers.convert import text as texts
from wideload.datasets.readers.convert.missing import Missing
from wideload.datasets.readers.convert.typed import Typed, found, is_list, is_text, mask_of, nulled

SEVERAL = "several values where one is expected"


def scalar(column: Any, kind: str, missing: Missing) -> Typed:
    """The values of a column, as a kind.

    Raises:
        ValueError: the column's type cannot be read as that kind.
    """
    if is_list(column.type):
        first, several = only(column)
        typed = scalar(first, kind, missing)
        return Typed(typed.values, (*found(several, SEVERAL), *typed.problems))
    column = simple(column)
    if kind in ("text", "hex") and not is_text(column.type) and not (kind == "hex" and _is_integer(column.type)):
        column = as_text(column)
    if is_text(column.type):
        text = texts.words(column, missing)
        typed = texts.parsed(text.values, kind, missing)
        return Typed(typed.values, (*text.problems, *typed.problems))
    return _floats(column, missing) if kind == "number" else _integers(column, kind, missing)


def only(column: Any) -> tuple[Any, Flags]:
    """The only element of each list, or null; and which lists have several."""
    lengths = np.asarray(pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False))
    starts = np.cumsum(lengths) - lengths
    return column.flatten().take(pa.array(starts, mask=lengths != 1)), lengths > 1


def simple(column: Any) -> Any:
    """The column without dictionaries, decimals, and types that are only another size or a name of a simple one.

    Raises:
        ValueError: it holds structures.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        return simple(column.dictionary.take(column.indices))
    if pa.types.is_null(kind) or pa.types.is_decimal(kind) or pa.types.is_large_string(kind):
        return column.cast(pa.string())
    if pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return column.cast(pa.binary())
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        return column.cast(pa.string() if pa.types.is_string_view(kind) else pa.binary())
    if pa.types.is_nested(kind):
        raise ValueError(f"a column of type {kind} holds no single values")
    return column


def _is_integer(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind))


def as_text(column: Any) -> Any:
    """Numbers as text; whole floating-point numbers up to 10^15 without a fraction."""
    if not pa.types.is_floating(column.type):
        return column.cast(pa.string())
    whole = pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), 1e15))
    integers = pc.if_else(pc.fill_null(whole, False), column, None).cast(pa.int64(), safe=False)
    return pc.coalesce(integers.cast(pa.string()), column.cast(pa.string()))


def _floats(column: Any, missing: Missing) -> Typed:
    if pa.types.is_temporal(column.type):
        column = _ticks(column)
    if pa.types.is_floating(column.type):
        column = nulled(column, missing.nan(column))
    elif pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    values = column.cast(pa.float32(), safe=False)
    infinite = mask_of(pc.invert(pc.is_finite(values)))
    return Typed(missing.in_floats(nulled(values, infinite)), found(infinite, texts.NOT_FINITE))


def _ticks(column: Any) -> Any:
    """Dates and times as the integers that Arrow stores."""
    narrow = pa.types.is_date32(column.type) or pa.types.is_time32(column.type)
    return column.cast(pa.int32()) if narrow else column.cast(pa.int64())


def _integers(column: Any, kind: str, missing: Missing) -> Typed:
    if pa.types.is_temporal(column.type):
        column = _ticks(column)
    if pa.types.is_floating(column.type):
        return _whole(nulled(column, missing.nan(column)), kind, missing)
    if pa.types.is_uint64(column.type):
        bits = pc.fill_null(column, 0).to_numpy(zero_copy_only=False).view(np.int64)
        beyond = bits < 0
        values = nulled(pa.array(bits), mask_of(column.is_null()))
        return _counted(values, kind, beyond, missing)
    values = (column.cast(pa.int8()) if pa.types.is_boolean(column.type) else column).cast(pa.int64())
    return _counted(values, kind, np.zeros(len(column), dtype=bool), missing)


def _counted(values: Any, kind: str, beyond: Flags, missing: Missing) -> Typed:
    """int64 values, of which those of a kind ``id`` must count from 0; ``beyond``: those of 2^63 or more."""
    if kind != "id":
        return Typed(missing.in_integers(values, kind))
    values = missing.in_integers(nulled(values, beyond))
    negative = mask_of(pc.less(values, 0))
    problems = (*found(negative, texts.NEGATIVE), *found(beyond, texts.NOT_COUNTED))
    return Typed(nulled(values, negative), problems)


def _whole(column: Any, kind: str, missing: Missing) -> Typed:
    """Whole floating-point numbers; beyond the type's precision it is not known which integer was meant."""
    limit = 2.0 ** {16: 11, 32: 24, 64: 53}[column.type.bit_width]
    plain = pc.fill_null(column, 0).to_numpy(zero_copy_only=False).astype(np.float64)
    bad = ~((np.abs(plain) <= limit) & (np.floor(plain) == plain))
    values = pa.array(np.where(bad, 0, plain).astype(np.int64))
    typed = _counted(nulled(values, bad | mask_of(column.is_null())), kind, np.zeros(len(plain), dtype=bool), missing)
    return Typed(typed.values, (*found(bad, texts.NOT_AN_INTEGER), *typed.problems))
