"""The report for a pull request or a README: the answer, the decision table and one row per entrant and setting."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from wideload.reports.findings import before as comparison
from wideload.reports.findings.race import Race
from wideload.reports.findings.summary import Summary
from wideload.reports.html.page import PARITY, decision_row, parity_rows
from wideload.reports.plain.listing import NUMBERS, listed
from wideload.reports.reading import read

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!$@])")


def markdown(run: Path, *, before: Path | None = None) -> str:
    """GitHub-flavoured Markdown of the same numbers as the page.

    Raises:
        UsageError: ``run`` or ``before`` is not a run folder, or holds no case.
    """
    summary = Summary.of(read(run))
    parts = [
        f"**{escape(summary.answer.headline)}**",
        "\n".join(f"- {escape(sentence)}" for sentence in summary.answer.details),
        _decisions(summary),
        _before(before, summary.race),
        _groups(summary),
        _parity(summary),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(words: str) -> str:
    """Text that Markdown shows as it is, also inside a table cell, and that mentions nobody."""
    return _SPECIAL.sub(r"\\\1", words).replace("\n", " ")


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A Markdown table; columns in ``numbers`` are aligned right. Cells are escaped here."""
    rules = ["---:" if column in numbers else "---" for column in range(len(headings))]
    lines = [headings, rules, *([escape(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _decisions(summary: Summary) -> str:
    rows = [decision_row(decision) for decision in summary.decisions]
    cells = [
        [
            row["label"],
            row["winner"] or "–",
            row["throughput"],
            " ".join(part for part in ((row["winner"] and "") or row["leader"], row["lead"], row["rival"]) if part),
            row["verdict"],
            row["memory"],
            row["auc"],
        ]
        for row in rows
    ]
    headings = ("setting", "fastest", "highest throughput", "ratio to the next", "how sure", "memory", "AUC gap")
    return table(headings, cells, (2, 5, 6)) if cells else ""


def _groups(summary: Summary) -> str:
    listing = listed(summary.race)
    right = [column for column, heading in enumerate(listing.headings) if heading in NUMBERS]
    whole = table(listing.headings, [row.cells for row in listing.rows], right)
    notes = [f"- {escape(note)}" for note in listing.notes]
    return whole + ("\n\n" + "\n".join(notes) if notes else "")


def _parity(summary: Summary) -> str:
    rows = parity_rows(summary.race)
    headings = ("parity", "data", "ranks", "largest difference", "tolerance", "verdict")
    return table(headings, [[row[key] for key in PARITY] for row in rows], (2, 3, 4)) if rows else ""


def _before(before: Path | None, after: Race) -> str:
    if before is None:
        return ""
    compared = comparison.compare(Race.of(read(before)), after)
    rows = [comparison.row(change) for change in compared.changes]
    cells = [
        [row[key] for key in ("entrant", "setting", "before", "after", "ratio", "verdict", "memory", "auc")]
        for row in rows
    ]
    headings = ("entrant", "setting", "before", "after", "throughput", "verdict", "memory", "AUC")
    ends = "\n".join(f"- {escape(line)}" for line in comparison.loose_ends(compared))
    return f"{escape(compared.summary)}\n\n{table(headings, cells, (2, 3, 6, 7))}" + (f"\n\n{ends}" if ends else "")
