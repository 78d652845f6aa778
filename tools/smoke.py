"""``python smoke.py``: the sparse table of the wideload that is installed, without its tests and without a cluster.

It pulls and pushes rows with every optimizer and initialiser, and prints as JSON what it used and a digest of all
bits, which must be the same at every level of the processor. It needs wideload and NumPy, and fails if more was loaded.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from wideload import SparseTable, _native

OPTIMIZERS = (
    _native.AdaGrad(),
    _native.Adam(),
    _native.Ftrl(l1=0.001, l2=0.01),
    _native.RowWiseAdaGrad(),
    _native.Sgd(momentum=0.9),
)
INITIALIZERS = tuple(_native.Initializer(kind) for kind in ("zeros", "uniform", "normal", "glorot"))
DIMENSIONS = (1, 7, 16)
SIGNS = 4096
STEPS = 3


def digest() -> str:
    """Of all rows, as created and after each of some steps."""
    found = hashlib.sha256()
    random = np.random.default_rng(1)
    for optimizer in OPTIMIZERS:
        for initializer in INITIALIZERS:
            slices = [
                _native.Slice(f"of_{dimension}", dimension, optimizer=optimizer, initializer=initializer)
                for dimension in DIMENSIONS
            ]
            table = SparseTable("smoke", slices, seed=1)
            for step in range(STEPS):
                signs = random.integers(0, 2 * SIGNS, SIGNS)
                rows = table.pull(signs, step=step)
                table.push(signs, (rows + random.normal(size=rows.shape)).astype(np.float32), step=step)
                found.update(rows.tobytes())
            found.update(table.pull(np.arange(2 * SIGNS), step=STEPS).tobytes())
    return found.hexdigest()


def core() -> str:
    """The path of the core library that the loader chose."""
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    return next(line.split(maxsplit=5)[5] for line in lines if "libwideload_core" in line)


def main() -> None:
    """Prints the findings."""
    found = {"digest": digest(), "level": _native.PROCESSOR_LEVEL, "core": core()}
    loaded = {"tensorflow", "mpi4py", "pyarrow", "pandas"} & set(sys.modules)
    assert not loaded, loaded
    print(json.dumps(found))


if __name__ == "__main__":
    main()
