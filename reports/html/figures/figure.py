"""What a figure is, before it is drawn.

A figure is a validated ``plotly.graph_objects.Figure`` plus what the page needs to filter it. Rules the page's script
follows, and nothing else:

- ``trace.meta["ink"]``: the CSS variable of its colour, so that light, dark and print share one figure.
- ``trace.meta["when"]``: the trace is shown when the page's focus (one setting) agrees, e.g. ``{"setting": 3}``.
- ``trace.customdata[i]``: ``[group, run]``; a point is shown when its group passes the filters; a click opens its run.
- ``rows``: y values are indices of settings or entrants; the script lays out the visible ones as labelled rows.
- ``trace.meta["case"]``: the same for a trace whose points all belong to one case.
- ``least_span``: the x axis never shows less than this, so that noise does not look like a difference.
- ``ignore``: filters that do not apply, because the figure's axis runs over that very property.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import plotly.graph_objects as go

from wideload.reports import text
from wideload.reports.findings.race import Entrant, Group, Race
from wideload.reports.html import palette

Rows = Literal["settings", "entrants"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with data in it. ``caption`` says how to read it, in one or two sentences."""

    id: str
    title: str
    caption: str
    body: go.Figure
    rows: Rows | None = None
    focused: bool = False
    ignore: tuple[str, ...] = ()
    least_span: float = 0.0
    legend: bool = True

    def as_json(self) -> dict[str, Any]:
        """``data`` and ``layout`` as plotly.js reads them, without the default template."""
        content = self.body.to_plotly_json()
        content["layout"].pop("template", None)
        return {
            "id": self.id,
            "data": [_short(_unpainted(trace)) for trace in content["data"]],
            "layout": content["layout"],
            "rows": self.rows,
            "ignore": list(self.ignore),
            "leastSpan": self.least_span,
            "legend": self.legend,
        }


def _unpainted(trace: dict[str, Any]) -> dict[str, Any]:
    """Without what the script sets anyway: colours by theme, and the hover template of a trace with hover texts."""
    parts = {key: {**trace[key]} for key in ("marker", "line") if key in trace}
    for part in parts.values():
        part.pop("color", None)
    kept = {key: value for key, value in trace.items() if key != "hovertemplate" or "hovertext" not in trace}
    return kept | parts


def _short(value: Any) -> Any:
    """Floats to six digits: more than a screen shows, and half the page. The records keep theirs."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _short(each) for key, each in value.items()}
    return [_short(each) for each in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True, slots=True)
class Omitted:
    """A figure without data. ``needs`` says what would produce it."""

    title: str
    needs: str


@dataclass(slots=True)
class Points:
    """The points of one trace, gathered one by one."""

    x: list[Any] = field(default_factory=list)
    y: list[Any] = field(default_factory=list)
    less: list[float] = field(default_factory=list)
    plus: list[float] = field(default_factory=list)
    hover: list[str] = field(default_factory=list)
    case: list[list[int]] = field(default_factory=list)

    def add(
        self,
        x: float,
        y: float,
        hover: Iterable[str],
        case: list[int],
        interval: tuple[float | None, float | None] = (None, None),
    ) -> None:
        low, high = interval
        self.x.append(x)
        self.y.append(y)
        self.less.append(0.0 if low is None else x - low)
        self.plus.append(0.0 if high is None else high - x)
        self.hover.append("<br>".join(hover))
        self.case.append(case)

    def __bool__(self) -> bool:
        return bool(self.x)


def case_of(race: Race, group: Group) -> list[int]:
    """``[group, run]``: the group's index and the place of the case that a click opens."""
    return [group.index, race.places[(group.ok or group.runs)[0].case_id]]


def dots(points: Points, entrant: Entrant, *, muted: bool = False, when: dict[str, Any] | None = None) -> go.Scatter:
    """One entrant's points with horizontal intervals."""
    ink = "muted" if muted else palette.entrant_ink(entrant)
    symbol = palette.entrant_symbol(entrant, hollow=muted)
    return go.Scatter(
        mode="markers",
        name=text.plot_label(entrant.label, 40) + (" (not ranked)" if muted else ""),
        x=points.x,
        y=points.y,
        error_x={
            "type": "data",
            "symmetric": False,
            "array": points.plus,
            "arrayminus": points.less,
            "thickness": 1.5,
            "width": 0,
        },
        marker={"symbol": symbol, "size": 9, "color": palette.light(ink), "line": {"width": 1.5 if muted else 0}},
        customdata=points.case,
        hovertext=points.hover,
        hovertemplate="%{hovertext}<extra></extra>",
        meta={"ink": ink, "entrant": entrant.index} | ({"when": when} if when else {}),
    )


def bar(part: str, points: Points, when: dict[str, Any]) -> go.Bar:
    """One part of horizontal stacked bars."""
    ink = palette.part_ink(part)
    return go.Bar(
        orientation="h",
        name=text.plot_label(part, 40),
        x=points.x,
        y=points.y,
        customdata=points.case,
        hovertext=points.hover,
        hovertemplate="%{hovertext}<extra></extra>",
        marker={"color": palette.light(ink)},
        meta={"ink": ink, "when": when},
    )


def drawn(traces: Sequence[Any], **layout: Any) -> go.Figure:
    return go.Figure(data=list(traces), layout=layout)


def template(label: str) -> str:
    """A label for use inside a hover template, where ``%{`` would start a variable."""
    return text.plot_label(label).replace("%{", "% {")


def axis(title: str, **settings: Any) -> dict[str, Any]:
    return {"title": {"text": title}} | settings


def heading(group: Group) -> str:
    """First line of every hover: which case."""
    return f"<b>{text.plot_label(group.entrant.label)}</b><br>{text.plot_label(group.setting.label)}"
