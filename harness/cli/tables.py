"""Results as plain text tables: aligned, without colour, fit for a terminal and for a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from wideload.harness.reach import seconds_to
from wideload.harness.results import ParityRecord, Results, RunRecord
from wideload.options import Spec

_NONE = "-"
_HEAD = ("strategy", "data set", "ranks", "repeat", "status", "examples/s", "step ms", "AUC", "PSS MiB", "parity")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; the first flush left, the others flush right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def runs_table(runs: Iterable[RunRecord]) -> str:
    """One case a line, with its share of every ceiling that was measured; below, why a case is not ok or not clean."""
    runs = list(runs)
    ceilings = list(dict.fromkeys(run.kind for run in runs if run.kind != "train"))
    head = (*_HEAD, *(f"% of {kind}" for kind in ceilings))
    rows = [(*_row(run), *(_share(run, kind, runs) for kind in ceilings)) for run in runs]
    lines = table(head, rows).split("\n")
    notes = [f"{run.case_id}: {run.error}" for run in runs if run.error]
    notes += [f"{run.case_id}: flagged: {reason}" for run in runs for reason in run.flagged]
    return "\n".join(lines + notes)


def checks_table(checks: Iterable[ParityRecord]) -> str:
    """One verdict a line; below, why a strategy was not judged."""
    head = ("parity with the reference", "data set", "ranks", "steps", "max difference", "tolerance", "verdict")
    checks = list(checks)
    rows = [
        (
            label(check.strategy, check.options),
            check.dataset,
            str(check.ranks),
            str(check.steps),
            _number(check.max_relative, ".1e"),
            f"{check.tolerance:.0e}",
            check.verdict,
        )
        for check in checks
    ]
    notes = [f"{label(check.strategy, check.options)} not judged: {check.reason}" for check in checks if check.reason]
    return "\n".join([table(head, rows), *notes])


def reach_table(results: Results, target: float) -> str:
    """Training seconds to a target AUC, for the cases that were evaluated on the way."""
    rows = [
        (run.label, run.dataset, str(run.repeat), _number(seconds_to(results.curves[run.case_id], target), ".1f"))
        for run in results.runs
        if run.case_id in results.curves
    ]
    return table(("strategy", "data set", "repeat", f"seconds to AUC {target:g}"), rows)


def label(strategy: str, options: dict[str, object]) -> str:
    return str(Spec(strategy, tuple(sorted(options.items()))))


def _row(run: RunRecord) -> tuple[str, ...]:
    return (
        run.label,
        run.dataset,
        str(run.ranks),
        str(run.repeat),
        run.status,
        _number(run.examples_per_second, ",.0f"),
        _number(run.step_ms.get("p50"), ".2f"),
        _number(run.auc, ".4f"),
        _number(run.peak_pss_bytes and run.peak_pss_bytes / 2**20, ",.0f"),
        run.parity or _NONE,
    )


def _share(run: RunRecord, kind: str, runs: Iterable[RunRecord]) -> str:
    """Percent of the median ceiling of that kind on the same problem."""
    tops = [
        other.examples_per_second
        for other in runs
        if (other.kind, other.dataset, other.ranks, other.batch_size) == (kind, run.dataset, run.ranks, run.batch_size)
        and other.examples_per_second
    ]
    if run.kind != "train" or not tops or run.examples_per_second is None:
        return _NONE
    return f"{100 * run.examples_per_second / median(tops):.0f}"


def _number(value: float | None, form: str) -> str:
    return _NONE if value is None else format(value, form)
