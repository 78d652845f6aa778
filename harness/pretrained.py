"""Embeddings trained elsewhere, read from a file by raw value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wideload.errors import ColumnError
from wideload.harness.batch import PretrainedRows
from wideload.harness.columns import Pretrained
from wideload.harness.encoding import ABSENT
from wideload.harness.hashing import salt_of, signs
from wideload.harness.ragged import Floats
from wideload.harness.slots import Slot
from wideload.harness.sources import FieldSource


def load_pretrained(slot: Slot) -> PretrainedRows:
    """The rows that a slot's embedding declares. Keys that the slot's encoder has no id for are left out.

    Raises:
        ColumnError: the file cannot be read or does not fit the column; names the column.
    """
    embedding, source = slot.embedding, slot.source
    if embedding is None or embedding.pretrained is None:
        raise ValueError(f"slot {slot.name} declares no pretrained rows")
    if not isinstance(source, FieldSource):
        raise ColumnError(f"column {slot.name!r}: pretrained rows need a column that reads one field, with an encoder.")
    keys, rows = _read(embedding.pretrained, slot.name)
    if rows.ndim != 2 or rows.shape != (len(keys), embedding.dimension):
        path, expected = embedding.pretrained.path, (len(keys), embedding.dimension)
        raise ColumnError(
            f"column {slot.name!r}: {path} holds vectors of shape {rows.shape} for {len(keys)} keys, not {expected}."
        )
    ids = source.encoder.encode(keys)
    known = ids != ABSENT
    found, first = np.unique(signs(salt_of(slot.space), ids[known]), return_index=True)
    return PretrainedRows(found, rows[known][first])


def _read(declared: Pretrained, column: str) -> tuple[Any, Floats]:
    path = Path(declared.path)
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return pa.array(arrays[declared.key]), np.asarray(arrays[declared.value], np.float32)
        table = pq.read_table(path, columns=[declared.key, declared.value]).combine_chunks()
        keys, vectors = (table[name].combine_chunks() for name in (declared.key, declared.value))
        flat = vectors.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
        return keys, flat.reshape(len(keys), -1) if len(keys) else flat.reshape(0, 0)
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise ColumnError(f"column {column!r}: cannot read pretrained rows from {path}: {error}") from None
