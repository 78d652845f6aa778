"""The optimizer state that is declared is the state that the table and the variables keep."""

from __future__ import annotations

import pytest

from wideload import _native
from wideload.harness.workload.optimizers import STATE, AdaGrad, Adam, Ftrl, Optimizer, Sgd, state_floats
from wideload.strategies.sparse_ps.tables import make_optimizer

ALL = [Ftrl(), AdaGrad(), Adam(), Sgd(), Sgd(momentum=0.9)]


@pytest.mark.parametrize("optimizer", ALL, ids=str)
@pytest.mark.parametrize("dimension", [1, 8])
def test_the_sparse_table_keeps_as_many_floats(optimizer: Optimizer, dimension: int) -> None:
    zeros = _native.Initializer("zeros")
    slices = [_native.Slice("deep", dimension, optimizer=make_optimizer(optimizer), initializer=zeros)]
    table = _native.SparseTable("t", slices, seed=1)
    assert dimension + state_floats(optimizer.state, dimension) == table.row_floats


@pytest.mark.parametrize("optimizer", ALL, ids=str)
def test_the_kind_alone_tells_what_an_optimizer_may_keep(optimizer: Optimizer) -> None:
    assert set(optimizer.state) <= set(STATE[optimizer.kind])


@pytest.mark.parametrize("optimizer", ALL, ids=str)
def test_replicated_variables_are_those_that_are_declared(optimizer: Optimizer) -> None:
    import tensorflow as tf

    from wideload.strategies.replicated.optimizers import make_optimizer as replicated

    kept = replicated(optimizer, tf.Variable(tf.zeros([5, 8]))).state
    assert list(kept) == [state.name for state in optimizer.state]
    assert [variable.shape[1] for variable in kept.values()] == [state.floats(8) for state in optimizer.state]
