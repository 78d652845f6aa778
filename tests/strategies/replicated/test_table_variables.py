"""A table as variables: split by part, or joined in one row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from wideload.errors import ColumnError, UsageError
from wideload.harness.features.layout import BatchLayout, SlotLayout, TableLayout
from wideload.harness.workload.columns import Initializer
from wideload.harness.workload.model import Model
from wideload.harness.workload.optimizers import AdaGrad, Adam
from wideload.strategies.replicated.by_column import by_column
from wideload.strategies.replicated.table_variables import TableVariables

GRADIENTS = tf.constant(np.random.default_rng(1).normal(size=(2, 5)), tf.float32)
ONE_OPTIMIZER = Model(wide_optimizer=AdaGrad(), deep_optimizer=AdaGrad())


def layout(rows: int | None = 6, **options: Any) -> TableLayout:
    return TableLayout("wide4", 1, 4, 0, (SlotLayout("a", "sum", rows, 0),), Initializer(), **options)


def test_joined_rows_train_as_split_ones() -> None:
    ids, gradients = tf.constant([4, 1], tf.int64), GRADIENTS
    found = []
    for rows in ("joint", "split"):
        table = TableVariables(layout(), ONE_OPTIMIZER, 7, rows)
        table.apply(ids, gradients)
        found.append(table.gather(tf.range(6, dtype=tf.int64)).numpy())
    np.testing.assert_array_equal(*found)


def test_rows_are_joined_where_the_optimizers_are_equal() -> None:
    assert list(TableVariables(layout(), ONE_OPTIMIZER, 7).parts) == ["joint"]
    assert list(TableVariables(layout(), Model(), 7).parts) == ["wide", "deep"]


def test_rows_of_different_optimizers_cannot_be_joined() -> None:
    with pytest.raises(UsageError, match="rows=joint needs equal wide and deep optimizers, given ftrl and adagrad"):
        TableVariables(layout(), Model(), 7, "joint")


def test_unbounded_and_admitted_rows_are_left_to_the_sparse_table() -> None:
    with pytest.raises(ColumnError, match="columns a are unbounded"):
        TableVariables(layout(rows=None), Model(), 7)
    with pytest.raises(ColumnError, match="columns a wait for admission"):
        TableVariables(layout(admit_at=2.0), Model(), 7)


@pytest.mark.parametrize("optimizer", [AdaGrad(), Adam()], ids=str)
def test_joined_rows_are_stored_as_split_ones(optimizer: Any) -> None:
    model = Model(wide_optimizer=optimizer, deep_optimizer=optimizer)
    joint, split = (TableVariables(layout(), model, 7, rows) for rows in ("joint", "split"))
    for table in (joint, split):
        table.apply(tf.constant([4, 1], tf.int64), GRADIENTS)
    again = TableVariables(layout(), model, 8, "joint")
    again.assign(joint.arrays())
    stored = [{name: array.tolist() for name, array in one.arrays().items()} for one in (joint, split, again)]
    assert stored[0] == stored[2]
    assert stored[0].keys() == stored[1].keys()
    for name, array in split.arrays().items():
        assert array.tolist() == [pytest.approx(row, rel=1e-6, abs=1e-7) for row in stored[0][name]]


def test_taken_apart_every_column_has_a_table_of_its_own() -> None:
    slots = (SlotLayout("a", "sum", 3, 0), SlotLayout("b.x", "sum", 4, 3), SlotLayout("b.y", "sum", 4, 3))
    whole = BatchLayout((TableLayout("deep2", 0, 2, 5, slots),), 1)
    apart, first_rows = by_column(whole)
    assert first_rows == [0, 3]
    assert [(table.name, table.first_slot, table.rows, len(table.slots)) for table in apart.tables] == [
        ("deep2", 5, 3, 1),
        ("deep2", 6, 4, 2),
    ]
