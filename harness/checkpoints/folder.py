"""The checkpoints of one case on disk: names, publishing, retention.

A checkpoint gets its name by one rename when everything in it is on disk, and loses it by one rename before any of its
files is removed. So whatever is called ``step-...`` is complete, no matter when a process was killed.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from wideload import files
from wideload.errors import CheckpointError
from wideload.harness.checkpoints.manifest import NAME, Manifest

NAME_PATTERN = re.compile(r"step-\d{12}")
_UNFINISHED = ".partial-"
"""What earlier versions called a checkpoint that was being written."""
_OLD = ".old-"


def name_of(step: int) -> str:
    """``step-000000000120``."""
    return f"step-{step:012d}"


@dataclass(frozen=True, slots=True)
class CheckpointFolder:
    """The folder that holds the checkpoints of one case."""

    root: Path

    def names(self) -> list[str]:
        """Checkpoints, oldest first."""
        if not self.root.is_dir():
            return []
        return sorted(
            path.name for path in self.root.iterdir() if NAME_PATTERN.fullmatch(path.name) and (path / NAME).is_file()
        )

    def path(self, name: str) -> Path:
        return self.root / name

    def begin(self, step: int) -> Path:
        """An empty folder to write a checkpoint in. What killed processes left behind is removed."""
        self.clean()
        partial = self.partial(step)
        partial.mkdir(parents=True)
        return partial

    def partial(self, step: int) -> Path:
        """The folder that :meth:`begin` made."""
        return files.partial_folder(self.root / name_of(step))

    def publish(self, step: int) -> Path:
        """Gives the checkpoint its name: from now on it exists."""
        final = self.root / name_of(step)
        self._retire(final)
        self.partial(step).rename(final)
        files.sync_folder(self.root)
        self.clean()
        return final

    def keep_last(self, count: int) -> None:
        """Removes all but the last ``count`` checkpoints and what they build on."""
        names = self.names()
        kept: set[str] = set()
        for name in names[-count:]:
            try:
                kept |= set(self.chain(name))
            except CheckpointError:
                kept.add(name)
        for name in names:
            if name not in kept:
                self._retire(self.root / name)
        self.clean()

    def chain(self, name: str) -> list[str]:
        """The full checkpoint that ``name`` is based on, then its increments up to ``name``.

        Raises:
            CheckpointError: a link is missing or damaged.
        """
        chain = [name]
        while (manifest := Manifest.read(self.root / chain[0])).kind == "increment":
            base = manifest.base
            if base is None or base >= chain[0]:
                raise CheckpointError(f"{self.root / chain[0]} is an increment without an older base.")
            chain.insert(0, base)
        return chain

    def clean(self) -> None:
        """Removes unfinished and retired checkpoints. Not to be called while one is being written."""
        if not self.root.is_dir():
            return
        for path in self.root.iterdir():
            if files.is_partial(path) or path.name.startswith((_UNFINISHED, _OLD)):
                shutil.rmtree(path, ignore_errors=True)

    def set_aside(self, name: str) -> None:
        """Renames a damaged checkpoint, so that it is neither resumed from nor built on; its files stay."""
        aside = self.root / f"damaged-{name}"
        shutil.rmtree(aside, ignore_errors=True)
        (self.root / name).rename(aside)

    def discard(self) -> None:
        """Removes everything: the case starts from scratch."""
        for name in reversed(self.names()):
            self._retire(self.root / name)
        self.clean()

    def _retire(self, path: Path) -> None:
        if path.exists():
            old = path.with_name(f"{_OLD}{path.name}")
            shutil.rmtree(old, ignore_errors=True)
            path.rename(old)
