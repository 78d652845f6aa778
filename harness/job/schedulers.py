"""Batch schedulers that ``mpirun`` detects by environment variables, and whether they can start ranks from here.

Where ``mpirun`` finds such variables, it takes its hosts from the scheduler and starts ranks through the scheduler's
own program. In a container, or in a shell that has outlived its job, that program or that job does not exist:
``mpirun`` fails or hangs. The variables are then withheld from it, and the ranks run on this machine or on the hosts of
a host file.

=========  =================  ============================================================
scheduler  detected by        can start ranks from here if
=========  =================  ============================================================
Slurm      SLURM_JOB_ID       ``srun`` is on PATH, and ``scontrol``, where present, knows the job
PBS        PBS_NODEFILE       that file exists
LSF        LSB_JOBID          ``blaunch`` is on PATH
SGE        PE_HOSTFILE        that file exists and ``qrsh`` is on PATH
=========  =================  ============================================================
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ANSWER_SECONDS = 10.0
"""How long a scheduler may take to answer whether it knows a job."""


@dataclass(frozen=True, slots=True)
class Scheduler:
    """One scheduler.

    Attributes:
        variables: by which MPICH's and Open MPI's ``mpirun`` detect it; any one of them is enough.
        obstacle: why it cannot start ranks from here, given the environment; empty if it can.
    """

    name: str
    variables: tuple[str, ...]
    obstacle: Callable[[Mapping[str, str]], str]


@dataclass(frozen=True, slots=True)
class Withheld:
    """A scheduler that cannot start ranks from here, and the variables that ``mpirun`` must therefore not see."""

    scheduler: str
    reason: str
    variables: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.variables[0]} is set, but {self.reason}: {self.scheduler} is ignored, and ranks run on this machine"
        )


def withheld(environment: Mapping[str, str]) -> Iterator[Withheld]:
    """The schedulers that the environment names and that cannot start ranks from here."""
    for scheduler in SCHEDULERS:
        present = tuple(name for name in scheduler.variables if name in environment)
        if present and (reason := scheduler.obstacle(environment)):
            yield Withheld(scheduler.name, reason, present)


def _slurm(environment: Mapping[str, str]) -> str:
    path = environment.get("PATH")
    if shutil.which("srun", path=path) is None:
        return "srun is not on PATH"
    job = environment.get("SLURM_JOB_ID") or environment.get("SLURM_JOBID")
    scontrol = shutil.which("scontrol", path=path)
    if job is None or scontrol is None:
        return ""
    try:
        command = [scontrol, "show", "job", job]
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=ANSWER_SECONDS, env=dict(environment), check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return "scontrol does not answer"
    return "" if answer.returncode == 0 else f"scontrol does not know job {job}"


def _pbs(environment: Mapping[str, str]) -> str:
    return _absent(environment, "PBS_NODEFILE")


def _lsf(environment: Mapping[str, str]) -> str:
    return "" if shutil.which("blaunch", path=environment.get("PATH")) else "blaunch is not on PATH"


def _sge(environment: Mapping[str, str]) -> str:
    if reason := _absent(environment, "PE_HOSTFILE"):
        return reason
    return "" if shutil.which("qrsh", path=environment.get("PATH")) else "qrsh is not on PATH"


def _absent(environment: Mapping[str, str], variable: str) -> str:
    """Why the file that a variable names cannot be used; empty if it can."""
    name = environment.get(variable)
    if name is None:
        return f"{variable} is not"
    return "" if Path(name).is_file() else f"its file {name} does not exist"


SCHEDULERS = (
    Scheduler(
        "Slurm",
        (
            "SLURM_JOB_ID",
            "SLURM_JOBID",
            "SLURM_JOB_NODELIST",
            "SLURM_NODELIST",
            "SLURM_JOB_NUM_NODES",
            "SLURM_NNODES",
            "SLURM_TASKS_PER_NODE",
        ),
        _slurm,
    ),
    Scheduler("PBS", ("PBS_JOBID", "PBS_NODEFILE", "PBS_ENVIRONMENT"), _pbs),
    Scheduler("LSF", ("LSB_JOBID", "LSB_MCPU_HOSTS", "LSB_HOSTS", "LSB_DJOB_HOSTFILE", "LSB_AFFINITY_HOSTFILE"), _lsf),
    Scheduler("SGE", ("PE_HOSTFILE",), _sge),
)
