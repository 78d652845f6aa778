"""What a rank knows of the others: a thin view of one MPI communicator.

Every rank is a worker. mpi4py initialises and finalises MPI; importing this module does not import it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

THREADS_VARIABLE = "WIDELOAD_THREADS"


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
        """The job that ``mpirun`` started, or a job of one without ``mpirun``."""
        from mpi4py import MPI

        comm = MPI.COMM_WORLD
        if threads is None:
            threads = int(os.environ.get(THREADS_VARIABLE, "1"))
        return cls(comm.Get_rank(), comm.Get_size(), comm, threads)

    def bind(self) -> None:
        """Gives this process cores of its own, next to those of the ranks on the same host, where there are enough.

        Without, the ranks' threads push each other from core to core, and a rank that is pushed keeps all others
        waiting. Where the launcher has given ranks cores of their own, these stay. Threads that run already keep
        theirs: call it first.
        """
        from mpi4py import MPI

        here = self.comm.Split_type(MPI.COMM_TYPE_SHARED)
        offered = here.allgather(frozenset(os.sched_getaffinity(0)))
        # Not from the first core on every host: hosts may be parts of one machine.
        place = here.bcast(self.rank) + here.Get_rank()
        here.Free()
        cores = sorted(offered[0])
        if len(set(offered)) == 1 and len(cores) >= len(offered) * self.threads:
            mine = range(place * self.threads, (place + 1) * self.threads)
            os.sched_setaffinity(0, {cores[core % len(cores)] for core in mine})

    def barrier(self) -> None:
        self.comm.Barrier()

    def allgather(self, value: Any) -> list[Any]:
        """``value`` of every rank, in rank order. For set-up and results, not for the training step."""
        gathered: list[Any] = self.comm.allgather(value)
        return gathered
