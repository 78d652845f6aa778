"""``python -m wideload.harness.rank.main JOB``: what one rank of a case does.

::

    MPI ─► data set ─► columns agreed ─► strategy.build ─► loop (clock) ─► evaluate ─► Outcome on disk ─► MPI finalised

Any error is recorded in the rank's :class:`~wideload.harness.job.messages.Outcome` and its log, and the process exits
at once: the other ranks may be waiting inside MPI, and an orderly end would wait for them.
"""

from __future__ import annotations

import os
import socket
import sys
import traceback
from pathlib import Path

from wideload.errors import ClusterError, UsageError, WideloadError
from wideload.harness.cluster import Cluster
from wideload.harness.experiment.case import Case
from wideload.harness.job import messages
from wideload.harness.job.heartbeat import Heartbeat
from wideload.harness.job.messages import Job, Outcome
from wideload.harness.job.supervisor import rank_from_environment


def main(job_file: Path) -> None:
    """Runs the case; does not return when it fails."""
    job = messages.read(job_file, Job)
    if job is None:
        raise UsageError(f"{job_file} is not a job file that this version can read.")
    heartbeat = Heartbeat.from_environment()
    heartbeat.send("setup")
    rank = rank_from_environment()
    try:
        cluster = Cluster.world()
        cluster.bind()
        rank = cluster.rank
        check_size(job.case, cluster)
        outcome = measure(job, cluster, heartbeat)
        messages.write(messages.outcome_path(job.path, rank), outcome)
        # The launcher may end the other ranks soon after the first one leaves, so none leaves before all have written.
        cluster.barrier()
        heartbeat.send("close")
    except BaseException as error:
        give_up(job, rank, error)


def check_size(case: Case, cluster: Cluster) -> None:
    """Checks that the ranks found each other.

    Raises:
        ClusterError: the launcher's MPI is not the one that mpi4py was built for; every rank is then a job of its own.
    """
    if cluster.ranks != case.processes:
        raise ClusterError(
            f"the launcher started {case.processes} processes, but MPI sees a job of {cluster.ranks}: mpirun and "
            "mpi4py belong to different MPIs. Set WIDELOAD_MPIRUN to the mpirun of the MPI that mpi4py was built for."
        )


def measure(job: Job, cluster: Cluster, heartbeat: Heartbeat) -> Outcome:
    """Trains or measures a ceiling, depending on the kind of case."""
    if job.case.kind in ("train", "alone"):
        from wideload.harness.rank.train import train

        return train(job, cluster, heartbeat)
    from wideload.harness.rank.ceiling import measure_ceiling

    return measure_ceiling(job, cluster, heartbeat)


def give_up(job: Job, rank: int, error: BaseException) -> None:
    """Records the error and exits without waiting for other ranks."""
    traceback.print_exc()
    outcome = Outcome(rank=rank, host=socket.gethostname(), pid=os.getpid(), error=one_line(error))
    try:
        messages.write(messages.outcome_path(job.path, rank), outcome)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(1)


def one_line(error: BaseException) -> str:
    """The first line of the message, after the type of the error unless the message was written for users."""
    text = str(error).strip()
    first = text.splitlines()[0] if text else ""
    return first if isinstance(error, WideloadError) and first else f"{type(error).__name__}: {first}".rstrip(": ")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
