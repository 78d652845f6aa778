"""Makes a new checkpoint from an old one: compacts increments into a full checkpoint, or replaces rows by others.

The new checkpoint is complete or absent like any other. If no rows are replaced, it has the same bytes as a full
checkpoint at the same step.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from wideload import files
from wideload.errors import CheckpointError, UsageError
from wideload.harness.checkpoints.folder import CheckpointFolder
from wideload.harness.checkpoints.manifest import MODEL, NAME, Manifest, sealed
from wideload.harness.checkpoints.tables.rows import (
    FILE,
    Rows,
    TableForm,
    TableReader,
    shards_of,
    table_folder,
    write_shard,
)
from wideload.harness.checkpoints.verify import verify

Shards = Callable[[TableForm], Iterable[tuple[int, Rows]]]


def chain_of(checkpoint: Path) -> list[Path]:
    """The folders that a checkpoint consists of, the full one first. Each of them is verified.

    Raises:
        CheckpointError: one of them is missing or damaged.
    """
    folder = CheckpointFolder(checkpoint.parent)
    names = folder.chain(checkpoint.name)
    for name in names:
        verify(folder.path(name))
    return [folder.path(name) for name in names]


def reader_of(checkpoint: Path) -> TableReader:
    """The tables of a verified checkpoint, increments merged."""
    return TableReader(tuple(folder / MODEL for folder in chain_of(checkpoint)))


def compact(checkpoint: Path, out: Path) -> Manifest:
    """Makes one full checkpoint of an increment and what it builds on."""
    reader = reader_of(checkpoint)
    return rewritten(checkpoint, out, reader, reader.shards)


def rewritten(checkpoint: Path, out: Path, reader: TableReader, shards: Shards) -> Manifest:
    """A copy of ``checkpoint`` at ``out`` whose tables have the rows that ``shards`` gives.

    Raises:
        UsageError: ``out`` exists.
    """
    if out.exists():
        raise UsageError(f"{out} exists already. Name a folder that does not.")
    try:
        with files.new_folder(out) as partial:
            return _build(checkpoint, partial, reader, shards)
    except OSError as error:
        raise CheckpointError(f"{out} cannot be written: {error}.") from None


def by_shard(form: TableForm, rows: Rows) -> Iterable[tuple[int, Rows]]:
    """Divides rows, which may be in any order, into shards in order.

    Raises:
        CheckpointError: two rows have the same sign.
    """
    ordered = rows.in_order(form.salt)
    if (ordered.signs[1:] == ordered.signs[:-1]).any():
        raise CheckpointError(f"table {form.name!r} has two rows for one sign.")
    shards = shards_of(ordered.signs, form.salt)
    for shard in sorted(set(shards.tolist())):
        yield shard, ordered.take(shards == shard)


def _build(checkpoint: Path, partial: Path, reader: TableReader, shards: Shards) -> Manifest:
    old = Manifest.read(checkpoint)
    ignored = shutil.ignore_patterns("*.rows", NAME)
    shutil.copytree(checkpoint, partial, dirs_exist_ok=True, ignore=ignored)
    header = json.loads((partial / MODEL / FILE).read_text(encoding="utf-8"))
    for form in reader.forms():
        folder = table_folder(partial / MODEL, form.name)
        folder.mkdir(exist_ok=True)
        written = {write_shard(folder, form, shard, rows): len(rows) for shard, rows in shards(form)}
        header["tables"][form.name]["files"] = written
    (partial / MODEL / FILE).write_text(json.dumps(header, indent=1, sort_keys=True), encoding="utf-8")
    files = sorted(path for path in partial.rglob("*") if path.is_file())
    entries = sorted(sealed(partial, files), key=lambda entry: entry.path)
    manifest = old.model_copy(update={"kind": "full", "base": None, "files": entries})
    manifest.write(partial)
    return manifest
