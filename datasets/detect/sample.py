"""The first rows of a file as columns of text: what every format has in common.

Numbers of Parquet and TFRecord become text as they are read where a layout says ``text``, times ISO 8601 text, lists
lists of text.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wideload.datasets.detect.dialect import Dialect, dialect_of
from wideload.datasets.readers import tfrecord
from wideload.datasets.readers.convert.typed import is_list
from wideload.datasets.readers.convert.values import as_text, simple
from wideload.datasets.readers.sources import keys_of
from wideload.datasets.text.blocks import blocks
from wideload.datasets.text.cells import split
from wideload.errors import DataError

ROWS = 100_000
_BLOCKS = 8
"""Rows of Parquet and TFRecord, and blocks of 1 MiB of text, that are looked at."""

Format = Literal["csv", "parquet", "tfrecord", "libsvm", "libffm"]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The first rows of a file.

    Attributes:
        dialect: of a text file.
        columns: string arrays, or lists of strings; none of libsvm and libffm.
        repeated: names that occur more than once in a header.
        rows: number of rows; whole: whether these are all rows of the file.
        rejected: lines that cannot be read.
    """

    source: str
    format: Format
    dialect: Dialect | None
    columns: dict[str, Any]
    repeated: tuple[str, ...] = ()
    rows: int = 0
    whole: bool = True
    rejected: int = 0


def sample(source: str) -> Sample:
    """The first rows of a file.

    Raises:
        DataError: it cannot be read, or has no form that is known.
    """
    if _is_parquet(source):
        return _parquet(source)
    if ".tfrecord" in Path(source).name.lower():
        return _tfrecord(source)
    dialect = dialect_of(source)
    return _cells(source, dialect) if dialect.format == "csv" else Sample(source, dialect.format, dialect, {})


def _is_parquet(source: str) -> bool:
    if "://" in source:
        return source.lower().endswith(".parquet")
    with Path(source).open("rb") as file:
        return file.read(4) == b"PAR1"


def _parquet(source: str) -> Sample:
    try:
        with pq.ParquetFile(source) as file:
            rows = file.metadata.num_rows
            table = pa.Table.from_batches(
                itertools.islice(file.iter_batches(2**14), -(-ROWS // 2**14)), file.schema_arrow
            )
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{source} is not readable Parquet: {error}") from None
    names = [name for name in table.column_names if table.column_names.count(name) == 1]
    columns = {name: _text(table[name].combine_chunks()) for name in names}
    keys = {name: pa.array([value] * table.num_rows, pa.string()) for name, value in keys_of(source).items()}
    repeated = tuple(dict.fromkeys(name for name in table.column_names if name not in names))
    return Sample(source, "parquet", None, keys | columns, repeated, table.num_rows, table.num_rows == rows)


def _tfrecord(source: str) -> Sample:
    rows = list(itertools.islice(tfrecord.examples(source), ROWS + 1))
    shown = rows[:ROWS]
    names = dict.fromkeys(name for row in shown for name in row)
    columns = {}
    for name in names:
        values = [row.get(name, []) for row in shown]
        single = all(len(value) <= 1 for value in values)
        array = pa.array([value[0] if value else None for value in values] if single else values)
        columns[name] = _text(array.cast(pa.binary()) if pa.types.is_binary(array.type) else array)
    return Sample(source, "tfrecord", None, columns, (), len(shown), len(rows) <= ROWS)


def _text(column: Any) -> Any:
    """Values as strings, lists as lists of strings; bytes that are no UTF-8 as null."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if is_list(column.type):
        inner = _text(column.flatten())
        lengths = pc.fill_null(pc.list_value_length(column), 0)
        offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
        return pa.ListArray.from_arrays(offsets, inner)
    column = simple(column)
    if pa.types.is_boolean(column.type):
        return column.cast(pa.int8()).cast(pa.string())
    try:
        return column if pa.types.is_string(column.type) else as_text(column)
    except pa.ArrowInvalid:
        return pa.array([_decoded(value) for value in column.to_pylist()], pa.string())


def _decoded(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _cells(source: str, dialect: Dialect) -> Sample:
    quoted = dialect.delimiter if dialect.quoted and len(dialect.delimiter) == 1 else None
    parts: list[list[Any]] = []
    rows, rejected, read = 0, 0, 0
    for block in itertools.islice(blocks(source, quoted=quoted), _BLOCKS):
        found, rejects = split(block, dialect.delimiter, len(dialect.names), dialect.quoted)
        if read == 0 and dialect.header:
            found = found.kept(found.lines != 1)
        parts.append([found.bytes_of(place).cast(pa.string()) for place in range(len(dialect.names))])
        rows, rejected, read = rows + len(found), rejected + len(rejects), read + 1
    ended = read < _BLOCKS
    names = dialect.names
    repeated = tuple(dict.fromkeys(name for name in names if names.count(name) > 1))
    columns = {
        name: pa.concat_arrays([part[place] for part in parts])
        for place, name in enumerate(names)
        if name not in repeated
    }
    keys = {name: pa.array([value] * rows, pa.string()) for name, value in keys_of(source).items()}
    return Sample(source, "csv", dialect, keys | columns, repeated, rows, ended, rejected)
