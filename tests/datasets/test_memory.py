"""Preparing needs constant memory, whatever the size of the file.

The file is made up while it is read. CI reads 60 MB; WIDELOAD_SOAK_BYTES=5000000000 reads that many.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SIZE = int(os.environ.get("WIDELOAD_SOAK_BYTES", "60000000"))
LIMIT = 1_000_000_000

SCRIPT = """
import resource, sys
from pathlib import Path
from wideload.datasets import text
from wideload.datasets.prepare import Request, prepare

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

text.open_stream = lambda path: Endless()
manifest = prepare(Request(reader="criteo"), sys.argv[1], Path(sys.argv[2]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(manifest.provenance.rows_in, manifest.provenance.rows_out, chunk.count(b"\\n") * (size // len(chunk)), peak)
"""


@pytest.mark.slow
def test_memory_while_preparing_stays_under_a_gigabyte(tmp_path: Path, criteo_lines: Callable[..., bytes]) -> None:
    file = tmp_path / "day_0"
    file.write_bytes(criteo_lines(20_000))
    command = [sys.executable, "-c", SCRIPT, str(file), str(tmp_path / "out"), str(SIZE)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    rows_in, rows_out, expected, peak = map(int, done.stdout.split())
    assert rows_in == rows_out == expected
    assert peak < LIMIT
