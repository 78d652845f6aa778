"""wideload.SparseTable as a Python user meets it: arrays, errors, memory, files, threads."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
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


WORDS = [0, 7, 2**31 - 1]


@pytest.mark.parametrize(
    "signs",
    [
        WORDS,
        tuple(WORDS),
        [np.int64(word) for word in WORDS],
        *(np.array(WORDS, kind) for kind in ("i4", "u4", "u8", ">i8", ">u4", object)),
        np.array([*WORDS, 0])[:3],
        np.array([*WORDS, 0], np.int32)[2::-1][::-1],
        pd.Series(WORDS),
        pa.array(WORDS),
    ],
    ids=lambda signs: f"{type(signs).__name__} {getattr(signs, 'dtype', '')}",
)
def test_integers_of_any_width_and_lists_of_them_are_signs(table: SparseTable, signs: Any) -> None:
    expected = table.pull(np.array(WORDS, np.int64))
    np.testing.assert_array_equal(table.pull(signs), expected)
    assert len(table) == len(WORDS)


def test_narrow_integers_keep_their_value(table: SparseTable) -> None:
    for kind in (np.int8, np.int16, np.int32):
        np.testing.assert_array_equal(table.pull(np.array([-1], kind)), table.pull(np.array([-1], np.int64)))
    for kind in (np.uint8, np.uint16, np.uint32):
        most = np.iinfo(kind).max
        np.testing.assert_array_equal(table.pull(np.array([most], kind)), table.pull(np.array([most], np.int64)))


def test_a_list_may_hold_all_that_64_bits_can(table: SparseTable) -> None:
    """NumPy makes float64 of such a list, which would lose the low bits."""
    signs = [2**64 - 1, -(2**63), 2**63 + 1, 1]
    bits = np.array([word % 2**64 for word in signs], np.uint64)
    np.testing.assert_array_equal(table.pull(signs), table.pull(bits))
    np.testing.assert_array_equal(table.pull(np.array(signs, object)), table.pull(bits))
    assert len(table) == len(signs)


def test_an_unaligned_array_is_read_correctly(table: SparseTable) -> None:
    signs = np.frombuffer(b"x" + SIGNS.tobytes(), np.dtype([("pad", "u1"), ("sign", "i8")]), count=1)["sign"]
    np.testing.assert_array_equal(table.pull(signs), table.pull(SIGNS[:1]))


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
        (lambda t: t.pull(np.zeros(0)), "signs have type float64"),
        (
            lambda t: t.pull([1.0, 2.0]),
            "signs have type float64 and 1 dimensions; valid: a one-dimensional array of int",
        ),
        (lambda t: t.pull([1, None]), "signs have type object"),
        (lambda t: t.pull(["a"]), "signs have type <U1"),
        (lambda t: t.pull([True, False]), "signs have type bool"),
        (lambda t: t.pull(np.array([1, True], object)), "signs have type object"),
        (lambda t: t.pull(np.zeros(2, "datetime64[s]")), "signs have type datetime64"),
        (lambda t: t.pull([2**64, -1]), "a sign is 18446744073709551616; valid: 64 bits"),
        (lambda t: t.pull([2**63, -(2**63) - 1]), "a sign is -9223372036854775809; valid: 64 bits"),
        (lambda t: t.pull(3), "0 dimensions"),
        (lambda t: t.pull([[1], [1, 2]]), "cannot be read as an array"),
        (lambda t: t.pull(SIGNS, step=-1), "step is -1; valid: an integer from 0 to 4294967295"),
        (lambda t: t.pull(SIGNS, step=2**32), "step is 4294967296; valid: an integer from 0 to 4294967295"),
        (lambda t: t.pull(SIGNS, step=1.5), "step is 1.5; valid: an integer"),
        (lambda t: t.pull(SIGNS, step=None), "step is None; valid: an integer"),
        (lambda t: t.push(SIGNS, np.zeros((4, 4), np.float32), step=-1), "step is -1; valid: an integer from 0"),
        (lambda t: t.evict(step=-1), "step is -1; valid: an integer from 0"),
        (lambda t: SparseTable("t", t.slices, seed=-1), "seed is -1; valid: an integer from 0 to 18446744073709551615"),
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


def test_an_empty_table_is_saved_and_loaded(table: SparseTable, tmp_path: Path) -> None:
    assert table.save(tmp_path) == {"shard-000.rows": 0}
    assert SparseTable("t", table.slices, seed=1).load(tmp_path) == 0


def test_a_folder_without_a_table_is_refused(table: SparseTable, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds no saved table: there is no file named shard-000"):
        table.load(tmp_path)
    with pytest.raises(CheckpointError, match="is not a folder"):
        table.load(tmp_path / "absent")


def test_the_rows_of_a_table_of_another_seed_are_refused(table: SparseTable, tmp_path: Path) -> None:
    """The rows would fit, but every sign that is not among them would start from another row."""
    table.pull(SIGNS)
    table.save(tmp_path)
    other = SparseTable("t", table.slices, seed=2)
    with pytest.raises(CheckpointError, match=r"table with seed 1; this one has seed 2, .* Make the table with seed=1"):
        other.load(tmp_path)
    assert len(other) == 0


def test_a_file_of_an_earlier_version_names_no_seed_and_is_loaded(table: SparseTable, tmp_path: Path) -> None:
    rows = table.pull(SIGNS)
    for name in table.save(tmp_path):
        path = tmp_path / name
        shard, digest, signs, headers, floats = _native.read_row_file(str(path))
        _native.write_row_file(str(path), shard, digest, signs, headers, floats)
    other = SparseTable("t", table.slices, seed=2)
    assert other.load(tmp_path) == len(SIGNS)
    np.testing.assert_array_equal(other.pull(SIGNS), rows)


def test_a_table_describes_itself(table: SparseTable) -> None:
    table.pull(SIGNS)
    assert repr(table) == "SparseTable('t', slices=[wide (1, adagrad), deep (3, adagrad)], rows=4)"


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


MANY = np.arange(20_000, dtype=np.int64)


def in_a_child(work: Callable[[], None]) -> int:
    """The exit code of a forked process that does the work; 99 where it hangs."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0 if sys.exc_info()[0] is None else 1)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 99


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_process_that_forked_after_its_threads_were_used_can_use_the_table(tmp_path: Path) -> None:
    """As data loaders do. The threads are not in the child."""
    table = SparseTable("t", [_native.Slice("deep", 4)], threads=2)
    rows = table.pull(MANY)

    def work() -> None:
        np.testing.assert_array_equal(table.pull(MANY), rows)
        table.push(MANY, np.ones_like(rows))
        table.save(tmp_path)
        table.threads = 2  # new threads, of the child
        table.pull(np.arange(30_000))
        SparseTable("u", table.slices, threads=2).pull(MANY)

    assert in_a_child(work) == 0
    np.testing.assert_array_equal(table.pull(MANY), rows)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_while_another_thread_pulls_leaves_no_lock_behind() -> None:
    table = SparseTable("t", [_native.Slice("deep", 16)], threads=2)
    stop = threading.Event()

    def keep_pulling() -> None:
        while not stop.is_set():
            table.pull(MANY)

    busy = threading.Thread(target=keep_pulling)
    busy.start()
    try:
        assert [in_a_child(lambda: table.pull(MANY)) for _ in range(10)] == [0] * 10
    finally:
        stop.set()
        busy.join()
