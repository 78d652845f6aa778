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

    def barrier(self) -> None:
        self.comm.Barrier()

    def allgather(self, value: Any) -> list[Any]:
        """``value`` of every rank, in rank order. For set-up and results, not for the training step."""
        gathered: list[Any] = self.comm.allgather(value)
        return gathered
