"""The same numbers in a terminal, by rich: the answer, then one row per entrant and setting."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Group as Stack
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from wideload.reports import listing
from wideload.reports.page import Summary
from wideload.reports.reading import read

NUMBERS = ("ranks", "rounds", "ex/s", "spread", "memory", "AUC")


def table(run: Path) -> RenderableType:
    """What ``wideload show`` prints. Text from records is never read as rich markup.

    Raises:
        UsageError: ``run`` is not a run folder, or holds no case.
    """
    summary = Summary.of(read(run))
    answer = [Text(summary.answer.headline, style="bold"), *(Text(sentence) for sentence in summary.answer.details)]
    return Stack(*answer, Text(), *_groups(summary))


def _groups(summary: Summary) -> Iterator[RenderableType]:
    """The table, and below it a line for every row that is not ranked."""
    rows = listing.rows(summary.race)
    whole = Table(box=None, pad_edge=False, header_style="dim")
    for heading in listing.HEADINGS:
        whole.add_column(heading, justify="right" if heading in NUMBERS else "left")
    for row in rows:
        whole.add_row(*(Text(cell) for cell in row.cells), style="dim" if row.note else None)
    yield whole
    for row in rows:
        if row.note:
            yield Text(f"{row.cells[0]}, {row.cells[1]}: not ranked, {row.note}", style="dim")
