"""A replicated model on disk: one safetensors file, complete or absent.

::

    model.safetensors     tensors by variable name: wide8/wide, wide8/deep, wide8/deep:accumulator, tower, ...
                          metadata: format, steps, layout (tables and slots, so that changed columns can be mapped),
                          crc32 of every tensor

Nothing is unpickled.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from wideload import files
from wideload.errors import CheckpointError
from wideload.harness.contract import Written
from wideload.harness.features.layout import BatchLayout

FILE = "model.safetensors"
FORMAT = "wideload-replicated-1"

Arrays = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Saved:
    """What a file holds.

    Attributes:
        arrays: by variable name.
        steps: trained so far.
        layout: see :func:`describe`.
    """

    arrays: Arrays
    steps: int
    layout: list[dict[str, Any]]

    def check_fits(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Checks that there is an array of the right shape for every variable, and no other array.

        Raises:
            CheckpointError: names the first variable that differs.
        """
        for name in sorted({*shapes, *self.arrays}):
            given = self.arrays[name].shape if name in self.arrays else None
            if given != shapes.get(name):
                raise CheckpointError(
                    f"the checkpoint does not fit this model: {name} is {given} in it, {shapes.get(name)} here. "
                    "Columns, model or optimizers have changed; map the checkpoint onto the new columns first."
                )


@dataclass(frozen=True, slots=True)
class SavedSnapshot:
    """A copied model, to be written in the background; see :class:`wideload.harness.contract.Snapshot`.

    Attributes:
        saved: the model, on rank 0; None on the others, which hold the same model and write nothing.
    """

    saved: Saved | None

    def write(self, directory: Path) -> Written:
        if self.saved is None:
            return Written([])
        write_weights(directory, self.saved)
        return Written([directory / FILE])

    def finish(self, directory: Path, parts: Sequence[Any]) -> Sequence[Path]:  # noqa: ARG002 - there is one part
        return []


def describe(layout: BatchLayout) -> list[dict[str, Any]]:
    """The layout's tables and slots, as data for JSON."""
    return [
        {
            "name": table.name,
            "wide": table.wide,
            "dim": table.dim,
            "slots": [{"name": slot.name, "rows": slot.rows, "first_row": slot.first_row} for slot in table.slots],
        }
        for table in layout.tables
    ]


def write_weights(directory: Path, saved: Saved) -> None:
    """Writes the file. An older one stays until the new one is complete."""
    arrays = {name: np.asarray(array, order="C") for name, array in saved.arrays.items()}
    checksums = {name: _checksum(array) for name, array in arrays.items()}
    metadata = {
        "format": FORMAT,
        "steps": str(saved.steps),
        "layout": json.dumps(saved.layout),
        "crc32": json.dumps(checksums),
    }
    files.write(directory / FILE, save(arrays, metadata))


def read_weights(directory: Path) -> Saved:
    """Reads the file.

    Raises:
        CheckpointError: it is missing, damaged or of another kind.
    """
    path = directory / FILE
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise CheckpointError(f"{path} has format {metadata.get('format')!r}, expected {FORMAT!r}.")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a mapping
            for name, checksum in json.loads(metadata["crc32"]).items():
                if _checksum(arrays[name]) != checksum:
                    raise CheckpointError(f"{path} is damaged: {name} does not match its checksum.")
            return Saved(arrays, int(metadata["steps"]), json.loads(metadata["layout"]))
    except FileNotFoundError:
        raise CheckpointError(
            f"{directory} holds no {FILE}: it is not a checkpoint of a replicated strategy."
        ) from None
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {error}. Restore an earlier checkpoint.") from None


def _checksum(array: npt.NDArray[np.float32]) -> int:
    return zlib.crc32(array.tobytes())
