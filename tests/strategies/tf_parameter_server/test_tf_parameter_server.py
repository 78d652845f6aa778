"""Rows spread over several servers behave like one table, and a real job of two ranks learns."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from wideload.errors import UsageError
from wideload.harness import workload as declared
from wideload.harness.features.layout import SlotLayout, TableLayout
from wideload.harness.workload.columns import Initializer
from wideload.strategies.replicated.optimizers import make_optimizer
from wideload.strategies.replicated.options import SingleOptions
from wideload.strategies.replicated.table_variables import TableVariables
from wideload.strategies.tf_parameter_server.shards import ShardedTable, ShardedVector

SLOT = SlotLayout("id", "sum", rows=10, first_row=0, salt=3)
TABLE = TableLayout("wide4", wide=1, dim=4, first_slot=0, slots=(SLOT,), initializer=Initializer(kind="uniform"))
JOINT = declared.Model(wide_optimizer=declared.Adam(), deep_optimizer=declared.Adam())
IDS = tf.constant([9, 0, 4, 7], tf.int64)
GRADIENTS = tf.reshape(tf.range(20, dtype=tf.float32), [4, 5])


class Three:
    """Servers that are all in this process."""

    def __len__(self) -> int:
        return 3

    def at(self, server: int) -> Any:
        return nullcontext()


def tables(model: declared.Model) -> tuple[ShardedTable, TableVariables]:
    return ShardedTable(TABLE, model, 5, SingleOptions(), Three()), TableVariables(TABLE, model, 5)


@pytest.mark.parametrize("model", [declared.Model(), JOINT], ids=["split rows", "joint rows"])
def test_a_table_in_shards_is_gathered_updated_and_saved_like_a_whole_one(model: declared.Model) -> None:
    sharded, whole = tables(model)
    assert sharded.gather(IDS).numpy().tolist() == whole.gather(IDS).numpy().tolist()
    for table in (sharded, whole):
        table.apply(IDS, GRADIENTS, 0.5)
    expected = whole.arrays()
    assert {name: array.tolist() for name, array in sharded.arrays().items()} == {
        name: array.tolist() for name, array in expected.items()
    }
    fresh, _ = tables(model)
    fresh.assign(expected)
    assert fresh.gather(IDS).numpy().tolist() == whole.gather(IDS).numpy().tolist()


@pytest.mark.parametrize("rows", ["split", "joint"])
def test_a_shard_that_no_message_can_hold_is_refused(rows: Any) -> None:
    """Joint rows are as wide as both of their parts, so fewer of them fit."""
    width = TABLE.width if rows == "joint" else TABLE.dim
    many = dataclasses.replace(TABLE, slots=(dataclasses.replace(SLOT, rows=3 * 2**29 // width),))
    with pytest.raises(UsageError, match="less than 2 GiB"):
        ShardedTable(many, JOINT if rows == "joint" else declared.Model(), 5, SingleOptions(rows=rows), Three())


@pytest.mark.parametrize("optimizer", [declared.AdaGrad(), declared.Adam()])
def test_a_vector_in_pieces_is_one_vector(optimizer: Any) -> None:
    initial = np.arange(7, dtype=np.float32)
    pieces, whole = ShardedVector(initial, optimizer, Three()), make_optimizer(optimizer, tf.Variable(initial))
    for vector in (pieces, whole):
        vector.apply(tf.ones([7]), 0.5)
    assert pieces.read().numpy().tolist() == whole.read().numpy().tolist()
    state = {name: slot.numpy().tolist() for name, slot in whole.state.items()}
    assert {name: slot.numpy().tolist() for name, slot in pieces.state.items()} == state
    pieces.weights.assign(initial)
    assert pieces.weights.numpy().tolist() == initial.tolist()


@pytest.mark.mpi
@pytest.mark.slow
def test_two_ranks_start_like_the_reference_and_learn(losses: Any) -> None:
    reference, found = losses(1, "local", plain=60)["plain"], losses(2, "tf_parameter_server", plain=60)["plain"]
    # One rank's first update may come before the other's first step.
    assert found[0] == pytest.approx(reference[0], rel=0.1)
    # Every tenth batch is a single example, whose loss says nothing: medians.
    assert np.median(found[-20:]) < np.median(found[:20])
    assert np.median(found[-20:]) == pytest.approx(np.median(reference[-20:]), rel=0.05)


@pytest.mark.mpi
@pytest.mark.slow
def test_a_rank_that_lags_behind_is_served_to_its_last_step(losses: Any) -> None:
    """Rank 0, whose process supplies the workers, is done before the other has begun; with one model, then the next."""
    found = losses(2, "tf_parameter_server", late=9, plain=9)
    assert {name: len(steps) for name, steps in found.items()} == {"late": 9, "plain": 9}
    assert np.isfinite(found["late"]).all()
