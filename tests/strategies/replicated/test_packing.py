"""How messages of several tables to several ranks are put together and taken apart."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from wideload.strategies.replicated.packing import Announcing, Packing

COUNTS = tf.constant([[2, 1], [0, 2]])
"""Two rows of the first table and one of the second for rank 0, two of the second for rank 1."""


def listed(tensors: Any) -> Any:
    return [tensor.numpy().tolist() for tensor in tensors]


def test_a_message_has_the_rows_of_all_tables_for_one_rank_then_those_for_the_next() -> None:
    packing = Packing(2, [2, 1])
    rows = [tf.constant([[1.0, 2.0], [3.0, 4.0]]), tf.constant([[5.0], [6.0], [7.0]])]
    message = packing.packed(rows, COUNTS)
    assert message.numpy().tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    assert packing.lengths(COUNTS).numpy().tolist() == [5, 2]
    assert listed(packing.unpacked(message, COUNTS)) == listed(rows)


def test_what_several_ranks_have_sent_is_in_rank_order_within_a_table() -> None:
    from_0 = [10.0, 20.0, 21.0]
    from_1 = [11.0, 12.0, 22.0]
    tables = Packing(2, [1, 1]).unpacked(tf.constant(from_0 + from_1), tf.constant([[1, 2], [2, 1]]))
    assert listed(tables) == [[[10.0], [11.0], [12.0]], [[20.0], [21.0], [22.0]]]


def test_ids_are_announced_where_there_are_several_tables() -> None:
    announcing = Announcing(2, 2)
    message, lengths = announcing.packed([tf.constant([10, 11]), tf.constant([20, 21, 22])], COUNTS)
    assert message.numpy().tolist() == [2, 1, 10, 11, 20, 0, 2, 21, 22]
    assert lengths.numpy().tolist() == [5, 4]
    ids, counts = announcing.unpacked(message, lengths)
    assert listed(ids) == [[10, 11], [20, 21, 22]]
    assert counts.numpy().tolist() == COUNTS.numpy().tolist()


def test_one_table_needs_no_announcement() -> None:
    announcing = Announcing(2, 1)
    message, lengths = announcing.packed([tf.constant([10, 11, 12])], tf.constant([[1], [2]]))
    assert (message.numpy().tolist(), lengths.numpy().tolist()) == ([10, 11, 12], [1, 2])
    ids, counts = announcing.unpacked(message, lengths)
    assert (listed(ids), counts.numpy().tolist()) == ([[10, 11, 12]], [[1], [2]])
