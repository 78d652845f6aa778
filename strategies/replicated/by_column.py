"""A table for every column, as stock feature columns would have it: a measured variant, not the default.

The slots of a table share its variable and are looked up at once. Taken apart, each column has variables, look-ups,
unique and update of its own; slots of a shared column stay together. Rows, their start and their order are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from wideload.harness.features.layout import BatchLayout, TableLayout


def by_column(layout: BatchLayout) -> tuple[BatchLayout, list[int]]:
    """The layout with a table per column, and for each of these tables the id at which its rows began.

    Tables keep the name of the one that they were part of: it decides how rows start.
    """
    parts = [part for table in layout.tables for part in _columns(table)]
    return replace(layout, tables=tuple(table for table, _ in parts)), [first for _, first in parts]


def _columns(table: TableLayout) -> Iterator[tuple[TableLayout, int]]:
    first_slot = table.first_slot
    for first_row, group in groupby(table.slots, key=lambda slot: slot.first_row):
        slots = tuple(replace(slot, first_row=0) for slot in group)
        yield replace(table, first_slot=first_slot, slots=slots), first_row
        first_slot += len(slots)
