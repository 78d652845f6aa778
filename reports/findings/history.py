"""A history and the changes that were found in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wideload.harness.analysis.changes import Change, changes
from wideload.harness.records.history import Point, Series, read, series
from wideload.reports import quantity, text

UNITS = {"examples_per_second": "examples/s", "peak_pss_bytes": "B"}


@dataclass(frozen=True, slots=True)
class Track:
    """One series with its changes."""

    series: Series
    changes: tuple[Change, ...]

    @property
    def title(self) -> str:
        return f"{text.label(self.series.name, 110)}: {self.series.metric}"

    def value(self, point: Point) -> str:
        """With its unit."""
        if self.series.metric in UNITS:
            return quantity.scaled(point.value, UNITS[self.series.metric])
        seconds = " s" if "seconds" in self.series.metric else ""
        return f"{quantity.digits(point.value, 4)}{seconds}"

    def words(self, change: Change) -> str:
        """``step at 1a2b3c4: 0.93x, worse``."""
        better = (change.factor > 1) == self.series.higher_is_better
        where = "at" if change.kind == "step" else "from"
        commit = self.series.points[change.place].commit[:10]
        return f"{change.kind} {where} {commit}: {quantity.factor(change.factor)}, {'better' if better else 'worse'}"


@dataclass(frozen=True, slots=True)
class History:
    """All tracks of a file, those with changes first."""

    path: Path
    tracks: tuple[Track, ...]

    @classmethod
    def of(cls, path: Path) -> History:
        """Reads a history and looks for changes in it.

        Raises:
            DataError: the file is no history.
        """
        tracks = [Track(each, tuple(changes([point.value for point in each.points]))) for each in series(read(path))]
        return cls(path, tuple(sorted(tracks, key=lambda track: not track.changes)))

    @property
    def headline(self) -> str:
        """How much was found."""
        kinds = [change.kind for track in self.tracks for change in track.changes]
        found = [quantity.count(kinds.count(kind), kind) for kind in ("step", "drift") if kind in kinds]
        commits = {point.commit for track in self.tracks for point in track.series.points}
        number = f"{quantity.count(len(self.tracks), 'series', 'series')} over {quantity.count(len(commits), 'commit')}"
        return f"{' and '.join(found) or 'No change'} in {number}."

    def as_json(self) -> dict[str, Any]:
        """Plain data: every series with its changes."""
        return {"headline": self.headline, "series": [_plain(track) for track in self.tracks]}


def _plain(track: Track) -> dict[str, Any]:
    points: Sequence[Point] = track.series.points
    return {
        "machine": track.series.machine,
        "name": track.series.name,
        "metric": track.series.metric,
        "points": [[point.commit, point.committed, point.value] for point in points],
        "changes": [
            {"kind": each.kind, "commit": points[each.place].commit, "factor": each.factor} for each in track.changes
        ],
    }
