"""Splits that begin at a date: the date in the unit in which the source counts time.

=====================  ==============================================================
the source has         a date is
=====================  ==============================================================
ISO 8601, timestamps   microseconds since 1970, as :mod:`.times` reads them
numbers                seconds, milliseconds, microseconds or nanoseconds since 1970:
                       the unit in which they lie between 1990 and 2100
other numbers          refused: give a number like those of the source
=====================  ==============================================================
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from wideload.datasets.prepare.splitting import Cut, SplitRule
from wideload.datasets.readers.convert.missing import Missing
from wideload.datasets.readers.convert.times import times, unit_of
from wideload.errors import UsageError


def cuts(rule: SplitRule, blocks: Iterable[Any]) -> list[Cut]:
    """Where validation and test begin.

    Args:
        rule: with a date.
        blocks: the times of the source; no more are read than hold one that is not missing.

    Raises:
        UsageError: a date is none, cannot be compared with the times, or validation would begin after test.
    """
    example = _first(blocks)
    test = _moment(rule.test_from, "--test-from", example)
    validation = _moment(rule.validation_from, "--validation-from", example)
    if math.isinf(validation):
        validation = test
    if validation > test:
        raise UsageError(
            f"validation begins at {rule.validation_from}, after test, which begins at {rule.test_from}: test "
            "comes last. Give an earlier --validation-from."
        )
    return [Cut(validation), Cut(test)]


def _first(blocks: Iterable[Any]) -> float | None:
    for block in blocks:
        values = block.drop_null()
        if len(values):
            return float(values[0].as_py())
    return None


def _moment(text: str | None, option: str, example: float | None) -> float:
    if text is None:
        return math.inf
    typed = times(pa.array([text]), Missing(()))
    value = typed.values[0].as_py()
    if value is None:
        raise UsageError(f"{option} {text!r} is no date; write it like 2026-11-08 or 2026-11-08T18:30, or as a number.")
    if _is_number(text) or example is None:
        return float(value)
    micros = unit_of(example)
    if micros is None:
        raise UsageError(
            f"{option} {text!r}: the times of the source are numbers like {example:.15g}, which count neither seconds "
            "nor parts of them since 1970. Give a number like those."
        )
    return float(value) / micros


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
