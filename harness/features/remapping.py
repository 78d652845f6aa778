"""How a trained model is carried over to changed columns: which old row each new row continues.

==============  =====================================================================================================
vocabulary      the row of the same value; out-of-vocabulary buckets continue when there are as many of them
identity        the row of the same id
hash, crossed,  the row of the same bucket, when nothing that determines buckets has changed; otherwise none
merged, custom
bucketised      the row of the bucket with the same boundaries
==============  =====================================================================================================

A column is found by its name, or by the old name that ``renamed`` gives it. An embedding of another dimension keeps the
floats that both have. Rows that continue no old row start as in an untrained model.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wideload.arrays import Integers
from wideload.errors import UnknownNameError
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.encoders import IdentityEncoder, VocabularyEncoder
from wideload.harness.features.layout import SlotLayout, TableLayout
from wideload.harness.features.slots import Slot
from wideload.harness.features.sources import BucketSource, FieldSource, Source
from wideload.harness.workload.columns import Numeric

NOTHING = -1


@dataclass(frozen=True, slots=True)
class Place:
    """A slot in its model: its layout, its table, and where its embedding begins in the tower's input."""

    slot: SlotLayout
    table: TableLayout
    input: int


@dataclass(frozen=True, slots=True, eq=False)
class SlotChange:
    """One slot of the new model.

    Attributes:
        new, old: where it is and was; ``old`` is None for an added slot.
        rows: int64 ``[new.slot.rows]``, local row of the old slot that a row continues, or NOTHING.
    """

    new: Place
    old: Place | None
    rows: Integers

    @property
    def kept(self) -> int:
        return int((self.rows != NOTHING).sum())

    @property
    def filled(self) -> int:
        """Rows that start as in an untrained model."""
        return len(self.rows) - self.kept

    @property
    def dropped(self) -> int:
        """Rows of the old slot that nothing continues."""
        old = 0 if self.old is None else self.old.slot.rows or 0
        return old - len(np.unique(self.rows[self.rows != NOTHING]))

    def __str__(self) -> str:
        name = self.new.slot.name
        if self.old is None:
            return f"{name}: added, {self.filled} rows filled"
        notes = [f"{self.kept} rows kept, {self.filled} filled, {self.dropped} dropped"]
        if self.old.slot.name != name:
            notes.append(f"was {self.old.slot.name}")
        if self.old.table.dim != self.new.table.dim:
            notes.append(f"dimension {self.old.table.dim} -> {self.new.table.dim}")
        return f"{name}: " + ", ".join(notes)


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """All slots of the new model, and what was removed from the old one.

    Attributes:
        removed: old slots that no new one continues.
        inputs: for each input of the new tower, in order, the old input that it continues, or NOTHING.
        old_inputs: number of inputs of the old tower.
    """

    slots: tuple[SlotChange, ...]
    removed: tuple[str, ...]
    inputs: Integers
    old_inputs: int

    def __str__(self) -> str:
        """The report: one line a column."""
        return "\n".join([*map(str, self.slots), *(f"{name}: removed, all its rows dropped" for name in self.removed)])


def compare(old: FeatureColumnAdapter, new: FeatureColumnAdapter, renamed: Mapping[str, str] | None = None) -> Changes:
    """The changes that turn a model of ``old`` columns into one of ``new`` columns.

    Both adapters have row ids (``keys="ids"``).

    Args:
        old: the columns that the checkpoint was trained with, over the schema (and vocabularies) of that time.
        new: the columns to train with from now on.
        renamed: new name -> old name, of columns.

    Raises:
        UnknownNameError: ``renamed`` names a column that is not there.
    """
    names = dict(renamed or {})
    _check_names(names, old, new)
    before = {place.slot.name: (place, slot) for place, slot in _places(old)}
    slots, used = [], set()
    for place, slot in _places(new):
        was = _old_name(place.slot.name, slot.space, names)
        found = before.get(was)
        used.add(was)
        slots.append(_change(place, slot, found))
    removed = tuple(name for name in before if name not in used)
    return Changes(
        tuple(slots), removed, _inputs(old, new, slots, names), old.layout.deep_width + old.layout.dense_width
    )


def _check_names(names: Mapping[str, str], old: FeatureColumnAdapter, new: FeatureColumnAdapter) -> None:
    for kind, given, adapter in (("new", names.keys(), new), ("old", names.values(), old)):
        known = [column.name for column in adapter.columns]
        for name in given:
            if name not in known:
                raise UnknownNameError(f"{kind} column in renamed", name, known)


def _old_name(name: str, space: str, renamed: Mapping[str, str]) -> str:
    """Slots of a shared column are called ``column.field``."""
    return renamed.get(space, space) + name.removeprefix(space)


def _places(adapter: FeatureColumnAdapter) -> list[tuple[Place, Slot]]:
    found, begin, slots = [], 0, iter(adapter.slots)
    for table in adapter.layout.tables:
        for layout in table.slots:
            found.append((Place(layout, table, begin), next(slots)))
            begin += table.dim
    return found


def _change(place: Place, slot: Slot, found: tuple[Place, Slot] | None) -> SlotChange:
    if found is None:
        return SlotChange(place, None, np.full(place.slot.rows or 0, NOTHING))
    was, before = found
    return SlotChange(place, was, continued(before.source, slot.source))


def continued(old: Source, new: Source) -> Integers:
    """int64 ``[new.rows]``: for each local row of ``new`` the row of ``old`` for the same values, or NOTHING."""
    rows = np.full(new.rows or 0, NOTHING, np.int64)
    if isinstance(old, BucketSource) and isinstance(new, BucketSource):
        return _matched(_intervals(old), _intervals(new))
    if isinstance(old, FieldSource) and isinstance(new, FieldSource):
        if isinstance(old.encoder, VocabularyEncoder) and isinstance(new.encoder, VocabularyEncoder):
            return _vocabularies(old.encoder, new.encoder)
        if isinstance(old.encoder, IdentityEncoder) and isinstance(new.encoder, IdentityEncoder):
            both = min(old.rows or 0, new.rows or 0)
            rows[:both] = np.arange(both)
            return rows
    return np.arange(len(rows)) if old.signature() == new.signature() else rows


def _vocabularies(old: VocabularyEncoder, new: VocabularyEncoder) -> Integers:
    rows = _matched(old.known.to_pylist(), new.known.to_pylist())
    buckets = np.full(new.oov_buckets, NOTHING, np.int64)
    if old.oov_buckets == new.oov_buckets:
        buckets = len(old.known) + np.arange(new.oov_buckets)
    return np.concatenate([rows, buckets])


def _intervals(source: BucketSource) -> list[tuple[float, float]]:
    edges = [-np.inf, *source.boundaries.tolist(), np.inf]
    return list(itertools.pairwise(edges))


def _matched(old: list[object] | list[tuple[float, float]], new: list[object] | list[tuple[float, float]]) -> Integers:
    place = {value: index for index, value in enumerate(old)}
    return np.array([place.get(value, NOTHING) for value in new], np.int64)


def _inputs(
    old: FeatureColumnAdapter, new: FeatureColumnAdapter, slots: list[SlotChange], renamed: Mapping[str, str]
) -> Integers:
    inputs = np.full(new.layout.deep_width + new.layout.dense_width, NOTHING, np.int64)
    for change in slots:
        if change.old is not None:
            both = min(change.new.table.dim, change.old.table.dim)
            inputs[change.new.input : change.new.input + both] = change.old.input + np.arange(both)
    before = {name: old.layout.deep_width + index for index, name in enumerate(_dense_names(old))}
    for index, name in enumerate(_dense_names(new)):
        column, mark, rest = name.partition("?")
        inputs[new.layout.deep_width + index] = before.get(renamed.get(column, column) + mark + rest, NOTHING)
    return inputs


def _dense_names(adapter: FeatureColumnAdapter) -> list[str]:
    """Dense inputs in order; a missing-value indicator is called ``column?``."""
    columns = [column for column in adapter.columns if isinstance(column, Numeric)]
    return [
        *(column.name for column in columns),
        *(f"{column.name}?" for column in columns if column.missing_indicator),
    ]
