"""One table per column, as TensorFlow's feature columns have it: a variant that is measured, not the default.

By default the slots of a table share its variable and are looked up together. Here each column has its own variables,
look-up, deduplication and update; the slots of a shared column stay together. The rows, their initial values and their
order are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from wideload.harness.features.layout import BatchLayout, TableLayout


def by_column(layout: BatchLayout) -> tuple[BatchLayout, list[int]]:
    """Returns the layout with one table per column, and for each of these tables the id at which its rows began.

    Each table keeps the name of the table that it was part of, because the name decides the rows' initial values.
    """
    parts = [part for table in layout.tables for part in _columns(table)]
    return replace(layout, tables=tuple(table for table, _ in parts)), [first for _, first in parts]


def _columns(table: TableLayout) -> Iterator[tuple[TableLayout, int]]:
    first_slot = table.first_slot
    for first_row, group in groupby(table.slots, key=lambda slot: slot.first_row):
        slots = tuple(replace(slot, first_row=0) for slot in group)
        yield replace(table, first_slot=first_slot, slots=slots), first_row
        first_slot += len(slots)
