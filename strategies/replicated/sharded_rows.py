"""Every rank owns a part of each table's rows. Ids, rows and row gradients travel by all-to-all.

::

    rank that uses a row                                   rank ``id % ranks``, which owns it as row ``id // ranks``
    distinct ids, grouped by owner        ── row numbers ──►
    working set, in the order of its ids  ◄── rows ────────  gather
    gradients of the working set          ── gradients ────►  sum per row over the ranks, in rank order; fused update

The working set stays in the order in which its rows arrive: the batch's inverse is renumbered, not the rows, and the
gradients are in the order in which they leave. An all-to-all carries all tables. Rows are dealt, not cut into ranges,
because frequent ids often have small numbers.

An owner is told of a row once by every rank that uses it. It adds what they send in rank order, so equal seeds give
equal bits. Row numbers are 32-bit on the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from wideload.errors import UsageError
from wideload.harness.model.tensors import Tensor
from wideload.strategies.replicated.exchange import Unique
from wideload.strategies.replicated.packing import Announcing, Packing
from wideload.strategies.replicated.row_store import RowStore, WorkingSet
from wideload.strategies.replicated.table_variables import TableVariables

AllToAll = Callable[[Tensor, Tensor], tuple[Any, Any]]
"""``(tensor [n], int32 splits [ranks])`` to what the ranks have sent to this one, in rank order, and its lengths."""


class Requests(NamedTuple):
    """Where the rows of a working set come from.

    Attributes:
        sent: int32 ``[ranks, tables]``, how many rows of each table this rank uses from each owner.
        received: the same of the rows that each rank uses from this one.
        rows: per table int64 ``[n]``, those rows, in rank order; a row that several ranks use is in it several times.
    """

    sent: Tensor
    received: Tensor
    rows: list[Any]


class ShardedRows(RowStore):
    """This rank's part of the rows.

    Args:
        tables: the variables of this rank's part of each table.
        all_to_all: the collective.
        unique: returns the distinct values, and for each value the index of its distinct value.
        rank, ranks: this rank's number, and how many there are: at least two.

    Raises:
        UsageError: a table has more rows than row numbers can count.
    """

    def __init__(
        self, tables: Sequence[TableVariables], all_to_all: AllToAll, unique: Unique, rank: int, ranks: int
    ) -> None:
        for table in tables:
            _require_countable(table)
        self.tables = tables
        self.part = dealt(rank, ranks)
        self._all_to_all = all_to_all
        self._unique = unique
        self._ranks = ranks
        self._ids = Announcing(ranks, len(tables))
        self._floats = Packing(ranks, [table.layout.width for table in tables])

    def look_up(self, values: Sequence[Tensor]) -> WorkingSet:
        found = [self._by_owner(ids) for ids in values]
        sent = tf.stack([counts for _, counts, _ in found], axis=1)
        message = self._ids.packed([rows for rows, _, _ in found], sent)
        wanted, received = self._ids.unpacked(*self._all_to_all(*message))
        requests = Requests(sent, received, [tf.cast(rows, tf.int64) for rows in wanted])
        gathered = [table.gather(ids) for table, ids in zip(self.tables, requests.rows, strict=True)]
        rows = self._send(gathered, received, sent)
        return WorkingSet(rows, [inverse for _, _, inverse in found], requests)

    def update(self, found: WorkingSet, gradients: Sequence[Tensor], scale: Tensor) -> list[Any]:
        requests: Requests = found.origin
        received = self._send(gradients, requests.sent, requests.received)
        parts = zip(self.tables, requests.rows, received, strict=True)
        return [self._apply(table, ids, rows, scale) for table, ids, rows in parts]

    def _by_owner(self, values: Tensor) -> tuple[Any, Any, Any]:
        """The distinct ids of a table, as row numbers grouped by owner; how many of each owner; the values' indexes."""
        ids, inverse = self._unique(values)
        owners = tf.cast(ids % self._ranks, tf.int32)
        rows = tf.dynamic_partition(tf.cast(ids // self._ranks, tf.int32), owners, self._ranks)
        places = tf.dynamic_partition(tf.range(tf.size(ids)), owners, self._ranks)
        moved = tf.math.invert_permutation(tf.concat(places, axis=0))
        return tf.concat(rows, axis=0), tf.stack([tf.size(some) for some in rows]), tf.gather(moved, inverse)

    def _send(self, rows: Sequence[Tensor], sent: Tensor, received: Tensor) -> list[Any]:
        """Sends rows of each table, ``[n, width]`` in rank order, by the numbers ``[ranks, tables]`` of rows."""
        floats, _ = self._all_to_all(self._floats.packed(rows, sent), self._floats.lengths(sent))
        return self._floats.unpacked(floats, received)

    def _apply(self, table: TableVariables, ids: Tensor, gradients: Tensor, scale: Tensor) -> Any:
        distinct, inverse = self._unique(ids)
        return table.apply(distinct, tf.math.unsorted_segment_sum(gradients, inverse, tf.size(distinct)), scale)


def dealt(rank: int, ranks: int) -> slice:
    """The rows of a table that a rank owns."""
    return slice(rank, None, ranks)


def _require_countable(table: TableVariables) -> None:
    if table.rows > tf.int32.max:
        raise UsageError(
            f"table {table.layout.name!r} has {table.rows} rows on a rank; 2^31 are possible. Use more ranks."
        )
