"""Embeddings trained elsewhere, read from a file by raw value."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wideload.errors import ColumnError
from wideload.harness.features.encoder import ABSENT
from wideload.harness.features.encoders import VocabularyEncoder
from wideload.harness.features.layout import PretrainedRows, TableLayout
from wideload.harness.features.ragged import Floats
from wideload.harness.features.slots import Slot
from wideload.harness.features.sources import FieldSource
from wideload.harness.workload.columns import Pretrained
from wideload.hashing import salt_of, signs


def load_pretrained(slot: Slot) -> PretrainedRows:
    """The rows that a slot's embedding declares.

    Keys that have no id of their own are left out: a vocabulary's buckets for unknown values start as ever.

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
    if isinstance(source.encoder, VocabularyEncoder):
        known &= ids < len(source.encoder.known)
    found, first = np.unique(signs(salt_of(slot.space), ids[known]), return_index=True)
    return PretrainedRows(found, rows[known][first])


def joined(table: TableLayout) -> PretrainedRows | None:
    """The rows that any slot of a table starts from; slots of a shared column hold the same."""
    found = [slot.pretrained for slot in table.slots if slot.pretrained is not None]
    if not found:
        return None
    keys, first = np.unique(np.concatenate([one.signs for one in found]), return_index=True)
    return PretrainedRows(keys, np.concatenate([one.rows for one in found])[first])


def fingerprint_of(rows: PretrainedRows) -> str:
    """16 hex digits over the content, so that ranks notice when their files differ."""
    digest = hashlib.blake2b(rows.signs.tobytes(), digest_size=8)
    digest.update(rows.rows.tobytes())
    return digest.hexdigest()


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
