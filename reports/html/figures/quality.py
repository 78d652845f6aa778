"""How well, and how soon: held-out AUC over training, and the time until a common target."""

from __future__ import annotations

import math
from typing import Any

import plotly.graph_objects as go

from wideload.harness.records.results import CurvePoint
from wideload.reports import quantity, text
from wideload.reports.findings.evidence import estimate
from wideload.reports.findings.race import Entrant, Group, Race, Setting
from wideload.reports.findings.reaching import evaluated, target_auc, times_to
from wideload.reports.html import palette
from wideload.reports.html.figures.figure import Figure, Omitted, Points, axis, case_of, dots, drawn, heading, template

NEEDS = "cases evaluated during training (curves/)"


def over_time(race: Race) -> Figure | Omitted:
    return _curves(race, "auc-over-time", "AUC over time", "training seconds, evaluation excluded", "seconds")


def over_examples(race: Race) -> Figure | Omitted:
    return _curves(race, "auc-over-examples", "AUC over examples", "examples trained on", "examples")


def time_to_target(race: Race) -> Figure | Omitted:
    title = "Time to target AUC"
    targets = {setting.index: target for setting in race.settings if (target := target_auc(race, setting))}
    traces = []
    for entrant in race.entrants:
        points = Points()
        for group in race.groups:
            if group.entrant is entrant and group.unranked is None and group.setting.index in targets:
                _add_time(points, race, group, targets[group.setting.index])
        if points:
            traces.append(dots(points, entrant))
    if not traces:
        return Omitted(title, NEEDS)
    return Figure(
        "time-to-target",
        title,
        "Training seconds until the held-out AUC first reached the target: the highest AUC, rounded down to three "
        "decimals, that every ranked entrant of the setting reached in every round. Read off a straight line between "
        "evaluations.",
        drawn(traces, xaxis=axis("seconds", rangemode="tozero")),
        rows="settings",
    )


def _add_time(points: Points, race: Race, group: Group, target: float) -> None:
    known = estimate(times_to(race, group, target))
    if known:
        lines = [heading(group), f"{quantity.seconds(known.median)} to AUC {target:.3f}"]
        points.add(known.median, group.setting.index, lines, case_of(race, group), (known.low, known.high))


def _curves(race: Race, identity: str, title: str, unit: str, over: str) -> Figure | Omitted:
    traces = [
        _curve(group, race.places[run.case_id], points, over)
        for group in race.groups
        for run, points in evaluated(race, group)
    ]
    if not traces:
        return Omitted(title, NEEDS)
    traces += [_best(setting, best) for setting in race.settings if (best := _best_auc(race, setting))]
    return Figure(
        identity,
        title,
        "Held-out AUC, one line a case. "
        + ("The dotted line is the best that is possible on this data." if _any_best(race) else ""),
        drawn(traces, xaxis=axis(unit, rangemode="tozero", tickformat="~s"), yaxis=axis("AUC", tickformat=".3~f")),
        focused=True,
    )


def _curve(group: Group, place: int, points: tuple[CurvePoint, ...], over: str) -> go.Scatter:
    entrant: Entrant = group.entrant
    ink = "muted" if group.unranked else palette.entrant_ink(entrant)
    return go.Scatter(
        mode="lines+markers",
        name=text.plot_label(entrant.label, 40),
        x=[getattr(point, over) for point in points],
        y=[point.auc for point in points],
        line={"width": 1.75, "color": palette.light(ink)},
        marker={"symbol": palette.entrant_symbol(entrant), "size": 5, "color": palette.light(ink)},
        hovertemplate=f"<b>{template(entrant.label)}</b><br>AUC %{{y:.4f}} after %{{x:.3~s}} {over}<extra></extra>",
        meta={
            "ink": ink,
            "entrant": entrant.index,
            "when": {"setting": group.setting.index},
            "case": [group.index, place],
        },
    )


def _best_auc(race: Race, setting: Setting) -> float | None:
    return next((run.best_auc for group in race.within(setting) for run in group.runs if _known(run.best_auc)), None)


def _any_best(race: Race) -> bool:
    return any(_known(run.best_auc) for run in race.results.runs)


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _best(setting: Setting, best: float) -> go.Scatter:
    """A line across the plot: the script stretches it between the ends of the visible curves."""
    meta: dict[str, Any] = {"ink": "muted", "when": {"setting": setting.index}, "across": True, "shape": "dotted"}
    return go.Scatter(
        mode="lines",
        name="best possible AUC",
        x=[0, 1],
        y=[best, best],
        line={"dash": "dot", "width": 1.5, "color": palette.light("muted")},
        hovertext=[f"best possible AUC {quantity.auc(best)}"] * 2,
        hovertemplate="%{hovertext}<extra></extra>",
        meta=meta,
    )
