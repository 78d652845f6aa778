"""Table rows as Arrow batches, and back, bit for bit.

Columns: ``sign`` int64 (the 64 bits), ``slot``, ``flags`` int32, ``last_step`` int64, ``show``, ``click`` float64 (wide
enough to hold every float32), and for each slice ``NAME`` and ``NAME_state``: the float32 of weights and optimizer
state as little-endian bytes, which every file format and every database keeps unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from wideload.errors import CheckpointError
from wideload.harness.checkpoints.tables.rows import Rows, TableForm

_COUNTS = {
    "slot": pa.int32(),
    "flags": pa.int32(),
    "last_step": pa.int64(),
    "show": pa.float64(),
    "click": pa.float64(),
}


def schema_of(form: TableForm) -> pa.Schema:
    """The columns of a table's batches."""
    fields = [pa.field("sign", pa.int64()), *(pa.field(name, kind) for name, kind in _COUNTS.items())]
    fields += [pa.field(name, pa.binary()) for name, _, _ in _parts(form)]
    return pa.schema(fields)


def to_batch(form: TableForm, rows: Rows) -> pa.RecordBatch:
    """Rows as one batch."""
    arrays = [pa.array(rows.signs.view(np.int64))]
    arrays += [pa.array(rows.headers[name]).cast(kind) for name, kind in _COUNTS.items()]
    arrays += [_bytes(rows.floats[:, begin:end]) for _, begin, end in _parts(form)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema_of(form))


def reader_of(form: TableForm, shards: Iterable[tuple[int, Rows]]) -> pa.RecordBatchReader:
    """A stream of batches, one for each shard."""
    return pa.RecordBatchReader.from_batches(schema_of(form), (to_batch(form, rows) for _, rows in shards))


def from_batch(form: TableForm, batch: pa.RecordBatch, header: np.dtype[np.void]) -> Rows:
    """The rows of a batch. Its columns may be in any order and of any integer type.

    Raises:
        CheckpointError: a column is missing or its values do not fit the table.
    """
    missing = [name for name in schema_of(form).names if name not in batch.schema.names]
    if missing:
        raise CheckpointError(f"the rows of table {form.name!r} lack {', '.join(missing)}.")
    try:
        signs = np.array(batch.column("sign").cast(pa.int64())).view(np.uint64)
        headers = np.zeros(len(signs), header)
        for name, kind in _COUNTS.items():
            headers[name] = np.array(batch.column(name).cast(kind))
        floats = [_floats(batch.column(name), end - begin) for name, begin, end in _parts(form)]
    except (pa.ArrowInvalid, ValueError, OverflowError) as error:
        raise CheckpointError(f"the rows of table {form.name!r} do not fit it: {error}.") from None
    return Rows(signs, headers, np.concatenate(floats, axis=1))


def _parts(form: TableForm) -> Iterator[tuple[str, int, int]]:
    """``(column, first float, end)`` of all weights, then of all state."""
    at = 0
    for one in form.slices:
        yield one.name, at, at + one.dimension
        at += one.dimension
    for one in form.slices:
        yield f"{one.name}_state", at, at + one.state
        at += one.state


def _bytes(floats: npt.NDArray[np.float32]) -> pa.Array:
    size = 4 * floats.shape[1]
    data = np.ascontiguousarray(floats, "<f4").tobytes()
    offsets = np.arange(len(floats) + 1, dtype=np.int32) * size
    return pa.Array.from_buffers(pa.binary(), len(floats), [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def _floats(column: pa.Array, width: int) -> npt.NDArray[np.float32]:
    values = column.cast(pa.large_binary()).to_pylist()
    if any(value is None or len(value) != 4 * width for value in values):
        raise ValueError(f"expected {4 * width} bytes a row")
    return np.frombuffer(b"".join(values), "<f4").reshape(len(values), width)
