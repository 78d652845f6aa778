"""The rows that most batches need: which they are, and their place on every rank.

The first steps of a job are watched: a row is the hotter, the more shares of batches it occurs in. Then every rank gets
a copy of the hottest rows of each table, with their state. From that step on they are looked up where they are
needed, and their gradients are summed by allreduce, as those of replicated rows are. Their owners' rows are not touched
any more; what is saved comes from the copies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from wideload.arrays import Integers
from wideload.harness.checkpoints.variables import Arrays
from wideload.harness.cluster import Cluster
from wideload.harness.features.layout import Batch, BatchLayout, TableLayout
from wideload.harness.model.tensors import Tensor
from wideload.strategies.replicated.row_store import ReplicatedRows

WATCHED_STEPS = 10
"""Steps before hot rows are chosen. The step after them is slow, because it is traced again: a measurement's warm-up
should be longer."""


class Popularity:
    """Counts the shares of batches that a row occurs in.

    Args:
        layout: of the batches.
    """

    def __init__(self, layout: BatchLayout) -> None:
        self._tables = layout.tables
        self._seen: list[list[Integers]] = [[] for _ in self._tables]

    def watch(self, batch: Batch) -> None:
        """Adds this rank's share of a batch."""
        for table, seen in zip(self._tables, self._seen, strict=True):
            seen.append(np.unique(batch.values_of(table)))

    def hottest(self, count: int, cluster: Cluster) -> list[Integers]:
        """Per table the ids of the ``count`` hottest rows over all ranks, ascending; at least one. Collective."""
        return [_hottest(cluster.allgather(np.concatenate(seen)), count) for seen in self._seen]


def _hottest(seen: Sequence[Integers], count: int) -> Integers:
    ids, times = np.unique(np.concatenate(seen), return_counts=True)
    chosen: Integers = np.sort(ids[np.argsort(-times, kind="stable")[:count]])
    return chosen if len(chosen) else np.zeros(1, np.int64)


class HotRows:
    """A copy of some rows of each table, equal on all ranks.

    Args:
        ids: per table int64 ``[K]``, ascending, at least one.
        rows: the copies; see :func:`hot_layout`.
        cluster: the ranks; the owner of a row is ``id % ranks``.
    """

    def __init__(self, ids: Sequence[Integers], rows: ReplicatedRows, cluster: Cluster) -> None:
        self.rows = rows
        self._cluster = cluster
        names = [table.layout.name for table in rows.tables]
        self._ids = dict(zip(names, ids, strict=True))

    def place(self, table: str, ids: Tensor) -> tuple[Any, Any]:
        """Which of the ids ``[n]`` are hot, bool ``[n]``, and their places among the copies, int32 ``[n]``."""
        hot = tf.constant(self._ids[table])
        places = tf.minimum(tf.searchsorted(hot, ids), tf.size(hot) - 1)
        return tf.equal(tf.gather(hot, places), ids), places

    def overlay(self, own: Arrays) -> None:
        """Writes the copies over the rows that this rank owns of them."""
        for name, copies in self.rows.arrays().items():
            rows, mine = self._owned(name, self._cluster.rank)
            own[name][rows] = copies[mine]

    def fill(self, own: Arrays) -> None:
        """Copies the rows from those that each rank owns. Collective."""
        names = [name for name in own if name.partition("/")[0] in self._ids]
        parts = self._cluster.allgather({name: own[name][self._owned(name, self._cluster.rank)[0]] for name in names})
        copies: Arrays = {}
        for name in names:
            copies[name] = np.empty((len(self._ids[name.partition("/")[0]]), own[name].shape[1]), np.float32)
            for owner, part in enumerate(parts):
                copies[name][self._owned(name, owner)[1]] = part[name]
        self.rows.assign(copies)

    def _owned(self, name: str, owner: int) -> tuple[Integers, npt.NDArray[np.bool_]]:
        """The numbers of an owner's hot rows among its own, and which of the copies they are."""
        ids = self._ids[name.partition("/")[0]]
        mine = ids % self._cluster.ranks == owner
        return ids[mine] // self._cluster.ranks, mine


def hot_layout(table: TableLayout, count: int) -> TableLayout:
    """The layout of so many copies of a table's rows."""
    return replace(table, slots=(replace(table.slots[0], rows=count, first_row=0, pretrained=None),))
