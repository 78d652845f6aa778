"""How fast: throughput with intervals and the ceilings, and the same relative to one entrant."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import plotly.graph_objects as go

from wideload.harness.analysis.statistics import FEWEST_PAIRS
from wideload.reports import quantity, text
from wideload.reports.findings.evidence import INTERVAL, Estimate, estimate, paired_ratio
from wideload.reports.findings.race import Entrant, Group, Race, throughput
from wideload.reports.html import palette
from wideload.reports.html.figures.figure import Figure, Omitted, Points, axis, case_of, dots, drawn, heading

CEILINGS = {
    "tower": ("ceiling: dense tower alone", "line-ns-open"),
    "alone": ("ceiling: ranks that do not communicate", "line-ne-open"),
    "input": ("ceiling: reading the data alone", "line-nw-open"),
}


def absolute(race: Race) -> Figure | Omitted:
    title = "Throughput"
    traces = [trace for entrant in race.entrants for muted in (False, True) if (trace := _speeds(race, entrant, muted))]
    if not traces:
        return Omitted(title, "at least one case that finishes")
    traces += [trace for entrant in race.entrants if (trace := _unfinished(race, entrant))]
    traces += [trace for kind in CEILINGS if (trace := _ceiling(race, kind))]
    return Figure(
        "throughput",
        title,
        f"Examples per second over all ranks: median over the rounds, with its {INTERVAL}, or its range below "
        f"{FEWEST_PAIRS} rounds. "
        + ("An upright stroke is the dense tower alone, which nothing passes. " if race.ceilings else "")
        + "Hollow grey: not ranked.",
        drawn(traces, xaxis=axis("examples per second", rangemode="tozero", tickformat="~s")),
        rows="settings",
    )


def relative(race: Race) -> Figure | Omitted:
    title = "Relative throughput"
    reference = _reference(race)
    points = {entrant.index: _ratios(race, entrant, reference) for entrant in race.entrants} if reference else {}
    traces = [dots(points[entrant.index], entrant) for entrant in race.entrants if points.get(entrant.index)]
    if reference is None or not traces:
        return Omitted(title, "two entrants that finish in the same round of one setting")
    line = {"type": "line", "x0": 1, "x1": 1, "y0": 0, "y1": 1, "yref": "paper", "line": {"width": 1, "dash": "dot"}}
    return Figure(
        "relative-throughput",
        title,
        f"Times the throughput of {text.label(reference.label)}, paired round by round: the median, with its "
        f"{INTERVAL} from {FEWEST_PAIRS} rounds on. Logarithmic: as far right of 1 as left of it is as many times "
        "faster as slower.",
        drawn(traces, xaxis=_ratio_axis(reference, points.values()), shapes=[line]),
        rows="settings",
    )


def _ratio_axis(reference: Entrant, points: Iterable[Points]) -> dict[str, Any]:
    """Logarithmic, with 1 always in sight and round factors as ticks."""
    values = [x for each in points for x in each.x]
    low, high = min([*values, 0.8]) / 1.2, max([*values, 1.25]) * 1.2
    ticks = [lead * 10.0**power for power in range(-4, 5) for lead in (1, 2, 5)]
    shown = [tick for tick in ticks if low <= tick <= high]
    return axis(
        f"times {text.plot_label(reference.label, 40)}",
        type="log",
        range=[math.log10(low), math.log10(high)],
        tickvals=shown,
        ticktext=[f"{tick:g}×" for tick in shown],
    )


def _speeds(race: Race, entrant: Entrant, muted: bool) -> go.Scatter | None:
    points = Points()
    for group in race.groups:
        known = estimate(group.values(throughput))
        if group.entrant is entrant and known and (group.unranked is not None) == muted:
            interval = (known.low, known.high)
            lines = [heading(group), quantity.rate(known.median), _spread(known), *_note(group)]
            points.add(known.median, group.setting.index, lines, case_of(race, group), interval)
    return dots(points, entrant, muted=muted) if points else None


def _spread(known: Estimate) -> str:
    rounds = quantity.count(known.count, "round")
    if known.spread == "none":
        return rounds
    return f"{known.words} {quantity.rate(known.low)} to {quantity.rate(known.high)}, {rounds}"


def _unfinished(race: Race, entrant: Entrant) -> go.Scatter | None:
    """A cross at the start of the axis for an entrant that has no throughput: shown, not measured."""
    points = Points()
    for group in race.groups:
        if group.entrant is entrant and not group.values(throughput):
            points.add(0, group.setting.index, [heading(group), *_note(group)], case_of(race, group))
    if not points:
        return None
    trace = dots(points, entrant, muted=True)
    trace.update(
        cliponaxis=False, name="did not finish", marker={"symbol": "x-thin-open", "size": 8, "line": {"width": 2}}
    )
    trace.meta = {**trace.meta, "shape": "unfinished"}
    return trace


def _note(group: Group) -> list[str]:
    return [text.plot_label(str(group.unranked), 100)] if group.unranked else []


def _ceiling(race: Race, kind: str) -> go.Scatter | None:
    name, symbol = CEILINGS[kind]
    known = [(setting, value) for setting in race.settings if (value := race.ceiling(setting, kind))]
    if not known:
        return None
    return go.Scatter(
        mode="markers",
        name=name,
        x=[value for _, value in known],
        y=[setting.index for setting, _ in known],
        marker={"symbol": symbol, "size": 22, "color": palette.light("muted"), "line": {"width": 2}},
        hovertext=[
            f"<b>{name}</b><br>{text.plot_label(setting.label)}<br>{quantity.rate(value)}" for setting, value in known
        ],
        hovertemplate="%{hovertext}<extra></extra>",
        meta={"ink": "muted", "undodged": True, "shape": "stroke", "settings": [setting.index for setting, _ in known]},
    )


def _reference(race: Race) -> Entrant | None:
    """The entrant ranked in the most settings, the first recorded among equals."""
    met = [
        (sum(group.entrant is entrant and group.unranked is None for group in race.groups), entrant)
        for entrant in race.entrants
    ]
    most = max((number for number, _ in met), default=0)
    return next((entrant for number, entrant in met if number == most), None) if most else None


def _ratios(race: Race, entrant: Entrant, reference: Entrant) -> Points:
    points = Points()
    base: dict[int, dict[int, float]] = {
        group.setting.index: group.rounds(throughput)
        for group in race.groups
        if group.entrant is reference and group.unranked is None
    }
    if entrant is reference:
        return points
    for group in race.groups:
        if group.entrant is not entrant or group.unranked is not None or group.setting.index not in base:
            continue
        ratio = paired_ratio(group.rounds(throughput), base[group.setting.index])
        if ratio:
            words = f"{quantity.factor(ratio.median)} {text.plot_label(reference.label, 40)}"
            interval: tuple[Any, Any] = (ratio.low, ratio.high)
            pairs = quantity.count(ratio.pairs, "paired round")
            lines = [heading(group), words, f"{INTERVAL} {quantity.span(*interval)}, {pairs}" if ratio.low else pairs]
            points.add(ratio.median, group.setting.index, lines, case_of(race, group), interval)
    return points
