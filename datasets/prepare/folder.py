"""A folder that only one process writes to at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wideload import files
from wideload.errors import UsageError

STATE = ".state.json"
_LOCK = ".lock"


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Locks the folder; the system releases the lock when the process ends, however it ends.

    Raises:
        UsageError: another process holds the lock.
    """
    with (folder / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"another process is writing to {folder}. Wait for it, or choose another folder."
            raise UsageError(message) from None
        try:
            yield
        finally:
            (folder / _LOCK).unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Removes the incomplete files of a killed process."""
    for file in filter(files.is_partial, folder.iterdir()):
        file.unlink(missing_ok=True)
