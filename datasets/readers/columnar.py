"""Rows of Parquet files by a layout, some thousand at a time; positions count how often."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wideload.datasets.readers.contract import ROW, SPLIT, TIME, Block
from wideload.datasets.readers.layout import InputField, Label, Layout
from wideload.datasets.rejects import Reject
from wideload.datasets.text.blocks import Position
from wideload.errors import DataError

_ROWS = 16_384


def read(source: str, layout: Layout, start: Position) -> Iterator[Block]:
    """Rows of one file; ``start.offset`` counts batches of rows that were read before.

    Raises:
        DataError: the file is not readable Parquet, or a column is missing or of a type that does not convert.
    """
    try:
        with pq.ParquetFile(source) as file:
            wanted = [str(name) for name in _wanted(layout)]
            absent = [name for name in wanted if name not in file.schema_arrow.names]
            if absent:
                raise DataError(f"{source} has no column {absent[0]!r}. It has: {', '.join(file.schema_arrow.names)}.")
            line = start.line
            for index, batch in enumerate(file.iter_batches(_ROWS, columns=wanted, use_threads=False)):
                if index >= start.offset:
                    yield convert(pa.Table.from_batches([batch]), layout, source, Position(index, line))
                    line += batch.num_rows
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{source} is not readable Parquet: {error}") from None


def _wanted(layout: Layout) -> list[str | int]:
    fields = [field.source for field in layout.field]
    extra = [field.weights for field in layout.field if field.weights]
    return list(dict.fromkeys([layout.label.column, *fields, *extra, *_optional(layout)]))


def _optional(layout: Layout) -> list[str | int]:
    return [column for column in (layout.time, layout.split) if column is not None]


def convert(table: pa.Table, layout: Layout, source: str, at: Position, found: dict[int, str] | None = None) -> Block:
    """A table with the source's columns as a block; ``at`` is where it began, ``found`` the rows known to be bad.

    Raises:
        DataError: a column is of a type that does not convert.
    """
    bad = found if found is not None else {}
    arrays: dict[str, Any] = {"label": _label(table, layout.label, source, bad)}
    for field in layout.field:
        arrays[field.name] = _field(table, field, source, bad)
    for field in layout.field:
        if field.weights:
            arrays[field.weights] = _cast(table, field.weights, pa.list_(pa.float32()), source)
            _compare(arrays[field.name], arrays[field.weights], field, bad)
    if layout.time is not None:
        arrays[TIME] = _time(table[str(layout.time)], str(layout.time), source)
    if layout.split is not None:
        arrays[SPLIT] = _cast(table, str(layout.split), pa.string(), source)
        arrays[ROW] = pa.array(np.arange(at.line + 1, at.line + 1 + table.num_rows))
    whole = pa.table(arrays)
    if bad:
        keep = np.ones(table.num_rows, dtype=bool)
        keep[list(bad)] = False
        whole = whole.filter(pa.array(keep))
    rejects = [Reject(source, at.line + row + 1, why, _shown(table, row)) for row, why in sorted(bad.items())]
    return Block(whole, rejects, Position(at.offset + 1, at.line + table.num_rows))


def _shown(table: pa.Table, row: int) -> str:
    return str(table.slice(row, 1).to_pylist()[0])[:200]


def _note(bad: dict[int, str], mask: npt.NDArray[np.bool_], why: str) -> None:
    for row in np.flatnonzero(mask):
        bad.setdefault(int(row), why)


def _cast(table: pa.Table, name: str, kind: Any, source: str) -> Any:
    column = table[name].combine_chunks()
    try:
        return column.cast(kind)
    except pa.ArrowException as error:
        raise DataError(f"{source}: column {name!r} ({column.type}) cannot be read as {kind}: {error}") from None


def _label(table: pa.Table, label: Label, source: str, bad: dict[int, str]) -> Any:
    name = str(label.column)
    if label.positive is not None:
        values = _cast(table, name, pa.string(), source)
        _note(bad, np.asarray(values.is_null()), f"column {name!r}: the label is missing")
        return pc.is_in(values, value_set=pa.array(label.positive, pa.string())).cast(pa.float32())
    plain = pc.fill_null(_cast(table, name, pa.float32(), source), float("nan")).to_numpy(zero_copy_only=False)
    _note(bad, np.isnan(plain), f"column {name!r}: the label is missing")
    if label.at_least is not None:
        return pa.array((plain >= label.at_least).astype(np.float32))
    _note(bad, (plain != 0) & (plain != 1), f"column {name!r}: the label is neither 0 nor 1")
    return pa.array((plain == 1).astype(np.float32))


def _field(table: pa.Table, field: InputField, source: str, bad: dict[int, str]) -> Any:
    column = _cast(table, str(field.source), field.stored, source)
    if field.kind == "number":
        unfit = np.asarray(pc.fill_null(pc.invert(pc.is_finite(column)), False))
        _note(bad, unfit, f"column {field.source!r}: not a finite number")
    if field.kind == "id":
        _note(bad, _with_negative(column), f"column {field.source!r}: an id is negative")
    return column


def _with_negative(column: Any) -> npt.NDArray[np.bool_]:
    if not pa.types.is_list(column.type):
        return np.asarray(pc.fill_null(pc.less(column, 0), False))
    negative = np.asarray(pc.fill_null(pc.less(column.flatten(), 0), False))
    mask = np.zeros(len(column), dtype=bool)
    mask[np.asarray(pc.list_parent_indices(column))[negative]] = True
    return mask


def _compare(values: Any, weights: Any, field: InputField, bad: dict[int, str]) -> None:
    lengths = [pc.fill_null(pc.list_value_length(column), 0) for column in (values, weights)]
    _note(bad, np.asarray(pc.not_equal(*lengths)), f"column {field.source!r}: not one weight per value")


def _time(column: Any, name: str, source: str) -> Any:
    column = column.combine_chunks()
    if pa.types.is_temporal(column.type):
        column = column.cast(pa.timestamp("us")) if pa.types.is_date(column.type) else column
        return column.cast(pa.int64())
    try:
        return column.cast(pa.int64())
    except pa.ArrowException as error:
        raise DataError(f"{source}: column {name!r} ({column.type}) is no time: {error}") from None
