"""The page of a history: a plain SVG for every series, with its levels. It has no script."""

from __future__ import annotations

import math
from typing import Any

from wideload import __version__
from wideload.harness.analysis.changes import Change
from wideload.reports import text
from wideload.reports.findings.history import History, Track
from wideload.reports.html import assets
from wideload.reports.html.render import environment, policy

LEFT, RIGHT, TOP, BOTTOM = 10.0, 990.0, 14.0, 126.0
"""Of a drawing, whose width is 1000 and whose height is 140."""


def html(history: History) -> str:
    """The page as text."""
    return (
        environment()
        .get_template("history.html.j2")
        .render(
            version=__version__,
            policy=policy(),
            style=assets.style(),
            name=history.path.name,
            headline=history.headline,
            tracks=[_track(track) for track in history.tracks],
        )
    )


def _track(track: Track) -> dict[str, Any]:
    points = track.series.points
    logs = [math.log(point.value) for point in points]
    places = _places(logs)
    return {
        "title": track.title,
        "machine": text.label(track.series.machine),
        "count": len(points),
        "last": track.value(points[-1]),
        "changes": [(track.words(change), _worse(track, change)) for change in track.changes],
        "dots": [
            (*place, f"{point.commit[:10]}, {point.committed[:10]}: {track.value(point)}")
            for place, point in zip(places, points, strict=True)
        ],
        "line": " ".join(f"{x},{y}" for x, y in places),
        "marks": [(places[change.place][0], _worse(track, change)) for change in track.changes],
    }


def _worse(track: Track, change: Change) -> bool:
    return (change.factor < 1) == track.series.higher_is_better


def _places(logs: list[float]) -> list[tuple[float, float]]:
    """Where the points of a series are drawn: commits at equal distances, values on a logarithmic scale."""
    low, high = min(logs), max(logs)
    middle, reach = (low + high) / 2, max((high - low) / 2, math.log(1.05))
    across = (RIGHT - LEFT) / max(len(logs) - 1, 1)
    down = (BOTTOM - TOP) / (2 * reach)
    return [
        (round(LEFT + across * place, 1), round((TOP + BOTTOM) / 2 - down * (log - middle), 1))
        for place, log in enumerate(logs)
    ]
