"""wideload.SparseTable as a Python user meets it: arrays, errors, memory, files, threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wideload import SparseTable, _native
from wideload.errors import CheckpointError, UsageError
from wideload.harness import workload

SIGNS = np.array([0, 1, -1, 2**62], np.int64)


@pytest.fixture
def table() -> SparseTable:
    return SparseTable("t", [_native.Slice("wide", 1), _native.Slice("deep", 3)], seed=1)


def test_int64_and_uint64_signs_are_the_same_bits(table: SparseTable) -> None:
    np.testing.assert_array_equal(table.pull(SIGNS), table.pull(SIGNS.view(np.uint64)))
    assert len(table) == len(SIGNS)


def test_pull_writes_into_the_array_given(table: SparseTable) -> None:
    out = np.full((4, 4), np.nan, np.float32)
    assert table.pull(SIGNS, out=out) is out
    np.testing.assert_array_equal(out, table.pull_read_only(SIGNS))


def test_strided_arrays_are_read_correctly(table: SparseTable) -> None:
    every_other = np.repeat(SIGNS, 2)[::2]
    gradients = np.asfortranarray(np.arange(16, dtype=np.float32).reshape(4, 4))
    before = table.pull(SIGNS)
    other = SparseTable("t", table.slices, seed=1)
    table.push(every_other, gradients)
    other.push(SIGNS, np.ascontiguousarray(gradients))
    np.testing.assert_array_equal(table.pull(SIGNS), other.pull(SIGNS))
    assert not np.array_equal(before, table.pull(SIGNS))


def test_an_empty_batch_is_no_special_case(table: SparseTable) -> None:
    nothing = np.empty(0, np.int64)
    assert table.pull(nothing).shape == (0, 4)
    table.push(nothing, np.empty((0, 4), np.float32))
    assert len(table) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.pull(np.zeros(3)), "signs have type float64"),
        (lambda t: t.pull(np.zeros((2, 2), np.int64)), "2 dimensions"),
        (lambda t: t.push(SIGNS, np.zeros((4, 3), np.float32)), r"shape \[4, 3\]; valid: \[4, 4\]"),
        (lambda t: t.push(SIGNS, np.zeros((3, 4), np.float32)), r"shape \[3, 4\]; valid: \[4, 4\]"),
        (lambda t: t.push(SIGNS, np.zeros((4, 4), np.float32), shows=np.ones(2, np.float32)), "shows has 2 values"),
        (lambda t: t.pull(SIGNS, out=np.zeros((4, 4))), "out is not a float32 array"),
        (lambda t: t.pull(SIGNS, out=np.zeros((3, 4), np.float32)), "out has shape"),
        (lambda t: t.pull_read_only(SIGNS, absent="nan"), "Valid: initial, zeros"),
        (lambda t: t.export_rows(256), "valid: 0 to 255"),
        (lambda t: t.import_rows({"signs": SIGNS}), "lack 'last_step'"),
        (lambda t: _native.Slice("deep", 0), "'deep' has dimension 0; valid: 1 to 65536"),
        (lambda t: _native.Slice("deep", 4, optimizer="adagrad"), r"valid: Ftrl\(...\), AdaGrad"),
        (lambda t: _native.Initializer("gaussian"), "Valid: zeros, uniform, normal, truncated_normal, glorot"),
        (lambda t: _native.RowLife(when_full="explode"), "Valid: raise, trim"),
        (lambda t: _native.AdaGrad(learning_rate=0), "learning_rate is 0.000000; valid: a finite number above 0"),
        (lambda t: SparseTable("t", []), "no slices"),
    ],
)
def test_an_impossible_request_says_what_is_valid(
    table: SparseTable, call: Callable[[SparseTable], object], message: str
) -> None:
    before = table.pull(SIGNS)
    with pytest.raises(UsageError, match=message):
        call(table)
    np.testing.assert_array_equal(table.pull(SIGNS), before)


def test_an_unknown_kind_of_optimizer_is_refused_with_the_known_ones() -> None:
    class Lion:
        kind = "lion"

    with pytest.raises(UsageError, match=r"'lion'\. Valid: ftrl, adagrad, row_wise_adagrad, adam, sgd"):
        _native.Slice("deep", 4, optimizer=Lion())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_guard_refuses_gradients_that_are_not_numbers(bad: float) -> None:
    table = SparseTable("t", [_native.Slice("deep", 2)], nan_guard=True)
    before = table.pull(SIGNS)
    gradients = np.ones((4, 2), np.float32)
    gradients[2, 1] = bad
    with pytest.raises(UsageError, match="gradient 2 of table 't'"):
        table.push(SIGNS, gradients)
    np.testing.assert_array_equal(table.pull(SIGNS), before)


def test_a_full_cap_raises_and_the_table_stays_usable() -> None:
    table = SparseTable("t", [_native.Slice("deep", 2)], life=_native.RowLife(max_rows=4, when_full="raise"))
    rows = table.pull(SIGNS)
    with pytest.raises(UsageError, match="table 't' is full: 4 rows"):
        table.pull(np.array([99], np.int64))
    np.testing.assert_array_equal(table.pull(SIGNS), rows)


def test_optimizers_of_a_workload_declare_slices_too() -> None:
    declared = workload.Ftrl(learning_rate=0.5, l1=0.25)
    rule = _native.Slice("wide", 1, optimizer=declared).optimizer
    assert (rule.kind, rule.learning_rate, rule.l1) == ("ftrl", 0.5, 0.25)


@pytest.mark.parametrize(
    ("native", "declared"),
    [
        (_native.Ftrl(), workload.Ftrl()),
        (_native.AdaGrad(), workload.AdaGrad()),
        (_native.Adam(), workload.Adam()),
        (_native.Sgd(), workload.Sgd()),
    ],
    ids=["ftrl", "adagrad", "adam", "sgd"],
)
def test_defaults_are_those_of_the_workload(native: _native.Optimizer, declared: workload.Optimizer) -> None:
    for name, value in declared.model_dump().items():
        assert getattr(native, name) == pytest.approx(value), name


def test_rows_start_as_initial_rows_says(table: SparseTable) -> None:
    expected = _native.initial_rows("t", table.slices, SIGNS, seed=1)
    np.testing.assert_array_equal(table.pull(SIGNS), expected)


def test_memory_is_told_by_owner(table: SparseTable) -> None:
    assert table.memory()["total"] < 2**20
    table.pull(np.arange(1000))
    memory = table.memory()
    assert memory["weights"] == 1000 * 4 * 4
    assert memory["optimizer"] == 1000 * 4 * 4
    assert memory["headers"] == 1000 * 16
    assert memory["total"] == sum(value for owner, value in memory.items() if owner != "total")


def test_eviction_tells_what_went_and_why() -> None:
    life = _native.RowLife(ttl_steps=5, min_score=0.5, max_rows=2)
    table = SparseTable("t", [_native.Slice("deep", 2)], life=life)
    table.pull(np.array([1]), step=1)
    table.pull(np.array([2]), step=10)
    for sign in (3, 4, 5):
        table.push(np.array([sign]), np.zeros((1, 2), np.float32), step=10 + sign)
    assert table.evict(12) == {"expired": 1, "low_score": 1, "trimmed": 1}
    assert sorted(table.export_rows()["signs"]) == [4, 5]


def test_a_saved_table_loads_bit_for_bit(table: SparseTable, tmp_path: Path) -> None:
    signs = np.arange(3000)
    table.push(signs, np.random.default_rng(0).standard_normal((3000, 4)).astype(np.float32), step=3)
    files = table.save(str(tmp_path))
    assert sum(files.values()) == 3000
    assert sorted(files) == sorted(path.name for path in tmp_path.iterdir())
    loaded = SparseTable("t", table.slices, seed=1)
    assert loaded.load(str(tmp_path)) == 3000
    for name, column in table.export_rows().items():
        np.testing.assert_array_equal(column, loaded.export_rows()[name], err_msg=name)


def test_a_flipped_bit_is_found_at_load_and_named(table: SparseTable, tmp_path: Path) -> None:
    table.pull(np.arange(3000))
    table.save(str(tmp_path))
    damaged = tmp_path / "shard-007.rows"
    content = bytearray(damaged.read_bytes())
    content[-3] ^= 1
    damaged.write_bytes(content)
    fresh = SparseTable("t", table.slices, seed=1)
    with pytest.raises(CheckpointError, match=r"shard-007.rows: block 0 is damaged"):
        fresh.load(str(tmp_path))


def test_unique_agrees_with_numpy() -> None:
    signs = np.random.default_rng(0).integers(-50, 50, 1000)
    unique, inverse, counts = _native.unique(signs)
    np.testing.assert_array_equal(unique[inverse], signs)
    expected, first, expected_counts = np.unique(signs, return_index=True, return_counts=True)
    order = np.argsort(first)
    np.testing.assert_array_equal(unique, expected[order])
    np.testing.assert_array_equal(counts, expected_counts[order])


def test_other_threads_run_while_a_batch_is_served() -> None:
    """A pull that held the interpreter would keep the counter from moving between its start and its end."""
    table = SparseTable("t", [_native.Slice("deep", 16)])
    counted, stop = 0, threading.Event()

    def count() -> None:
        nonlocal counted
        while not stop.is_set():
            counted += 1

    counter = threading.Thread(target=count)
    counter.start()
    try:
        signs = np.random.default_rng(0).integers(0, 2**62, 1_000_000)
        before = counted
        table.pull(signs)
        assert counted > before
    finally:
        stop.set()
        counter.join()
