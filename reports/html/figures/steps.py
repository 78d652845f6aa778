"""Where a step's time goes, and how much it varies."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from wideload.harness.records.results import RunRecord
from wideload.reports import quantity, text
from wideload.reports.findings.race import Group, Race
from wideload.reports.html import palette
from wideload.reports.html.figures.figure import Figure, Omitted, Points, axis, bar, case_of, drawn, heading

PHASES = ("input", "pull", "compute", "push")


def phases(race: Race) -> Figure | Omitted:
    title = "Phases of a step"
    traces = []
    for setting in race.settings:
        groups = [group for group in race.within(setting) if any(run.phases_ms for run in group.ok)]
        for part in _parts(groups):
            points = Points()
            for group in groups:
                value = group.middle(lambda run, part=part: run.phases_ms.get(part))  # type: ignore[misc]
                if value is not None:
                    lines = [heading(group), f"{text.plot_label(part, 40)}: {quantity.milliseconds(value)} a step"]
                    points.add(value, group.entrant.index, lines, case_of(race, group))
            if points:
                traces.append(bar(part, points, {"setting": setting.index}))
    if not traces:
        return Omitted(title, "cases that record phases_ms")
    return Figure(
        "phases",
        title,
        "Mean milliseconds of a step, over all ranks. A phase that a strategy cannot tell apart is missing, not zero; "
        "phases that overlap count once each.",
        drawn(traces, barmode="stack", xaxis=axis("milliseconds a step")),
        rows="entrants",
        focused=True,
    )


def distribution(race: Race) -> Figure | Omitted:
    title = "Step time"
    traces = [trace for group in race.groups if (trace := _spread(race, group))]
    if not traces:
        return Omitted(title, "cases that record step_ms")
    return Figure(
        "step-time",
        title,
        "Rank 0: the mark is the median step, the line runs from the 10th to the 90th percentile, the upright stroke "
        "is the 99th. Medians over the rounds.",
        drawn(traces, xaxis=axis("milliseconds a step", rangemode="tozero")),
        rows="entrants",
        focused=True,
        legend=False,
    )


def _parts(groups: Sequence[Group]) -> list[str]:
    named = {part for group in groups for run in group.ok for part in run.phases_ms}
    return [*(part for part in PHASES if part in named), *sorted(named.difference(PHASES))]


def _percentile(group: Group, name: str) -> float | None:
    def measure(run: RunRecord) -> float | None:
        return run.step_ms.get(name)

    return group.middle(measure)


def _spread(race: Race, group: Group) -> go.Scatter | None:
    low, middle, high, worst = (_percentile(group, name) for name in ("p10", "p50", "p90", "p99"))
    if middle is None:
        return None
    ink = "muted" if group.unranked else palette.entrant_ink(group.entrant)
    known = [("p10", low), ("p50", middle), ("p90", high), ("p99", worst)]
    points = [(name, value) for name, value in known if value is not None]
    symbols = {"p50": palette.entrant_symbol(group.entrant), "p99": "line-ns-open"}
    hover = "<br>".join([heading(group), *(f"{name}: {quantity.milliseconds(value)}" for name, value in points)])
    # One trace a group: the line joins the percentiles, the markers of p10 and p90 have no size.
    return go.Scatter(
        mode="lines+markers",
        name=text.plot_label(group.entrant.label, 40),
        x=[value for _, value in points],
        y=[group.entrant.index] * len(points),
        line={"width": 2, "color": palette.light(ink)},
        marker={
            "symbol": [symbols.get(name, "circle") for name, _ in points],
            "size": [{"p50": 10, "p99": 14}.get(name, 0.1) for name, _ in points],
            "color": palette.light(ink),
            "opacity": 1,
            "line": {"width": 2},
        },
        hovertemplate=hover.replace("%{", "% {") + "<extra></extra>",
        meta={
            "ink": ink,
            "entrant": group.entrant.index,
            "when": {"setting": group.setting.index},
            "case": case_of(race, group),
        },
    )
