"""What a sweep that has ended leaves to do, in words and as an exit code.

====================================================  =========
cases                                                 exit code
====================================================  =========
one failed, crashed or took too long; parity failed   1
one was refused: its declaration is wrong             2
one was refused: the disk is full, its data is bad    1
none was measured, and one does not fit into memory   1
otherwise, strategies that are not installed too      0
====================================================  =========
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wideload.harness.records.results import Cause, ParityRecord, RunRecord


@dataclass(frozen=True, slots=True)
class Outlook:
    """How many cases did not finish.

    Attributes:
        resumable: of these, those that the same line resumes from a checkpoint.
        repeatable: the others.
    """

    resumable: int
    repeatable: int

    @classmethod
    def of(cls, broken: Sequence[bool]) -> Outlook:
        """Of cases that broke off, each given by whether it has a checkpoint."""
        return cls(sum(broken), len(broken) - sum(broken))

    def __str__(self) -> str:
        """One line about what to do; empty when nothing is left."""
        parts = []
        if self.resumable:
            parts.append(f"{_cases(self.resumable)} broke off: the same line resumes from the last checkpoint")
        if self.repeatable:
            parts.append(f"{_cases(self.repeatable)} did not finish: add --rerun failed to run again from the start")
        return "; ".join(parts)


def _cases(count: int) -> str:
    return f"{count} case{'s' if count > 1 else ''}"


def exit_code(runs: Iterable[RunRecord], checks: Iterable[ParityRecord]) -> int:
    """0 fine; 1 a case failed, or nothing could be measured; 2 a wrong request."""
    runs = list(runs)
    if any(run.status not in ("ok", "refused") for run in runs) or any(check.verdict == "fail" for check in checks):
        return 1
    causes = {run.cause for run in runs if run.status == "refused"}
    if Cause.WRONG_REQUEST in causes:
        return 2
    if causes & {Cause.DISK_FULL, Cause.BAD_DATA}:
        return 1
    measured = any(run.status == "ok" for run in runs)
    return int(not measured and Cause.DOES_NOT_FIT in causes)
