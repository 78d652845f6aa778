"""What a rank's loop had measured when a checkpoint was taken: so that a resumed case's record is whole.

``rank-NNN.safetensors`` holds ``losses`` float64 ``[steps]`` and ``marks`` int64; the counts and the evaluations are
its metadata.
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


@dataclass(slots=True)
class Progress:
    """One rank's measurements.

    Attributes:
        counts: steps, examples and global examples.
        points: evaluations so far, as plain data.
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
        """What the loop goes on from."""
        counts = self.counts
        return Measured(
            steps=counts["steps"],
            examples=counts["examples"],
            global_examples=counts["global_examples"],
            losses=self.losses,
            batch_checksums=self.batch_checksums,
        )

    def writer(self, rank: int) -> Callable[[Path], list[Path]]:
        """What a checkpointer calls to write this progress as it is now, while measuring goes on."""
        copied = replace(
            self, losses=list(self.losses), batch_checksums=list(self.batch_checksums), points=list(self.points)
        )
        return lambda folder: [copied.write(folder, rank)]

    def write(self, folder: Path, rank: int) -> Path:
        """The file."""
        from safetensors.numpy import save

        about = {"counts": self.counts, "points": self.points, "seconds": self.seconds}
        arrays = {"losses": np.array(self.losses, np.float64), "marks": np.array(self.batch_checksums, np.int64)}
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
                losses, batch_checksums = file.get_tensor("losses").tolist(), file.get_tensor("marks").tolist()
            return cls(about["counts"], losses, batch_checksums, about["points"], about["seconds"])
        except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
            raise CheckpointError(f"{path} cannot be read: {error}") from None


def _name(rank: int) -> str:
    return f"rank-{rank:03d}.safetensors"
