"""Opens a run folder for a report. A folder without a case is an error, not an empty page."""

from __future__ import annotations

from pathlib import Path

from wideload.errors import UsageError
from wideload.harness.records.results import Results


def read(run: Path) -> Results:
    """The results of a folder.

    Raises:
        UsageError: not a run folder, or no readable case in it.
    """
    results = Results.read(run)
    if not results.runs:
        found = f" ({results.warnings[0]})" if results.warnings else ""
        raise UsageError(f"{run} holds no case to report on{found}. `wideload run` fills such a folder.")
    return results
