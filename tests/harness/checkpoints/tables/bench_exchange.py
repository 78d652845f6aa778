"""A million rows, table -> Parquet, SQLite and PostgreSQL -> table: exact, and how fast.

``pytest -o addopts=--import-mode=importlib --benchmark-only -s tests/harness/checkpoints/tables/bench_exchange.py``
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from wideload.harness.checkpoints.tables.diff import diff
from wideload.harness.checkpoints.tables.exchange import export_to, import_from

ROWS = int(os.environ.get("WIDELOAD_ROWS", "1000000"))


@pytest.fixture(scope="module")
def checkpoint(kit: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = kit.big_checkpoint(tmp_path_factory.mktemp("million"), ROWS)
    return folder


def there_and_back(benchmark: Any, checkpoint: Path, target: str, out: Path) -> None:
    seconds: dict[str, float] = {}

    def trip() -> None:
        begun = time.perf_counter()
        assert sum(export_to(checkpoint, target).values()) == ROWS
        seconds["there"] = time.perf_counter() - begun
        begun = time.perf_counter()
        import_from(target, checkpoint, out)
        seconds["back"] = time.perf_counter() - begun

    benchmark.pedantic(trip, rounds=1, iterations=1)
    (found,) = diff(checkpoint, out)
    assert (found.equal, found.any) == (ROWS, False), "every bit of every row came back"
    for way, taken in seconds.items():
        benchmark.extra_info[f"rows_per_second_{way}"] = round(ROWS / taken)
    there, back = (f"{ROWS / seconds[way]:,.0f} rows/s" for way in ("there", "back"))
    print(f"\n{ROWS:,} rows to {target.split(':')[0]}: {there}; back: {back}; exact")  # noqa: T201


def test_parquet(benchmark: Any, checkpoint: Path, tmp_path: Path) -> None:
    there_and_back(benchmark, checkpoint, str(tmp_path / "parquet"), tmp_path / "back")


def test_sqlite(benchmark: Any, checkpoint: Path, tmp_path: Path) -> None:
    there_and_back(benchmark, checkpoint, f"sqlite:{tmp_path / 'rows.db'}", tmp_path / "back")


@pytest.mark.postgres
def test_postgresql(benchmark: Any, checkpoint: Path, tmp_path: Path, postgresql: str) -> None:
    there_and_back(benchmark, checkpoint, postgresql, tmp_path / "back")
