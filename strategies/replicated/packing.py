"""One message to each rank with the rows of all tables: how they are put together and taken apart.

::

    by table     one tensor per table, [n, width]; within it, the rows for rank 0, then those for rank 1...
    a message    for rank 0: rows of table 0, rows of table 1...; then the same for rank 1...; one flat vector

The numbers of rows, int32 ``[ranks, tables]``, are what it takes to go from one to the other. A message of ids begins
with them. With one table, both forms are the same, the length of a rank's part says it all, and nothing is copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from wideload.harness.model.tensors import Tensor


class Packing:
    """Messages of rows whose widths are known.

    Args:
        ranks: for or from how many ranks the messages are.
        widths: of the rows of each table.
    """

    def __init__(self, ranks: int, widths: Sequence[int]) -> None:
        self._ranks = ranks
        self._widths = widths

    def lengths(self, counts: Tensor) -> Any:
        """int32 ``[ranks]``: the length of each rank's part of a message."""
        return tf.reduce_sum(counts * self._widths, axis=1)

    def packed(self, rows: Sequence[Tensor], counts: Tensor) -> Any:
        """A message, ``[m]``.

        Args:
            rows: per table ``[n, width]``, or ``[n]`` where the width is 1.
            counts: int32 ``[ranks, tables]``, how many of them are for each rank.
        """
        flat = [tf.reshape(table, [-1]) for table in rows]
        if len(flat) == 1:
            return flat[0]
        sizes = counts * self._widths
        pieces = [tf.split(table, sizes[:, index], num=self._ranks) for index, table in enumerate(flat)]
        return tf.concat([table[rank] for rank in range(self._ranks) for table in pieces], axis=0)

    def unpacked(self, message: Tensor, counts: Tensor) -> list[Any]:
        """Per table ``[n, width]``: the rows of a message of which each rank has sent ``counts [ranks, tables]``."""
        tables = len(self._widths)
        if tables == 1:
            return [tf.reshape(message, [-1, self._widths[0]])]
        sizes = tf.reshape(counts * self._widths, [-1])
        pieces = tf.split(message, sizes, num=self._ranks * tables)
        flat = [tf.concat(pieces[index::tables], axis=0) for index in range(tables)]
        return [tf.reshape(table, [-1, width]) for table, width in zip(flat, self._widths, strict=True)]


class Announcing:
    """Messages of ids that tell the receiver how many there are of each table."""

    def __init__(self, ranks: int, tables: int) -> None:
        self._ranks = ranks
        self._tables = tables
        self._packing = Packing(ranks, [1] * (tables + 1))

    def packed(self, ids: Sequence[Tensor], counts: Tensor) -> tuple[Any, Any]:
        """A message ``[m]`` and the length of each rank's part, int32 ``[ranks]``.

        Args:
            ids: per table int32 ``[n]``, those for rank 0 first.
            counts: int32 ``[ranks, tables]``, how many of them are for each rank.
        """
        if self._tables == 1:
            return ids[0], counts[:, 0]
        counted = self._counted(counts)
        return self._packing.packed([counts, *ids], counted), self._packing.lengths(counted)

    def unpacked(self, message: Tensor, lengths: Tensor) -> tuple[list[Any], Any]:
        """Per table the ids ``[n]`` of all ranks, and how many each rank has sent, int32 ``[ranks, tables]``.

        Args:
            message: int32 ``[m]``, the parts that the ranks have sent.
            lengths: of these parts.
        """
        if self._tables == 1:
            return [message], lengths[:, tf.newaxis]
        begins = tf.cumsum(lengths, exclusive=True)
        counts = tf.gather(message, begins[:, tf.newaxis] + tf.range(self._tables))
        _, *ids = self._packing.unpacked(message, self._counted(counts))
        return [tf.reshape(table, [-1]) for table in ids], counts

    def _counted(self, counts: Tensor) -> Any:
        """The counts of a message that begins with the counts themselves."""
        return tf.concat([tf.fill([self._ranks, 1], self._tables), counts], axis=1)
