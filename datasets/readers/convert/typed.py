"""The result of a conversion: values, and the rows that could not be converted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wideload.arrays import Flags

NOT_UTF8, NUL = "not UTF-8", "NUL byte"
NO_TEXT = (NOT_UTF8, NUL)


class Problem(NamedTuple):
    """The values (or rows) that cannot be converted, bool ``[n]``, and the reason."""

    mask: Flags
    reason: str


class Typed(NamedTuple):
    """An Arrow array whose missing and bad values are null, and what is wrong with the bad ones."""

    values: Any
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class Reasons:
    """The first reason against each bad row.

    Attributes:
        rows: number of rows.
        first: reason by row number.
    """

    rows: int
    first: dict[int, str] = field(default_factory=dict)

    def add(self, column: str | int, problems: Iterable[Problem]) -> None:
        """Adds problems of a column. A row that is not text has that reason, without a column, as in a text file."""
        for mask, reason in problems:
            for row in np.flatnonzero(mask).tolist():
                if reason not in NO_TEXT:
                    self.first.setdefault(row, f"column {column!r}: {reason}")
                elif self.first.get(row) != NUL:
                    self.first[row] = reason

    @property
    def bad(self) -> Flags:
        mask = np.zeros(self.rows, dtype=bool)
        mask[list(self.first)] = True
        return mask


def is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))


def is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def mask_of(flags: Any) -> Flags:
    """A boolean Arrow array as NumPy; null is False."""
    return np.asarray(pc.fill_null(flags, False).to_numpy(zero_copy_only=False), dtype=bool)


def nulled(values: Any, mask: Flags) -> Any:
    """The values with null where ``mask`` is True."""
    return pc.if_else(pa.array(mask), pa.scalar(None, values.type), values) if mask.any() else values


def found(mask: Flags, reason: str) -> tuple[Problem, ...]:
    """A problem, unless the mask is empty."""
    return (Problem(mask, reason),) if mask.any() else ()
