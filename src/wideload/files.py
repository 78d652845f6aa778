"""Files that are either complete or absent, whatever happens to the process or the machine.

::

    .NAME.PID-THREAD.partial    a file that is being written; several processes and threads may write it at once
    .NAME.partial               a folder that one process builds; the remains of a killed process are removed first
    NAME                        complete: written, flushed to the disk, then renamed

Code that lists a folder skips paths for which :func:`is_partial` is true, and may remove them when nobody is writing.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".partial"


def cache_folder() -> Path:
    """Where things are kept that can be made again: ``$XDG_CACHE_HOME/wideload``, by default ``~/.cache/wideload``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "wideload"


def is_partial(path: Path) -> bool:
    """Whether a file or folder was not finished."""
    return path.name.startswith(".") and path.name.endswith(PARTIAL)


def partial_file(path: Path) -> Path:
    """Where this thread writes a file before it gets its name."""
    return path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}{PARTIAL}")


def partial_folder(path: Path) -> Path:
    """Where a folder is built before it gets its name."""
    return path.with_name(f".{path.name}{PARTIAL}")


def write(path: Path, content: bytes | str, *, durable: bool = True) -> None:
    """Writes a file; an older one stays until the new one is complete. Text is written as UTF-8.

    Args:
        path: of the file.
        content: all of it.
        durable: wait until the file and its name are on the disk. False for files of no use after the machine crashed.
    """
    partial = partial_file(path)
    try:
        with partial.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        publish(partial, path, durable=durable)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def publish(partial: Path, path: Path, *, durable: bool = True) -> None:
    """Gives a complete file its name; see :func:`write`."""
    if durable:
        sync(partial)
    partial.replace(path)
    if durable:
        sync_folder(path.parent)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """An empty folder to fill; at the end of the ``with`` block it becomes ``path``, which must not exist yet.

    When the block raises, nothing of it remains.
    """
    partial = partial_folder(path)
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        sync_tree(partial)
        partial.rename(path)
        sync_folder(path.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def sync(path: Path) -> None:
    """Waits until the content of a file is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Waits until the names in a folder are on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(path: Path) -> None:
    """Waits until everything below a folder is on the disk."""
    for inside in sorted(path.rglob("*")):
        if inside.is_dir():
            sync_folder(inside)
        elif inside.is_file():
            sync(inside)
    sync_folder(path)
