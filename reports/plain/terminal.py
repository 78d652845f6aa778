"""The same numbers in a terminal, by rich: the answer, one row per entrant and setting, the parity verdicts."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from wideload.harness.records.results import Results
from wideload.reports import quantity, text
from wideload.reports.findings.evidence import estimate
from wideload.reports.findings.race import Race
from wideload.reports.findings.reaching import times_to
from wideload.reports.findings.summary import Summary
from wideload.reports.html.page import PARITY, parity_rows
from wideload.reports.plain.listing import NUMBERS, listed
from wideload.terminal import table, words

Parts = Iterator[Table | Text]


def summed_up(results: Results, target: float | None = None) -> list[Table | Text]:
    """What ``wideload show`` prints; ``target``: an AUC to say the training seconds to."""
    summary = Summary.of(results)
    parts = [*_answer(summary), words(""), *_groups(summary.race)]
    parts += _reached(summary.race, target) if target is not None else ()
    return [*parts, *_parity(summary.race)]


def _answer(summary: Summary) -> Parts:
    yield words(summary.answer.headline, "bold")
    yield from map(words, summary.answer.details)


def _groups(race: Race) -> Parts:
    """The table, and below it a line for every row that is not ranked."""
    listing = listed(race)
    faint = [place for place, row in enumerate(listing.rows) if row.note]
    yield table(listing.headings, [row.cells for row in listing.rows], numbers=NUMBERS, faint=faint)
    for note in listing.notes:
        yield words(note, "dim")


def _reached(race: Race, target: float) -> Parts:
    """A row for every group that was evaluated during training, in the order of the groups."""
    head = ("strategy", "data", "ranks", "reached", heading := f"seconds to AUC {target:g}")
    rows = []
    for group in race.groups:
        if any(run.case_id in race.results.curves for run in group.ok):
            times = times_to(race, group, target)
            known = estimate(times)
            row = (
                text.label(group.entrant.label),
                text.label(group.setting.short_label),
                str(group.setting.ranks),
            )
            seconds = quantity.MISSING if known is None else quantity.digits(known.median)
            rows.append((*row, f"{len(times)} of {len(group.ok)}", seconds))
    yield words("")
    yield table(head, rows, numbers=("ranks", "reached", heading))


def _parity(race: Race) -> Parts:
    rows = parity_rows(race)
    if rows:
        head = ("parity", "data", "ranks", "largest difference", "tolerance", "verdict")
        yield words("")
        yield table(head, [[row[key] for key in PARITY] for row in rows], numbers=head[2:5])
