"""Where the ranks of a job would run, asked before it starts.

::

    launcher ── mpirun -n RANKS ── python -m wideload.harness.job.places     each process prints one Place

The processes are placed by the same launcher and the same host file as the job's ranks, so the answer holds for hosts
that this one cannot see. They neither use MPI nor import anything heavy.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence

from pydantic import ValidationError

from wideload.harness import cluster
from wideload.harness.job.cpu_limits import Host
from wideload.harness.job.messages import Message

SECONDS = 60.0
"""How long the hosts may take to answer."""


class Place(Message):
    """What one process may use.

    Attributes:
        machine: identifies the kernel that it runs on.
        cpus: numbers of the cores; cpu_quota: cores that its container may use, None without a limit.
    """

    machine: str
    cpus: list[int]
    cpu_quota: float | None

    @classmethod
    def here(cls) -> Place:
        """The place of this process."""
        return cls(machine=cluster.machine(), cpus=sorted(os.sched_getaffinity(0)), cpu_quota=Host().quota())


def program() -> list[str]:
    """The command line of one process."""
    return [sys.executable, "-m", "wideload.harness.job.places"]


def ask(command: Sequence[str], environment: Mapping[str, str], ranks: int) -> list[Place]:
    """Runs a launcher's command line; the place of every rank, none if not all of them answered.

    A host that cannot be reached is no error here: the job itself will say so.
    """
    # A file, not a pipe: a process that the launcher leaves behind cannot keep it open for ever.
    with tempfile.TemporaryFile() as output:
        try:
            subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.DEVNULL,
                env=dict(environment),
                timeout=SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return []
        output.seek(0)
        places = list(_read(output.read().splitlines()))
    return places if len(places) == ranks else []


def _read(lines: Sequence[bytes]) -> Iterator[Place]:
    for line in lines:
        try:
            yield Place.model_validate_json(line)
        except ValidationError:
            continue  # what a launcher has to say


if __name__ == "__main__":
    sys.stdout.write(f"{Place.here().model_dump_json()}\n")
