import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import wideload
from wideload.errors import DataError, UsageError
from wideload.harness.records.results import CurvePoint, RankRecord, Results, RunRecord

Make = Callable[..., RunRecord]


def write(folder: Path, *runs: RunRecord) -> Path:
    (folder / "runs.jsonl").write_text("".join(f"{run.model_dump_json()}\n" for run in runs))
    return folder


def test_runs_come_back_as_they_were_written(tmp_path: Path, make_run: Make) -> None:
    original = make_run(auc=0.9, options={"mode": "sync"})
    assert Results.read(write(tmp_path, original)).runs == (original,)


def test_the_last_attempt_counts_in_the_place_of_the_first(tmp_path: Path, make_run: Make) -> None:
    first, other = make_run(case_id="a", status="crashed"), make_run(case_id="b")
    again = make_run(case_id="a", attempt=1)
    assert Results.read(write(tmp_path, first, other, again)).runs == (again, other)


def test_a_cut_line_costs_one_record_and_a_warning(tmp_path: Path, make_run: Make) -> None:
    write(tmp_path, make_run())
    with (tmp_path / "runs.jsonl").open("a") as file:
        file.write('{"case_id": "b", "stat')
    results = Results.read(tmp_path)
    assert [run.case_id for run in results.runs] == ["a"]
    assert results.warnings[0].startswith("runs.jsonl:2: skipped")


def test_bytes_that_are_no_text_cost_one_record(tmp_path: Path, make_run: Make) -> None:
    write(tmp_path, make_run())
    with (tmp_path / "runs.jsonl").open("ab") as file:
        file.write(b"\xff\xfe\x00\n" + make_run(case_id="c").model_dump_json().encode() + b"\n")
    assert [run.case_id for run in Results.read(tmp_path).runs] == ["a", "c"]


def test_unknown_fields_are_ignored(tmp_path: Path, make_run: Make) -> None:
    newer = json.loads(make_run().model_dump_json()) | {"colour": "blue"}
    (tmp_path / "runs.jsonl").write_text(json.dumps(newer) + "\n")
    assert Results.read(tmp_path).runs == (make_run(),)


def test_a_loss_that_is_not_a_number_survives_storage(tmp_path: Path, make_run: Make) -> None:
    losses = Results.read(write(tmp_path, make_run(losses=[0.5, float("nan"), float("inf")]))).runs[0].losses
    assert losses[0] == 0.5
    assert losses[1] != losses[1]
    assert losses[2] == float("inf")


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a run folder"):
        Results.read(tmp_path)


def test_curves_and_ranks_are_found_by_case(tmp_path: Path, make_run: Make) -> None:
    write(tmp_path, make_run())
    rank = RankRecord(case_id="a", rank=1, host="h", status="ok")
    (tmp_path / "ranks.jsonl").write_text(rank.model_dump_json() + "\n")
    (tmp_path / "curves").mkdir()
    point = CurvePoint(case_id="a", step=1, examples=2, seconds=3.0, auc=0.5, logloss=0.6)
    (tmp_path / "curves" / "a.jsonl").write_text(point.model_dump_json() + "\n")
    results = Results.read(tmp_path)
    assert results.ranks_of("a") == (rank,)
    assert results.curves == {"a": (point,)}


def test_the_table_has_one_column_for_every_nested_entry(tmp_path: Path, make_run: Make) -> None:
    write(tmp_path, make_run(step_ms={"p50": 4.0}, options={"mode": "sync"}))
    frame = wideload.load_results(tmp_path)
    assert frame["step_ms.p50"].tolist() == [4.0]
    assert frame["label"].tolist() == ["local[mode=sync]"]


def test_the_json_of_pytest_benchmark_is_a_table_too(tmp_path: Path) -> None:
    """pytest-benchmark itself writes the file, so that a change of its format is detected."""
    (tmp_path / "bench_sum.py").write_text(
        "import pytest\n"
        "@pytest.mark.parametrize('size', [10, 1000])\n"
        "@pytest.mark.benchmark(group='sums')\n"
        "def test_sum(benchmark, size):\n"
        "    benchmark.extra_info['unit'] = 'numbers'\n"
        "    benchmark(sum, range(size))\n"
    )
    written = tmp_path / "benchmark.json"
    options = ["--benchmark-max-time=0.01", "--benchmark-min-rounds=2", f"--benchmark-json={written}"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "bench_sum.py"]
    # pytest-benchmark measures nothing in a worker of pytest-xdist, of which these variables tell.
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    subprocess.run(command, cwd=tmp_path, env=alone, check=True, capture_output=True, timeout=60)
    frame = wideload.load_results(written)
    assert frame["params.size"].tolist() == [10, 1000]
    assert frame["group"].tolist() == ["sums", "sums"]
    assert frame["extra.unit"].tolist() == ["numbers", "numbers"]
    assert 0 < frame["stats.median"][0] < frame["stats.median"][1] < 1


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"benchmarks": 3}')
    with pytest.raises(DataError, match="not the JSON that `pytest --benchmark-json` writes"):
        wideload.load_results(tmp_path / "other.json")
