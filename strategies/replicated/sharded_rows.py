"""Every rank owns a part of each table's rows. Ids, rows and row gradients travel by all-to-all.

::

    rank that uses a row                                   rank ``id % ranks``, which owns it as row ``id // ranks``
    distinct ids, grouped by owner        ── row numbers ──►
    working set, in the order of its ids  ◄── rows ────────  gather
    gradients of the working set          ── gradients ────►  sum per row over the ranks, in rank order; fused update

The working set stays in the order in which its rows arrive: the batch's inverse is renumbered, not the rows, and the
gradients are in the order in which they leave. An all-to-all carries all tables. Rows are dealt, not cut into ranges,
because frequent ids often have small numbers. Hot rows, which every rank has a copy of, come last in a working set, and
stay out of messages.

An owner is told of a row once by every rank that uses it. It adds what they send in rank order, so equal seeds give
equal bits. Row numbers are 32-bit on the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from wideload.errors import UsageError
from wideload.harness.checkpoints.variables import Arrays
from wideload.harness.cluster import Cluster
from wideload.harness.model.tensors import Tensor
from wideload.strategies.replicated.exchange import Unique
from wideload.strategies.replicated.hot_rows import HotRows
from wideload.strategies.replicated.optimizers import Optimizer
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
        hot: per table int64 ``[h]``, the places of the hot rows that this rank uses; empty if there are none.
    """

    sent: Tensor
    received: Tensor
    rows: list[Any]
    hot: list[Any]


class Grouped(NamedTuple):
    """The distinct ids of one table in a batch.

    Attributes:
        rows: int32 ``[n]``, row numbers grouped by owner.
        counts: int32 ``[ranks]``, of each owner.
        hot: int64 ``[h]``, places of hot rows.
        inverse: int32, for each value the index of its row among these ``n + h``.
    """

    rows: Tensor
    counts: Tensor
    hot: Tensor
    inverse: Tensor


class ShardedRows(RowStore):
    """This rank's part of the rows.

    Args:
        tables: the variables of this rank's part of each table.
        all_to_all: the collective.
        unique: returns the distinct values, and for each value the index of its distinct value.
        cluster: the ranks, at least two.

    Attributes:
        hot: copies of some rows, or None.

    Raises:
        UsageError: a table has more rows than row numbers can count.
    """

    def __init__(
        self, tables: Sequence[TableVariables], all_to_all: AllToAll, unique: Unique, cluster: Cluster
    ) -> None:
        for table in tables:
            _require_countable(table)
        self.tables = tables
        self.part = dealt(cluster)
        self.hot: HotRows | None = None
        self._all_to_all = all_to_all
        self._unique = unique
        self._ranks = cluster.ranks
        self._ids = Announcing(cluster.ranks, len(tables))
        self._floats = Packing(cluster.ranks, [table.layout.width for table in tables])

    def look_up(self, values: Sequence[Tensor]) -> WorkingSet:
        found = [self._by_owner(table.layout.name, ids) for table, ids in zip(self.tables, values, strict=True)]
        sent = tf.stack([table.counts for table in found], axis=1)
        message = self._ids.packed([table.rows for table in found], sent)
        wanted, received = self._ids.unpacked(*self._all_to_all(*message))
        hot = [table.hot for table in found] if self.hot else []
        requests = Requests(sent, received, [tf.cast(rows, tf.int64) for rows in wanted], hot)
        gathered = [table.gather(ids) for table, ids in zip(self.tables, requests.rows, strict=True)]
        rows = self._send(gathered, received, sent)
        if self.hot:
            rows = [tf.concat(pair, axis=0) for pair in zip(rows, self.hot.rows.gather(hot), strict=True)]
        return WorkingSet(rows, [table.inverse for table in found], requests)

    def update(self, found: WorkingSet, gradients: Sequence[Tensor], scale: Tensor) -> list[Any]:
        requests: Requests = found.origin
        updates = []
        if self.hot:
            sizes = [tf.size(places) for places in requests.hot]
            cut = [tf.shape(table)[0] - size for table, size in zip(gradients, sizes, strict=True)]
            copies = [table[at:] for table, at in zip(gradients, cut, strict=True)]
            updates += self.hot.rows.update(WorkingSet([], [], requests.hot), copies, scale)
            gradients = [table[:at] for table, at in zip(gradients, cut, strict=True)]
        received = self._send(gradients, requests.sent, requests.received)
        parts = zip(self.tables, requests.rows, received, strict=True)
        return updates + [self._apply(table, ids, rows, scale) for table, ids, rows in parts]

    def optimizers(self) -> list[Optimizer]:
        return super().optimizers() + (self.hot.rows.optimizers() if self.hot else [])

    def arrays(self) -> Arrays:
        own = super().arrays()
        if self.hot:
            self.hot.overlay(own)
        return own

    def assign(self, arrays: Arrays) -> None:
        """As :meth:`RowStore.assign`. Collective where there are hot rows."""
        super().assign(arrays)
        if self.hot:
            self.hot.fill(arrays)

    def _by_owner(self, table: str, values: Tensor) -> Grouped:
        ids, inverse = self._unique(values)
        rows, groups = tf.cast(ids // self._ranks, tf.int32), tf.cast(ids % self._ranks, tf.int32)
        if self.hot:
            is_hot, places = self.hot.place(table, ids)
            rows, groups = tf.where(is_hot, places, rows), tf.where(is_hot, self._ranks, groups)
        *owned, hot = tf.dynamic_partition(rows, groups, self._ranks + 1)
        order = tf.dynamic_partition(tf.range(tf.size(ids)), groups, self._ranks + 1)
        moved = tf.math.invert_permutation(tf.concat(order, axis=0))
        counts = tf.stack([tf.size(some) for some in owned])
        return Grouped(tf.concat(owned, axis=0), counts, tf.cast(hot, tf.int64), tf.gather(moved, inverse))

    def _send(self, rows: Sequence[Tensor], sent: Tensor, received: Tensor) -> list[Any]:
        """Sends rows of each table, ``[n, width]`` in rank order, by the numbers ``[ranks, tables]`` of rows."""
        floats, _ = self._all_to_all(self._floats.packed(rows, sent), self._floats.lengths(sent))
        return self._floats.unpacked(floats, received)

    def _apply(self, table: TableVariables, ids: Tensor, gradients: Tensor, scale: Tensor) -> Any:
        distinct, inverse = self._unique(ids)
        return table.apply(distinct, tf.math.unsorted_segment_sum(gradients, inverse, tf.size(distinct)), scale)


def dealt(cluster: Cluster) -> slice:
    """The rows of a table that this rank owns."""
    return slice(cluster.rank, None, cluster.ranks)


def _require_countable(table: TableVariables) -> None:
    if table.rows > tf.int32.max:
        raise UsageError(
            f"table {table.layout.name!r} has {table.rows} rows on a rank; 2^31 are possible. Use more ranks."
        )
