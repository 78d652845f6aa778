"""FeatureColumnAdapter: the declaration of columns, compiled once per rank into a fast transform of batches.

::

    Columns + Schema ──compile──► slots and numerics ──► BatchLayout          what strategies are built from
    RecordBatch ──transform──► Batch                                          signs or row ids, slot-major

Nothing here loops over examples. Both kinds of keys stand for the same rows: the sign of row ``i`` of a table's
variable is a pure function of ``i`` (:func:`wideload.harness.features.layout.table_signs`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from wideload.arrays import Floats, Integers
from wideload.errors import ClusterError, ColumnError
from wideload.harness.cluster import Cluster
from wideload.harness.features.layout import Batch, BatchLayout, Keys, TableLayout
from wideload.harness.features.numeric import DenseBlock, Input
from wideload.harness.features.pretrained import fingerprint_of
from wideload.harness.features.ragged import Ragged
from wideload.harness.features.slots import SlotCompiler, all_columns
from wideload.harness.features.sources import FieldSource, Reading, Source
from wideload.harness.features.tables import tables_of
from wideload.harness.workload.columns import Columns, Numeric
from wideload.hashing import fingerprint, mix64, mix64_int

if TYPE_CHECKING:
    from wideload.datasets.contract import Schema


class FeatureColumnAdapter:
    """Turns record batches of a data set into batches of a workload.

    Args:
        columns: the declaration.
        schema: of the data set.
        keys: ``signs`` for the sparse table, ``ids`` for variables; ids require that every column is bounded.

    Raises:
        ColumnError: the declaration does not fit the schema, or a column is unbounded and ids are asked for.
    """

    def __init__(self, columns: Columns, schema: Schema, keys: Keys) -> None:
        self.keys = keys
        self.columns = all_columns(columns, schema)
        slots = SlotCompiler(self.columns, schema).slots(columns.parts)
        tables, self.slots = tables_of(slots)
        if keys == "ids":
            _require_bounds(tables)
        self._label = schema.label
        self._dense = DenseBlock(tuple(c for c in self.columns if isinstance(c, Numeric)), schema)
        weighted = any(_is_weighted(slot.source) for slot in self.slots)
        self.layout = BatchLayout(tables, self._dense.width, weighted)
        self._addends = np.array([slot.first_row for table in tables for slot in table.slots], np.int64)
        salts = [mix64_int(slot.salt) for table in tables for slot in table.slots]
        self._salts = np.array(salts, np.uint64)
        self._counting: tuple[int, npt.NDArray[np.int32]] = (-1, np.empty(0, np.int32))

    def transform(self, record_batch: pa.RecordBatch, *, global_size: int) -> Batch:
        """One rank's share of a global batch of ``global_size`` examples; ``record_batch`` may have no rows.

        Raises:
            ColumnError: a field is missing, has the wrong type or not as many values as weights; names column and row.
        """
        reading = Reading(record_batch)
        label = self._labels(reading)
        dense = self._dense.read(reading)
        bags = [reading.of(slot.source) for slot in self.slots]
        if not self.layout.weighted and all(bag.splits is None for bag in bags):
            values, row_splits = self._single(bags, reading.size)
            return Batch(label, dense, values, row_splits, None, global_size)
        values, row_splits = self._ragged(bags, reading.size)
        weights = _weights(bags) if self.layout.weighted else None
        return Batch(label, dense, values, row_splits, weights, global_size)

    def _labels(self, reading: Reading) -> Floats:
        label = reading.numbers(self._label, self._label)
        missing = np.isnan(label)
        if missing.any():
            raise ColumnError(f"label {self._label!r}, row {int(np.argmax(missing))}: it is missing.")
        return label

    def _single(self, bags: list[Ragged], size: int) -> tuple[Integers, npt.NDArray[np.int32]]:
        """One value per slot and example, so that the offsets are those of the last batch of that size."""
        if self._counting[0] != size:
            self._counting = (size, np.arange(len(bags) * size + 1, dtype=np.int32))
        return self._keyed(bags), self._counting[1]

    def _ragged(self, bags: list[Ragged], size: int) -> tuple[Integers, npt.NDArray[np.int32]]:
        row_splits = np.zeros(len(bags) * size + 1, np.int64)
        end = 0
        for index, bag in enumerate(bags):
            np.add(bag.offsets()[1:], end, out=row_splits[index * size + 1 : (index + 1) * size + 1])
            end += len(bag.values)
        if end > np.iinfo(np.int32).max:
            raise ColumnError(f"a batch holds {end} values; the limit is 2^31 - 1. Use smaller batches.")
        return self._keyed(bags), row_splits.astype(np.int32)

    def _keyed(self, bags: list[Ragged]) -> Integers:
        """int64 ``[nnz]``: row ids or signs of all bags, one bag after the other."""
        keys = np.empty(sum(len(bag.values) for bag in bags), np.int64)
        begin = 0
        for bag, addend, salt in zip(bags, self._addends, self._salts, strict=True):
            part = keys[begin : begin + len(bag.values)]
            begin += len(bag.values)
            if self.keys == "ids":
                np.add(bag.values, addend, out=part)
            else:
                np.bitwise_xor(bag.values.view(np.uint64), salt, out=part.view(np.uint64))
        return keys if self.keys == "ids" else mix64(keys.view(np.uint64)).view(np.int64)

    @property
    def numbers(self) -> list[Input]:
        """The numeric columns, resolved, in order; missing indicators follow them."""
        return self._dense.inputs

    def dense(self, reading: Reading) -> Floats:
        """The numeric columns of a batch, float32 ``[B, D]``."""
        return self._dense.read(reading)

    @property
    def column_fingerprints(self) -> dict[str, str]:
        """16 hex digits per column, over its declaration and what it depends on: vocabularies, pretrained rows."""
        extra: dict[str, list[str]] = {}
        layouts = (layout for table in self.layout.tables for layout in table.slots)
        for slot, layout in zip(self.slots, layouts, strict=True):
            start = [] if layout.pretrained is None else [fingerprint_of(layout.pretrained)]
            extra.setdefault(slot.space, []).extend([slot.identity, *start])
        dense = self._dense.identities
        return {
            column.name: fingerprint([column.model_dump(mode="json"), extra.get(column.name), dense.get(column.name)])
            for column in self.columns
        }

    @property
    def fingerprint(self) -> str:
        """16 hex digits over all columns, in order. Equal for signs and ids."""
        return fingerprint(list(self.column_fingerprints.items()))

    def check_across(self, cluster: Cluster) -> None:
        """Makes sure that every rank has the same declaration and the same vocabularies. Collective.

        Raises:
            ClusterError: they differ; names the first column that does, and the ranks.
        """
        mine = self.column_fingerprints
        for rank, theirs in enumerate(cluster.allgather(list(mine.items()))):
            if theirs == list(mine.items()):
                continue
            name = _first_difference(mine, dict(theirs))
            raise ClusterError(
                f"column {name!r} differs between rank {cluster.rank} and rank {rank}: start every rank with the same "
                "declaration, the same data and the same vocabulary files."
            )


def _first_difference(mine: dict[str, str], theirs: dict[str, str]) -> str:
    for name in {**mine, **theirs}:
        if mine.get(name) != theirs.get(name):
            return name
    return next(a for a, b in zip(mine, theirs, strict=False) if a != b)


def _require_bounds(tables: tuple[TableLayout, ...]) -> None:
    for table in tables:
        for slot in table.slots:
            if slot.rows is None:
                raise ColumnError(
                    f"column {slot.name!r} is unbounded, which only the sparse table can hold; "
                    "give it `buckets` (or set auto_buckets in [workload.columns], where no [[column]] declares it), "
                    "or use strategy sparse_ps."
                )
        if (table.rows or 0) > np.iinfo(np.int32).max:
            raise ColumnError(f"table {table.name!r} would need {table.rows} rows; variables end at 2^31 - 1.")


def _is_weighted(source: Source) -> bool:
    if isinstance(source, FieldSource):
        return source.weights is not None
    return any(_is_weighted(part) for part in getattr(source, "parts", ()))


def _weights(bags: list[Ragged]) -> Floats:
    parts = [np.ones(len(bag.values), np.float32) if bag.weights is None else bag.weights for bag in bags]
    return np.concatenate(parts) if parts else np.empty(0, np.float32)
