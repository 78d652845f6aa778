"""MANIFEST.json: what a checkpoint consists of. A folder without an intact one is not a checkpoint.

The file has a canonical form: a manifest that does not encode to the same bytes again is damaged, so every flipped bit
is noticed. Paths are relative, plain, and stay in the folder, also through symbolic links.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from wideload import files
from wideload.errors import CheckpointError
from wideload.hashing import canonical

NAME = "MANIFEST.json"
MODEL = "model"
FORMAT = "wideload-checkpoint-1"
_CHUNK_BYTES = 4 << 20
_SYNC_THREADS = 16
_LARGEST_BYTES = 128 << 20
"""A manifest beyond this is not read: something else has its name."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Entry(_Part):
    """One file: its path, its size in bytes, and the CRC-32 of its content."""

    path: str
    bytes: int = Field(ge=0)
    crc32: int = Field(ge=0, lt=2**32)

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, value: str) -> str:
        pure = PurePosixPath(value)
        plain = value == str(pure) and "\\" not in value and "\0" not in value
        if not plain or pure.is_absolute() or ".." in pure.parts or value in ("", ".", NAME):
            raise ValueError(f"path {value!r} does not name a file of the checkpoint")
        return value


class Manifest(_Part):
    """What a checkpoint consists of.

    Attributes:
        step: global batches trained.
        kind: ``full``, or ``increment``: holds only the table rows touched since ``base``.
        base: name of the checkpoint that an increment builds on, in the same folder.
        strategy: the strategy that wrote it; ranks: the size of that job.
        fingerprints: of the workload, the columns and the data.
    """

    format: Literal["wideload-checkpoint-1"] = "wideload-checkpoint-1"
    step: int = Field(ge=0)
    kind: Literal["full", "increment"] = "full"
    base: str | None = Field(default=None, pattern=r"^step-\d{12}$")
    strategy: str
    ranks: int = Field(ge=1)
    fingerprints: dict[str, str] = Field(default_factory=dict)
    files: list[Entry] = Field(default_factory=list)

    def encode(self) -> bytes:
        """The canonical text of this manifest."""
        body = self.model_dump(mode="json")
        document = {"checksum": zlib.crc32(canonical(body)), "manifest": body}
        return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()

    def write(self, folder: Path) -> None:
        """Writes it to disk. The caller gives the folder its final name."""
        files.write(folder / NAME, self.encode())

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Reads and checks the manifest of a checkpoint.

        Raises:
            CheckpointError: there is none, or it is damaged.
        """
        path = folder / NAME
        try:
            with path.open("rb") as file:
                text = file.read(_LARGEST_BYTES)
        except FileNotFoundError:
            raise CheckpointError(f"{folder} is not a complete checkpoint: it has no {NAME}.") from None
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {error}. Use another checkpoint.") from None
        return decoded(text, str(path))

    def place(self, folder: Path, entry: Entry) -> Path:
        """The file of an entry.

        Raises:
            CheckpointError: symbolic links lead out of the folder.
        """
        path = folder / entry.path
        if not path.resolve().is_relative_to(folder.resolve()):
            raise CheckpointError(f"{path} leads out of its checkpoint. Files of a checkpoint lie in its folder.")
        return path


def decoded(text: bytes, path: str) -> Manifest:
    """The manifest in a file's content.

    Raises:
        CheckpointError: it is damaged; names the file.
    """
    try:
        document = json.loads(text)
        found = Manifest.model_validate(document["manifest"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged: {_first_line(error)}. Use another checkpoint.") from None
    if found.encode() != text:
        raise CheckpointError(f"{path} is damaged: its checksum does not match. Use another checkpoint.")
    return found


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error).split("\n", 1)[0]


def sealed(folder: Path, paths: Sequence[Path]) -> Iterator[Entry]:
    """Syncs files to the disk and yields their entries, in order.

    Several files at a time, because a file system completes syncs that wait together almost as fast as one.
    """

    def seal(path: Path) -> Entry:
        entry = summed_up(folder, path)
        files.sync(path)
        return entry

    with ThreadPoolExecutor(_SYNC_THREADS) as pool:
        yield from pool.map(seal, paths)


def summed_up(folder: Path, path: Path) -> Entry:
    """The entry of a file as it is on disk."""
    crc, size = 0, 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
    return Entry(path=path.relative_to(folder).as_posix(), bytes=size, crc32=crc)
