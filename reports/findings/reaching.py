"""How long until a target AUC: the one figure that takes both speed and quality into account."""

from __future__ import annotations

import math
from collections.abc import Iterator

from wideload.harness.analysis.time_to_auc import seconds_to
from wideload.harness.records.results import CurvePoint, RunRecord
from wideload.reports.findings.race import Group, Race, Setting


def target_auc(race: Race, setting: Setting) -> float | None:
    """The highest AUC that every ranked, evaluated case of a setting reached, rounded down to three decimals."""
    reached = [
        max(point.auc for point in points)
        for group in race.within(setting)
        if group.unranked is None
        for _, points in evaluated(race, group)
    ]
    return math.floor(min(reached) * 1000) / 1000 if reached else None


def times_to(race: Race, group: Group, target: float) -> list[float]:
    """Training seconds to ``target`` of every repeat that reached it and had the cores that it needed."""
    times = [seconds_to(points, target) for run, points in evaluated(race, group) if not run.starved]
    return [time for time in times if time is not None]


def evaluated(race: Race, group: Group) -> Iterator[tuple[RunRecord, tuple[CurvePoint, ...]]]:
    """The finished repeats that were evaluated while they trained, with their finite points."""
    for run in group.ok:
        points = race.results.curves.get(run.case_id, ())
        if finite := tuple(point for point in points if math.isfinite(point.auc) and math.isfinite(point.seconds)):
            yield run, finite
