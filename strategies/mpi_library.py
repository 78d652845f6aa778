"""Which library carries the messages between ranks: the one for the MPI that mpi4py has loaded.

::

    wideload/libwideload_mpich.so      for MPICH and those with its ABI (Intel MPI, MVAPICH, Cray MPICH)
    wideload/libwideload_openmpi.so    for Open MPI

It is opened when a cluster is made; nothing else of wideload needs an MPI (``native/cluster/transport_library.h``).
"""

from __future__ import annotations

from pathlib import Path

from wideload import _native
from wideload.errors import UnavailableError


def library() -> Path:
    """The path of the library; it may not exist."""
    from mpi4py import MPI

    vendor, _ = MPI.get_vendor()
    family = "openmpi" if vendor == "Open MPI" else "mpich"
    return Path(_native.__file__).parent / f"libwideload_{family}.so"


def find() -> Path:
    """The library for the MPI in use.

    Raises:
        UnavailableError: wideload was built without it; the message names the line that brings it.
    """
    found = library()
    if not found.exists():
        raise UnavailableError(
            f"mpi4py uses {_version()}, and wideload was built without that MPI: there is no {found}. "
            "Reinstall wideload with this MPI's mpicc on the PATH: in its source folder, "
            "`pip install --force-reinstall --no-deps .`"
        )
    return found


def _version() -> str:
    from mpi4py import MPI

    return MPI.Get_library_version().split(",")[0].splitlines()[0].strip()
