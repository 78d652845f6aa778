"""What it costs in memory, split by who asked for it."""

from __future__ import annotations

from collections.abc import Callable

from wideload.harness.records.results import RunRecord
from wideload.reports import quantity
from wideload.reports.findings.race import Group, Race
from wideload.reports.html.figures.figure import Figure, Omitted, Points, axis, bar, case_of, drawn, heading

OWNERS = ("weights", "optimizer", "index", "buffers")


def by_owner(race: Race) -> Figure | Omitted:
    title = "Memory by owner"
    resident = race.memory.of
    traces = []
    for setting in race.settings:
        groups = [group for group in race.within(setting) if any(run.model_bytes for run in group.ok)]
        for part in _parts(groups):
            points = Points()
            for group in groups:
                _add(points, race, group, part, resident)
            if points:
                traces.append(bar(part, points, {"setting": setting.index}))
    if not traces:
        return Omitted(title, "cases that record model_bytes")
    return Figure(
        "memory",
        title,
        "Bytes over all ranks. Weights to buffers are what the strategy accounts for; framework is the rest of "
        f"{race.memory.name}: interpreter, TensorFlow, libraries.",
        drawn(traces, barmode="stack", xaxis=axis("bytes, all ranks", tickformat="~s", ticksuffix="B")),
        rows="entrants",
        focused=True,
    )


def _parts(groups: list[Group]) -> list[str]:
    named = {part for group in groups for run in group.ok for part in run.model_bytes}
    return [*(part for part in OWNERS if part in named), *sorted(named.difference(OWNERS)), "framework"]


def _add(points: Points, race: Race, group: Group, part: str, resident: Callable[[RunRecord], float | None]) -> None:
    value = group.middle(lambda run: _bytes(run, part, resident))
    if value is None:
        return
    total = group.middle(resident)
    lines = [heading(group), f"{part}: {quantity.size(value)}"]
    if total is not None:
        lines.append(f"{race.memory.name}: {quantity.size(total)}")
    points.add(value, group.entrant.index, lines, case_of(race, group))


def _bytes(run: RunRecord, part: str, resident: Callable[[RunRecord], float | None]) -> float | None:
    if part != "framework":
        return run.model_bytes.get(part)
    total = resident(run)
    rest = None if total is None else total - sum(run.model_bytes.values())
    return rest if rest is not None and rest >= 0 else None
