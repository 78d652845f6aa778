"""A log of limited size: the first and the last bytes are kept, those in between are only counted.

So a rank that writes a lot cannot fill the disk.

::

    head (limit / 2, on disk as it comes) | "... N bytes left out ..." | tail (limit / 2, in memory until close)
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

DEFAULT_LIMIT = 20_000_000


class CappedLog:
    """Writes at most about ``limit`` bytes to ``path``. Never raises: when the disk is full, it stops writing."""

    def __init__(self, path: Path, limit: int = DEFAULT_LIMIT) -> None:
        self._half = limit // 2
        self._head_left = self._half
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._left_out = 0
        self.written = 0
        self._file: BinaryIO | None = None
        try:
            self._file = path.open("wb", buffering=0)
        except OSError:
            self._file = None

    def write(self, chunk: bytes) -> None:
        """Appends the next piece of output."""
        self.written += len(chunk)
        if self._head_left:
            self._put(chunk[: self._head_left])
            chunk, self._head_left = chunk[self._head_left :], max(self._head_left - len(chunk), 0)
        if chunk:
            self._keep(chunk)

    def close(self) -> None:
        """Writes the tail and closes the file."""
        if self._left_out:
            self._put(f"\n... {self._left_out} bytes left out ...\n".encode())
        for chunk in self._tail:
            self._put(chunk)
        self._tail.clear()
        self._silence()

    def __enter__(self) -> CappedLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _keep(self, chunk: bytes) -> None:
        self._tail.append(chunk)
        self._tail_size += len(chunk)
        while self._tail_size - len(self._tail[0]) >= self._half:
            dropped = len(self._tail.popleft())
            self._tail_size -= dropped
            self._left_out += dropped

    def _put(self, chunk: bytes) -> None:
        try:
            if self._file is not None:
                self._file.write(chunk)
        except OSError:
            self._silence()

    def _silence(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def tail(path: Path, lines: int = 40, reach: int = 16_384) -> str:
    """The last lines of a log, as text; empty when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - reach, 0))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
