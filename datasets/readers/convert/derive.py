"""Fields that are made of a column: what a pattern finds in a text, a part of a time; and rows that are not wanted."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wideload.arrays import Flags
from wideload.datasets.readers.convert.missing import Missing
from wideload.datasets.readers.convert.times import moments
from wideload.datasets.readers.convert.typed import Typed, mask_of
from wideload.datasets.readers.convert.values import scalar
from wideload.datasets.readers.layout import Condition, Part

_PARTS = {"hour": pc.hour, "weekday": pc.day_of_week, "day": pc.day, "month": pc.month}
_COMPARED = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}


def matched(column: Any, pattern: str, missing: Missing) -> Typed:
    """What a pattern finds in each text: its first group, or all of the match; null where it finds nothing."""
    text = scalar(column, "text", missing)
    encoded = text.values.dictionary_encode()
    found = [re.search(pattern, word) for word in encoded.dictionary.to_pylist()]
    words = [one[1 if one.re.groups else 0] if one is not None else None for one in found]
    return Typed(pa.array(words, pa.string()).take(encoded.indices), text.problems)


def part_of(column: Any, part: Part, missing: Missing) -> Typed:
    """A part of each time, int64.

    Raises:
        ValueError: the times are numbers that do not count from 1970.
    """
    typed = moments(column, missing)
    return Typed(_PARTS[part](typed.values).cast(pa.int64()), typed.problems)


def meets(column: Any, condition: Condition, missing: Missing) -> Flags:
    """Which rows meet a condition; a row without a value meets none."""
    number = condition.number
    if number is None:
        values, value = scalar(column, "text", missing).values, pa.scalar(condition.value, pa.string())
    else:
        values, value = scalar(column, "number", missing).values, pa.scalar(np.float32(number), pa.float32())
    return mask_of(_COMPARED[condition.operator](values, value))
