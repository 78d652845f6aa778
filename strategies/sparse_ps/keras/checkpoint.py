"""Checkpoints of a Keras model: complete or absent.

Built under another name and renamed by rank 0 when every rank has written; the folder must be visible to all. What is
inside is :mod:`wideload.strategies.sparse_ps.saving`'s.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from wideload import files
from wideload.strategies.sparse_ps import restoring, saving
from wideload.strategies.sparse_ps.server import PsCluster


def save(directory: Path, server: PsCluster, step: int) -> None:
    """Collective. Replaces what is there, once the new one is complete."""
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
    old = directory.with_name(directory.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if directory.exists():
        directory.rename(old)
    files.sync_tree(part)
    part.rename(directory)
    files.sync_folder(directory.parent)
    shutil.rmtree(old, ignore_errors=True)


def restore(directory: Path, server: PsCluster) -> int:
    """Collective; the step that comes next."""
    server.flush()
    server.cluster.barrier()
    return restoring.restore(directory, server)
