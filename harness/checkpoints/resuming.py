"""Resuming: finds the newest complete checkpoint, with everything that it builds on, and loads it.

::

    newest name ─► chain of increments ─► every file of it sound? ─► does it fit the case? ─► Trainer.restore
                                              no: set aside, the next older one

Every rank checks its share of the files. Nothing is loaded until all files have been checked.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from wideload.errors import CheckpointError
from wideload.harness.checkpoints.folder import CheckpointFolder
from wideload.harness.checkpoints.manifest import MODEL, Manifest
from wideload.harness.checkpoints.verify import problem_of
from wideload.harness.cluster import Cluster
from wideload.harness.contract import Trainer


@dataclass(frozen=True, slots=True)
class Resumed:
    """What was loaded.

    Attributes:
        chain: names of the full checkpoint and of its increments.
        step: steps trained.
        newest: the folder of the last of them.
    """

    chain: list[str]
    step: int
    newest: Path


def resume(
    folder: CheckpointFolder, cluster: Cluster, trainer: Trainer, here: Mapping[str, str], heartbeat: Callable[[], None]
) -> Resumed | None:
    """Loads the newest sound checkpoint; None when there is none. Collective.

    Args:
        folder: of the case.
        cluster: its ranks.
        trainer: into which it is loaded.
        here: strategy, ranks and fingerprints of the case; the checkpoint's must be the same.
        heartbeat: called again and again, so that checking is not taken for a hang.

    Raises:
        CheckpointError: it is of another case.
    """
    for name in reversed(cluster.allgather(folder.names())[0]):
        problem, chain = _sound(name, folder, cluster, heartbeat)
        if not problem:
            return _load(chain, folder, cluster, trainer, here)
        if cluster.rank == 0:
            sys.stderr.write(f"warning: not resuming from {name}: {problem}\n")
            folder.set_aside(name)
    return None


def _sound(
    name: str, folder: CheckpointFolder, cluster: Cluster, heartbeat: Callable[[], None]
) -> tuple[str, list[str]]:
    """What is wrong with a checkpoint or what it builds on (empty when nothing is), and the names of all of these."""
    chain: list[str] = []
    problem = ""
    try:
        chain = folder.chain(name)
        for link in chain:
            manifest = Manifest.read(folder.path(link))
            mine = manifest.files[cluster.rank :: cluster.ranks]
            found = (problem_of(folder.path(link), manifest, entry) for entry in mine)
            problem = problem or next(filter(None, found), "")
            heartbeat()
    except CheckpointError as error:
        problem = str(error)
    return next(filter(None, cluster.allgather(problem)), ""), chain


def _load(
    chain: list[str], folder: CheckpointFolder, cluster: Cluster, trainer: Trainer, here: Mapping[str, str]
) -> Resumed:
    newest = folder.path(chain[-1])
    manifest = Manifest.read(newest)
    _check_fits(manifest, here)
    trainer.restore(folder.path(chain[0]) / MODEL)
    for link in chain[1:]:
        trainer.restore_increment(folder.path(link) / MODEL)
    if cluster.rank == 0:
        sys.stderr.write(f"resuming after step {manifest.step} from {newest}\n")
    return Resumed(chain, manifest.step, newest)


def _check_fits(manifest: Manifest, here: Mapping[str, str]) -> None:
    there = {"strategy": manifest.strategy, "ranks": str(manifest.ranks), **manifest.fingerprints}
    for name in sorted({*here, *there}):
        if here.get(name) != there.get(name):
            raise CheckpointError(
                f"the checkpoint is of another case: {name} is {there.get(name)} in it, {here.get(name)} here. "
                "Run with --rerun all to start from scratch."
            )
