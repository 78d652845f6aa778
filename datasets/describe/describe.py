"""Describes a prepared data set field by field; reads one column of one row group at a time, in bounded memory.

Drift compares the first and the last tenth of the training rows in stored order. For categories it is the total
variation distance of the two distributions, together with the share of the last tenth's values that the first tenth
does not have. For numbers it is the difference of the means in standard deviations.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wideload.datasets.prepare.fit import columns
from wideload.datasets.prepare.sketch import Distinct, Frequencies, Range, without_nulls
from wideload.datasets.prepared.location import Place
from wideload.datasets.prepared.manifest import FieldEntry, Manifest
from wideload.errors import DataError, UsageError

TOP = 5


@dataclass(frozen=True, slots=True)
class SplitSummary:
    """One split. ``label_rate`` is the share of positive labels; None for a split without rows."""

    name: str
    rows: int
    label_rate: float | None
    shards: int
    bytes: int


@dataclass(frozen=True, slots=True)
class FieldSummary:
    """One field, as it is in the training split.

    Attributes:
        kind: ``number``, ``integer``, ``hex`` or ``text``; multi_valued: whether the field holds lists of them.
        missing: share of rows without a value (for lists: rows with an empty list).
        distinct: number of distinct values of a category; exact: whether it was counted, not estimated.
        top: the most frequent values with their share of all values.
        low, mean, high, std: statistics of a number.
        lengths: length of the shortest list, mean length, length of the longest list.
        drift: first against last tenth, see the module; unseen: share of the last tenth's values that the first tenth
            does not have.
    """

    name: str
    kind: str
    multi_valued: bool
    missing: float
    distinct: int | None = None
    exact: bool = True
    top: tuple[tuple[str, float], ...] = ()
    low: float | None = None
    mean: float | None = None
    high: float | None = None
    std: float | None = None
    lengths: tuple[int, float, int] | None = None
    drift: float = 0.0
    unseen: float | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """The description of a prepared data set."""

    path: str
    fingerprint: str
    splits: tuple[SplitSummary, ...]
    fields: tuple[FieldSummary, ...]
    rows_in: int
    rows_out: int
    rejected: int
    reasons: dict[str, int]
    dropped: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Returns the description as JSON values."""
        return dataclasses.asdict(self)


def describe(path: str | Path) -> Description:
    """Describes a prepared folder.

    Raises:
        DataError: the folder or a shard cannot be read.
    """
    place = Place(str(path))
    if not place.local:
        raise UsageError(f"{path}: only local folders can be described; copy it first.")
    manifest = place.manifest()
    try:
        splits = tuple(_split(place, manifest, name) for name in manifest.splits)
        fields = tuple(_field(place, manifest, entry) for entry in manifest.fields)
    except (OSError, pa.ArrowException, KeyError) as error:
        raise DataError(f"{path}: a shard cannot be read: {error}. Prepare the data again.") from None
    origin = manifest.provenance
    return Description(
        str(path),
        manifest.fingerprint,
        splits,
        fields,
        origin.rows_in,
        origin.rows_out,
        origin.rejected,
        dict(origin.reasons),
        origin.dropped,
    )


def _split(place: Place, manifest: Manifest, name: str) -> SplitSummary:
    rows, shards = manifest.rows(name), manifest.splits[name]
    labels = columns(Path(place.root), shards, manifest.label)
    positive = sum(float(pc.sum(column).as_py() or 0) for column in labels)
    return SplitSummary(
        name, rows, positive / rows if rows else None, len(shards), sum(shard.length for shard in shards)
    )


@dataclass(slots=True)
class _Tenths:
    """Extracts the first and the last tenth of a column from its successive row groups."""

    rows: int
    seen: int = 0

    def cut(self, column: Any) -> tuple[Any, Any]:
        tenth = max(1, self.rows // 10)
        begin, self.seen = self.seen, self.seen + len(column)
        first = column.slice(0, max(0, tenth - begin))
        last = column.slice(min(len(column), max(0, self.rows - tenth - begin)))
        return without_nulls(first), without_nulls(last)


def _field(place: Place, manifest: Manifest, entry: FieldEntry) -> FieldSummary:
    found = columns(Path(place.root), manifest.splits.get("train", ()), entry.name)
    rows = manifest.rows("train")
    return _numbers(entry, found, rows) if entry.kind == "numeric" else _categories(entry, found, rows)


def _numbers(entry: FieldEntry, found: Iterator[Any], rows: int) -> FieldSummary:
    whole, first, last = Range(), Range(), Range()
    tenths, missing = _Tenths(rows), 0
    for column in found:
        missing += column.null_count
        whole.add(column.drop_null())
        for part, values in zip((first, last), tenths.cut(column), strict=True):
            part.add(values)
    return FieldSummary(
        entry.name,
        "number",
        False,
        missing / rows if rows else 0.0,
        low=whole.low if whole.count else None,
        mean=whole.mean if whole.count else None,
        high=whole.high if whole.count else None,
        std=whole.std if whole.count else None,
        drift=abs(last.mean - first.mean) / whole.std if whole.std else 0.0,
    )


def _categories(entry: FieldEntry, found: Iterator[Any], rows: int) -> FieldSummary:
    distinct, whole, first, last = Distinct(), Frequencies(), Frequencies(), Frequencies()
    tenths, missing, lengths = _Tenths(rows), 0, _Lengths()
    for column in found:
        missing += lengths.add(column) if entry.multi_valued else column.null_count
        values = without_nulls(column)
        distinct.add(values)
        whole.add(values)
        for part, piece in zip((first, last), tenths.cut(column), strict=True):
            part.add(piece)
    return FieldSummary(
        entry.name,
        "text" if entry.text else "hex" if entry.hex else "integer",
        entry.multi_valued,
        missing / rows if rows else 0.0,
        distinct=distinct.estimate,
        exact=distinct.exact,
        top=tuple((_shown(value, entry), count / whole.total) for value, count in _top(whole)),
        lengths=lengths.summary() if entry.multi_valued else None,
        drift=first.distance(last),
        unseen=last.unseen_in(first),
    )


def _shown(value: Any, entry: FieldEntry) -> str:
    return f"{value % 2**64:08x}" if entry.hex else str(value)


def _top(frequencies: Frequencies) -> list[tuple[Any, int]]:
    """Returns the most frequent values; ties are ordered by their text."""
    return sorted(frequencies.counts.items(), key=lambda item: (-item[1], str(item[0])))[:TOP]


@dataclass(slots=True)
class _Lengths:
    """Statistics of the lengths of lists."""

    low: int | None = None
    high: int = 0
    total: int = 0
    rows: int = 0

    def add(self, column: Any) -> int:
        """Adds a column and returns how many of its lists are empty."""
        lengths = np.asarray(pc.fill_null(pc.list_value_length(column), 0))
        if len(lengths):
            self.low = min(self.low if self.low is not None else int(lengths.min()), int(lengths.min()))
            self.high = max(self.high, int(lengths.max()))
            self.total += int(lengths.sum())
            self.rows += len(lengths)
        return int((lengths == 0).sum())

    def summary(self) -> tuple[int, float, int]:
        return self.low or 0, self.total / self.rows if self.rows else 0.0, self.high
