"""Takes checkpoints of a running case and resumes from them. Both are collective.

::

    while training pauses   settle the previous checkpoint ─► Trainer.snapshot: a copy ─► training continues
    in the background       write, sync, publish (:mod:`.background`)               needs the memory of the copy

    or, with ``background = false`` or a trainer that offers no snapshots, everything while training pauses

A checkpoint that cannot be written - a full disk, a folder that is gone - is given up on all ranks: training continues
with a warning, older checkpoints stay as they are, and the next checkpoint is a full one. Any other error ends the job,
as it would elsewhere.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wideload.errors import CheckpointError
from wideload.harness.checkpoints import trained
from wideload.harness.checkpoints.background import Writing
from wideload.harness.checkpoints.cost import Tally
from wideload.harness.checkpoints.folder import CheckpointFolder, name_of
from wideload.harness.checkpoints.interval import Schedule
from wideload.harness.checkpoints.manifest import MODEL, Entry, Manifest, sealed
from wideload.harness.checkpoints.publishing import publish
from wideload.harness.checkpoints.remote import fetch
from wideload.harness.checkpoints.resuming import resume
from wideload.harness.cluster import Cluster
from wideload.harness.contract import Trainer
from wideload.harness.experiment.checkpointing import Settings
from wideload.harness.workload.workload import Workload

WriteOwn = Callable[[Path], list[Path]]
"""Writes what a rank keeps in addition to the model into a checkpoint's folder; returns the files.

It may be called while training continues, so it holds a copy of what it writes.
"""


@dataclass(slots=True)
class Checkpointer:
    """One rank's share of the checkpoints of a case.

    Attributes:
        settings: when, where and how many.
        heartbeat: called while checkpoints are written and checked, so that a long pause is not taken for a hang.
        strategy: its name; fingerprints: of the workload. Both must be the same when a case resumes.
        workload: stored in the checkpoint, so that the checkpoint can be used without the case.
        tally: what the checkpoints have cost so far.
    """

    settings: Settings
    cluster: Cluster
    trainer: Trainer
    heartbeat: Callable[[], None]
    strategy: str
    fingerprints: Mapping[str, str]
    workload: Workload | None = None
    tally: Tally = field(default_factory=Tally)
    schedule: Schedule = field(init=False)
    folder: CheckpointFolder = field(init=False)
    _last: tuple[str, int] | None = None
    _increments: int = 0
    _writing: Writing | None = None

    def __post_init__(self) -> None:
        self.schedule = Schedule(self.cluster, self.settings.every, self.settings.seconds)
        self.folder = CheckpointFolder(Path(self.settings.folder))
        if self.settings.full_every > 1:
            self.trainer.track()

    def due(self, step: int) -> bool:
        """See :meth:`Schedule.due`."""
        return self.schedule.due(step)

    # ------------------------------------------------------------------------------------------ take

    def take(self, step: int, write_own: WriteOwn) -> bool:
        """Takes a checkpoint of the state after ``step`` steps; False when it had to be given up.

        ``write_own`` adds what this rank keeps, not the model. The checkpoint is complete when :meth:`settle` or the
        next :meth:`take` has returned.
        """
        begun = time.perf_counter()
        self.settle()
        manifest = self._manifest(step)
        try:
            self._begin(step)
            if not self._write_in_background(manifest, write_own):
                self._write(manifest, write_own)
        except CheckpointError as error:
            self._give_up(step, str(error))
            return False
        finally:
            self.tally.pause(time.perf_counter() - begun)
            self.schedule.taken()
        return True

    def settle(self) -> None:
        """Waits for the checkpoint that is being written, if any; afterwards it is complete or given up."""
        writing, self._writing = self._writing, None
        if writing is None:
            return
        problems = self._gather(writing.part(self.heartbeat))
        problems += self._gather(writing.end(bool(problems), self.heartbeat))
        self.tally.write_seconds += writing.seconds
        if problems:
            self._give_up(writing.manifest.step, problems[0])
        else:
            self._keep(writing.manifest, writing.bytes)

    def _manifest(self, step: int) -> Manifest:
        """The manifest of the next checkpoint, without its files."""
        base = self._base(step)
        return Manifest(
            step=step,
            kind="increment" if base else "full",
            base=base,
            strategy=self.strategy,
            ranks=self.cluster.ranks,
            fingerprints=dict(self.fingerprints),
        )

    def _base(self, step: int) -> str | None:
        """The checkpoint to build on, or None for a full one."""
        last = self._last
        if last is None or not self.trainer.incremental or self._increments + 1 >= self.settings.full_every:
            return None
        return last[0] if last[1] < step else None

    def _since(self, manifest: Manifest) -> int | None:
        return self._last[1] if manifest.base and self._last else None

    def _begin(self, step: int) -> None:
        self.trainer.finish()
        self.cluster.barrier()
        self._first(lambda: (self.folder.begin(step) / MODEL).mkdir())

    def _write_in_background(self, manifest: Manifest, write_own: WriteOwn) -> bool:
        """Takes a snapshot and starts to write it; False when that is not wanted or not offered."""
        snapshot = self.trainer.snapshot(self._since(manifest)) if self.settings.background else None
        if snapshot is None:
            return False
        self._writing = Writing(
            self.folder,
            manifest,
            snapshot,
            lambda place: self._write_other(place, write_own),
            self.cluster.rank,
            self.settings,
        )
        return True

    def _write(self, manifest: Manifest, write_own: WriteOwn) -> None:
        """Writes everything while training pauses."""
        partial = self.folder.partial(manifest.step)
        since = self._since(manifest)

        def save() -> None:
            if since is None:
                self.trainer.save(partial / MODEL)
            else:
                self.trainer.save_increment(partial / MODEL, since)
            self._write_other(partial, write_own)

        self._all(save)
        entries = self._sealed(partial)
        complete = manifest.model_copy(update={"files": entries})
        self._first(lambda: publish(self.folder, complete, self.settings))
        self._keep(manifest, sum(entry.bytes for entry in entries))

    def _write_other(self, place: Path, write_own: WriteOwn) -> list[Path]:
        """Writes what this rank keeps in addition to the model; returns the files."""
        files = write_own(place)
        if self.cluster.rank == 0 and self.workload is not None:
            files.append(trained.write(place, self.workload))
        return files

    def _sealed(self, partial: Path) -> list[Entry]:
        """Syncs all files and computes their checksums, each on one rank."""
        found: list[Entry] = []

        def seal() -> None:
            files = sorted(path for path in partial.rglob("*") if path.is_file())
            for entry in sealed(partial, files[self.cluster.rank :: self.cluster.ranks]):
                found.append(entry)
                self.heartbeat()

        self._all(seal)
        everyone = self.cluster.allgather(found)
        return sorted((entry for entries in everyone for entry in entries), key=lambda entry: entry.path)

    def _keep(self, manifest: Manifest, size: int) -> None:
        self.tally.taken += 1
        self.tally.bytes += size if self.cluster.rank == 0 else 0
        self._increments = self._increments + 1 if manifest.base else 0
        self._last = (name_of(manifest.step), manifest.step)

    def _give_up(self, step: int, problem: str) -> None:
        self.tally.failed += 1
        # The trainer may already count changes from this checkpoint, so no increment since an older one is possible.
        self._last = None
        if self.cluster.rank == 0:
            shutil.rmtree(self.folder.partial(step), ignore_errors=True)
            sys.stderr.write(f"warning: no checkpoint at step {step}: {problem} Training continues.\n")
        self.cluster.barrier()

    def _gather(self, problem: str) -> list[str]:
        """The problems of all ranks that have one."""
        return [text for text in self.cluster.allgather(problem) if text]

    def _first(self, work: Callable[[], None]) -> None:
        self._all(work if self.cluster.rank == 0 else lambda: None)

    def _all(self, work: Callable[[], None]) -> None:
        """Does the work on every rank; raises CheckpointError on all of them when it fails on one."""
        self.heartbeat()
        problem = ""
        try:
            work()
        except (OSError, CheckpointError) as error:
            problem = str(error)
        if problems := self._gather(problem):
            raise CheckpointError(problems[0])

    # ---------------------------------------------------------------------------------------- resume

    def resume(self) -> Path | None:
        """Loads the newest sound checkpoint into the trainer; returns its folder, or None when there is none.

        Raises:
            CheckpointError: it is of another workload or strategy.
        """
        if self.settings.mirror is not None:
            url = self.settings.mirror
            self._first(lambda: fetch(url, self.folder))
        here = {"strategy": self.strategy, "ranks": str(self.cluster.ranks), **self.fingerprints}
        found = resume(self.folder, self.cluster, self.trainer, here, self.heartbeat)
        if found is None:
            return None
        self._last = (found.chain[-1], found.step)
        self._increments = len(found.chain) - 1
        return found.newest
