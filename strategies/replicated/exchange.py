"""How row gradients get from every rank to every rank. Each way is an option, so that it can be measured.

=========  ======================================================================  ===================================
way        on the wire, per step                                                   grows with
=========  ======================================================================  ===================================
``fused``  two gathers: the ids of all tables, the rows of all tables              touched rows
``table``  two gathers for each table                                              touched rows, and tables
``dense``  one sum per table over a gradient of the whole table's size              the vocabulary
``merge``  a sparse allreduce, in which ranks add equal rows on the way             distinct touched rows, log of ranks
=========  ======================================================================  ===================================

All of them return the distinct rows that any rank touched, with the sums of their gradients. Each rank sends distinct
rows, because the gradient of a working set has distinct rows. They are deduplicated once more here, because several
ranks touch the same row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from wideload.harness.features.layout import TableLayout
from wideload.harness.model.tensors import Tensor
from wideload.strategies.replicated.collectives import Collectives, RowCollectives, Slices
from wideload.strategies.replicated.options import Way

Unique = Callable[[Any], tuple[Any, Any]]


class Exchange:
    """Exchanges row gradients in one way, by the collectives of a strategy.

    Args:
        way: see the module.
        collectives: sums and gathers.
        unique: returns the distinct values, and for each value the index of its distinct value.
        tables: the layouts, in order.
    """

    def __init__(self, way: Way, collectives: Collectives, unique: Unique, tables: Sequence[TableLayout]) -> None:
        self._collectives = collectives
        self._unique = unique
        self._tables = tables
        self._ways: dict[Way, Callable[[Slices], Slices]] = {
            "fused": self._fused,
            "table": self._table,
            "dense": self._dense,
            "merge": self._merge,
        }
        self._way = self._ways[way]

    def __call__(self, slices: Slices) -> Slices:
        """Sums over the ranks. ``slices`` belong to this rank and have distinct ids."""
        return slices if self._collectives.ranks == 1 or not slices else self._way(slices)

    def _fused(self, slices: Slices) -> Slices:
        counts = tf.stack([tf.size(ids, tf.int64) for ids, _ in slices])
        message = self._collectives.gather(tf.concat([counts, *(ids for ids, _ in slices)], axis=0))
        floats = self._collectives.gather(tf.concat([tf.reshape(rows, [-1]) for _, rows in slices], axis=0))
        widths = [table.width for table in self._tables]
        return [self._deduplicated(*one) for one in unpacked(message, floats, widths, self._collectives.ranks)]

    def _table(self, slices: Slices) -> Slices:
        gather = self._collectives.gather
        return [self._deduplicated(gather(ids), gather(rows)) for ids, rows in slices]

    def _dense(self, slices: Slices) -> Slices:
        return [self._summed(table, *one) for table, one in zip(self._tables, slices, strict=True)]

    def _merge(self, slices: Slices) -> Slices:
        assert isinstance(self._collectives, RowCollectives)
        return self._collectives.sum_rows(slices)

    def _summed(self, table: TableLayout, ids: Tensor, rows: Tensor) -> tuple[Any, Any]:
        """A column of ones tells which rows were touched."""
        counted = tf.concat([rows, tf.ones([tf.size(ids), 1])], axis=1)
        whole = tf.math.unsorted_segment_sum(counted, ids, table.rows)
        summed = tf.reshape(self._collectives.sum(tf.reshape(whole, [-1])), [-1, table.width + 1])
        touched = tf.where(summed[:, -1] > 0)[:, 0]
        return touched, tf.gather(summed[:, :-1], touched)

    def _deduplicated(self, ids: Tensor, rows: Tensor) -> tuple[Any, Any]:
        distinct, inverse = self._unique(ids)
        return distinct, tf.math.unsorted_segment_sum(rows, inverse, tf.size(distinct))


def unpacked(message: Tensor, floats: Tensor, widths: Sequence[int], ranks: int) -> Slices:
    """Splits what was gathered into ``(ids [n], rows [n, width])`` per table, over all ranks in rank order.

    Args:
        message: for each rank the number of ids per table, then the ids of all tables; int64.
        floats: for each rank the rows of all tables, flattened.
        widths: floats in a row of each table.
    """
    ids: list[list[Any]] = [[] for _ in widths]
    rows: list[list[Any]] = [[] for _ in widths]
    at, float_at = tf.constant(0, tf.int64), tf.constant(0, tf.int64)
    for _ in range(ranks):
        counts = message[at : at + len(widths)]
        at += len(widths)
        for table, width in enumerate(widths):
            count = counts[table]
            ids[table].append(message[at : at + count])
            rows[table].append(tf.reshape(floats[float_at : float_at + count * width], [-1, width]))
            at += count
            float_at += count * width
    return [(tf.concat(some, 0), tf.concat(others, 0)) for some, others in zip(ids, rows, strict=True)]
