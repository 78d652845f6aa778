"""One checkpoint that is written while training continues.

::

    every rank's thread    Snapshot.write ─► sync and checksum what it wrote ─► .part-RRR.json: its entries
    rank 0's thread        all parts there? ─► Snapshot.finish ─► MANIFEST ─► rename ─► drop old ones
    between two steps      part(): is this rank's part written?  all agree  end(): is it published, or given up?

The threads never use MPI, which belongs to training: they look at each other's files. A rank that fails without being
able to leave a file therefore reports its failure when the ranks next meet, and rank 0 then stops waiting for it. Until
the rename, the folder has a name that no reader looks at.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wideload import files
from wideload.errors import CheckpointError
from wideload.harness.checkpoints.folder import CheckpointFolder
from wideload.harness.checkpoints.manifest import MODEL, Entry, Manifest, sealed
from wideload.harness.checkpoints.publishing import publish
from wideload.harness.contract import Snapshot
from wideload.harness.experiment.checkpointing import Settings

POLL_SECONDS = 0.02
HEARTBEAT_SECONDS = 0.5


@dataclass(slots=True, eq=False)
class Writing:
    """One rank's share of the work, which a thread begins when the object is created.

    Attributes:
        manifest: of the checkpoint, without its files.
        snapshot: the copy of this rank's part of the model.
        write_other: writes all but the model into the checkpoint's folder; returns the files.
        settings: how many checkpoints are kept, and where they are copied.
        problem: why there is no checkpoint, on the ranks where that is known; empty as long as nothing has failed.
        bytes: size of the whole checkpoint, on rank 0 after it is published.
        seconds: how long this rank's thread has run.
    """

    folder: CheckpointFolder
    manifest: Manifest
    snapshot: Snapshot
    write_other: Callable[[Path], list[Path]]
    rank: int
    settings: Settings
    problem: str = ""
    bytes: int = 0
    seconds: float = 0.0
    _written: threading.Event = field(default_factory=threading.Event)
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run, name="checkpoint", daemon=True)
        self._thread.start()

    def part(self, heartbeat: Callable[[], None]) -> str:
        """Waits, with heartbeats, until this rank's part is on disk; returns the problem, or an empty text."""
        while not self._written.wait(HEARTBEAT_SECONDS):
            heartbeat()
        return self.problem

    def end(self, cancel: bool, heartbeat: Callable[[], None]) -> str:
        """Waits until the checkpoint is published, or given up with ``cancel``; returns as :meth:`part` does."""
        if cancel:
            self._cancelled.set()
        while self._thread.is_alive():
            self._thread.join(HEARTBEAT_SECONDS)
            heartbeat()
        return self.problem

    def _run(self) -> None:
        begun = time.perf_counter()
        try:
            self._write()
            self._written.set()
            if self.rank == 0:
                self._publish()
        except Exception as error:  # nothing else reports an exception of this thread
            known = isinstance(error, OSError | CheckpointError)
            self.problem = str(error) if known else f"{type(error).__name__}: {error}"
        finally:
            self.seconds = time.perf_counter() - begun
            self._written.set()

    @property
    def _place(self) -> Path:
        return self.folder.partial(self.manifest.step)

    def _write(self) -> None:
        written = self.snapshot.write(self._place / MODEL)
        paths = [*written.files, *self.write_other(self._place)]
        entries = [entry.model_dump() for entry in sealed(self._place, paths)]
        part = json.dumps({"entries": entries, "about": written.about})
        files.write(_part_file(self._place, self.rank), part, durable=False)

    def _publish(self) -> None:
        parts = self._parts()
        if parts is None:
            return
        last = self.snapshot.finish(self._place / MODEL, [part["about"] for part in parts])
        entries = [Entry.model_validate(entry) for part in parts for entry in part["entries"]]
        entries = sorted([*entries, *sealed(self._place, last)], key=lambda entry: entry.path)
        for rank in range(self.manifest.ranks):
            _part_file(self._place, rank).unlink()
        self.bytes = sum(entry.bytes for entry in entries)
        publish(self.folder, self.manifest.model_copy(update={"files": entries}), self.settings)

    def _parts(self) -> list[Any] | None:
        """What all ranks have written, in rank order; None when it is given up."""
        part_files = [_part_file(self._place, rank) for rank in range(self.manifest.ranks)]
        while not all(part_file.exists() for part_file in part_files):
            if self._cancelled.wait(POLL_SECONDS):
                return None
        return [json.loads(part_file.read_text(encoding="utf-8")) for part_file in part_files]


def _part_file(place: Path, rank: int) -> Path:
    return place / f".part-{rank:03d}.json"
