"""Opens a prepared folder: its schema, its vocabularies, and the stream of batches from its shards."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wideload.datasets.contract import Field, Plan, Schema
from wideload.datasets.prepared.decode import Decoder
from wideload.datasets.prepared.location import Place, verify
from wideload.datasets.prepared.manifest import FieldEntry, Manifest, ShardEntry
from wideload.datasets.prepared.order import Order, Piece
from wideload.datasets.prepared.read_ahead import ahead
from wideload.datasets.prepared.shard import ShardReader
from wideload.errors import DataError

_TOGETHER = 4096
"""Number of rows that are assembled at once; small batches are slices of them."""

AHEAD = 4
"""Number of batches that are decoded ahead of the consumer."""


class Prepared:
    """Reads a folder written by ``wideload data prepare``.

    Args:
        root: a local folder or an fsspec URL.
    """

    def __init__(self, root: str) -> None:
        self.place = Place(root)
        self.manifest: Manifest = self.place.manifest()

    @functools.cached_property
    def schema(self) -> Schema:
        return Schema(self.manifest.label, tuple(self._field(entry) for entry in self.manifest.fields))

    @functools.cached_property
    def vocabularies(self) -> dict[str, Any]:
        """The vocabulary of each field that has one, as a pyarrow string array, most frequent value first."""
        return {entry.name: self._vocabulary(entry) for entry in self.manifest.fields if entry.vocabulary}

    @functools.cached_property
    def decoder(self) -> Decoder:
        return Decoder(self.schema, self.vocabularies)

    def _field(self, entry: FieldEntry) -> Field:
        vocabulary = tuple(self.vocabularies[entry.name].to_pylist()) if entry.vocabulary else None
        kind: Literal["numeric", "categorical"] = "numeric" if entry.kind == "numeric" else "categorical"
        return Field(
            entry.name, kind, entry.multi_valued, entry.cardinality, vocabulary, entry.weights, entry.mean, entry.std
        )

    def _vocabulary(self, entry: FieldEntry) -> Any:
        source = self.place.source(str(entry.vocabulary))
        name = self.place.path(str(entry.vocabulary))
        if entry.vocabulary_crc32 is not None:
            verify(source, 0, source.size(), entry.vocabulary_crc32, name)
        try:
            return pq.read_table(source, columns=["value"])["value"].combine_chunks().cast(pa.string())
        except (pa.ArrowException, OSError, KeyError) as error:
            raise DataError(f"{name} is not a readable vocabulary: {error}") from None

    def stream(self, split: str, plan: Plan, depth: int = AHEAD) -> Iterator[pa.RecordBatch]:
        """Yields this rank's share of every global batch from ``plan.start``; a background thread decodes it."""
        return ahead(lambda: self._batches(split, plan), depth)

    def verify(self) -> int:
        """Reads everything once and returns the number of rows.

        Raises:
            DataError: a file is missing or damaged; the message names it.
        """
        _ = self.vocabularies
        rows = 0
        for shards in self.manifest.splits.values():
            for entry in shards:
                with closing(ShardReader(self.place, entry)) as reader:
                    rows += sum(reader.read(group, self.decoder.columns).num_rows for group in range(len(entry.groups)))
        return rows

    def _batches(self, split: str, plan: Plan) -> Iterator[pa.RecordBatch]:
        groups = Groups(self, self.manifest.splits.get(split, ()))
        order = Order(groups.rows, plan)
        tables: dict[int, pa.RecordBatch] = {}
        together = max(1, _TOGETHER * plan.ranks // plan.batch_size)
        for first in range(plan.start, order.batches, together):
            steps = [order.pieces(step) for step in range(first, min(order.batches, first + together))]
            needed = {piece.group for pieces in steps for piece in pieces}
            tables = {group: table for group, table in tables.items() if group in needed}
            parts = []
            for group, begin, end in (piece for pieces in steps for piece in pieces):
                if group not in tables:
                    tables[group] = groups.read(group, order)
                parts.append(tables[group].slice(begin, end - begin))
            yield from _cut(self.decoder.finish(parts), steps)
        groups.close()


def _cut(batch: pa.RecordBatch, steps: list[list[Piece]]) -> Iterator[pa.RecordBatch]:
    """Yields one record batch per step, without copying."""
    offset = 0
    for pieces in steps:
        rows = sum(end - begin for _, begin, end in pieces)
        yield batch.slice(offset, rows)
        offset += rows


class Groups:
    """The row groups of a split, numbered across its shards; at most ``_OPEN_SHARDS`` shards are open at a time."""

    def __init__(self, prepared: Prepared, shards: tuple[ShardEntry, ...]) -> None:
        self._prepared = prepared
        self._shards = shards
        self._index = [(shard, group) for shard, entry in enumerate(shards) for group in range(len(entry.groups))]
        self.rows = [group.rows for entry in shards for group in entry.groups]
        self._open: dict[int, ShardReader] = {}

    def read(self, group: int, order: Order) -> pa.RecordBatch:
        """Returns a decoded row group with its rows in the order of the epoch."""
        shard, inside = self._index[group]
        decoder = self._prepared.decoder
        entry = self._shards[shard]
        where = f"{self._prepared.place.path(entry.file)}: row group {inside}"
        table = decoder.decode(self._reader(shard).read(inside, decoder.columns), where)
        permutation = order.permutation(group, table.num_rows)
        return table if permutation is None else pc.take(table, pa.array(permutation), boundscheck=False)

    def _reader(self, shard: int) -> ShardReader:
        if shard not in self._open:
            while len(self._open) >= _OPEN_SHARDS:
                self._open.pop(next(iter(self._open))).close()
            self._open[shard] = ShardReader(
                self._prepared.place, self._shards[shard], self._prepared.decoder.dictionary_columns
            )
        return self._open[shard]

    def close(self) -> None:
        for reader in self._open.values():
            reader.close()
        self._open.clear()


_OPEN_SHARDS = 32
