"""Exports whole tables from a checkpoint and imports them: Parquet folders, ``sqlite:PATH``, ``postgresql://...``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa

from wideload import _native
from wideload.errors import CheckpointError
from wideload.harness.checkpoints.manifest import Manifest
from wideload.harness.checkpoints.tables import database, parquet
from wideload.harness.checkpoints.tables.arrow import from_batch
from wideload.harness.checkpoints.tables.rewrite import by_shard, reader_of, rewritten
from wideload.harness.checkpoints.tables.rows import Rows, TableForm, joined

T = TypeVar("T")


def export_to(checkpoint: Path, target: str) -> dict[str, int]:
    """Writes all rows, exactly; returns the number of rows by table."""
    reader = reader_of(checkpoint)
    if not database.is_database(target):
        return {one.table: one.rows for one in parquet.write_exact(reader, Path(target))}
    with database.connected(target) as connection:
        return database.write(connection, reader)


def import_from(source: str, like: Path, out: Path) -> Manifest:
    """The checkpoint ``like`` with the rows of ``source``, as a new checkpoint at ``out``.

    Raises:
        CheckpointError: the source lacks a table, or its rows do not fit.
    """
    reader = reader_of(like)
    if not database.is_database(source):
        files = {parquet.read_form(path): path for path in parquet.files_in(Path(source))}
        return rewritten(like, out, reader, lambda form: _shards(form, parquet.batches(_found(form, files, source))))
    with database.connected(source) as connection:
        positions = {form: position for position, form in enumerate(database.forms(connection))}

        def stored(form: TableForm) -> Iterable[tuple[int, Rows]]:
            return _shards(form, database.batches(connection, _found(form, positions, source)))

        return rewritten(like, out, reader, stored)


def _found(form: TableForm, places: dict[TableForm, T], source: str) -> T:
    if form not in places:
        names = ", ".join(one.name for one in places) or "none"
        raise CheckpointError(f"{source} has no table {form.name!r} of the same declaration; it has {names}.")
    return places[form]


def _shards(form: TableForm, batches: Iterator[pa.RecordBatch]) -> Iterable[tuple[int, Rows]]:
    empty = Rows(np.empty(0, np.uint64), np.empty(0, _header()), np.empty((0, form.row_floats), np.float32))
    parts = [empty, *(from_batch(form, batch, _header()) for batch in batches)]
    return by_shard(form, joined(parts))


def _header() -> np.dtype[np.void]:
    """The form of a row's header."""
    header: np.dtype[np.void] = _native.shard_rows(_native.SparseTable("t", [_native.Slice("s", 1)]), 0)[1].dtype
    return header
