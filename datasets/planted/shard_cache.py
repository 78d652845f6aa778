"""Planted data as shards in the cache folder; any number of processes may write them at the same time.

::

    CACHE/planted/FINGERPRINT/.SPLIT-00003.lock     held while the shard is written; released when the process dies
                              SPLIT-00003.parquet   renamed into place when complete
                              manifest.json         last

Every process visits all shards, writes those that neither exist nor are locked by another process, and waits for the
rest.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

from wideload.datasets.contract import Split
from wideload.datasets.planted.rows import PlantedRows
from wideload.datasets.prepared.manifest import MANIFEST, FieldEntry, Manifest, Provenance, ShardEntry
from wideload.datasets.prepared.reader import Prepared
from wideload.datasets.prepared.shard import ROWS_PER_GROUP, ShardWriter, describe_shard
from wideload.files import cache_folder

ROWS_PER_SHARD = 16 * ROWS_PER_GROUP
_POLL_SECONDS = 0.05
_SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def ensure(planted: PlantedRows) -> Prepared:
    """Opens the shards of these rows, after writing those that are missing."""
    folder = cache_folder() / "planted" / planted.fingerprint
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / MANIFEST).exists():
        _write_shards(planted, folder)
        _manifest(planted, folder).save(folder)
    return Prepared(str(folder))


def _shards(planted: PlantedRows) -> list[tuple[Split, int, int, str]]:
    """Split, first row, end row and file name of every shard."""
    return [
        (split, begin, min(begin + ROWS_PER_SHARD, planted.size(split)), f"{split}-{index:05d}.parquet")
        for split in _SPLITS
        for index, begin in enumerate(range(0, planted.size(split), ROWS_PER_SHARD))
    ]


def _write_shards(planted: PlantedRows, folder: Path) -> None:
    waiting = _shards(planted)
    while waiting:
        held = []
        for shard in waiting:
            with _lock(folder / f".{shard[3]}.lock") as mine:
                if not mine:
                    held.append(shard)
                elif not (folder / shard[3]).exists():
                    _write(planted, folder / shard[3], *shard[:3])
        waiting = held
        if waiting:
            time.sleep(_POLL_SECONDS)


def _write(planted: PlantedRows, path: Path, split: Split, begin: int, end: int) -> None:
    empty = planted.rows(split, np.zeros(0, dtype=np.int64))
    with ShardWriter(path, empty.schema) as writer:
        for first in range(begin, end, ROWS_PER_GROUP):
            positions = np.arange(first, min(first + ROWS_PER_GROUP, end), dtype=np.int64)
            writer.write(pa.Table.from_batches([planted.rows(split, positions)]))
        writer.close()


@contextmanager
def _lock(path: Path) -> Iterator[bool]:
    """Yields whether this process now holds the lock."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _manifest(planted: PlantedRows, folder: Path) -> Manifest:
    schema = planted.schema
    fields = tuple(
        FieldEntry(
            name=field.name,
            kind=field.kind,
            multi_valued=field.multi_valued,
            ids=field.kind == "categorical",
            cardinality=field.cardinality,
        )
        for field in schema.fields
    )
    splits: dict[str, tuple[ShardEntry, ...]] = {
        split: tuple(describe_shard(folder / name, name) for of, _, _, name in _shards(planted) if of == split)
        for split in _SPLITS
    }
    rows = sum(planted.size(split) for split in _SPLITS)
    provenance = Provenance(reader="planted", options=planted.options.model_dump(), rows_in=rows, rows_out=rows)
    return Manifest(label=schema.label, fields=fields, splits=splits, provenance=provenance)
