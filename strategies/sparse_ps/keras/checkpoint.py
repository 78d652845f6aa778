"""Checkpoints of a Keras model: complete or absent.

A checkpoint is written to a folder of another name, which rank 0 renames when every rank has written. The folder must
be visible to all ranks. :mod:`wideload.strategies.sparse_ps.saving` writes its contents.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from wideload import files
from wideload.strategies.sparse_ps import restoring, saving
from wideload.strategies.sparse_ps.server import PsCluster


def save(directory: Path, server: PsCluster, step: int) -> None:
    """Writes a checkpoint, and replaces an existing one once the new one is complete. Collective."""
    cluster = server.cluster
    part = files.partial_folder(directory)
    if cluster.rank == 0:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
    cluster.barrier()
    saving.save(part, server, step)
    cluster.barrier()
    if cluster.rank == 0:
        _replace(directory, part)
    cluster.barrier()


def _replace(directory: Path, part: Path) -> None:
    """Flushes the new checkpoint to the disk, then gives it its name; the old one goes last."""
    files.sync_tree(part)
    recover(directory)
    old = _old(directory)
    shutil.rmtree(old, ignore_errors=True)
    if directory.exists():
        directory.rename(old)
    part.rename(directory)
    files.sync_folder(directory.parent)
    shutil.rmtree(old, ignore_errors=True)


def recover(directory: Path) -> None:
    """Gives the old checkpoint its name back, if a save was killed before the new one had got it."""
    old = _old(directory)
    if old.exists() and not directory.exists():
        old.rename(directory)


def _old(directory: Path) -> Path:
    return directory.with_name(directory.name + ".old")


def restore(directory: Path, server: PsCluster) -> int:
    """Loads a checkpoint; returns the next step. Collective."""
    server.flush()
    if server.cluster.rank == 0:
        recover(directory)
    server.cluster.barrier()
    return restoring.restore(directory, server)
