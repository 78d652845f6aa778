"""Table rows as Parquet: exact (one file a table that imports again), or weights alone in fewer bits for serving."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from wideload.errors import CheckpointError, UsageError
from wideload.harness.checkpoints.arrow import reader_of
from wideload.harness.checkpoints.quantise import Packed, Precision, above, pack
from wideload.harness.checkpoints.rows import TableForm, TableReader

_FORM = b"wideload.table"


@dataclass(frozen=True, slots=True)
class Exported:
    """One table's file: rows written and dropped, and the largest error of a weight that was kept."""

    table: str
    path: Path
    rows: int
    dropped: int = 0
    largest_error: float = 0.0


def write_exact(reader: TableReader, folder: Path) -> list[Exported]:
    """Whole rows, optimizer state included: one file a table."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_exact(reader, form, _path(folder, form)) for form in reader.forms()]


def write_packed(reader: TableReader, folder: Path, precision: Precision, threshold: float = 0.0) -> list[Exported]:
    """Signs and weights alone, of rows with a weight of at least ``threshold``."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_packed(reader, form, _path(folder, form), precision, threshold) for form in reader.forms()]


def read_form(path: Path) -> TableForm:
    """What table a file holds.

    Raises:
        CheckpointError: it is no exact export.
    """
    from wideload.harness.checkpoints.database import form_of

    try:
        metadata = pq.read_schema(path).metadata or {}
        return form_of(json.loads(metadata[_FORM]))
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise CheckpointError(f"{path} is no exact export of a table: {error}.") from None


def batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The rows of a file."""
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches()


def files_in(folder: Path) -> list[Path]:
    """The tables of an export.

    Raises:
        UsageError: there are none.
    """
    found = sorted(folder.glob("*.parquet"))
    if not found:
        raise UsageError(f"{folder} holds no *.parquet; name the folder that an export wrote.")
    return found


def _path(folder: Path, form: TableForm) -> Path:
    return folder / f"{quote(form.name, safe='')}.parquet"


def _exact(reader: TableReader, form: TableForm, path: Path) -> Exported:
    stream = reader_of(form, reader.shards(form))
    schema = stream.schema.with_metadata({_FORM: json.dumps(asdict(form))})
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in stream:
            writer.write_batch(batch)
            rows += len(batch)
    return Exported(form.name, path, rows)


def _packed(reader: TableReader, form: TableForm, path: Path, precision: Precision, threshold: float) -> Exported:
    written, dropped, worst = 0, 0, 0.0
    with pq.ParquetWriter(path, _packed_schema(form, precision), compression="zstd") as writer:
        for _, rows in reader.shards(form):
            kept = rows.take(above(rows.floats[:, : form.width], threshold))
            packed = pack(np.ascontiguousarray(kept.floats[:, : form.width]), precision)
            writer.write_batch(_packed_batch(kept.signs.view(np.int64), packed, writer.schema))
            written, dropped = written + len(kept), dropped + len(rows) - len(kept)
            worst = max(worst, packed.largest_error)
    return Exported(form.name, path, written, dropped, worst)


def _packed_schema(form: TableForm, precision: Precision) -> pa.Schema:
    kind = {"fp32": pa.float32(), "fp16": pa.float16(), "bf16": pa.uint16(), "int8": pa.int8()}[precision]
    fields = [pa.field("sign", pa.int64()), pa.field("weights", pa.list_(kind, form.width))]
    fields += [pa.field("scale", pa.float32())] if precision == "int8" else []
    slices = {one.name: one.dimension for one in form.slices}
    about = {"wideload.precision": precision, "wideload.slices": json.dumps(slices)}
    return pa.schema(fields, metadata=about)


def _packed_batch(signs: npt.NDArray[np.int64], packed: Packed, schema: pa.Schema) -> pa.RecordBatch:
    flat = pa.array(packed.values.reshape(-1), schema.field("weights").type.value_type)
    weights = pa.FixedSizeListArray.from_arrays(flat, type=schema.field("weights").type)
    columns = [pa.array(signs), weights] + ([pa.array(packed.scale)] if packed.scale is not None else [])
    return pa.RecordBatch.from_arrays(columns, schema=schema)
