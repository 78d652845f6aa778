"""What went over the wire, and how old it was on arrival."""

from __future__ import annotations

import math

import plotly.graph_objects as go

from wideload.harness.records.results import RunRecord
from wideload.reports import quantity, text
from wideload.reports.findings.race import Group, Race
from wideload.reports.html import palette
from wideload.reports.html.figures.figure import Figure, Omitted, Points, axis, case_of, dots, drawn, heading

STALENESS = "staleness_"


def wire_bytes(race: Race) -> Figure | Omitted:
    title = "Wire bytes"
    traces = []
    for entrant in race.entrants:
        points = Points()
        for group in race.groups:
            value = group.middle(_bytes_per_example)
            if group.entrant is entrant and value is not None and group.unranked is None:
                lines = [heading(group), f"{quantity.size(value)} per example"]
                points.add(value, group.setting.index, lines, case_of(race, group))
        if points:
            traces.append(dots(points, entrant))
    if not traces:
        return Omitted(title, "a strategy that counts wire_bytes")
    return Figure(
        "wire-bytes",
        title,
        "Bytes that all ranks together sent to another rank, per training example, as the strategies count them.",
        drawn(traces, xaxis=axis("bytes per example", rangemode="tozero", tickformat="~s", ticksuffix="B")),
        rows="settings",
    )


def staleness(race: Race) -> Figure | Omitted:
    title = "Staleness of pushes"
    traces = [trace for group in race.groups if (trace := _histogram(race, group))]
    if not traces:
        return Omitted(title, "an asynchronous strategy (staleness_0, staleness_1, ... counters)")
    return Figure(
        "staleness",
        title,
        "Share of pushes by how many updates the rows had received since they were pulled. 0 is synchronous.",
        drawn(
            traces,
            barmode="group",
            xaxis=axis("updates between pull and push", dtick=1),
            yaxis=axis("share of pushes", tickformat=".0%", rangemode="tozero"),
        ),
        focused=True,
    )


def _bytes_per_example(run: RunRecord) -> float | None:
    sent = run.counters.get("wire_bytes")
    return sent / run.examples if sent is not None and run.examples else None


def counts(run: RunRecord) -> dict[int, float]:
    """Pushes by staleness."""
    named = {key.removeprefix(STALENESS): value for key, value in run.counters.items() if key.startswith(STALENESS)}
    return {int(key): value for key, value in sorted(named.items()) if key.isdigit() and math.isfinite(value)}


def _histogram(race: Race, group: Group) -> go.Bar | None:
    totals: dict[int, float] = {}
    for run in group.ok:
        for age, number in counts(run).items():
            totals[age] = totals.get(age, 0) + number
    whole = sum(totals.values())
    if not whole:
        return None
    ages = sorted(totals)
    ink = palette.entrant_ink(group.entrant)
    return go.Bar(
        name=text.plot_label(group.entrant.label, 40),
        x=ages,
        y=[totals[age] / whole for age in ages],
        marker={"color": palette.light(ink), "pattern": {"shape": palette.entrant_pattern(group.entrant)}},
        hovertext=[f"{heading(group)}<br>{totals[age] / whole:.1%} of pushes, staleness {age}" for age in ages],
        hovertemplate="%{hovertext}<extra></extra>",
        meta={
            "ink": ink,
            "entrant": group.entrant.index,
            "when": {"setting": group.setting.index},
            "case": case_of(race, group),
        },
    )
