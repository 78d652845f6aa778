"""Run folders made up for these tests. No number in them was measured."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from wideload.harness.records.results import CurvePoint, ParityRecord, RankRecord, Results, RunRecord
from wideload.reports.findings.race import Race
from wideload.reports.html.payload import unpacked

SPEED = {"local": 60_000.0, "sparse_ps": 200_000.0, "horovod": 100_000.0, "multi_worker_mirrored": 50_000.0}
MB = 1_000_000


def run_record(strategy: str = "sparse_ps", **changes: Any) -> RunRecord:
    """A finished case with every field filled in."""
    ranks = changes.get("ranks", 2)
    round_number = changes.get("round", 1)
    dataset = changes.get("dataset", "census")
    options = changes.get("options", {})
    speed = SPEED.get(strategy, 80_000.0) * (1 + 0.004 * round_number) * (ranks / 2) ** 0.8
    processes = 1 if strategy == "local" else ranks
    inside = ",".join(f"{key}={value}" for key, value in options.items())
    name = f"{dataset}-{strategy}[{inside}]-{ranks}-{changes.get('batch_size', 1024)}-{round_number}"
    plain = re.sub(r"[^a-z_]", "", strategy[:20])
    values: dict[str, Any] = {
        "case_id": f"{plain}-r{ranks}-{round_number}-{hashlib.sha256(name.encode()).hexdigest()[:12]}",
        "status": "ok",
        "strategy": strategy,
        "options": options,
        "dataset": dataset,
        "ranks": ranks,
        "processes": processes,
        "threads": ranks // processes or 1,
        "repeat": round_number,
        "round": round_number,
        "batch_size": 1024,
        "steps": 400,
        "examples": 409_600,
        "examples_per_second": speed,
        "step_ms": {
            "p10": 900_000 / speed,
            "p50": 1_024_000 / speed,
            "p90": 1_300_000 / speed,
            "p99": 2e6 / speed,
            "mean": 1.05e6 / speed,
        },
        "phases_ms": {"input": 0.4, "pull": 1.1, "compute": 600_000 / speed, "push": 0.9},
        "auc": 0.9051 + 0.0001 * round_number,
        "logloss": 0.312,
        "copc": 1.004,
        "best_auc": 0.9312 if dataset.startswith("planted") else None,
        "peak_rss_bytes": 700 * MB,
        "peak_pss_bytes": 1200 * MB,
        "model_bytes": {"weights": 94 * MB, "optimizer": 90 * MB, "index": 21 * MB, "buffers": 8 * MB},
        "cpu_seconds_per_example": 1.1e-5,
        "background_cores": 0.02,
        "hosts": ["alpha"],
        "counters": {"wire_bytes": 1.2e9, "unique_signs": 5.1e7} if processes > 1 else {},
        "losses": [0.69 - step * 0.001 for step in range(200)],
        "parity": "pass",
        "parity_max": 3.2e-7,
        "fingerprints": {"workload": f"{len(dataset):016x}", "data": "00ff00ff00ff00ff", "columns": "abcdef0123456789"},
        "started": f"2026-01-02T03:{round_number:02d}:00Z",
        "seconds": 14.2,
        "command": f"wideload run --strategy {strategy} --dataset '{dataset}' --ranks {ranks}",
    }
    return RunRecord.model_validate(values | changes)


def rank_records(run: RunRecord) -> list[RankRecord]:
    return [
        RankRecord(
            case_id=run.case_id,
            rank=rank,
            host="alpha",
            status=run.status,
            exit_code=0 if run.status == "ok" else None,
            signal=None if run.status == "ok" else "SIGKILL",
            pid=4000 + rank,
            peak_rss_bytes=(run.peak_rss_bytes or 500 * MB) - rank * MB,
            peak_pss_bytes=600 * MB,
            cpu_seconds=12.5,
            context_switches=800,
            examples=204_800,
            log_path=f"logs/{run.case_id}.{rank}.log",
        )
        for rank in range(run.processes)
    ]


def curve(run: RunRecord, points: int = 8) -> list[CurvePoint]:
    speed = run.examples_per_second or 1.0
    return [
        CurvePoint(
            case_id=run.case_id,
            step=50 * at,
            examples=51_200 * at,
            seconds=51_200 * at / speed,
            auc=(run.auc or 0.9) - 0.2 / at**2 + 0.2 / points**2,
            logloss=0.31 + 0.1 / at,
        )
        for at in range(1, points + 1)
    ]


@dataclass
class Folder:
    """What a run folder will hold."""

    runs: list[RunRecord]
    checks: list[ParityRecord] = field(default_factory=list)
    environment: dict[str, Any] = field(
        default_factory=lambda: {"cpu": "test machine", "versions": {"python": "3.11.2"}}
    )
    curve_points: int = 8

    def write(self, path: Path) -> Path:
        path.mkdir(parents=True, exist_ok=True)
        (path / "curves").mkdir(exist_ok=True)
        _lines(path / "runs.jsonl", self.runs)
        _lines(path / "ranks.jsonl", [rank for run in self.runs for rank in rank_records(run)])
        if self.checks:
            _lines(path / "checks.jsonl", self.checks)
        for run in self.runs:
            if run.status == "ok" and run.kind == "train" and self.curve_points and "/" not in run.case_id:
                _lines(path / "curves" / f"{run.case_id}.jsonl", curve(run, self.curve_points))
        (path / "environment.json").write_text(json.dumps(self.environment), encoding="utf-8")
        return path


def _lines(path: Path, records: Iterable[RunRecord | RankRecord | CurvePoint | ParityRecord]) -> None:
    path.write_text("".join(record.model_dump_json() + "\n" for record in records), encoding="utf-8")


def demo_runs() -> list[RunRecord]:
    """Four strategies, one real and two planted data sets, three rounds, two ceilings, and an asynchronous variant."""
    datasets = ["census", "planted[slots=26,vocabulary=10000]", "planted[slots=26,vocabulary=100000]"]
    runs = [
        run_record(strategy, dataset=dataset, ranks=ranks, round=at)
        for at in (1, 2, 3)
        for dataset in datasets
        for ranks in (1, 2)
        for strategy in SPEED
    ]
    ages = {f"staleness_{age}": 9000.0 / (age + 1) for age in range(5)}
    runs += [
        run_record(
            "sparse_ps",
            options={"mode": "async"},
            dataset=datasets[2],
            round=at,
            parity=None,
            parity_max=None,
            examples_per_second=230_000.0 + at * 500,
            counters={"wire_bytes": 1.1e9} | ages,
        )
        for at in (1, 2, 3)
    ]
    runs += [
        run_record(
            "local",
            kind="tower",
            dataset=dataset,
            case_id=f"tower{place}",
            examples_per_second=310_000.0,
            auc=None,
            parity=None,
        )
        for place, dataset in enumerate(datasets)
    ]
    return runs


def check(strategy: str, **changes: Any) -> ParityRecord:
    values: dict[str, Any] = {
        "case_id": f"check-{strategy}",
        "reference": "local",
        "strategy": strategy,
        "dataset": "census",
        "ranks": 2,
        "steps": 200,
        "max_relative": 3.2e-7,
        "tolerance": 1e-4,
        "verdict": "pass",
    }
    return ParityRecord.model_validate(values | changes)


def failing_runs() -> list[RunRecord]:
    """A crash, a time limit, a refusal and a parity failure, next to two strategies that work."""
    bad: dict[str, Any] = {
        "examples_per_second": None,
        "auc": None,
        "step_ms": {},
        "phases_ms": {},
        "model_bytes": {},
        "parity": None,
    }
    log = "\n".join(f"line {line}" for line in range(2000)) + "\nSegmentation fault"
    return [
        *(run_record("local", round=at) for at in (1, 2, 3)),
        *(run_record("sparse_ps", round=at) for at in (1, 2, 3)),
        *(run_record("broken_average", round=at, parity="fail", parity_max=0.31) for at in (1, 2, 3)),
        run_record("horovod", status="crashed", error="rank 1 was killed by SIGKILL", log_tail=log, **bad),
        run_record("multi_worker_mirrored", status="timeout", error="no progress for 60 s", **bad),
        run_record("unavailable", status="refused", error="Horovod is not installed: nox -s demo builds it", **bad),
    ]


WriteFolder = Callable[..., Path]


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    checks = [check(strategy) for strategy in ("sparse_ps", "horovod", "multi_worker_mirrored")]
    return Folder(demo_runs(), checks).write(tmp_path / "demo")


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    return Folder(failing_runs(), [check("broken_average", verdict="fail", max_relative=0.31)]).write(
        tmp_path / "failing"
    )


@pytest.fixture
def single(tmp_path: Path) -> Path:
    return Folder([run_record("sparse_ps")]).write(tmp_path / "single")


@pytest.fixture
def make_run() -> Callable[..., RunRecord]:
    return run_record


@pytest.fixture
def make_check() -> Callable[..., ParityRecord]:
    return check


@pytest.fixture
def write_folder(tmp_path: Path) -> WriteFolder:
    """``write_folder(runs, name="run", **Folder fields)`` writes a run folder and gives its path."""

    def write(runs: list[RunRecord], name: str = "run", **fields: Any) -> Path:
        return Folder(runs, **fields).write(tmp_path / name)

    return write


@pytest.fixture
def race_of(write_folder: WriteFolder) -> Callable[..., Race]:
    """The race of made-up runs, read back from disk as a report reads it."""
    return lambda runs, **fields: Race.of(Results.read(write_folder(runs, **fields)))


def _rounds(strategy: str, speeds: Iterable[float], **changes: Any) -> list[RunRecord]:
    return [
        run_record(strategy, round=at, examples_per_second=speed, **changes) for at, speed in enumerate(speeds, start=1)
    ]


@pytest.fixture
def rounds() -> Callable[..., list[RunRecord]]:
    """``rounds("horovod", [1e5, 1.1e5], ...)``: one case a round with these throughputs."""
    return _rounds


@pytest.fixture
def payload_of() -> Callable[[Path], dict[str, Any]]:
    """The data that a written page carries for its script."""

    def read(page: Path) -> dict[str, Any]:
        found = re.search(r'id="payload">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)
        assert found
        return unpacked(found.group(1))

    return read
