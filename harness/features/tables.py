"""Which table holds the rows of which slot: slots are grouped by the shape and the initial values of their rows."""

from __future__ import annotations

from collections.abc import Iterator

from wideload.harness.features.aliases import refuse_aliases
from wideload.harness.features.layout import SlotLayout, TableLayout
from wideload.harness.features.pretrained import load_pretrained
from wideload.harness.features.slots import Slot
from wideload.harness.workload.columns import Initializer
from wideload.hashing import salt_of


def tables_of(slots: list[Slot]) -> tuple[tuple[TableLayout, ...], list[Slot]]:
    """Slots grouped by the shape of their rows, and the slots again in the order of the groups."""
    groups: dict[str, list[Slot]] = {}
    for slot in slots:
        groups.setdefault(_table_name(slot), []).append(slot)
    tables: list[TableLayout] = []
    ordered: list[Slot] = []
    for name, group in groups.items():
        refuse_aliases({slot.space: slot.source.rows for slot in group})
        first = group[0].embedding
        tables.append(
            TableLayout(
                name=name,
                wide=int(group[0].wide),
                dim=first.dimension if first else 0,
                first_slot=len(ordered),
                slots=tuple(_slot_layouts(group)),
                initializer=first.initializer if first else None,
                admit_at=first.admit_at if first else 0.0,
            )
        )
        ordered += group
    return tuple(tables), ordered


def _slot_layouts(group: list[Slot]) -> Iterator[SlotLayout]:
    first_rows: dict[str, int] = {}
    end = 0
    for slot in group:
        rows = slot.source.rows
        if slot.space not in first_rows:
            first_rows[slot.space] = end
            end += rows or 0
        embedding = slot.embedding
        yield SlotLayout(
            name=slot.name,
            combiner=embedding.combiner if embedding else "sum",
            rows=rows,
            first_row=first_rows[slot.space],
            salt=salt_of(slot.space),
            pretrained=load_pretrained(slot) if embedding and embedding.pretrained else None,
        )


def _table_name(slot: Slot) -> str:
    """A function of the shape and the initial values of the rows alone, so that other columns never rename a table."""
    embedding = slot.embedding
    part = "wide" if slot.wide else "deep"
    if embedding is None:
        return f"{part}0"
    name = f"{part}{embedding.dimension}"
    start = embedding.initializer
    if start != Initializer():
        name += f"_{start.kind}" + ("" if start.kind in {"zeros", "glorot"} else f"{start.scale:g}")
    return name if not embedding.admit_at else f"{name}_admit{embedding.admit_at:g}"
