"""Fields as another prepared folder has them: data for evaluation must have the vocabularies of the data trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wideload import files
from wideload.datasets.prepared.location import Place
from wideload.datasets.prepared.manifest import FieldEntry
from wideload.errors import DataError, UsageError

_SAME = ("kind", "multi_valued", "text", "ids", "weights")


def field(other: Path, directory: Path, entry: FieldEntry) -> FieldEntry:
    """The field as it was fitted in the folder ``other``; its vocabulary is copied below ``directory``.

    Raises:
        DataError: that folder has no such field, or has it as something else.
    """
    manifest = Place(str(other)).manifest()
    known = {one.name: one for one in manifest.fields}.get(entry.name)
    if known is None:
        names = ", ".join(one.name for one in manifest.fields)
        raise DataError(f"{other} has no field {entry.name!r} to take the vocabulary of. It has: {names}.")
    different = [what for what in _SAME if getattr(known, what) != getattr(entry, what)]
    if different:
        raise DataError(f"field {entry.name!r} is declared otherwise in {other}: {', '.join(different)} differ.")
    if known.vocabulary:
        (directory / known.vocabulary).parent.mkdir(exist_ok=True)
        files.write(directory / known.vocabulary, (other / known.vocabulary).read_bytes())
    return known.model_copy(update={"hex": entry.hex})


def options(other: Path, reader: str, given: dict[str, Any]) -> dict[str, Any]:
    """A reader's options with which the folder ``other`` was prepared, where others are not given.

    Raises:
        UsageError: a layout is needed, and the folder has none.
    """
    kept = Place(str(other)).manifest().provenance
    known = {**kept.options, **given} if kept.reader == reader else given
    if reader != "custom" or "layout" in known:
        return known
    if kept.layout is None:
        raise UsageError(f"{other} was prepared before layouts were kept in the folder: name its layout with --layout.")
    return {**known, "layout": kept.layout}
