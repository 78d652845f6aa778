"""Tables of what a sweep has just recorded, a line for each case or verdict. ``wideload show`` sums up stored runs."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import TYPE_CHECKING

from wideload.harness.records.results import Cause, ParityRecord, RunRecord
from wideload.options import Spec
from wideload.terminal import table, words

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from wideload.harness.analysis.compare import Comparison

_NONE = "–"
_NUMBERS = ("ranks", "repeat", "examples/s", "step ms", "AUC", "PSS MB")
_HEAD = ("strategy", "data set", "ranks", "repeat", "status", *_NUMBERS[2:], "parity")
_PARITY_NUMBERS = ("ranks", "steps", "largest difference", "tolerance")
_PARITY_HEAD = ("parity with the reference", "data set", *_PARITY_NUMBERS, "verdict")


def runs_table(runs: Iterable[RunRecord]) -> list[Table | Text]:
    """A line for each case, with its share of each measured ceiling; below the table, errors and flags."""
    runs = list(runs)
    ceilings = [f"% of {kind}" for kind in dict.fromkeys(run.kind for run in runs if run.kind != "train")]
    rows = [(*_row(run), *(_share(run, title.removeprefix("% of "), runs) for title in ceilings)) for run in runs]
    notes = [f"{run.case_id}: {run.error}" for run in runs if run.error]
    notes += [f"{run.case_id}: flagged: {flag.text}" for run in runs for flag in run.flagged]
    return [table((*_HEAD, *ceilings), rows, numbers=(*_NUMBERS, *ceilings)), *map(words, notes)]


def checks_table(checks: Iterable[ParityRecord]) -> list[Table | Text]:
    """A line for each verdict; below the table, why a strategy was not judged."""
    checks = list(checks)
    rows = [
        (
            str(Spec.of(check.strategy, check.options)),
            check.dataset,
            str(check.ranks),
            str(check.steps),
            _number(check.max_relative, ".1e"),
            f"{check.tolerance:.0e}",
            check.verdict,
        )
        for check in checks
    ]
    notes = [f"{Spec.of(check.strategy, check.options)} not judged: {check.reason}" for check in checks if check.reason]
    return [table(_PARITY_HEAD, rows, numbers=_PARITY_NUMBERS), *map(words, notes)]


def ratios_table(found: Iterable[Comparison]) -> Table:
    """A line for each comparison."""
    found = list(found)
    head = ("candidate / baseline", "data set", "ranks", f"ratio of {found[0].metric}", "verdict")
    rows = [
        (
            f"{entry.candidate} / {entry.baseline}",
            entry.dataset,
            str(entry.ranks),
            str(entry.ratio),
            entry.verdict + (f" (other {', '.join(entry.mismatch)}!)" if entry.mismatch else ""),
        )
        for entry in found
    ]
    return table(head, rows, numbers=("ranks",))


def _row(run: RunRecord) -> tuple[str, ...]:
    return (
        run.label,
        run.dataset,
        str(run.ranks),
        str(run.repeat),
        "out of memory" if run.cause is Cause.OUT_OF_MEMORY else run.status,
        _number(run.examples_per_second, ",.0f"),
        _number(run.step_ms.get("p50"), ".2f"),
        _number(run.auc, ".4f"),
        _number(run.peak_pss_bytes and run.peak_pss_bytes / 1e6, ",.0f"),
        run.parity or _NONE,
    )


def _share(run: RunRecord, kind: str, runs: Iterable[RunRecord]) -> str:
    """Percentage of the median ceiling of that kind on the same problem."""
    tops = [
        other.throughput
        for other in runs
        if (other.kind, other.dataset, other.ranks, other.batch_size) == (kind, run.dataset, run.ranks, run.batch_size)
        and other.throughput
    ]
    if run.kind != "train" or not tops or run.throughput is None:
        return _NONE
    return f"{100 * run.throughput / median(tops):.0f}"


def _number(value: float | None, form: str) -> str:
    return _NONE if value is None else format(value, form)
