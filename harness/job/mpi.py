"""Finds the MPI that starts the jobs, and knows what it needs on its command line and in its environment.

It is looked for in ``WIDELOAD_MPIRUN``, then next to the running Python (where the wheels install it), then on
``PATH``. ``WIDELOAD_LAUNCHER=srun`` selects ``srun`` instead, inside a Slurm allocation.

=========  ==============================================  =======================
launcher   several hosts                                   as root, more ranks than cores
=========  ==============================================  =======================
MPICH      ``-f HOSTFILE -launcher-exec AGENT``            nothing needed
Open MPI   ``--hostfile``, ``--prtemca plm_ssh_agent``     three variables needed
srun       the allocation decides                          the allocation decides
=========  ==============================================  =======================
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from wideload.errors import UnavailableError

Flavour = Literal["mpich", "openmpi", "srun", "other"]
_INSTALL = (
    "Install one with `pip install mpich`, or set WIDELOAD_MPIRUN to the mpirun of the MPI that mpi4py was built for."
)


@dataclass(frozen=True, slots=True)
class Hosts:
    """Where the ranks run. When nothing is set, they run on this machine."""

    hostfile: Path | None = None
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class Mpi:
    """A launcher that was found and that starts."""

    path: str
    flavour: Flavour
    version: str

    def command(self, processes: int, hosts: Hosts) -> list[str]:
        """The command line up to the program that the ranks run."""
        if self.flavour == "srun":
            return [self.path, "--ntasks", str(processes), "--kill-on-bad-exit=1"]
        arguments = [self.path, "-n", str(processes)]
        if hosts.hostfile is not None:
            arguments += ["-f" if self.flavour == "mpich" else "--hostfile", str(hosts.hostfile)]
        if hosts.agent is not None:
            arguments += _agent(self.flavour, hosts.agent)
        return arguments

    def environment(self) -> dict[str, str]:
        """Variables without which this launcher refuses common set-ups, such as running as root."""
        if self.flavour != "openmpi":
            return {}
        return {
            "OMPI_ALLOW_RUN_AS_ROOT": "1",
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
            "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
            "PRTE_MCA_hwloc_default_binding_policy": "none",
        }


def _agent(flavour: Flavour, agent: str) -> list[str]:
    if flavour == "mpich":
        return ["-launcher", "ssh", "-launcher-exec", agent]
    return ["--prtemca", "plm_ssh_agent", agent]


def find() -> Mpi:
    """The launcher to use.

    Raises:
        UnavailableError: there is none, or it does not start. The message is one line and says what to do.
    """
    path = _path()
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"{path} does not start: {error}. {_INSTALL}") from None
    if answer.returncode != 0:
        last = (answer.stderr or answer.stdout).strip().splitlines()[-1:] or ["no message"]
        raise UnavailableError(f"{path} --version ended with code {answer.returncode}: {last[0]}. {_INSTALL}")
    return Mpi(path, *_identify(answer.stdout))


def _path() -> str:
    if chosen := os.environ.get("WIDELOAD_MPIRUN"):
        return chosen
    if os.environ.get("WIDELOAD_LAUNCHER") == "srun":
        return shutil.which("srun") or "srun"
    sibling = Path(sys.executable).parent / "mpirun"
    found = str(sibling) if sibling.exists() else shutil.which("mpirun")
    if found is None:
        raise UnavailableError(f"no mpirun next to {sys.executable} or on PATH. {_INSTALL}")
    return found


def _identify(output: str) -> tuple[Flavour, str]:
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["unknown"]
    if lines[0].startswith("slurm"):
        return "srun", lines[0]
    if "HYDRA" in output:
        version = next((line.split(":")[1].strip() for line in lines if line.startswith("Version:")), "")
        return "mpich", f"MPICH {version}".strip()
    if "Open MPI" in output or "OpenRTE" in output:
        return "openmpi", lines[0].replace("mpirun (Open MPI)", "Open MPI")
    return "other", lines[0]
