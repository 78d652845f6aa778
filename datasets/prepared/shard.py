"""One Parquet shard: written completely or not at all, described by a :class:`ShardEntry`, read by row group."""

from __future__ import annotations

import zlib
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from wideload import files
from wideload.datasets.prepared.location import Place, verify
from wideload.datasets.prepared.manifest import GroupEntry, ShardEntry
from wideload.errors import DataError

ROWS_PER_GROUP = 16_384
ROWS_PER_SHARD = 64 * ROWS_PER_GROUP
BYTES_PER_GROUP = 2**25
"""A row group of long rows ends early, because readers hold several row groups in memory."""


class ShardWriter:
    """Writes one shard; no file exists under its name until :meth:`close`."""

    def __init__(self, path: Path, schema: pa.Schema, rows_per_group: int = ROWS_PER_GROUP) -> None:
        self.path = path
        self.rows = 0
        self._rows_per_group = rows_per_group
        self._partial = files.partial_file(path)
        strings = [_leaf(field) for field in schema if _is_text(field.type)]
        self._writer = pq.ParquetWriter(
            self._partial, schema, compression="lz4", use_dictionary=strings, write_statistics=False
        )
        self._waiting: list[pa.Table] = []
        self._waiting_rows = self._waiting_bytes = 0

    def write(self, table: pa.Table) -> None:
        """Appends rows (few bytes compared with a row group) and writes every row group that is full."""
        self.rows += table.num_rows
        self._waiting.append(table)
        self._waiting_rows += table.num_rows
        self._waiting_bytes += table.nbytes
        while self._waiting_rows >= self._rows_per_group:
            self._flush(self._rows_per_group)
        if self._waiting_bytes >= BYTES_PER_GROUP:
            self._flush(self._waiting_rows)

    def _flush(self, rows: int) -> None:
        whole = pa.concat_tables(self._waiting)
        self._writer.write_table(whole.slice(0, rows), row_group_size=rows)
        rest = whole.slice(rows)
        self._waiting, self._waiting_rows, self._waiting_bytes = [rest], rest.num_rows, rest.nbytes

    def close(self) -> ShardEntry:
        """Finishes the file and renames it to its final name."""
        if self._waiting_rows:
            self._flush(self._waiting_rows)
        self._writer.close()
        entry = describe_shard(self._partial, self.path.name)
        files.publish(self._partial, self.path)
        return entry

    def abandon(self) -> None:
        """Removes the unfinished file."""
        self._writer.close()
        self._partial.unlink(missing_ok=True)

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.abandon()


def _leaf(field: Any) -> str:
    """Returns the name that Parquet gives to the values of a column."""
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else str(field.name)


def _is_text(kind: pa.DataType) -> bool:
    inner = kind.value_type if pa.types.is_list(kind) else kind
    return bool(pa.types.is_string(inner) or pa.types.is_dictionary(inner))


def describe_shard(path: Path, name: str) -> ShardEntry:
    """Returns the row groups and checksums of a finished Parquet file."""
    metadata = pq.read_metadata(path)
    groups, end = [], 4
    with path.open("rb") as file:
        for index in range(metadata.num_row_groups):
            group = metadata.row_group(index)
            begin, stop = end, _end_of(group)
            file.seek(begin)
            groups.append(
                GroupEntry(
                    rows=group.num_rows, offset=begin, length=stop - begin, crc32=zlib.crc32(file.read(stop - begin))
                )
            )
            end = stop
        file.seek(end)
        footer = file.read()
    return ShardEntry(
        file=name, length=end + len(footer), footer_offset=end, footer_crc32=zlib.crc32(footer), groups=tuple(groups)
    )


def _end_of(group: Any) -> int:
    """Returns the offset of the first byte after a row group's column chunks."""
    ends = []
    for index in range(group.num_columns):
        chunk = group.column(index)
        start = chunk.data_page_offset
        if chunk.dictionary_page_offset:
            start = min(start, chunk.dictionary_page_offset)
        ends.append(start + chunk.total_compressed_size)
    return int(max(ends))


class ShardReader:
    """Reads the row groups of one shard and checks every byte that it reads against the manifest."""

    def __init__(self, place: Place, entry: ShardEntry, dictionary: list[str] | None = None) -> None:
        self._name = place.path(entry.file)
        self._entry = entry
        self._source = place.source(entry.file)
        length = self._source.size()
        if length != entry.length:
            raise DataError(f"{self._name} is truncated or overwritten: {length} bytes, expected {entry.length}.")
        verify(self._source, entry.footer_offset, length - entry.footer_offset, entry.footer_crc32, self._name)
        try:
            self._file = pq.ParquetFile(self._source, read_dictionary=dictionary, memory_map=False, pre_buffer=False)
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{self._name} is not readable Parquet: {error}.") from None

    def read(self, group: int, columns: list[str]) -> pa.Table:
        """Reads one row group.

        Raises:
            DataError: its bytes are damaged, or a column is missing.
        """
        entry = self._entry.groups[group]
        verify(self._source, entry.offset, entry.length, entry.crc32, self._name)
        try:
            table = self._file.read_row_group(group, columns=columns, use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{self._name}: row group {group} is not readable: {error}.") from None
        missing = sorted(set(columns) - set(table.column_names))
        if missing or table.num_rows != entry.rows:
            raise DataError(
                f"{self._name}: row group {group} does not match the manifest (missing columns: {missing})."
            )
        return table

    def close(self) -> None:
        self._file.close()
        self._source.close()
