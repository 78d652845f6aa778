"""Requests that cannot be met: keys that are none, and splits that would be empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wideload.datasets.prepare.request import Request
from wideload.datasets.readers.layout import Layout
from wideload.errors import DataError, UsageError


def keys(chosen: Sequence[str], layout: Layout) -> None:
    """Refuses keys of a split by hash that are no fields, or hold several values.

    Raises:
        UsageError: names the key, and the fields that can be keys.
    """
    fields = {one.name: one for one in layout.field}
    single = ", ".join(name for name, one in fields.items() if not one.lists) or "none"
    for key in chosen:
        if key not in fields:
            raise UsageError(f"no field {key!r} to split by. Fields that can be keys: {single}.")
        if fields[key].lists:
            raise UsageError(f"field {key!r} holds lists and cannot be a key. Fields that can be keys: {single}.")


def compatible(request: Request) -> None:
    """Refuses two rules at once.

    Raises:
        UsageError: names both, and what to leave out.
    """
    rule = request.split
    if rule.dated and (rule.by not in ("auto", "time") or rule.key):
        other = f"--split {rule.by}" if rule.by not in ("auto", "time") else "--key"
        raise UsageError(f"--test-from and --validation-from split by time, {other} does not: leave one out.")
    if request.official and (rule.by not in ("auto", "given") or rule.dated or rule.key):
        raise UsageError(
            "--test-file and --validation-file say which rows are held out: leave out --split, --key and dates."
        )


def splits(rows: Mapping[str, int], request: Request, by: str, read: int, rejected: int) -> None:
    """Refuses a result without training rows, or without a split that was asked for.

    Args:
        rows: number of rows of each split.
        request: what was asked for.
        by: the rule that was followed.
        read, rejected: number of rows read, and of those rejected.

    Raises:
        DataError: says how many rows each split has.
    """
    rule = request.split
    wanted: dict[str, object] = {}
    if rule.dated:
        wanted = {"validation": rule.validation_from, "test": rule.test_from}
    elif rule.by in ("time", "hash"):
        wanted = {"validation": rule.validation, "test": rule.test}
    elif request.official:
        wanted = {"validation": request.validation_file, "test": request.test_file}
    needed = [] if request.fitted_on else ["train"]
    empty = [split for split in (*needed, *(name for name, share in wanted.items() if share)) if not rows[split]]
    if not empty and any(rows.values()):
        return
    counts = ", ".join(f"{split} {count:,}" for split, count in rows.items())
    raise DataError(
        f"the {empty[0]} split would be empty: {counts}; {read:,} rows were read, {rejected:,} of them rejected, the "
        f"others split by {by}. Choose another --split, or other shares. To prepare data for evaluation only, name the "
        "folder that the model was trained on: --like DIR takes its layout and vocabularies."
        if empty
        else f"no row is left: {read:,} rows were read, {rejected:,} of them rejected."
    )
