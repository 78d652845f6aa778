"""How it changes with size: over ranks, and over vocabulary, where strategies change places."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import plotly.graph_objects as go

from wideload.reports import quantity, text
from wideload.reports.findings import naming
from wideload.reports.findings.evidence import estimate
from wideload.reports.findings.race import Entrant, Group, Race, Setting, throughput
from wideload.reports.html import palette
from wideload.reports.html.figures.figure import Figure, Omitted, axis, case_of, drawn, heading

Key = tuple[Hashable, ...]


def over_ranks(race: Race) -> Figure | Omitted:
    title = "Scaling over ranks"
    traces = _lines(
        race, lambda setting: setting.ranks, lambda setting: {"data": setting.dataset, "batch": setting.batch_size}
    )
    if not traces:
        return Omitted(title, "one data set under two or more rank counts")
    return Figure(
        "scaling",
        title,
        "Throughput of the same workload on more ranks. The global batch stays the same, so this is strong scaling.",
        drawn(
            traces,
            xaxis=_ranks_axis(race),
            yaxis=axis("examples per second", rangemode="tozero", tickformat="~s"),
        ),
        focused=True,
        ignore=("ranks",),
    )


def over_vocabulary(race: Race) -> Figure | Omitted:
    title = "Crossover over vocabulary"
    traces = _lines(
        race,
        lambda setting: setting.vocabulary,
        lambda setting: {"family": naming.family(setting.dataset), "ranks": setting.ranks, "batch": setting.batch_size},
    )
    if not traces:
        return Omitted(title, "one data set with two or more vocabulary sizes")
    return Figure(
        "crossover",
        title,
        "Throughput over ids per slot, both axes logarithmic: where two lines cross, the better choice changes.",
        drawn(
            traces,
            xaxis=axis("ids per slot", type="log", dtick=1, tickformat="~s"),
            yaxis=axis("examples per second", type="log", dtick="D2", tickformat="~s"),
        ),
        focused=True,
        ignore=("data",),
    )


def _ranks_axis(race: Race) -> dict[str, Any]:
    """A tick at every rank count; logarithmic when they span a factor of eight."""
    counts = sorted({setting.ranks for setting in race.settings})
    kind = "log" if counts[-1] >= 8 * counts[0] else "linear"
    return axis("ranks", type=kind, tickvals=counts, ticktext=[str(count) for count in counts])


def _lines(
    race: Race, position: Callable[[Setting], int | None], when: Callable[[Setting], dict[str, Any]]
) -> list[go.Scatter]:
    """One line per entrant and combination of ``when``, for those with at least two positions."""
    lines: dict[tuple[int, Key], list[Group]] = {}
    for group in race.groups:
        if group.unranked is None and position(group.setting) is not None and group.middle(throughput):
            lines.setdefault((group.entrant.index, tuple(when(group.setting).items())), []).append(group)
    long_enough = {key for (_, key), groups in lines.items() if len({position(group.setting) for group in groups}) > 1}
    return [
        _line(race, race.entrants[entrant], groups, position, when)
        for (entrant, key), groups in lines.items()
        if key in long_enough
    ]


def _line(
    race: Race,
    entrant: Entrant,
    groups: list[Group],
    position: Callable[[Setting], int | None],
    when: Callable[[Setting], dict[str, Any]],
) -> go.Scatter:
    groups = sorted(groups, key=lambda group: position(group.setting) or 0)
    known = [estimate(group.values(throughput)) for group in groups]
    measured = [(group, each) for group, each in zip(groups, known, strict=True) if each is not None]
    ink = palette.entrant_ink(entrant)
    return go.Scatter(
        mode="lines+markers",
        name=text.plot_label(entrant.label, 40),
        x=[position(group.setting) for group, _ in measured],
        y=[each.median for _, each in measured],
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [each.high - each.median for _, each in measured],
            "arrayminus": [each.median - each.low for _, each in measured],
            "thickness": 1.5,
            "width": 0,
        },
        line={"width": 1.75, "color": palette.light(ink)},
        marker={"symbol": palette.entrant_symbol(entrant), "size": 9, "color": palette.light(ink)},
        customdata=[case_of(race, group) for group, _ in measured],
        hovertext=[f"{heading(group)}<br>{quantity.rate(each.median)}" for group, each in measured],
        hovertemplate="%{hovertext}<extra></extra>",
        meta={"ink": ink, "entrant": entrant.index, "when": when(groups[0].setting)},
    )
