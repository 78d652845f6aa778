"""A history in a terminal: a line for every series, with its changes."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from wideload.reports.findings.history import History
from wideload.terminal import table, words

HEAD = ("series", "machine", "commits", "last", "changes")


def listed(history: History) -> list[Table | Text]:
    """What ``wideload history show`` prints."""
    rows = [
        (
            track.title,
            track.series.machine,
            str(len(track.series.points)),
            track.value(track.series.points[-1]),
            "; ".join(map(track.words, track.changes)) or "\u2013",
        )
        for track in history.tracks
    ]
    return [words(history.headline, "bold"), words(""), table(HEAD, rows, numbers=HEAD[2:4])]
