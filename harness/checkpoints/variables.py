"""A model made of variables on disk: one safetensors file, or one of each rank that holds a part of the rows.

::

    model.safetensors       tensors by variable name: wide8/wide, wide8/deep, wide8/deep:accumulator, tower, ...
                            metadata: format, steps, layout (tables and slots, so that changed columns can be mapped),
                            crc32 of every tensor
    model-001.safetensors   where the rows are dealt over n ranks: rows 1, 1 + n, 1 + 2n... of every table.
    ...                     model.safetensors then has the rows 0, n, 2n... and the tower. metadata also: part, parts

Who reads a model need not know how its rows were dealt. Nothing is unpickled.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
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
DEALT_FORMAT = "wideload-dealt-1"
"""Of the files of a model whose rows are dealt over several of them."""

TOWER = "tower"
"""What the names of the tower's arrays begin with; all others are rows of tables."""

Arrays = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Saved:
    """A model, or one rank's part of it.

    Attributes:
        arrays: by variable name.
        steps: trained so far.
        layout: see :func:`describe`.
        whole: the shapes that arrays have in the whole model, where they are parts.
    """

    arrays: Arrays
    steps: int
    layout: list[dict[str, Any]]
    whole: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def check_fits(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Checks that the whole model has an array of the right shape for every variable, and no other array.

        Raises:
            CheckpointError: names the first variable that differs.
        """
        stored = {name: array.shape for name, array in self.arrays.items()} | dict(self.whole)
        for name in sorted({*shapes, *stored}):
            given = stored.get(name)
            if given != shapes.get(name):
                raise CheckpointError(
                    f"the checkpoint does not fit this model: {name} is {given} in it, {shapes.get(name)} here. "
                    "Columns, model or optimizers have changed; map the checkpoint onto the new columns first."
                )


@dataclass(frozen=True, slots=True)
class SavedSnapshot:
    """A copied model, to be written in the background; see :class:`wideload.harness.contract.Snapshot`.

    Attributes:
        saved: the model, on rank 0; on the others their rows where those are dealt, or None where they hold the same
            model and write nothing.
        part, parts: which of the files it is.
    """

    saved: Saved | None
    part: int = 0
    parts: int = 1

    def write(self, directory: Path) -> Written:
        if self.saved is None:
            return Written([])
        return Written([write_weights(directory, self.saved, self.part, self.parts)])

    def finish(self, directory: Path, parts: Sequence[Any]) -> Sequence[Path]:  # noqa: ARG002 - nothing is shared
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


def write_weights(directory: Path, saved: Saved, part: int = 0, parts: int = 1) -> Path:
    """Writes one file, and returns it. An older one stays until the new one is complete.

    Args:
        saved: the model, or what the part has of it.
        part, parts: the rows of the tables are the rows ``part, part + parts...`` of the whole; part 0 has the tower.
    """
    own = {name: array for name, array in saved.arrays.items() if part == 0 or _is_rows(name)}
    arrays = {name: np.asarray(array, order="C") for name, array in own.items()}
    checksums = {name: _checksum(array) for name, array in arrays.items()}
    metadata = {
        "format": FORMAT,
        "steps": str(saved.steps),
        "layout": json.dumps(saved.layout),
        "crc32": json.dumps(checksums),
    }
    if parts > 1:
        metadata |= {"format": DEALT_FORMAT, "part": str(part), "parts": str(parts)}
    files.write(_path(directory, part), save(arrays, metadata))
    return _path(directory, part)


def read_weights(directory: Path, part: slice = slice(None)) -> Saved:
    """Reads a model, however its rows were dealt when it was written.

    Args:
        directory: where the files are.
        part: which rows of every table to keep, ``slice(rank, None, ranks)``; by default all. Where as many ranks have
            written the model, only this rank's file is read; otherwise one whole array at a time.

    Raises:
        CheckpointError: a file is missing, damaged or of another kind.
    """
    with _opened(directory) as stored:
        arrays: Arrays = {}
        whole = {}
        for name in stored[0].names:
            arrays[name] = _rows(stored, name, part) if _is_rows(name) else stored[0].array(name)
            if _is_rows(name):
                whole[name] = sum(file.shape(name)[0] for file in stored), *arrays[name].shape[1:]
        return Saved(arrays, stored[0].steps, json.loads(stored[0].metadata["layout"]), whole)


def _rows(stored: Sequence[_File], name: str, part: slice) -> npt.NDArray[np.float32]:
    if len(stored) == (part.step or 1):
        return stored[part.start or 0].array(name)
    pieces = [file.array(name) for file in stored]
    whole = np.empty((sum(map(len, pieces)), *pieces[0].shape[1:]), np.float32)
    for first, piece in enumerate(pieces):
        whole[first :: len(pieces)] = piece
    return whole if part == slice(None) else whole[part].copy()


class _File:
    """One file, open for reading."""

    def __init__(self, path: Path, file: Any) -> None:
        self._path = path
        self._file = file
        self.metadata: dict[str, str] = file.metadata() or {}
        if self.metadata.get("format") not in (FORMAT, DEALT_FORMAT):
            raise CheckpointError(f"{path} has format {self.metadata.get('format')!r}, expected {FORMAT!r}.")
        self._checksums = json.loads(self.metadata["crc32"])
        self.steps = int(self.metadata["steps"])
        self.parts = int(self.metadata.get("parts", "1"))

    @property
    def names(self) -> list[str]:
        return list(self._file.keys())

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._file.get_slice(name).get_shape())

    def array(self, name: str) -> npt.NDArray[np.float32]:
        array: npt.NDArray[np.float32] = self._file.get_tensor(name)
        if _checksum(array) != self._checksums[name]:
            raise CheckpointError(f"{self._path} is damaged: {name} does not match its checksum.")
        return array

    def require_part(self, part: int, first: _File) -> None:
        place = int(self.metadata.get("part", "0")), self.parts, self.steps
        if place != (part, first.parts, first.steps):
            raise CheckpointError(
                f"{self._path} is not part {part} of {first.parts} of a model of {first.steps} steps."
            )


@contextmanager
def _opened(directory: Path) -> Iterator[list[_File]]:
    """The files of a model, in the order of their parts. Errors of what is done with them are damage, too."""
    path = _path(directory, 0)
    try:
        with ExitStack() as stack:
            stored = [_File(path, stack.enter_context(safe_open(path, framework="numpy")))]
            for part in range(1, stored[0].parts):
                path = _path(directory, part)
                stored.append(_File(path, stack.enter_context(safe_open(path, framework="numpy"))))
                stored[part].require_part(part, stored[0])
            yield stored
    except FileNotFoundError:
        missing = (
            "it is not a checkpoint of a replicated strategy" if path.name == FILE else "a part of the rows is lost"
        )
        raise CheckpointError(f"{directory} holds no {path.name}: {missing}.") from None
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {error}. Restore an earlier checkpoint.") from None


def _path(directory: Path, part: int) -> Path:
    return directory / (f"model-{part:03d}.safetensors" if part else FILE)


def _is_rows(name: str) -> bool:
    return not name.startswith(TOWER)


def _checksum(array: npt.NDArray[np.float32]) -> int:
    return zlib.crc32(array.tobytes())
