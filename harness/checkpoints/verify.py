"""Checks every file of a checkpoint against its manifest. Damage in table rows is located to the block."""

from __future__ import annotations

from pathlib import Path

from wideload.errors import CheckpointError
from wideload.harness.checkpoints.manifest import NAME, Entry, Manifest, summed_up

ROWS = ".rows"


def verify(folder: Path) -> Manifest:
    """Checks a whole checkpoint.

    Raises:
        CheckpointError: names each damaged, missing or foreign file, and the damaged block of a file of rows.
    """
    manifest = Manifest.read(folder)
    problems = [problem for entry in manifest.files if (problem := problem_of(folder, manifest, entry))]
    problems += [f"{path} does not belong to the checkpoint" for path in foreign(folder, manifest)]
    if problems:
        raise CheckpointError("; ".join(problems) + ". Use another checkpoint.")
    return manifest


def problem_of(folder: Path, manifest: Manifest, entry: Entry) -> str:
    """What is wrong with one file; empty when nothing is."""
    try:
        path = manifest.place(folder, entry)
        found = summed_up(folder, path)
    except FileNotFoundError:
        return f"{folder / entry.path} is missing"
    except (OSError, CheckpointError) as error:
        return str(error).rstrip(".")
    if found == entry:
        return ""
    return _block_of(path) or _difference(path, entry, found)


def foreign(folder: Path, manifest: Manifest) -> list[Path]:
    """Files that the manifest does not name."""
    known = {NAME, *(entry.path for entry in manifest.files)}
    files = (path for path in folder.rglob("*") if not path.is_dir())
    return sorted(path for path in files if path.relative_to(folder).as_posix() not in known)


def _difference(path: Path, entry: Entry, found: Entry) -> str:
    if found.bytes != entry.bytes:
        return f"{path} is damaged: {found.bytes} bytes where {entry.bytes} were written"
    return f"{path} is damaged: its checksum does not match"


def _block_of(path: Path) -> str:
    """What a file's own checksums say is damaged, for a file of rows."""
    if path.suffix != ROWS:
        return ""
    try:
        from wideload import _native
    except ImportError:
        return ""
    try:
        _native.read_row_file(str(path))
    except CheckpointError as error:
        return str(error).rstrip(".")
    return ""
