"""Embeddings trained elsewhere, paired with the signs of their raw values (:mod:`.pretrained_file` reads them)."""

from __future__ import annotations

import hashlib

import numpy as np

from wideload.errors import ColumnError
from wideload.harness.features.encoder import ABSENT
from wideload.harness.features.encoders import VocabularyEncoder
from wideload.harness.features.layout import PretrainedRows, TableLayout
from wideload.harness.features.pretrained_file import read_vectors
from wideload.harness.features.slots import Slot
from wideload.harness.features.sources import FieldSource
from wideload.hashing import salt_of, signs


def load_pretrained(slot: Slot) -> PretrainedRows:
    """The rows that a slot's embedding declares.

    Keys that have no id of their own are left out: a vocabulary's buckets for unknown values start from the
    initialiser.

    Raises:
        ColumnError: the file cannot be read or does not fit the column; names the column, the file, the row and the
            key.
    """
    embedding, source = slot.embedding, slot.source
    if embedding is None or embedding.pretrained is None:
        raise ValueError(f"slot {slot.name} declares no pretrained rows")
    if not isinstance(source, FieldSource):
        raise ColumnError(f"column {slot.name!r}: pretrained rows need a column that reads one field, with an encoder.")
    file = read_vectors(embedding.pretrained, slot.name, embedding.dimension)
    ids = source.encoder.encode(file.keys)
    known = ids != ABSENT
    if isinstance(source.encoder, VocabularyEncoder):
        known &= ids < len(source.encoder.known)
    found, first = np.unique(signs(salt_of(slot.space), ids[known]), return_index=True)
    return PretrainedRows(found, file.vectors[known][first])


def joined(table: TableLayout) -> PretrainedRows | None:
    """The rows that any slot of a table starts from; slots of a shared column hold the same."""
    found = [slot.pretrained for slot in table.slots if slot.pretrained is not None]
    if not found:
        return None
    keys, first = np.unique(np.concatenate([one.signs for one in found]), return_index=True)
    return PretrainedRows(keys, np.concatenate([one.rows for one in found])[first])


def fingerprint_of(rows: PretrainedRows) -> str:
    """16 hex digits over the content, so that ranks detect that their files differ."""
    digest = hashlib.blake2b(rows.signs.tobytes(), digest_size=8)
    digest.update(rows.rows.tobytes())
    return digest.hexdigest()
