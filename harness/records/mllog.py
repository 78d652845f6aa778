"""Runs as MLPerf log lines (``:::MLLOG {json}``), one file a run, for the tools that read those.

::

    FOLDER/STRATEGY/result_SEED.txt     init_start init_stop run_start (eval_start eval_accuracy eval_stop)* run_stop

Keys, event types and metadata are those of MLPerf's logging library. Times are Unix milliseconds. A record knows when
its job started, how long that took, and the training and evaluation times of every point: everything else of the job is
taken for initialisation. ``run_stop`` has the status ``success`` where the target was reached, at the evaluation that
found it, and ``aborted`` otherwise. Wide & Deep is no benchmark of MLPerf, and these files are no submission.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from wideload.errors import UsageError
from wideload.harness.records.results import CurvePoint, Results, RunRecord

BENCHMARK = "wide_and_deep"


def write(results: Results, output: Path) -> None:
    """Writes the finished runs of a race.

    Raises:
        UsageError: the experiment names no target, or no run has both a seed and a curve.
    """
    target = results.experiment.get("target_auc")
    if target is None:
        raise UsageError(f"the experiment in {results.path} names no target_auc; `wideload race` runs one that does.")
    raced = [run for run in results.runs if run.status == "ok" and run.kind == "train" and run.seed is not None]
    if not any(run.case_id in results.curves for run in raced):
        raise UsageError(f"{results.path} holds no finished run that was evaluated on the way.")
    for run in raced:
        folder = output / run.label
        folder.mkdir(parents=True, exist_ok=True)
        lines = log_lines(run, results.curves.get(run.case_id, ()), float(target))
        (folder / f"result_{run.seed}.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def log_lines(run: RunRecord, curve: Sequence[CurvePoint], target: float) -> Iterator[str]:
    """The lines of one run, up to the first evaluation that found the target reached."""
    last = next((place for place, point in enumerate(curve, start=1) if point.auc >= target), len(curve))
    started = datetime.fromisoformat(run.started).timestamp() * 1000
    trained = started + 1000 * max((run.seconds or 0.0) - _elapsed(curve[-1:]), 0.0)
    yield from _head(run, started)
    yield _line(started, "INTERVAL_START", "init_start")
    yield _line(trained, "INTERVAL_END", "init_stop")
    yield _line(trained, "INTERVAL_START", "run_start")
    for place, point in enumerate(curve[:last]):
        yield from _evaluation(point, _spent(curve[max(place - 1, 0) : place]), trained)
    status = "success" if curve and curve[last - 1].auc >= target else "aborted"
    stopped = trained + 1000 * _elapsed(curve[last - 1 : last])
    yield _line(stopped, "INTERVAL_END", "run_stop", None, status=status, samples_count=_samples(curve[:last]))


def _head(run: RunRecord, at: float) -> Iterator[str]:
    values = {
        "submission_benchmark": BENCHMARK,
        "submission_division": "open",
        "submission_platform": ", ".join(run.hosts),
        "submission_entry": run.label,
        "dataset": run.dataset,
        "seed": run.seed,
        "global_batch_size": run.batch_size,
    }
    for key, value in values.items():
        yield _line(at, "POINT_IN_TIME", key, value)


def _evaluation(point: CurvePoint, spent: float, trained: float) -> Iterator[str]:
    """``spent``: seconds of the evaluations before."""
    begun = trained + 1000 * (point.seconds + spent)
    ended = trained + 1000 * _elapsed([point])
    yield _line(begun, "INTERVAL_START", "eval_start", None, samples_count=point.examples)
    yield _line(ended, "POINT_IN_TIME", "eval_accuracy", point.auc, samples_count=point.examples)
    yield _line(ended, "INTERVAL_END", "eval_stop", None, samples_count=point.examples)


def _elapsed(points: Sequence[CurvePoint]) -> float:
    """Training and evaluation up to the end of the last point."""
    return points[-1].seconds + _spent(points) if points else 0.0


def _spent(points: Sequence[CurvePoint]) -> float:
    return points[-1].evaluation_seconds or 0.0 if points else 0.0


def _samples(points: Sequence[CurvePoint]) -> int:
    return points[-1].examples if points else 0


def _line(at: float, event: str, key: str, value: Any = None, **metadata: Any) -> str:
    content = {
        "namespace": "",
        "time_ms": round(at),
        "event_type": event,
        "key": key,
        "value": value,
        "metadata": {"file": "", "lineno": 0, **metadata},
    }
    return f":::MLLOG {json.dumps(content)}"
