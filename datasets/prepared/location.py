"""A folder of shards, on local disk or behind any fsspec URL (``s3://``, ``memory://``, ...)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from wideload.datasets.prepared import manifest as manifests
from wideload.datasets.prepared.manifest import Manifest
from wideload.errors import DataError, UnavailableError


@dataclass(frozen=True, slots=True)
class Place:
    """The location of a folder of shards: a local path or an fsspec URL."""

    root: str

    @property
    def local(self) -> bool:
        return "://" not in self.root

    def path(self, name: str) -> str:
        return str(Path(self.root) / name) if self.local else f"{self.root.rstrip('/')}/{name}"

    def source(self, name: str) -> Any:
        """Opens a file for random access. Remote files are fetched whole, because shards are small.

        Raises:
            DataError: the file does not exist or cannot be read; the message names it.
        """
        try:
            return pa.OSFile(self.path(name), "rb") if self.local else pa.BufferReader(self._fetch(name))
        except OSError as error:
            raise DataError(f"cannot open {self.path(name)}: {error}.") from None

    def manifest(self) -> Manifest:
        """Reads the folder's manifest.

        Raises:
            DataError: the manifest is missing or damaged.
        """
        where = self.path(manifests.MANIFEST)
        try:
            text = Path(where).read_bytes() if self.local else self._fetch(manifests.MANIFEST)
        except OSError:
            raise DataError(
                f"{self.root} is not a prepared data set: it has no {manifests.MANIFEST}. "
                "Create one with `wideload data prepare`; running an interrupted `prepare` again resumes it."
            ) from None
        return manifests.parse(text, where)

    def _fetch(self, name: str) -> bytes:
        import fsspec

        try:
            with fsspec.open(self.path(name), "rb") as file:
                content: bytes = file.read()
        except ImportError as error:
            raise UnavailableError(f"cannot read {self.path(name)}: {error}") from None
        return content


def verify(source: Any, offset: int, length: int, crc32: int, what: str) -> None:
    """Compares a byte range of a file with its checksum.

    Raises:
        DataError: the bytes differ, or the file ends too early; the message starts with ``what``.
    """
    content = source.read_at(length, offset)
    if len(content) != length:
        raise DataError(f"{what} is truncated: it ends at byte {offset + len(content)}, expected {offset + length}.")
    if zlib.crc32(content) != crc32:
        raise DataError(
            f"{what} is damaged: bytes {offset} to {offset + length} do not match their checksum. "
            "Copy the file again from its source, or prepare the data again."
        )
