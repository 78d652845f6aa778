"""Which held-out examples hold values that did not occur in training: the cold start of embeddings.

A value is identified by its key - sign or row id - in the slots that have an embedding (in all slots if none has one):
crosses are combinations, and a new combination of known values is no cold start. An example is *new* when any of its
values is.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from wideload.arrays import Flags, Integers
from wideload.harness.cluster import Cluster
from wideload.harness.features.layout import Batch, BatchLayout, TableLayout

_PENDING = 1 << 20


class SeenValues:
    """The distinct keys of the training split, per table.

    Args:
        layout: of the batches.
    """

    def __init__(self, layout: BatchLayout) -> None:
        self._tables = [table for table in layout.tables if table.dim] or list(layout.tables)
        self._known: list[Integers] = [np.empty(0, np.int64) for _ in self._tables]
        self._pending: list[list[Integers]] = [[] for _ in self._tables]

    def observe(self, batches: Iterable[Batch]) -> None:
        """Adds the keys of these training batches."""
        for batch in batches:
            for index, table in enumerate(self._tables):
                begin, end = _range(batch, table)
                self._pending[index].append(np.unique(batch.values[begin:end]))
                if sum(map(len, self._pending[index])) > _PENDING + len(self._known[index]):
                    self._settle(index)

    def share(self, cluster: Cluster) -> None:
        """Gives every rank the keys that any rank has seen. Collective: all ranks call it."""
        for index in range(len(self._tables)):
            self._settle(index)
            self._known[index] = np.unique(np.concatenate(cluster.allgather(self._known[index])))

    def new(self, batch: Batch) -> Flags:
        """Bool ``[B]``: which examples hold a value that was not seen."""
        flags = np.zeros(batch.size, np.bool_)
        for index, table in enumerate(self._tables):
            self._settle(index)
            begin, end = _range(batch, table)
            unknown = ~_contains(self._known[index], batch.values[begin:end])
            first = table.first_slot * batch.size
            lengths = np.diff(batch.row_splits[first : first + len(table.slots) * batch.size + 1])
            example = np.repeat(np.tile(np.arange(batch.size), len(table.slots)), lengths)
            flags[example[unknown]] = True
        return flags

    def _settle(self, index: int) -> None:
        if self._pending[index]:
            self._known[index] = np.unique(np.concatenate([self._known[index], *self._pending[index]]))
            self._pending[index].clear()


def _range(batch: Batch, table: TableLayout) -> tuple[int, int]:
    """Begin and end of a table's values in a batch."""
    first = table.first_slot * batch.size
    return int(batch.row_splits[first]), int(batch.row_splits[first + len(table.slots) * batch.size])


def _contains(known: Integers, values: Integers) -> Flags:
    """Bool ``[n]``: which values are in ``known``, which is in ascending order."""
    if not len(known):
        return np.zeros(len(values), np.bool_)
    found: Flags = known[np.searchsorted(known, values).clip(max=len(known) - 1)] == values
    return found
