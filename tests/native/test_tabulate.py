"""The tables of docs/explanation/benchmarks.md from the JSON of a run."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "native" / "benchmarks" / "tabulate.py"


@pytest.fixture(scope="module")
def tabulate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tabulate", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["tabulate"] = module
    spec.loader.exec_module(module)
    return module


def measured(name: str, rate: float, threads: int = 1) -> dict[str, Any]:
    return {"run_name": name, "run_type": "iteration", "items_per_second": rate, "threads": threads}


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    shape = "rows:4000000/dim:8/zipf:0/real_time"
    entries = [
        *(measured(f"pull/wideload/{shape}", rate) for rate in (14e6, 15e6, 90e6)),
        measured(f"pull/tensornet/{shape}", 2e6),
        measured(f"pull/wideload/{shape}/threads:2", 27e6, threads=2),
        {"run_name": f"pull/wideload/{shape}", "run_type": "aggregate", "items_per_second": 1.0},
        measured("unique/wideload/examples:256/real_time", 160e6),
        measured("unique/wideload_by_shard/examples:256/real_time", 120e6),
        measured("unique/map_per_slot/examples:256/real_time", 20e6),
        {
            "run_name": "growth/wideload/rows:4000000/iterations:1",
            "bytes_per_row": 101.4,
            "beyond_payload": 21.4,
            "peak_ratio": 1.01,
            "worst_pause_ms": 0.42,
            "empty_bytes": 84000,
        },
    ]
    path = tmp_path / "run.json"
    context = {"num_cpus": 2, "mhz_per_cpu": 2600, "date": "2026-01-02T03:04:05"}
    path.write_text(json.dumps({"context": context, "benchmarks": entries}))
    return path


def test_a_ratio_is_median_over_median_within_the_run(tabulate: ModuleType, run_file: Path) -> None:
    content = tabulate.tables(tabulate.read(run_file))
    assert "| pull | 4 M | 8 | uniform | 1 | 15.0 | 7.50 x |" in content


def test_two_threads_are_compared_with_one(tabulate: ModuleType, run_file: Path) -> None:
    assert "| pull | 4 M | 8 | uniform | 1.80 x |" in tabulate.tables(tabulate.read(run_file))


def test_dedupe_and_growth_have_their_tables(tabulate: ModuleType, run_file: Path) -> None:
    content = tabulate.tables(tabulate.read(run_file))
    assert "| 256 | 160 | 120 | 20 | 8.00 x |" in content
    assert "| 4 M | 101.4 | 21.4 | 1.01 | 0.42 | 82 |" in content


def test_only_what_stands_between_the_markers_is_replaced(tabulate: ModuleType) -> None:
    document = f"before\n{tabulate.BEGIN}\nold\n{tabulate.END}\nafter\n"
    assert tabulate.insert(document, "new") == f"before\n{tabulate.BEGIN}\n\nnew\n\n{tabulate.END}\nafter\n"
    with pytest.raises(ValueError, match="lacks the markers"):
        tabulate.insert("nothing here", "new")
