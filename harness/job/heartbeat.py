"""How a rank reports that it is alive: a few bytes of shared memory, written by the rank and read by its supervisor.

::

    offset  0   int64    sent: number of heartbeats so far
            8   int64    step: training steps completed
           16   16 bytes phase, ASCII: setup, warm-up, train, evaluate, close

Sending a heartbeat is one store into memory. It needs no thread, no message and no file, so being watched costs the
training loop nothing.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from pathlib import Path
from typing import NamedTuple

VARIABLE = "WIDELOAD_HEARTBEAT"
_FORM = struct.Struct("<qq16s")


class Reading(NamedTuple):
    """The shared bytes at one moment."""

    sent: int
    step: int
    phase: str


class Heartbeat:
    """The shared bytes; one side writes, the other reads."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        if path is None:
            self._memory = mmap.mmap(-1, _FORM.size)
            return
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _FORM.size)

    @classmethod
    def create(cls) -> Heartbeat:
        """New shared bytes. Pass :attr:`path` to the rank in the environment variable :data:`VARIABLE`."""
        handle, name = tempfile.mkstemp(prefix="wideload-heartbeat-")
        with os.fdopen(handle, "wb") as file:
            file.write(_FORM.pack(0, 0, b"start"))
        return cls(Path(name))

    @classmethod
    def from_environment(cls) -> Heartbeat:
        """The bytes that this rank's supervisor reads; private ones when there is no supervisor."""
        name = os.environ.get(VARIABLE)
        return cls(Path(name) if name else None)

    @property
    def path(self) -> Path | None:
        return self._path

    def send(self, phase: str, step: int | None = None) -> None:
        """Sends a heartbeat. Without ``step``, the last one that was sent stays."""
        count, before, _ = _FORM.unpack_from(self._memory)
        _FORM.pack_into(self._memory, 0, count + 1, before if step is None else step, phase.encode()[:16])

    def read(self) -> Reading:
        count, step, phase = _FORM.unpack_from(self._memory)
        return Reading(count, step, phase.rstrip(b"\0").decode())

    def remove(self) -> None:
        """Deletes the file. The mapping stays valid for whoever holds it."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
