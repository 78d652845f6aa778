"""Table rows as Parquet, one file for each table: whole rows, which can be imported again, or weights alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from wideload.arrays import Floats, Integers
from wideload.errors import CheckpointError, UsageError
from wideload.harness.checkpoints.tables.arrow import reader_of
from wideload.harness.checkpoints.tables.database import form_of
from wideload.harness.checkpoints.tables.quantise import Packed, Precision, above, pack
from wideload.harness.checkpoints.tables.rows import TableForm, TableReader

_FORM = b"wideload.table"
GROUP_ROWS = 1 << 16
"""Rows of a row group, at least, as long as there are rows."""


@dataclass(frozen=True, slots=True)
class Exported:
    """One table's file: rows written and dropped, and the largest error of a weight that was kept."""

    table: str
    path: Path
    rows: int
    dropped: int = 0
    largest_error: float = 0.0


@dataclass(frozen=True, slots=True)
class Weighed:
    """A table of which only weights are written: its name, and the dimensions of its slices, in order."""

    table: str
    slices: Mapping[str, int]


def write_exact(reader: TableReader, folder: Path) -> list[Exported]:
    """Writes whole rows, including optimizer state."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_exact(reader, form, file_of(folder, form.name)) for form in reader.forms()]


def write_packed(reader: TableReader, folder: Path, precision: Precision, threshold: float = 0.0) -> list[Exported]:
    """Writes signs and weights of the rows that have a weight of at least ``threshold``."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for form in reader.forms():
        about = Weighed(form.name, {one.name: one.dimension for one in form.slices})
        chunks = ((rows.signs.view(np.int64), rows.floats[:, : form.width]) for _, rows in reader.shards(form))
        found.append(write_weights(file_of(folder, form.name), about, chunks, precision, threshold))
    return found


def read_form(path: Path) -> TableForm:
    """The form of the table that a file holds.

    Raises:
        CheckpointError: it is not an export of whole rows.
    """
    try:
        metadata = pq.read_schema(path).metadata or {}
        return form_of(json.loads(metadata[_FORM]))
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise CheckpointError(f"{path} is not an export of a table's whole rows: {error}.") from None


def batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The rows of a file."""
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches()


def files_in(folder: Path) -> list[Path]:
    """The files of an export.

    Raises:
        UsageError: there are none.
    """
    found = sorted(folder.glob("*.parquet"))
    if not found:
        raise UsageError(f"{folder} holds no *.parquet; name the folder that an export wrote.")
    return found


def file_of(folder: Path, table: str) -> Path:
    """The file of a table. A table's name cannot lead out of the folder."""
    return folder / f"{quote(table, safe='')}.parquet"


def _exact(reader: TableReader, form: TableForm, path: Path) -> Exported:
    stream = reader_of(form, reader.shards(form))
    schema = stream.schema.with_metadata({_FORM: json.dumps(asdict(form))})
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        rows = _write(writer, stream)
    return Exported(form.name, path, rows)


def write_weights(
    path: Path, about: Weighed, chunks: Iterable[tuple[Integers, Floats]], precision: Precision, threshold: float
) -> Exported:
    """Writes signs ``[n]`` and weights ``[n, width]`` of one table in chunks, without rows below ``threshold``."""
    dropped, worst = 0, 0.0

    def packed() -> Iterator[pa.RecordBatch]:
        nonlocal dropped, worst
        for signs, weights in chunks:
            kept = above(weights, threshold)
            small = pack(np.ascontiguousarray(weights[kept]), precision)
            dropped, worst = dropped + int((~kept).sum()), max(worst, small.largest_error)
            yield _packed_batch(signs[kept], small, writer.schema)

    with pq.ParquetWriter(path, _packed_schema(about, precision), compression="zstd") as writer:
        written = _write(writer, packed())
    return Exported(about.table, path, written, dropped, worst)


def _write(writer: Any, batches: Iterable[pa.RecordBatch]) -> int:
    """Writes batches, joined to row groups that are not too small for readers; returns the number of rows."""
    rows, pending = 0, []
    for batch in batches:
        pending.append(batch)
        if sum(map(len, pending)) >= GROUP_ROWS:
            writer.write_table(pa.Table.from_batches(pending))
            pending = []
        rows += len(batch)
    if pending:
        writer.write_table(pa.Table.from_batches(pending))
    return rows


def _packed_schema(about: Weighed, precision: Precision) -> pa.Schema:
    kind = {"fp32": pa.float32(), "fp16": pa.float16(), "bf16": pa.uint16(), "int8": pa.int8()}[precision]
    width = sum(about.slices.values())
    fields = [pa.field("sign", pa.int64()), pa.field("weights", pa.list_(kind, width))]
    fields += [pa.field("scale", pa.float32())] if precision == "int8" else []
    metadata = {"wideload.precision": precision, "wideload.slices": json.dumps(about.slices)}
    return pa.schema(fields, metadata=metadata)


def _packed_batch(signs: npt.NDArray[np.int64], packed: Packed, schema: pa.Schema) -> pa.RecordBatch:
    flat = pa.array(packed.values.reshape(-1), schema.field("weights").type.value_type)
    weights = pa.FixedSizeListArray.from_arrays(flat, type=schema.field("weights").type)
    columns = [pa.array(signs), weights] + ([pa.array(packed.scale)] if packed.scale is not None else [])
    return pa.RecordBatch.from_arrays(columns, schema=schema)
