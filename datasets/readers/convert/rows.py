"""Rows of raw columns -> the stored columns of the good rows, and one reason for each bad one.

::

    Raw (cells of text, Parquet columns, decoded Examples, libsvm pairs)
      -> label, fields in the layout's order, weights, time, split       values, lists, labels, times
      -> Converted: a table of the good rows, reasons against the others

A row is reported for the first column that is bad, in that order, whatever the format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from wideload.arrays import Flags, Integers
from wideload.datasets.readers.contract import CARRIED, ROW, SPLIT, TIME
from wideload.datasets.readers.convert.derive import matched, meets, part_of
from wideload.datasets.readers.convert.join import Joined, lookups
from wideload.datasets.readers.convert.labels import labelled
from wideload.datasets.readers.convert.lists import listed, weighted
from wideload.datasets.readers.convert.missing import Missing
from wideload.datasets.readers.convert.times import times
from wideload.datasets.readers.convert.typed import Reasons, Typed
from wideload.datasets.readers.convert.values import scalar
from wideload.datasets.readers.layout import Condition, InputField, Layout
from wideload.errors import DataError

Name = str | int


class Raw(Protocol):
    """Columns as a source has them."""

    @property
    def lines(self) -> Integers:
        """The number of each row in its file, from 1: int64 ``[n]``."""

    def column(self, name: Name, kind: str) -> Any:
        """A column as an Arrow array of any type; ``kind`` is what it will be read as."""

    def quick(self, name: Name, kind: str) -> Any | None:
        """The column as values of that kind, where all of them are plainly such values; else None."""


@dataclass(frozen=True, slots=True, eq=False)
class Converted:
    """Stored columns of the good rows, and the first reason against each bad one by row number.

    Attributes:
        dropped: number of rows that the layout leaves out; they are not bad, whatever their cells hold.
        unmatched: number of rows whose key a joined file does not have, by file.
    """

    table: pa.Table
    reasons: dict[int, str]
    dropped: int
    unmatched: Mapping[str, int]


def convert(raw: Raw, layout: Layout, source: str, known: dict[int, str] | None = None) -> Converted:
    """Converts rows.

    Args:
        raw: the columns.
        layout: what to make of them.
        source: file name, for messages.
        known: rows that are known to be bad.

    Raises:
        DataError: a column's type cannot be read as the layout says; names file and column.
    """
    return _Conversion(raw, layout, source, known or {}).run()


class _Conversion:
    def __init__(self, raw: Raw, layout: Layout, source: str, known: dict[int, str]) -> None:
        self._missing = Missing(layout.missing)
        self._raw = Joined(raw, lookups(layout, source), self._missing)
        self._layout, self._source = layout, source
        self._reasons = Reasons(len(raw.lines), dict(known))

    def run(self) -> Converted:
        layout = self._layout
        arrays: dict[str, Any] = {"label": self._label()}
        weights: dict[str, Any] = {}
        for field in layout.field:
            arrays[field.name] = self._field(field, weights)
        arrays |= weights
        if layout.time is not None:
            arrays[TIME] = self._time(layout.time)
        if layout.split is not None:
            arrays[SPLIT] = self._scalar(layout.split, "text")
            arrays[ROW] = pa.array(self._raw.lines)
        arrays |= {f"{CARRIED}{name}": self._carried(name) for name in layout.carried}
        table = pa.table(arrays)
        dropped = self._dropped()
        reasons = {row: why for row, why in self._reasons.first.items() if not dropped[row]}
        gone = self._reasons.bad | dropped
        kept = table.filter(pa.array(~gone)) if gone.any() else table
        return Converted(kept, reasons, int(dropped.sum()), self._raw.unmatched)

    def _dropped(self) -> Flags:
        """Which rows the layout leaves out."""
        dropped = np.zeros(len(self._raw.lines), dtype=bool)
        for text in self._layout.drop_when:
            condition = Condition.parse(text)
            column = self._raw.column(condition.column, "number" if condition.number is not None else "text")
            dropped |= meets(column, condition, self._missing)
        return dropped

    def _label(self) -> Any:
        label, raw = self._layout.label, self._raw
        if not self._layout.labelled:
            return pa.array(np.zeros(len(raw.lines), np.float32))
        quick = None if label.positive is not None else raw.quick(label.column, "number")
        if quick is not None:
            quick = self._missing.in_floats(quick)
        kind = "number" if label.positive is None else "text"
        column = raw.column(label.column, kind) if quick is None else None
        return self._take(label.column, lambda: labelled(column, label, self._missing, quick))

    def _field(self, field: InputField, weights: dict[str, Any]) -> Any:
        if not field.lists and not field.derived:
            return self._scalar(field.source, field.kind)
        column = self._raw.column(field.source, "text" if field.derived else field.kind)
        if field.part is not None:
            part = field.part
            return self._take(field.source, lambda: part_of(column, part, self._missing))
        if field.pattern is not None:
            pattern = field.pattern
            column = self._take(field.source, lambda: matched(column, pattern, self._missing))
        if not field.lists:
            return self._take(field.source, lambda: scalar(column, field.kind, self._missing))
        if field.weights is None:
            return self._take(field.source, lambda: listed(column, field.kind, field.separator, self._missing))
        others = self._raw.column(field.weights, "number")
        pair = self._pair(field, column, others)
        self._reasons.add(field.source, pair[0].problems)
        self._reasons.add(field.weights, pair[1].problems)
        weights[field.weights] = pair[1].values
        return pair[0].values

    def _pair(self, field: InputField, column: Any, others: Any) -> tuple[Typed, Typed]:
        try:
            return weighted(column, others, field.kind, field.separator, self._missing)
        except (pa.ArrowException, ValueError) as error:
            raise self._unreadable(field.source, column, error) from None

    def _scalar(self, name: Name, kind: str) -> Any:
        quick = self._raw.quick(name, kind)
        if quick is not None:
            return self._missing.in_floats(quick) if kind == "number" else self._missing.in_integers(quick, kind)
        column = self._raw.column(name, kind)
        return self._take(name, lambda: scalar(column, kind, self._missing))

    def _time(self, name: Name) -> Any:
        quick = self._raw.quick(name, "integer")
        if quick is not None:
            return self._missing.in_integers(quick)
        column = self._raw.column(name, "number")
        return self._take(name, lambda: times(column, self._missing))

    def _carried(self, name: Name) -> Any:
        """A column that is handed on; the cells of a text file, whose lines are UTF-8, as strings."""
        column = self._raw.column(name, "text")
        return column.cast(pa.string()) if self._layout.format == "csv" else column

    def _take(self, name: Name, make: Any) -> Any:
        try:
            typed: Typed = make()
        except (pa.ArrowException, ValueError) as error:
            raise self._unreadable(name, None, error) from None
        self._reasons.add(name, typed.problems)
        return typed.values

    def _unreadable(self, name: Name, column: Any, error: Exception) -> DataError:
        kind = "" if column is None else f" ({column.type})"
        return DataError(f"{self._source}: column {name!r}{kind} cannot be read as the layout says: {error}")
