"""What a choice buys: throughput against memory, and against AUC."""

from __future__ import annotations

from collections.abc import Callable

import plotly.graph_objects as go

from wideload.reports import quantity, text
from wideload.reports.findings.race import Group, Race, final_auc, throughput
from wideload.reports.html import palette
from wideload.reports.html.figures.figure import Figure, Omitted, axis, case_of, drawn, heading

Measured = tuple[Group, float, float]


def against_memory(race: Race) -> Figure | Omitted:
    resident = race.memory.of
    x_axis = axis(race.memory.name, tickformat="~s", ticksuffix="B", rangemode="tozero")
    return _pareto(
        race,
        "pareto-memory",
        "Throughput against memory",
        lambda group: group.middle(resident),
        -1,
        quantity.size,
        x_axis,
    )


def against_auc(race: Race) -> Figure | Omitted:
    x_axis = axis("held-out AUC", tickformat=".4~f")
    return _pareto(race, "pareto-auc", "Throughput against AUC", _auc, 1, quantity.auc, x_axis)


def _pareto(
    race: Race,
    identity: str,
    title: str,
    cost: Callable[[Group], float | None],
    sense: int,
    shown: Callable[[float | None], str],
    x_axis: dict[str, object],
) -> Figure | Omitted:
    """``sense``: 1 when more of ``cost`` is better, -1 when less is."""
    traces = []
    for setting in race.settings:
        measured = _measured(race.ranked(setting), cost)
        traces += [_point(race, each, _on_front(each, measured, sense), shown) for each in measured]
    if not traces:
        return Omitted(title, "ranked cases that record both")
    corner = "upper right" if sense > 0 else "upper left"
    return Figure(
        identity,
        title,
        f"Best is {corner}. Filled: no other ranked entrant is better in one and as good in the other. Hollow: one is.",
        drawn(traces, xaxis=x_axis, yaxis=axis("examples per second", tickformat="~s", rangemode="tozero")),
        focused=True,
        least_span=0.004 if sense > 0 else 0.0,
        legend=False,
    )


def _auc(group: Group) -> float | None:
    """To three decimals: a difference in the fourth is no reason to be slower."""
    known = group.middle(final_auc)
    return None if known is None else round(known, 3)


def _measured(groups: list[Group], cost: Callable[[Group], float | None]) -> list[Measured]:
    pairs = [(group, cost(group), group.middle(throughput)) for group in groups]
    return [(group, paid, speed) for group, paid, speed in pairs if paid is not None and speed is not None]


def _on_front(one: Measured, others: list[Measured], sense: int) -> bool:
    _, paid, speed = one
    return not any(
        other >= speed and sense * price >= sense * paid and (other > speed or price != paid)
        for _, price, other in others
    )


def _point(race: Race, one: Measured, front: bool, shown: Callable[[float | None], str]) -> go.Scatter:
    group, paid, speed = one
    ink = palette.entrant_ink(group.entrant)
    symbol = palette.entrant_symbol(group.entrant, hollow=not front)
    return go.Scatter(
        mode="markers+text",
        name=text.plot_label(group.entrant.label, 40),
        x=[paid],
        y=[speed],
        text=[text.plot_label(group.entrant.label, 28)],
        textposition="top center",
        cliponaxis=False,
        marker={"symbol": symbol, "size": 12, "color": palette.light(ink), "line": {"width": 0 if front else 2}},
        customdata=[case_of(race, group)],
        hovertext=[f"{heading(group)}<br>{quantity.rate(speed)}, {shown(paid)}"],
        hovertemplate="%{hovertext}<extra></extra>",
        meta={"ink": ink, "entrant": group.entrant.index, "when": {"setting": group.setting.index}},
    )
