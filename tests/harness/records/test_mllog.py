"""MLPerf log lines: their form, their order and their times."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from wideload.errors import UsageError
from wideload.harness.records.export import export
from wideload.harness.records.mllog import log_lines
from wideload.harness.records.results import CurvePoint, RunRecord

Make = Callable[..., RunRecord]
STARTED = "2026-01-02T03:04:05+00:00"
START_MS = round(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp() * 1000)


def point(step: int, auc: float) -> CurvePoint:
    values = {"examples": 100 * step, "seconds": 10.0 * step, "evaluation_seconds": 2.0 * step}
    return CurvePoint(case_id="a", step=step, auc=auc, logloss=0.5, **values)


CURVE = [point(1, 0.7), point(2, 0.9), point(3, 0.95)]


@pytest.fixture
def run(make_run: Make) -> RunRecord:
    return make_run(seed=7, started=STARTED, seconds=100.0, hosts=["h"])


def read(lines: Any) -> list[dict[str, Any]]:
    """As the parsers of MLPerf do: the token, then JSON with exactly these keys."""
    found = [re.fullmatch(r":::MLLOG (\{.*\})", line) for line in lines]
    events = [json.loads(each[1]) for each in found if each]
    assert len(events) == len(found)
    keys = ["namespace", "time_ms", "event_type", "key", "value", "metadata"]
    assert all(list(event) == keys and {"file", "lineno"} <= event["metadata"].keys() for event in events)
    return events


def test_a_run_ends_at_the_first_evaluation_that_found_the_target_reached(run: RunRecord) -> None:
    events = read(log_lines(run, CURVE, 0.9))
    keys = [event["key"] for event in events if event["event_type"] != "POINT_IN_TIME" or "eval" in event["key"]]
    evaluation = ["eval_start", "eval_accuracy", "eval_stop"]
    assert keys == ["init_start", "init_stop", "run_start", *evaluation, *evaluation, "run_stop"]
    assert events[-1]["metadata"] | {"status": "success", "samples_count": 200} == events[-1]["metadata"]


def test_times_never_go_back_and_are_those_of_the_record(run: RunRecord) -> None:
    events = read(log_lines(run, CURVE, 0.9))
    times = [event["time_ms"] for event in events]
    assert times == sorted(times)
    at = {event["key"]: event["time_ms"] - START_MS for event in events}
    # The whole job took 100 s, of which 36 s are training and evaluation.
    assert (at["init_start"], at["run_start"]) == (0, 64_000)
    assert (at["eval_start"], at["eval_stop"], at["run_stop"]) == (64_000 + 22_000, 64_000 + 24_000, 64_000 + 24_000)


def test_a_run_that_misses_the_target_is_aborted(run: RunRecord) -> None:
    events = read(log_lines(run, CURVE, 0.99))
    assert events[-1]["metadata"]["status"] == "aborted"
    assert [event["value"] for event in events if event["key"] == "eval_accuracy"] == [0.7, 0.9, 0.95]


def test_what_was_run_is_named(run: RunRecord) -> None:
    values = {event["key"]: event["value"] for event in read(log_lines(run, CURVE, 0.9))}
    assert (values["seed"], values["global_batch_size"], values["submission_entry"]) == (7, 1024, "local")


def test_a_race_is_a_file_for_every_seed(tmp_path: Path, make_run: Make) -> None:
    runs = [make_run(case_id=f"c{seed}", seed=seed, started=STARTED, seconds=9.0) for seed in (1, 2)]
    (tmp_path / "runs.jsonl").write_text("".join(f"{run.model_dump_json()}\n" for run in runs))
    (tmp_path / "experiment.toml").write_text("target_auc = 0.9\n")
    with pytest.raises(UsageError, match="evaluated on the way"):
        export(tmp_path, "mllog", tmp_path / "out")
    (tmp_path / "curves").mkdir()
    (tmp_path / "curves" / "c1.jsonl").write_text(point(1, 0.9).model_dump_json())
    export(tmp_path, "mllog", tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out" / "local").iterdir()) == ["result_1.txt", "result_2.txt"]
    assert read((tmp_path / "out" / "local" / "result_1.txt").read_text().splitlines())[-1]["key"] == "run_stop"


def test_a_run_without_a_target_is_refused(tmp_path: Path, make_run: Make) -> None:
    (tmp_path / "runs.jsonl").write_text(make_run().model_dump_json())
    with pytest.raises(UsageError, match="names no target_auc"):
        export(tmp_path, "mllog", tmp_path / "out")
