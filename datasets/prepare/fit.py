"""What a model needs to know about the training split: means, deviations, vocabularies, cardinalities.

Each field takes one pass over the finished shards, with one column of one row group in memory at a time. A vocabulary
is counted exactly up to ``limit`` distinct values and ``LARGEST`` bytes of them; a field with more gets no vocabulary
(hash it instead), so memory is bounded.
"""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wideload import files
from wideload.datasets.prepare.sketch import without_nulls
from wideload.datasets.prepared.manifest import FieldEntry, ShardEntry

LIMIT = 1_000_000
LARGEST = 2**28
"""The largest number of distinct values in a vocabulary, and the largest number of bytes they may take."""

_FEW = 2**22
"""Counts are merged only when more than this many bytes of them are waiting."""

_COUNTS = pa.schema([("value", pa.string()), ("count", pa.int64())])

Splits = Mapping[str, Sequence[ShardEntry]]


def fit(directory: Path, splits: Splits, field: FieldEntry, limit: int = LIMIT) -> FieldEntry:
    """Returns the field with the statistics of the training split; writes its vocabulary below ``directory``."""
    if field.kind == "numeric":
        mean, std = _moments(columns(directory, splits.get("train", ()), field.name))
        return field.model_copy(update={"mean": mean, "std": std})
    if field.ids:
        every = [shard for shards in splits.values() for shard in shards]
        return field.model_copy(update={"cardinality": _cardinality(columns(directory, every, field.name))})
    if field.text:
        counts = count(columns(directory, splits.get("train", ()), field.name), limit)
        return field if counts is None else _with_vocabulary(directory, field, counts)
    return field


def notes(directory: Path, splits: Splits) -> tuple[str, ...]:
    """What a reader of results should know: held-out splits whose labels are all equal have no AUC."""
    found = []
    for split in ("validation", "test"):
        labels = {pc.max(column).as_py() for column in columns(directory, splits.get(split, ()), "label")}
        labels |= {pc.min(column).as_py() for column in columns(directory, splits.get(split, ()), "label")}
        if len(labels - {None}) == 1:
            found.append(f"the {split} split holds only rows with label {int(labels.pop())}: there is no AUC on it")
    return tuple(found)


def columns(directory: Path, shards: Sequence[ShardEntry], name: str) -> Iterator[Any]:
    """Yields a column of every row group, as Arrow arrays."""
    for shard in shards:
        with pq.ParquetFile(directory / shard.file) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns=[name], use_threads=False)[name].combine_chunks()


@dataclass(slots=True)
class _Moments:
    """Count, mean and sum of squared deviations; blocks are merged as in Chan, Golub & LeVeque (1979)."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, values: Any) -> None:
        if not len(values):
            return
        mean = float(values.mean())
        squares = float(((values - mean) ** 2).sum())
        total = self.count + len(values)
        delta = mean - self.mean
        self.squares += squares + delta * delta * self.count * len(values) / total
        self.mean += delta * len(values) / total
        self.count = total


def _moments(blocks: Iterator[Any]) -> tuple[float, float]:
    """Returns mean and standard deviation of the values that are not missing; (0, 1) where there are none."""
    moments = _Moments()
    for block in blocks:
        values = block.drop_null().to_numpy(zero_copy_only=False).astype(np.float64)
        moments.add(values[np.isfinite(values)])
    std = math.sqrt(moments.squares / moments.count) if moments.count else 0.0
    return moments.mean, std or 1.0


def _cardinality(blocks: Iterator[Any]) -> int:
    largest = -1
    for block in blocks:
        highest = pc.max(without_nulls(block)).as_py()
        largest = max(largest, -1 if highest is None else highest)
    return largest + 1


def count(blocks: Iterator[Any], limit: int) -> pa.Table | None:
    """Counts each value; None when there are more than ``limit`` distinct values, or more than LARGEST bytes of them.

    New counts are merged once they take as much memory as the merged ones, so each value is merged only a few times,
    however many blocks there are.

    Returns:
        ``value`` string, ``count`` int64, in no order.
    """
    counted, waiting = _COUNTS.empty_table(), [_COUNTS.empty_table()]
    for block in blocks:
        waiting.append(_counts(without_nulls(block)))
        if _size(*waiting) > max(_size(counted), _FEW):
            counted, waiting = _merged([counted, *waiting]), []
            if _too_large(counted, limit):
                return None
    counted = _merged([counted, *waiting])
    return None if _too_large(counted, limit) else counted


def _counts(values: Any) -> pa.Table:
    found = values.value_counts()
    return pa.table({"value": found.field(0).cast(pa.string()), "count": found.field(1)})


def _merged(parts: list[pa.Table]) -> pa.Table:
    summed = pa.concat_tables(parts).group_by("value", use_threads=False).aggregate([("count", "sum")])
    return summed.select(["value", "count_sum"]).rename_columns(["value", "count"])


def _too_large(counts: pa.Table, limit: int) -> bool:
    return counts.num_rows > limit or (pc.sum(pc.binary_length(counts["value"])).as_py() or 0) > LARGEST


def _size(*tables: pa.Table) -> int:
    return sum(table.nbytes for table in tables)


def _with_vocabulary(directory: Path, field: FieldEntry, counts: pa.Table) -> FieldEntry:
    """Writes the vocabulary, most frequent value first; ties are in byte order, so it depends on the data alone."""
    order = pc.sort_indices(counts, sort_keys=[("count", "descending"), ("value", "ascending")])
    buffer = io.BytesIO()
    pq.write_table(counts.take(order).combine_chunks(), buffer, compression="zstd")
    name = f"vocabulary/{_file_name(field.name)}.parquet"
    (directory / "vocabulary").mkdir(exist_ok=True)
    files.write(directory / name, buffer.getvalue())
    return field.model_copy(update={"vocabulary": name, "vocabulary_crc32": zlib.crc32(buffer.getvalue())})


def _file_name(name: str) -> str:
    """Returns a file name for a field's name: ASCII letters, digits and ``-_`` unchanged, other characters as hex."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else f"%{ord(c):x}" for c in name)
