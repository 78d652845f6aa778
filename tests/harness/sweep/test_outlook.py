"""The exit code and the last line of a sweep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from wideload.harness.records.results import Cause, ParityRecord, RunRecord
from wideload.harness.sweep.outlook import Outlook, exit_code

OK = {"status": "ok"}
FAILED = {"status": "failed"}


def refused(cause: Cause | None) -> dict[str, Any]:
    return {"status": "refused", "cause": cause}


NOT_INSTALLED, WRONG, FULL = refused(Cause.NOT_INSTALLED), refused(Cause.WRONG_REQUEST), refused(Cause.DISK_FULL)
TOO_LARGE, BAD, OLD = refused(Cause.DOES_NOT_FIT), refused(Cause.BAD_DATA), refused(None)


@pytest.mark.parametrize(
    ("cases", "code"),
    [
        ([OK, OK], 0),
        ([OK, FAILED], 1),
        ([{"status": "crashed"}], 1),
        ([{"status": "timeout"}, OK], 1),
        ([NOT_INSTALLED], 0),
        ([OK, NOT_INSTALLED], 0),
        ([OLD], 0),
        ([WRONG, WRONG], 2),
        ([OK, WRONG], 2),
        ([NOT_INSTALLED, WRONG], 2),
        ([FAILED, WRONG], 1),
        ([FULL], 1),
        ([OK, FULL], 1),
        ([BAD], 1),
        ([TOO_LARGE, NOT_INSTALLED], 1),
        ([OK, TOO_LARGE], 0),
        ([], 0),
    ],
)
def test_the_exit_code_of_a_sweep(make_run: Callable[..., RunRecord], cases: list[dict[str, Any]], code: int) -> None:
    assert exit_code([make_run(**case) for case in cases], []) == code


def test_a_strategy_that_fails_parity_is_a_failure(make_run: Callable[..., RunRecord]) -> None:
    check = ParityRecord(
        case_id="a", reference="local", strategy="b", dataset="tiny", ranks=2, steps=3, max_relative=1.0,
        tolerance=1e-4, verdict="fail",
    )  # fmt: skip
    assert exit_code([make_run()], [check]) == 1


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        ([], ""),
        ([True], "1 case broke off: the same line resumes from the last checkpoint"),
        ([False, False], "2 cases did not finish: add --rerun failed to run again from the start"),
        (
            [True, False],
            "1 case broke off: the same line resumes from the last checkpoint; "
            "1 case did not finish: add --rerun failed to run again from the start",
        ),
    ],
)
def test_the_last_line_says_how_to_continue(broken: list[bool], line: str) -> None:
    assert str(Outlook.of(broken)) == line
