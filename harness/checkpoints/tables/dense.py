"""The dense parameters of ``sparse_ps`` on disk: one slice for each rank, to be divided among any number of ranks.

::

    MODEL/dense-RRR.safetensors     weights [p], state [2 p]: two arrays as long as the weights, updates [1]
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from wideload.arrays import Floats
from wideload.errors import CheckpointError
from wideload.harness.checkpoints.tables.rows import read_header


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """All dense parameters, or a slice of them.

    Attributes:
        weights: float32 ``[p]``: the tower's, then running statistics.
        planes: float32 ``[2, p]``, the optimizer's state.
        updates: number of updates applied so far.
    """

    weights: Floats
    planes: Floats
    updates: int

    def write(self, directory: Path, rank: int) -> Path:
        """Writes the slice of a rank; returns the file."""
        arrays = {
            "weights": np.ascontiguousarray(self.weights),
            "state": np.ascontiguousarray(self.planes.reshape(-1)),
            "updates": np.array([self.updates], np.uint64),
        }
        path = _place(directory, rank)
        path.write_bytes(save(arrays))
        return path

    def of_rank(self, rank: int, ranks: int) -> Dense:
        """The slice that a rank owns."""
        size = self.weights.size
        mine = slice(size * rank // ranks, size * (rank + 1) // ranks)
        return Dense(self.weights[mine], self.planes[:, mine], self.updates)


def read_dense(directory: Path) -> Dense:
    """Joins the slices of all ranks that saved them.

    Raises:
        CheckpointError: one is missing or damaged.
    """
    try:
        ranks = int(read_header(directory)["ranks"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{directory} does not say how many ranks saved it: {error}.") from None
    parts = [_read(_place(directory, rank)) for rank in range(ranks)]
    return Dense(
        np.concatenate([part.weights for part in parts]),
        np.concatenate([part.planes for part in parts], axis=1),
        parts[0].updates,
    )


def _read(path: Path) -> Dense:
    try:
        found = load(path.read_bytes())
        weights = found["weights"]
        return Dense(weights, found["state"].reshape(2, weights.size), int(found["updates"][0]))
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise CheckpointError(f"{path} is missing or damaged: {error}. Restore another checkpoint.") from None


def _place(directory: Path, rank: int) -> Path:
    return directory / f"dense-{rank:03d}.safetensors"
