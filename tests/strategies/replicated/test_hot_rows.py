"""Which rows are hot, and how their copies and their owners' rows are brought together."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from wideload.harness.cluster import Cluster
from wideload.harness.features.layout import Batch, BatchLayout, SlotLayout, TableLayout
from wideload.harness.workload.columns import Initializer
from wideload.harness.workload.model import Model
from wideload.strategies.replicated.collectives import Collectives
from wideload.strategies.replicated.exchange import Exchange
from wideload.strategies.replicated.hot_rows import HotRows, Popularity, hot_layout
from wideload.strategies.replicated.row_store import ReplicatedRows
from wideload.strategies.replicated.table_variables import TableVariables

TABLE = TableLayout("deep2", 0, 2, 0, (SlotLayout("a", "sum", 7, 0),), Initializer())
HOT = np.array([1, 4, 5])
WHOLE = {
    "deep2/deep": np.arange(14, dtype=np.float32).reshape(7, 2),
    "deep2/deep:accumulator": 100 + np.arange(14, dtype=np.float32).reshape(7, 2),
}


class Communicator:
    """Both ranks of a job: the other one contributes what it was given."""

    def __init__(self, *contributions: Any) -> None:
        self._contributions = contributions

    def allgather(self, value: Any) -> list[Any]:
        return list(self._contributions)


def batch(*values: int) -> Batch:
    splits = np.arange(len(values) + 1, dtype=np.int32)
    label, dense = np.zeros(len(values), np.float32), np.zeros((len(values), 0), np.float32)
    return Batch(label, dense, np.array(values, np.int64), splits, None, len(values))


def copies(rank: int) -> HotRows:
    held = [{name: array[HOT[owner == HOT % 2]] for name, array in WHOLE.items()} for owner in (0, 1)]
    cluster = Cluster(rank, 2, Communicator(*held))
    layout = hot_layout(TABLE, len(HOT))
    exchange = Exchange("dense", Collectives(), tf.unique, [layout])
    rows = ReplicatedRows([TableVariables(layout, Model(), 7)], exchange, tf.unique)
    return HotRows([HOT], rows, cluster)


def test_rows_are_hot_that_most_shares_of_batches_have() -> None:
    """Not those that one batch has most often: it would fetch them once."""
    here, there = Popularity(BatchLayout((TABLE,), 0)), Popularity(BatchLayout((TABLE,), 0))
    for one in (batch(6, 6, 6, 6, 1), batch(1, 4)):
        here.watch(one)
    there.watch(batch(4, 5))
    everyone = [np.concatenate(seen) for popularity in (here, there) for seen in popularity._seen]
    cluster = Cluster(0, 2, Communicator(*everyone))
    assert [ids.tolist() for ids in here.hottest(2, cluster)] == [[1, 4]]
    assert [ids.tolist() for ids in here.hottest(99, cluster)] == [[1, 4, 5, 6]]


def test_a_table_that_no_batch_used_has_one_hot_row_all_the_same() -> None:
    popularity = Popularity(BatchLayout((TABLE,), 0))
    popularity.watch(batch())
    nothing = np.empty(0, np.int64)
    assert [ids.tolist() for ids in popularity.hottest(5, Cluster(0, 2, Communicator(nothing, nothing)))] == [[0]]


def test_ids_are_told_apart_and_find_their_copies() -> None:
    hot, places = copies(0).place("deep2", tf.constant([5, 0, 6, 1, 4], tf.int64))
    assert hot.numpy().tolist() == [True, False, False, True, True]
    assert places.numpy()[hot.numpy()].tolist() == [2, 0, 1]


def test_copies_are_filled_by_the_owners_and_come_back_to_them() -> None:
    for rank in (0, 1):
        hot, own = copies(rank), {name: array[rank::2].copy() for name, array in WHOLE.items()}
        hot.fill(own)
        gathered = hot.rows.gather([tf.constant([0, 1, 2], tf.int64)])[0]
        assert gathered.numpy().tolist() == WHOLE["deep2/deep"][HOT].tolist()
        stale = {name: np.zeros_like(array) for name, array in own.items()}
        hot.overlay(stale)
        for name, array in stale.items():
            ids = np.arange(7)[rank::2]
            expected = np.where(np.isin(ids, HOT)[:, None], WHOLE[name][rank::2], 0)
            assert array.tolist() == expected.tolist()
