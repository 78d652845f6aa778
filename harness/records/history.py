"""Results across commits: one Parquet file, a row for every commit, series and metric.

================  =============================================  ===================================================
source            series                                         metrics
================  =============================================  ===================================================
a run folder      data set, ranks, batch, workload, strategy     those of :data:`OF_RUN`: medians of rounds
pytest-benchmark  full name of the benchmark                     ``seconds``: the median of a call
Google Benchmark  name of the benchmark                          ``seconds``: the median of the repetitions
================  =============================================  ===================================================

Commits are ordered by their time, so that results may be added in any order. What is added again for the same commit,
machine and series takes the place of what was there. Machines are never mixed: a series belongs to one processor with
one number of cores.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from wideload import files
from wideload.errors import DataError
from wideload.harness.records.microbenchmarks import Microbenchmarks
from wideload.harness.records.results import Results, RunRecord

OF_RUN: dict[str, Callable[[RunRecord], float | None]] = {
    "examples_per_second": lambda run: run.throughput,
    "cpu_seconds_per_example": lambda run: None if run.starved else run.cpu_seconds_per_example,
    "peak_pss_bytes": lambda run: run.peak_pss_bytes,
    "auc": lambda run: run.auc,
}
HIGHER_IS_BETTER = ("examples_per_second", "auc")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True, slots=True)
class Commit:
    """``committed``: ISO 8601, with its offset."""

    name: str
    committed: str


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement of one commit; ``value`` is positive."""

    commit: str
    committed: str
    machine: str
    series: str
    metric: str
    value: float

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What a later measurement replaces."""
        return self.commit, self.machine, self.series, self.metric


@dataclass(frozen=True, slots=True)
class Series:
    """The measurements of one metric on one machine, in the order of the commits."""

    machine: str
    name: str
    metric: str
    points: tuple[Point, ...]

    @property
    def higher_is_better(self) -> bool:
        return self.metric in HIGHER_IS_BETTER


def read(path: Path) -> list[Point]:
    """The points of a history; none where there is no file yet.

    Raises:
        DataError: the file is no history.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.exists():
        return []
    try:
        rows = pq.read_table(path, columns=[field.name for field in fields(Point)]).to_pylist()
        return [Point(**row) for row in rows]
    except (OSError, pa.ArrowException, TypeError) as error:
        raise DataError(f"{path} is no history: {error}. `wideload history add` makes one.") from None


def add(path: Path, points: Sequence[Point]) -> None:
    """Adds points to a history, which is made if there is none; the file is replaced as a whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    merged = {point.key: point for point in [*read(path), *points]}
    rows = [asdict(point) for point in sorted(merged.values(), key=lambda point: (_when(point), point.key))]
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write(path, buffer.getvalue().to_pybytes())


def series(points: Sequence[Point]) -> list[Series]:
    """The points by machine, series and metric."""
    groups: dict[tuple[str, str, str], list[Point]] = {}
    for point in points:
        groups.setdefault((point.machine, point.series, point.metric), []).append(point)
    return [Series(*key, tuple(sorted(found, key=_when))) for key, found in sorted(groups.items())]


def measured(source: Path, commit: Commit) -> list[Point]:
    """What a run folder, or a file of pytest-benchmark or Google Benchmark, says about a commit.

    Raises:
        UsageError: a folder that is no run.
        DataError: a file of neither kind, or without a measurement.
    """
    machine, values = _of_run(source) if source.is_dir() else _of_file(source)
    points = [
        Point(commit.name, commit.committed, machine, name, metric, value)
        for name, metric, value in values
        if value > 0
    ]
    if not points:
        raise DataError(f"{source} holds no measurement.")
    return points


Values = Iterator[tuple[str, str, float]]


def _of_run(folder: Path) -> tuple[str, Values]:
    results = Results.read(folder)
    environment = results.environment
    groups: dict[str, list[RunRecord]] = {}
    for run in results.runs:
        if run.status == "ok" and run.kind == "train":
            task = run.fingerprints.get("unseeded", "")[:6]
            setting = f"{run.dataset} \u00b7 {run.ranks} ranks \u00b7 batch {run.batch_size} \u00b7 {task}"
            groups.setdefault(f"{setting} \u00b7 {run.label}", []).append(run)
    return _machine(environment.get("cpu"), environment.get("cores")), _medians(groups)


def _medians(groups: dict[str, list[RunRecord]]) -> Values:
    for name, runs in groups.items():
        for metric, value in OF_RUN.items():
            if known := [found for run in runs if (found := value(run)) is not None]:
                yield name, metric, float(median(known))


def _of_file(path: Path) -> tuple[str, Values]:
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        context = content.get("context")
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f"{path} cannot be read as JSON: {error}.") from None
    if isinstance(context, dict):
        # The name of the processor is not in the file, and a hosted runner has another host name every time.
        machine = _machine(f"{context.get('mhz_per_cpu', 0) / 1000:.1f} GHz", context.get("num_cpus"))
        return machine, _of_google(content.get("benchmarks", []))
    found = Microbenchmarks.read(path)
    cpu = found.machine_info.get("cpu", {})
    machine = _machine(cpu.get("brand_raw"), cpu.get("count"))
    return machine, ((each.fullname or each.name, "seconds", each.stats.median) for each in found.benchmarks)


def _of_google(entries: Sequence[dict[str, Any]]) -> Values:
    """The medians of repetitions where there are any; of a benchmark without, the middle of its iterations."""
    times: dict[str, list[float]] = {}
    medians: dict[str, float] = {}
    for entry in entries:
        if "real_time" not in entry:
            continue  # one that failed
        name = str(entry.get("run_name", entry["name"]))
        seconds = float(entry["real_time"]) * _SECONDS[entry.get("time_unit", "ns")]
        if entry.get("aggregate_name") == "median":
            medians[name] = seconds
        elif entry.get("run_type", "iteration") == "iteration":
            times.setdefault(name, []).append(seconds)
    for name, found in (times | {name: [value] for name, value in medians.items()}).items():
        yield name, "seconds", median(found)


def _machine(name: Any, cores: Any) -> str:
    return f"{name or 'unknown'}, {cores or '?'} cores"


def _when(point: Point) -> float:
    return datetime.fromisoformat(point.committed).timestamp()
