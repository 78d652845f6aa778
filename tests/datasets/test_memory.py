"""Preparing needs constant memory, for files of any size.

The file is made up while it is read. CI reads 15 and 60 MB; WIDELOAD_SOAK_BYTES=5000000000 reads that many.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SMALLEST = 15_000_000
SIZE = int(os.environ.get("WIDELOAD_SOAK_BYTES", "60000000"))
LIMIT = 500_000_000
GROWTH = 40_000_000
"""Bytes that two runs may differ by; the rows of the 45 MB of text between the two sizes would need more."""

SCRIPT = """
import sys
from pathlib import Path
from wideload.datasets.text import blocks
from wideload.datasets.prepare.prepare import Request, prepare

chunk = Path(sys.argv[1]).read_bytes()
size = int(sys.argv[3]) // len(chunk) * len(chunk)

class Endless:
    "A stream that repeats one chunk up to the size."
    def __init__(self):
        self.at = 0
    def read(self, count):
        begin = self.at % len(chunk)
        part = chunk[begin : begin + min(count, size - self.at)]
        self.at += len(part)
        return part
    def seekable(self):
        return True
    def seek(self, offset):
        self.at = offset
    def __enter__(self):
        return self
    def __exit__(self, *_):
        pass

blocks.open_stream = lambda path: Endless()
manifest = prepare(Request(reader="criteo"), sys.argv[1], Path(sys.argv[2]))
# Not getrusage: its high-water mark begins with that of the process that forked this one.
peak = next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(manifest.provenance.rows_in, manifest.provenance.rows_out, chunk.count(b"\\n") * (size // len(chunk)), peak)
"""


def peak_of(size: int, file: Path, out: Path) -> int:
    """Bytes that a process needs at most to prepare a file of that size."""
    command = [sys.executable, "-c", SCRIPT, str(file), str(out), str(size)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    rows_in, rows_out, expected, peak = map(int, done.stdout.split())
    assert rows_in == rows_out == expected
    return peak


@pytest.mark.slow
def test_memory_while_preparing_does_not_depend_on_the_size(tmp_path: Path, criteo_lines: Callable[..., bytes]) -> None:
    file = tmp_path / "day_0"
    file.write_bytes(criteo_lines(20_000))
    quarter = peak_of(SMALLEST, file, tmp_path / "quarter")
    whole = peak_of(SIZE, file, tmp_path / "whole")
    logging.getLogger(__name__).info(
        "peak: %.0f MB for %.0f MB, %.0f MB for %.0f MB", *(bytes_ / 1e6 for bytes_ in (quarter, SMALLEST, whole, SIZE))
    )
    assert whole < LIMIT
    assert whole < quarter + GROWTH
