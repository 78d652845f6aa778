"""Rows of Parquet files described by a layout, some thousand at a time; a position counts batches of rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wideload.arrays import Integers
from wideload.datasets.readers.contract import Block
from wideload.datasets.readers.convert.join import own_columns
from wideload.datasets.readers.convert.rows import Name, convert
from wideload.datasets.readers.delimited import repeated
from wideload.datasets.readers.layout import Layout
from wideload.datasets.readers.sources import keys_of
from wideload.datasets.rejects import Reject
from wideload.datasets.text.blocks import Position
from wideload.errors import DataError

_ROWS = 16_384
_SHOWN = 200


def read(source: str, layout: Layout, start: Position) -> Iterator[Block]:
    """Yields the rows of one file; ``start.offset`` counts the batches of rows that were read before.

    Raises:
        DataError: the file is not readable Parquet, or a column is missing, is there twice or does not convert.
    """
    try:
        with pq.ParquetFile(source) as file:
            keys = {name: value for name, value in keys_of(source).items() if name not in file.schema_arrow.names}
            wanted = [str(name) for name in own_columns(layout, source) if name not in keys]
            _check(source, wanted, file.schema_arrow.names)
            line = start.line
            for index, batch in enumerate(file.iter_batches(_ROWS, columns=wanted, use_threads=False)):
                if index >= start.offset:
                    yield _block(with_keys(batch, keys), layout, source, Position(index, line))
                    line += batch.num_rows
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{source} is not readable Parquet: {error}") from None


def _check(source: str, wanted: list[str], names: list[str]) -> None:
    absent = [name for name in wanted if name not in names]
    if absent:
        raise DataError(f"{source} has no column {absent[0]!r}. It has: {', '.join(names)}.")
    twice = repeated(names, wanted)
    if twice:
        raise DataError(f"{source} has {twice} more than once; rename one of them.")


def _block(batch: pa.RecordBatch, layout: Layout, source: str, at: Position) -> Block:
    lines = np.arange(at.line + 1, at.line + 1 + batch.num_rows)
    done = convert(_ParquetColumns(batch, lines), layout, source)
    rejects = [Reject(source, at.line + row + 1, why, _shown(batch, row)) for row, why in sorted(done.reasons.items())]
    after = Position(at.offset + 1, at.line + batch.num_rows)
    return Block(done.table, rejects, after, 0, done.dropped, done.unmatched)


def with_keys(batch: pa.RecordBatch, keys: dict[str, str | None]) -> pa.RecordBatch:
    """The rows with the columns that the file's folders stand for."""
    for name, value in keys.items():
        batch = batch.append_column(name, pa.array([value] * batch.num_rows, pa.string()))
    return batch


def _shown(batch: pa.RecordBatch, row: int) -> str:
    """The beginning of a row, for messages; bytes that are not UTF-8 are shown as escapes."""
    cells = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            value = column[row].as_py()
        except UnicodeDecodeError:
            value = column[row].cast(pa.binary()).as_py().decode("utf-8", "backslashreplace")
        cells.append(f"{name!r}: {value!r}")
    return f"{{{', '.join(cells)}}}"[:_SHOWN]


class _ParquetColumns:
    def __init__(self, batch: pa.RecordBatch, lines: Integers) -> None:
        self._batch, self.lines = batch, lines

    def column(self, name: Name, kind: str) -> Any:  # noqa: ARG002
        return self._batch.column(str(name))

    def quick(self, name: Name, kind: str) -> Any | None:  # noqa: ARG002
        return None
