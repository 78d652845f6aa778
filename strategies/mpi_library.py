"""Which library carries the messages between ranks: the one for the MPI that mpi4py has loaded.

::

    wideload/libwideload_mpich.so      for MPICH and those with its ABI (Intel MPI, MVAPICH, Cray MPICH)
    wideload/libwideload_openmpi.so    for Open MPI

It is opened when a cluster is made; nothing else of wideload needs an MPI (``native/cluster/transport_library.h``).
"""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

from wideload import ops_library
from wideload.errors import UnavailableError
from wideload.harness.cluster import load_mpi
from wideload.harness.contract import Availability, require

_MISSING = """
import mpi4py
mpi4py.rc.initialize = False
from wideload.errors import UnavailableError
from wideload.strategies import mpi_library
try:
    mpi_library.find()
except UnavailableError as error:
    print(error)
"""


def library() -> Path:
    """The path of the library; it may not exist."""
    from wideload import _native

    vendor, _ = load_mpi().get_vendor()
    family = "openmpi" if vendor == "Open MPI" else "mpich"
    return Path(_native.__file__).parent / f"libwideload_{family}.so"


def find() -> Path:
    """The library for the MPI in use.

    Raises:
        UnavailableError: there is no MPI, or wideload was built without this one; the message names the line that
            brings it.
    """
    found = library()
    if not found.exists():
        raise UnavailableError(
            f"mpi4py uses {_version()}, and wideload was built without that MPI: there is no {found}. "
            "Reinstall wideload with this MPI's mpicc on the PATH: in its source folder, "
            "`pip install --force-reinstall --no-deps .`"
        )
    return found


@functools.cache
def missing() -> str:
    """What :func:`find` would raise; empty if nothing. Another process looks: loading an MPI cannot be undone."""
    done = subprocess.run([sys.executable, "-c", _MISSING], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip() or (done.stderr.strip().splitlines()[-1] if done.returncode else "")


def availability() -> Availability:
    """Whether a strategy can run here whose ops use the MPI of the job; names all that is missing."""
    found = require("tensorflow", "mpi4py", "wideload._native")
    if not found.usable:
        return found
    lacking = [reason for reason in (ops_library.missing(), missing()) if reason]
    return Availability(not lacking, " ".join(lacking))


def _version() -> str:
    text: str = load_mpi().Get_library_version()
    return text.split(",")[0].splitlines()[0].strip()
