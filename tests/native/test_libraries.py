"""The table needs no MPI; a cluster opens the transport for the MPI that mpi4py has loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from wideload import _native, ops_library
from wideload.errors import UnavailableError
from wideload.harness.contract import Availability
from wideload.strategies import mpi_library

TABLE = """
import sys
import numpy as np
from wideload import AdaGrad, Slice, SparseTable
table = SparseTable("t", [Slice("deep", 4, optimizer=AdaGrad(learning_rate=0.1))], seed=1)
signs = np.array([1, 2, 1])
before = table.pull(signs)
table.push(signs, np.ones((3, 4), np.float32))
assert (table.pull(signs) != before).all()
assert not {"mpi4py", "tensorflow"} & set(sys.modules)
loaded = open("/proc/self/maps").read()
assert "libwideload_core" in loaded and "libmpi" not in loaded and "tensorflow" not in loaded
"""


def python(program: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, timeout=60, check=False)


def test_the_table_pulls_and_pushes_without_loading_an_mpi() -> None:
    done = python(TABLE)
    assert done.returncode == 0, done.stderr


def test_a_job_without_an_mpi_names_the_line_that_brings_one() -> None:
    done = python(
        "from wideload.harness.cluster import Cluster; Cluster.world()",
        MPI4PY_MPIABI="mpich",
        MPI4PY_LIBMPI="/nowhere.so",
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("wideload.errors.UnavailableError: ranks need an MPI")
    assert "pip install mpi4py mpich" in last


def test_the_transport_is_the_one_for_the_mpi_in_use() -> None:
    from mpi4py import MPI

    expected = "openmpi" if MPI.get_vendor()[0] == "Open MPI" else "mpich"
    assert mpi_library.find().name == f"libwideload_{expected}.so"


def test_a_build_without_that_mpi_names_the_line_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(_native, "__file__", str(tmp_path / "_native.so"))
    with pytest.raises(
        UnavailableError, match=r"no .*libwideload_\w+\.so.*`pip install --force-reinstall --no-deps \.`"
    ):
        mpi_library.find()


def test_another_process_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert mpi_library.missing.__wrapped__() == ""
    assert mpi_library.availability().usable
    monkeypatch.setenv("MPI4PY_MPIABI", "mpich")
    monkeypatch.setenv("MPI4PY_LIBMPI", "/nowhere.so")
    assert "pip install mpi4py mpich" in mpi_library.missing.__wrapped__()


def test_what_strategies_over_mpi_lack_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops_library, "missing", lambda: "No compiler.")
    monkeypatch.setattr(mpi_library, "missing", lambda: "No MPI.")
    assert mpi_library.availability() == Availability(False, "No compiler. No MPI.")


def test_a_transport_that_cannot_be_opened_is_an_error_with_the_reason() -> None:
    table = _native.SparseTable("t", [_native.Slice("deep", 1)], seed=1)
    with pytest.raises(RuntimeError, match=r"cannot open /nowhere\.so: .*No such file"):
        _native.PsCluster(transport="/nowhere.so", comm=0, tables=[table], dense=np.zeros(0, np.float32), segments=[])
