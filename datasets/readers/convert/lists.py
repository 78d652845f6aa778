"""Several values per row, perhaps with a weight each.

::

    text with a separator   "a | b"      split, then each part is a value like any other
    lists                   ["a", "b"]   their elements; with a separator, elements are split too
    other                   3            one value

Parts are trimmed, and a missing part is no value: it is dropped, together with its weight. A bad part makes a bad row.
A row whose only part is missing has no value, like an empty cell or an empty list.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wideload.arrays import Flags, Integers
from wideload.datasets.readers.convert.missing import Missing
from wideload.datasets.readers.convert.text import words
from wideload.datasets.readers.convert.typed import Problem, Typed, found, is_list, is_text, mask_of
from wideload.datasets.readers.convert.values import scalar, simple

UNEQUAL = "not one weight per value"
NO_WEIGHT = "a weight is missing"


def listed(column: Any, kind: str, separator: str | None, missing: Missing) -> Typed:
    """A column as lists of values of a kind."""
    parts = _typed(column, kind, separator, missing)
    return Typed(parts.where(parts.valid).lists(), parts.by_row)


def weighted(column: Any, weights: Any, kind: str, separator: str | None, missing: Missing) -> tuple[Typed, Typed]:
    """A column and the column of its weights: lists of values, and lists of equally many finite float32."""
    values, numbers = _typed(column, kind, separator, missing), _typed(weights, "number", separator, missing)
    unequal = values.lengths != numbers.lengths
    equal = [one.where(~unequal[one.parents]) for one in (values, numbers)]
    valid = equal[0].valid
    kept = [one.where(valid) for one in equal]
    absent = Problem(~kept[1].valid, NO_WEIGHT)
    of_weights = replace(kept[1], problems=(*kept[1].problems, absent), of_rows=numbers.of_rows)
    problems = (*found(unequal, UNEQUAL), *of_weights.by_row)
    filled = replace(kept[1], flat=pc.fill_null(kept[1].flat, 0.0))
    return Typed(kept[0].lists(), values.by_row), Typed(filled.lists(), problems)


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """The parts of all rows, one after the other.

    Attributes:
        flat: Arrow array of the parts.
        lengths: int64 ``[n]``, how many of them each row has.
        problems: bad parts.
        of_rows: bad rows.
    """

    flat: Any
    lengths: Integers
    problems: tuple[Problem, ...] = ()
    of_rows: tuple[Problem, ...] = ()

    @property
    def parents(self) -> Integers:
        """The row of each part."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @property
    def valid(self) -> Flags:
        return mask_of(self.flat.is_valid())

    @property
    def by_row(self) -> tuple[Problem, ...]:
        """All problems, as problems of rows."""
        rows = list(self.of_rows)
        for mask, reason in self.problems:
            bad = np.zeros(len(self.lengths), dtype=bool)
            bad[self.parents[mask]] = True
            rows += found(bad, reason)
        return tuple(rows)

    def where(self, keep: Flags) -> _Parts:
        """Only the parts for which ``keep`` is true."""
        if keep.all():
            return self
        lengths = np.bincount(self.parents[keep], minlength=len(self.lengths))
        problems = tuple(Problem(mask[keep], reason) for mask, reason in self.problems)
        return _Parts(self.flat.filter(pa.array(keep)), lengths, problems, self.of_rows)

    def lists(self) -> Any:
        offsets = np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), self.flat)


def _typed(column: Any, kind: str, separator: str | None, missing: Missing) -> _Parts:
    """The parts of a column as values of a kind; an only part that is missing is left out."""
    parts = _raw(column)
    if separator is not None and is_text(parts.flat.type):
        parts = _split(parts, separator, missing)
    typed = scalar(parts.flat, kind, missing)
    gone = mask_of(typed.values.is_null())
    for mask, _ in typed.problems:
        gone &= ~mask
    whole = replace(parts, flat=typed.values, problems=typed.problems)
    return whole.where(~(gone & (parts.lengths[parts.parents] == 1)))


def _raw(column: Any) -> _Parts:
    if is_list(column.type):
        return _Parts(simple(column.flatten()), _lengths(column))
    return _Parts(simple(column).drop_null(), mask_of(column.is_valid()).astype(np.int64))


def _split(parts: _Parts, separator: str, missing: Missing) -> _Parts:
    text = words(parts.flat, missing)
    pieces = pc.split_pattern(pc.fill_null(text.values, ""), separator)
    lengths = np.bincount(parts.parents, _lengths(pieces), minlength=len(parts.lengths)).astype(np.int64)
    return _Parts(pieces.flatten(), lengths, (), replace(parts, problems=text.problems).by_row)


def _lengths(column: Any) -> Integers:
    lengths = pc.fill_null(pc.list_value_length(column), 0)
    return np.asarray(lengths.to_numpy(zero_copy_only=False), dtype=np.int64)
