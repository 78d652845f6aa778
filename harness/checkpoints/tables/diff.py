"""Compares two checkpoints: which rows were added, removed and changed, and by how much."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wideload.harness.checkpoints.tables.rewrite import reader_of
from wideload.harness.checkpoints.tables.rows import Rows, TableForm, TableReader


@dataclass(slots=True)
class TableDiff:
    """How the rows of one table differ.

    Attributes:
        added, removed: rows that only one of the checkpoints has.
        changed: rows that differ in any bit; equal: rows that do not.
        largest: the largest absolute change of a weight.
    """

    name: str
    added: int = 0
    removed: int = 0
    changed: int = 0
    equal: int = 0
    largest: float = 0.0

    @property
    def any(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def diff(old: Path, new: Path) -> list[TableDiff]:
    """The differences by table. Of a table that one checkpoint lacks, all rows are added or removed."""
    before, after = reader_of(old), reader_of(new)
    forms = {form.name: form for form in before.forms()}, {form.name: form for form in after.forms()}
    return [
        _table(name, _shards(before, forms[0].get(name)), _shards(after, forms[1].get(name)), forms[1].get(name))
        for name in sorted({*forms[0], *forms[1]})
    ]


def _shards(reader: TableReader, form: TableForm | None) -> dict[int, Rows]:
    return dict(reader.shards(form)) if form is not None else {}


def _table(name: str, before: dict[int, Rows], after: dict[int, Rows], form: TableForm | None) -> TableDiff:
    found = TableDiff(name)
    for shard in {*before, *after}:
        old, new = before.get(shard), after.get(shard)
        if old is None or new is None or form is None:
            found.removed += len(old) if old is not None else 0
            found.added += len(new) if new is not None else 0
        else:
            _shard(found, old, new, form.width)
    return found


def _shard(found: TableDiff, old: Rows, new: Rows, width: int) -> None:
    common, in_old, in_new = np.intersect1d(old.signs, new.signs, assume_unique=True, return_indices=True)
    found.removed += len(old) - len(common)
    found.added += len(new) - len(common)
    left, right = old.take(in_old), new.take(in_new)
    if left.floats.shape != right.floats.shape:
        found.changed += len(common)
        return
    same = (left.floats.view(np.uint32) == right.floats.view(np.uint32)).all(axis=1) & (left.headers == right.headers)
    found.equal += int(same.sum())
    found.changed += len(common) - int(same.sum())
    if len(common):
        change = np.abs(left.floats[:, :width] - right.floats[:, :width])
        found.largest = max(found.largest, float(np.nanmax(change, initial=0.0)))
