"""Checkpoints of a Keras model: complete or absent.

A checkpoint is written to a folder of another name, which rank 0 renames when every rank has written. The folder must
be visible to all ranks. :mod:`wideload.strategies.sparse_ps.saving` writes its contents.

``keras.json`` lists the shapes of the variables in the dense vector, whose order depends on which layers are frozen.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from wideload import files
from wideload.errors import CheckpointError
from wideload.strategies.sparse_ps import restoring, saving
from wideload.strategies.sparse_ps.server import PsCluster

FILE = "keras.json"
Shapes = dict[str, list[list[int]]]
"""The shapes of the tower's variables in the dense vector, in order: ``trainable`` and ``other``."""


def save(directory: Path, server: PsCluster, step: int, shapes: Shapes) -> None:
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
        (part / FILE).write_text(json.dumps(shapes), encoding="utf-8")
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


def restore(directory: Path, server: PsCluster, shapes: Shapes) -> int:
    """Loads a checkpoint; returns the next step. Collective.

    Raises:
        CheckpointError: a file is missing or damaged, or the tower's variables differ.
    """
    server.flush()
    if server.cluster.rank == 0:
        recover(directory)
    server.cluster.barrier()
    _check(directory, shapes)
    return restoring.restore(directory, server)


def _check(directory: Path, shapes: Shapes) -> None:
    """Checkpoints of earlier versions do not say what their variables were."""
    path = directory / FILE
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else shapes
    for kind, here in shapes.items():
        if stored[kind] != here:
            raise CheckpointError(
                f"{directory} was saved with {kind} variables of shapes {stored[kind]}; this tower has {here}. Build "
                "the same tower with the same layers frozen; freeze others after restore, and compile again."
            )
