from typing import Any

import numpy as np
import pytest

from wideload.errors import UsageError
from wideload.harness.features.layout import PretrainedRows, SlotLayout, TableLayout, table_signs
from wideload.harness.model.initial_rows import initial_deep
from wideload.harness.workload.columns import Category, Embedding, Initializer, Shared

KINDS = ("zeros", "uniform", "normal", "truncated_normal", "glorot")


def table(start: Initializer) -> TableLayout:
    return TableLayout("wide4", 1, 4, 0, (SlotLayout("a", "mean", 1000, 0, salt=17),), start)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_start_as_in_the_sparse_table(kind: Any) -> None:
    native = pytest.importorskip("wideload._native", reason="the native module is not built")
    keys = table_signs(table(Initializer()))
    initializer = native.Initializer(kind, 0.05)
    slices = [native.Slice("wide", 1, initializer=native.Initializer("zeros"))]
    slices.append(native.Slice("deep", 4, initializer=initializer))
    theirs = native.initial_rows("wide4", slices, keys, seed=42)
    ours = initial_deep(table(Initializer(kind=kind)), keys, 42)
    np.testing.assert_allclose(ours, theirs[:, 1:], rtol=2e-7, atol=1e-9)


def test_pretrained_rows_start_the_sparse_table_too() -> None:
    native = pytest.importorskip("wideload._native", reason="the native module is not built")
    keys = table_signs(table(Initializer()))
    chosen = np.sort(keys[::3])
    trained = PretrainedRows(chosen, np.arange(4 * len(chosen), dtype=np.float32).reshape(-1, 4))
    slot = SlotLayout("a", "mean", 1000, 0, salt=17, pretrained=trained)
    ours = initial_deep(TableLayout("wide4", 1, 4, 0, (slot,), Initializer()), keys, 42)
    slices = [native.Slice("wide", 1, initializer=native.Initializer("zeros"))]
    slices.append(native.Slice("deep", 4, pretrained=(trained.signs, trained.rows)))
    theirs = native.SparseTable("wide4", slices, seed=42).pull(keys)
    np.testing.assert_allclose(ours, theirs[:, 1:], rtol=2e-7, atol=1e-9)
    assert chosen[0] < 0 < chosen[-1]


def test_pretrained_rows_of_another_shape_are_refused() -> None:
    native = pytest.importorskip("wideload._native", reason="the native module is not built")
    signs = np.array([1, 2])
    with pytest.raises(UsageError, match=r"slice 'deep' has shape \[2, 3\]; valid: \[2, 4\]"):
        native.Slice("deep", 4, pretrained=(signs, np.zeros((2, 3), np.float32)))
    twice = native.Slice("deep", 4, pretrained=(np.array([1, 1]), np.zeros((2, 4), np.float32)))
    with pytest.raises(UsageError, match="'deep': signs of pretrained rows must increase strictly"):
        native.SparseTable("t", [twice])


def test_rows_depend_on_the_seed() -> None:
    start = table(Initializer())
    keys = table_signs(start)
    assert (initial_deep(start, keys, 1) != initial_deep(start, keys, 2)).all(axis=1).all()


def test_every_row_of_a_table_has_its_own_sign(adapter: Any) -> None:
    made = adapter(Category(name="shop"), Category(name="colour"))
    signs = table_signs(made.layout.tables[0])
    assert len(set(signs.tolist())) == made.layout.tables[0].rows


def test_slots_of_a_shared_table_share_their_rows(adapter: Any) -> None:
    made = adapter(Shared(name="letter", of=("colour", "words"), embedding=Embedding()))
    first, second = made.layout.tables[0].slots
    assert (first.first_row, first.rows, first.salt) == (second.first_row, second.rows, second.salt)
    assert made.layout.tables[0].rows == first.rows
