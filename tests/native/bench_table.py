"""What the Python entry points of the table cost: ``pytest tests/native/bench_table.py --benchmark-only``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from wideload import SparseTable, _native

BATCH = 32_768
ROWS = 1_000_000


@pytest.fixture(scope="module")
def signs() -> npt.NDArray[np.int64]:
    return _native.sign_hash(1, np.random.default_rng(0).permutation(ROWS)[:BATCH])


@pytest.fixture(scope="module")
def table() -> SparseTable:
    table = SparseTable("bench", [_native.Slice("deep", 8)])
    table.pull(_native.sign_hash(1, np.arange(ROWS)))
    return table


def test_pull(benchmark: BenchmarkFixture, table: SparseTable, signs: npt.NDArray[np.int64]) -> None:
    out = np.empty((BATCH, 8), np.float32)
    benchmark(table.pull, signs, out=out)


def test_pull_read_only(benchmark: BenchmarkFixture, table: SparseTable, signs: npt.NDArray[np.int64]) -> None:
    benchmark(table.pull_read_only, signs)


def test_push(benchmark: BenchmarkFixture, table: SparseTable, signs: npt.NDArray[np.int64]) -> None:
    benchmark(table.push, signs, np.full((BATCH, 8), 0.01, np.float32))


def test_unique(benchmark: BenchmarkFixture) -> None:
    repeated = np.random.default_rng(0).integers(0, 10_000, BATCH)
    benchmark(_native.unique, repeated)


def test_sign_hash(benchmark: BenchmarkFixture) -> None:
    benchmark(_native.sign_hash, 1, np.arange(BATCH))
