"""What a rank knows about the other ranks: a thin view of one MPI communicator.

Every rank is a worker. mpi4py initialises and finalises MPI; importing this module does not import it.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wideload.errors import UnavailableError

THREADS_VARIABLE = "WIDELOAD_THREADS"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """One rank's view of the job.

    Attributes:
        rank: this process, in ``[0, ranks)``.
        ranks: size of the job.
        comm: the ``mpi4py.MPI.Comm`` behind it.
        threads: compute threads this rank may use.
    """

    rank: int
    ranks: int
    comm: Any
    threads: int = 1

    @classmethod
    def world(cls, threads: int | None = None) -> Cluster:
        """The job that ``mpirun`` started; without ``mpirun``, a job of one rank.

        Raises:
            UnavailableError: there is no mpi4py, or no MPI that it could load.
        """
        comm = load_mpi().COMM_WORLD
        if threads is None:
            threads = int(os.environ.get(THREADS_VARIABLE, "1"))
        return cls(comm.Get_rank(), comm.Get_size(), comm, threads)

    def bind(self) -> None:
        """Binds this process to its own cores, if there are enough: the ranks of one machine get equal shares of them.

        Unbound threads displace each other, and while one rank has to move, all others wait for it. If the launcher has
        bound the ranks already, nothing is changed. Threads that are running already are not bound, so call this first.
        Collective.
        """
        here = self._cores_of_machine()
        cores = sorted(here[self.rank])
        if len(set(here.values())) == 1 and len(cores) >= len(here) * self.threads:
            place = sorted(here).index(self.rank)
            first, last = (len(cores) * share // len(here) for share in (place, place + 1))
            os.sched_setaffinity(0, cores[first:last])

    def has_idle_cores(self) -> bool:
        """Whether every machine of the job offers its ranks more cores than they have compute threads. Collective."""
        here = self._cores_of_machine()
        idle = len(frozenset().union(*here.values())) > len(here) * self.threads
        return all(self.allgather(idle))

    def _cores_of_machine(self) -> dict[int, frozenset[int]]:
        """The cores that each rank of this machine may use. Hosts that are parts of one machine share its cores."""
        own = machine()
        offered = self.allgather((own, frozenset(os.sched_getaffinity(0))))
        return {rank: cores for rank, (where, cores) in enumerate(offered) if where == own}

    def barrier(self) -> None:
        self.comm.Barrier()

    def allgather(self, value: Any) -> list[Any]:
        """The ``value`` of every rank, in rank order. For set-up and results; too slow for training steps."""
        gathered: list[Any] = self.comm.allgather(value)
        return gathered


def load_mpi() -> Any:
    """The module ``mpi4py.MPI``, which has loaded an MPI and, unless ``mpi4py.rc`` says otherwise, started it.

    Raises:
        UnavailableError: there is no mpi4py, or no MPI that it could load; the message names the line that brings them.
    """
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # mpi4py raises RuntimeError where it finds no library
        reason = str(error).splitlines()[0]
        raise UnavailableError(f"ranks need an MPI ({reason}): run `pip install mpi4py mpich`.") from None
    return MPI


def machine() -> str:
    """Identifies the kernel that this process runs on.

    It is the same in all containers and namespaces that share a kernel, whatever their host names are.
    """
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return socket.gethostname()
