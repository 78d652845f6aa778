"""Takes checkpoints of a running case and resumes from them. Both are collective.

A checkpoint that cannot be written - a full disk, a folder that is gone - is given up on all ranks alike: training goes
on with a warning, older checkpoints stay as they are. What else goes wrong ends the job as it would anywhere.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wideload.errors import CheckpointError
from wideload.harness.checkpoints.folder import CheckpointFolder, name_of, sync_folder
from wideload.harness.checkpoints.manifest import MODEL, Entry, Manifest, sealed
from wideload.harness.checkpoints.progress import Progress
from wideload.harness.checkpoints.schedule import Schedule
from wideload.harness.checkpoints.settings import Settings
from wideload.harness.checkpoints.verify import problem_of
from wideload.harness.cluster import Cluster
from wideload.harness.pulse import Pulse
from wideload.strategies.contract import Trainer


@dataclass(slots=True)
class Checkpointer:
    """One rank's end.

    Attributes:
        strategy: name of it; fingerprints: of the workload. Both must fit when a checkpoint is resumed from.
        taken: checkpoints written; seconds: spent on them; failed: given up.
    """

    settings: Settings
    cluster: Cluster
    trainer: Trainer
    pulse: Pulse
    strategy: str
    fingerprints: Mapping[str, str]
    schedule: Schedule = field(init=False)
    folder: CheckpointFolder = field(init=False)
    taken: int = 0
    failed: int = 0
    seconds: float = 0.0
    _last: tuple[str, int] | None = None
    _increments: int = 0

    def __post_init__(self) -> None:
        self.schedule = Schedule(self.cluster, self.settings.every, self.settings.seconds)
        self.folder = CheckpointFolder(Path(self.settings.folder))
        if self.settings.full_every > 1:
            self.trainer.track()

    def due(self, step: int) -> bool:
        """See :meth:`Schedule.due`."""
        return self.schedule.due(step)

    # ------------------------------------------------------------------------------------------ take

    def take(self, step: int, progress: Progress) -> bool:
        """Writes a checkpoint of the state after ``step`` steps; False when it had to be given up."""
        begun = time.perf_counter()
        increment = self._increment_since(step)
        try:
            self._write(step, progress, increment)
        except CheckpointError as error:
            self._give_up(step, error)
            return False
        finally:
            self.seconds += time.perf_counter() - begun
            self.schedule.taken()
        self.taken += 1
        self._increments = self._increments + 1 if increment else 0
        self._last = (name_of(step), step)
        return True

    def _increment_since(self, step: int) -> tuple[str, int] | None:
        """The checkpoint to build on, or None for a full one."""
        last = self._last
        if last is None or not self.trainer.incremental or self._increments + 1 >= self.settings.full_every:
            return None
        return last if last[1] < step else None

    def _write(self, step: int, progress: Progress, increment: tuple[str, int] | None) -> None:
        partial = self.folder.partial(step)
        self.trainer.finish()
        self.cluster.barrier()
        self._first(lambda: (self.folder.begin(step) / MODEL).mkdir())
        self._all(lambda: self._save(partial, progress, increment))
        entries = self._sealed(partial)
        manifest = Manifest(
            step=step,
            kind="increment" if increment else "full",
            base=increment[0] if increment else None,
            strategy=self.strategy,
            ranks=self.cluster.ranks,
            fingerprints=dict(self.fingerprints),
            files=entries,
        )
        self._first(lambda: self._publish(manifest, partial))

    def _save(self, partial: Path, progress: Progress, increment: tuple[str, int] | None) -> None:
        if increment:
            self.trainer.save_increment(partial / MODEL, increment[1])
        else:
            self.trainer.save(partial / MODEL)
        progress.write(partial, self.cluster.rank)

    def _sealed(self, partial: Path) -> list[Entry]:
        """Syncs and sums up all files, each by one rank."""
        found: list[Entry] = []

        def seal() -> None:
            files = sorted(path for path in partial.rglob("*") if path.is_file())
            for entry in sealed(partial, files[self.cluster.rank :: self.cluster.ranks]):
                found.append(entry)
                self.pulse.beat("checkpoint")

        self._all(seal)
        everyone = self.cluster.allgather(found)
        return sorted((entry for entries in everyone for entry in entries), key=lambda entry: entry.path)

    def _publish(self, manifest: Manifest, partial: Path) -> None:
        manifest.write(partial)
        for folder in [path for path in partial.rglob("*") if path.is_dir()] + [partial]:
            sync_folder(folder)
        self.folder.publish(manifest.step)
        self.folder.keep_last(self.settings.keep)

    def _give_up(self, step: int, error: CheckpointError) -> None:
        self.failed += 1
        if self.cluster.rank == 0:
            shutil.rmtree(self.folder.partial(step), ignore_errors=True)
            sys.stderr.write(f"warning: no checkpoint at step {step}: {error} Training goes on.\n")
        self.cluster.barrier()

    def _first(self, work: Callable[[], None]) -> None:
        self._all(work if self.cluster.rank == 0 else lambda: None)

    def _all(self, work: Callable[[], None]) -> None:
        """Does the work on every rank; raises CheckpointError on all when it cannot be done on one."""
        self.pulse.beat("checkpoint")
        problem = ""
        try:
            work()
        except (OSError, CheckpointError) as error:
            problem = str(error)
        problems = [text for text in self.cluster.allgather(problem) if text]
        if problems:
            raise CheckpointError(problems[0])

    # ---------------------------------------------------------------------------------------- resume

    def resume(self) -> Progress | None:
        """Loads the newest sound checkpoint; None when there is none.

        Raises:
            CheckpointError: it is of another workload or strategy.
        """
        for name in reversed(self.cluster.allgather(self.folder.names())[0]):
            problem, chain = self._sound(name)
            if not problem:
                return self._load(chain)
            if self.cluster.rank == 0:
                sys.stderr.write(f"warning: not resuming from {name}: {problem}\n")
                self.folder.set_aside(name)
        return None

    def _sound(self, name: str) -> tuple[str, list[str]]:
        """What is wrong with a checkpoint or what it builds on, and the names of all of these."""
        chain: list[str] = []
        problem = ""
        try:
            chain = self.folder.chain(name)
            for link in chain:
                manifest = Manifest.read(self.folder.path(link))
                mine = manifest.files[self.cluster.rank :: self.cluster.ranks]
                found = (problem_of(self.folder.path(link), manifest, entry) for entry in mine)
                problem = problem or next(filter(None, found), "")
                self.pulse.beat("checkpoint")
        except CheckpointError as error:
            problem = str(error)
        return next(filter(None, self.cluster.allgather(problem)), ""), chain

    def _load(self, chain: list[str]) -> Progress:
        manifest = Manifest.read(self.folder.path(chain[-1]))
        self._check_fits(manifest)
        self.trainer.restore(self.folder.path(chain[0]) / MODEL)
        for link in chain[1:]:
            self.trainer.restore_increment(self.folder.path(link) / MODEL)
        self._last = (chain[-1], manifest.step)
        self._increments = len(chain) - 1
        if self.cluster.rank == 0:
            sys.stderr.write(f"resuming after step {manifest.step} from {self.folder.path(chain[-1])}\n")
        return Progress.read(self.folder.path(chain[-1]), self.cluster.rank)

    def _check_fits(self, manifest: Manifest) -> None:
        here = {"strategy": self.strategy, "ranks": str(self.cluster.ranks), **self.fingerprints}
        there = {"strategy": manifest.strategy, "ranks": str(manifest.ranks), **manifest.fingerprints}
        for name in sorted({*here, *there}):
            if here.get(name) != there.get(name):
                raise CheckpointError(
                    f"the checkpoint is of another case: {name} is {there.get(name)} in it, {here.get(name)} here. "
                    "Run with --rerun all to start anew."
                )
