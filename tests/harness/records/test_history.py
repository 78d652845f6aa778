"""What goes into a history, and what replaces what."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from wideload.errors import DataError
from wideload.harness.records.history import Commit, Point, add, measured, read, series
from wideload.harness.records.results import RunRecord
from wideload.harness.records.store import CaseRecords, Store

Make = Callable[..., RunRecord]
FIRST = Commit("a" * 40, "2026-01-01T10:00:00+02:00")
SECOND = Commit("b" * 40, "2026-01-01T09:00:00+00:00")  # an hour later


def of(commit: Commit, value: float, name: str = "s", machine: str = "m") -> Point:
    return Point(commit.name, commit.committed, machine, name, "seconds", value)


def test_commits_are_ordered_by_their_time_in_whatever_order_they_were_added(tmp_path: Path) -> None:
    path = tmp_path / "new" / "history.parquet"
    add(path, [of(SECOND, 2.0)])
    add(path, [of(FIRST, 1.0)])
    (found,) = series(read(path))
    assert [point.value for point in found.points] == [1.0, 2.0]


def test_what_is_added_again_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "history.parquet"
    for value in (1.0, 3.0):
        add(path, [of(FIRST, value)])
    assert read(path) == [of(FIRST, 3.0)]


def test_machines_are_never_mixed() -> None:
    assert len(series([of(FIRST, 1.0), of(SECOND, 1.0, machine="n")])) == 2


def test_the_file_is_a_table_for_any_tool(tmp_path: Path) -> None:
    add(tmp_path / "history.parquet", [of(FIRST, 1.0)])
    frame = pd.read_parquet(tmp_path / "history.parquet")
    assert list(frame.columns) == ["commit", "committed", "machine", "series", "metric", "value"]


def test_a_run_gives_the_medians_of_its_rounds(tmp_path: Path, make_run: Make) -> None:
    store = Store(tmp_path / "run")
    store.begin("", {"cpu": "fast", "cores": 2}, "")
    starved = [{"kind": "oversubscribed", "text": "4 compute threads on 2 cores"}]
    cases = [(1.0, []), (3.0, []), (2.0, []), (900.0, starved)]
    for repeat, (speed, flagged) in enumerate(cases):
        run = make_run(case_id=f"c{repeat}", repeat=repeat, examples_per_second=speed, auc=0.9, flagged=flagged)
        store.add(CaseRecords(run, [], []))
    store.add(CaseRecords(make_run(case_id="bad", status="failed", examples_per_second=1.0), [], []))
    found = {point.metric: point for point in measured(store.path, FIRST)}
    assert {name: point.value for name, point in found.items()} == {"examples_per_second": 2.0, "auc": 0.9}
    assert found["auc"].machine == "fast, 2 cores"
    assert found["auc"].series.startswith("census \u00b7 2 ranks \u00b7 batch 1024")


def written(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_pytest_benchmark_gives_the_median_of_a_call(tmp_path: Path) -> None:
    stats = {"min": 1.0, "median": 2.0, "iqr": 0.1, "rounds": 5}
    machine = {"cpu": {"brand_raw": "fast", "count": 4}}
    content = {"machine_info": machine, "benchmarks": [{"name": "f", "fullname": "tests::f", "stats": stats}]}
    (point,) = measured(written(tmp_path / "b.json", content), FIRST)
    assert (point.machine, point.series, point.metric, point.value) == ("fast, 4 cores", "tests::f", "seconds", 2.0)


def test_google_benchmark_gives_the_median_of_its_repetitions(tmp_path: Path) -> None:
    def entry(name: str, real_time: float, **more: Any) -> dict[str, Any]:
        return {
            "name": name,
            "run_name": name.partition("_median")[0],
            "real_time": real_time,
            "time_unit": "us",
        } | more

    entries = [
        entry("pull", 1.0, run_type="iteration"),
        entry("pull", 9.0, run_type="iteration"),
        entry("pull", 2.0, run_type="iteration"),
        entry("push", 5.0, run_type="iteration"),
        entry("push_median", 4.0, run_type="aggregate", aggregate_name="median"),
        entry("push_mean", 7.0, run_type="aggregate", aggregate_name="mean"),
        {"name": "broken", "error_occurred": True},
    ]
    file = written(
        tmp_path / "g.json", {"context": {"host_name": "h", "mhz_per_cpu": 2594, "num_cpus": 2}, "benchmarks": entries}
    )
    points = measured(file, FIRST)
    assert {point.machine for point in points} == {"2.6 GHz, 2 cores"}
    found = {point.series: point.value for point in points}
    assert found == {"pull": pytest.approx(2e-6), "push": pytest.approx(4e-6)}


@pytest.mark.parametrize("content", [[], {}, {"context": {}, "benchmarks": []}])
def test_a_file_without_a_measurement_is_named(tmp_path: Path, content: Any) -> None:
    with pytest.raises(DataError, match=r"b\.json"):
        measured(written(tmp_path / "b.json", content), FIRST)


@pytest.mark.parametrize("content", [b"", b"text"])
def test_another_file_is_no_history(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "h.parquet").write_bytes(content)
    with pytest.raises(DataError, match="is no history"):
        read(tmp_path / "h.parquet")


def test_another_table_is_no_history(tmp_path: Path) -> None:
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "h.parquet")
    with pytest.raises(DataError, match="is no history"):
        read(tmp_path / "h.parquet")
