"""What a rank's loop had measured when a checkpoint was taken, so that the record of a resumed case is complete.

``rank-NNN.safetensors`` holds ``losses`` float64 ``[steps]`` and ``batch_checksums`` int64 (``marks`` in files written
before 0.2); counts and evaluations are its metadata.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from wideload.errors import CheckpointError
from wideload.harness.rank.loop import Measured

_OLD_CHECKSUMS = "marks"
"""Name of the checksums in files written before 0.2."""


@dataclass(slots=True)
class Progress:
    """One rank's measurements.

    Attributes:
        counts: steps, examples and global examples.
        points: evaluations so far, as JSON values.
        seconds: of training so far.
    """

    counts: dict[str, int] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    batch_checksums: list[int] = field(default_factory=list)
    points: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0

    @classmethod
    def of(cls, measured: Measured, points: list[dict[str, Any]], seconds: float) -> Progress:
        names = ("steps", "examples", "global_examples")
        counts = {name: int(getattr(measured, name)) for name in names}
        return cls(counts, list(measured.losses), list(measured.batch_checksums), points, seconds)

    def measured(self) -> Measured:
        """The measurements in the form in which the loop resumes from them."""
        counts = self.counts
        return Measured(
            steps=counts["steps"],
            examples=counts["examples"],
            global_examples=counts["global_examples"],
            losses=self.losses,
            batch_checksums=self.batch_checksums,
        )

    def writer(self, rank: int) -> Callable[[Path], list[Path]]:
        """A function that writes this progress as it is now, even if measuring continues before it is called."""
        copied = replace(
            self, losses=list(self.losses), batch_checksums=list(self.batch_checksums), points=list(self.points)
        )
        return lambda folder: [copied.write(folder, rank)]

    def write(self, folder: Path, rank: int) -> Path:
        """Writes the file and returns its path."""
        from safetensors.numpy import save

        about = {"counts": self.counts, "points": self.points, "seconds": self.seconds}
        arrays = {
            "losses": np.array(self.losses, np.float64),
            "batch_checksums": np.array(self.batch_checksums, np.int64),
        }
        path = folder / _name(rank)
        path.write_bytes(save(arrays, {"progress": json.dumps(about)}))
        return path

    @classmethod
    def read(cls, folder: Path, rank: int) -> Progress:
        """Reads one rank's progress.

        Raises:
            CheckpointError: there is none, or it cannot be read.
        """
        from safetensors import SafetensorError, safe_open

        path = folder / _name(rank)
        try:
            with safe_open(path, framework="numpy") as file:
                about = json.loads((file.metadata() or {})["progress"])
                checksums = "batch_checksums" if "batch_checksums" in file.keys() else _OLD_CHECKSUMS  # noqa: SIM118 - no mapping
                losses, batch_checksums = (file.get_tensor(name).tolist() for name in ("losses", checksums))
            return cls(about["counts"], losses, batch_checksums, about["points"], about["seconds"])
        except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
            raise CheckpointError(f"{path} cannot be read: {error}") from None


def _name(rank: int) -> str:
    return f"rank-{rank:03d}.safetensors"
