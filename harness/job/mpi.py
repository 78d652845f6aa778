"""Finds the MPI that starts the jobs, and knows what it needs on its command line and in its environment.

It is looked for in ``WIDELOAD_MPIRUN``, then next to the running Python (where the wheels install it), then on
``PATH``. ``WIDELOAD_LAUNCHER=srun`` selects ``srun`` instead, inside a Slurm allocation.
A scheduler that cannot start ranks from here is hidden from ``mpirun`` (:mod:`wideload.harness.job.schedulers`).
``srun`` must use a protocol that the MPI of mpi4py understands (``srun --mpi``): PMIx for Open MPI, PMI-2 for MPICH.
Unless ``SLURM_MPI_TYPE`` names one, it is chosen among those that ``srun --mpi=list`` shows.

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
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from wideload.errors import UnavailableError
from wideload.harness.job import hostfile, schedulers
from wideload.harness.job.schedulers import Withheld

Flavour = Literal["mpich", "openmpi", "srun", "other"]
_INSTALL = (
    "Install one with `pip install mpich`, or set WIDELOAD_MPIRUN to the mpirun of the MPI that mpi4py was built for."
)
_LIBRARY = "import mpi4py; mpi4py.rc.initialize = False; from mpi4py import MPI; print(MPI.Get_library_version())"
"""A program that prints which MPI mpi4py uses, without starting it."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """Where the ranks run. When nothing is set, they run on this machine."""

    hostfile: Path | None = None
    agent: str | None = None

    @classmethod
    def read(cls, path: Path | None, agent: str | None) -> Hosts:
        """Checks the host file, if there is one.

        Raises:
            UsageError: the host file is wrong; the message names the line.
        """
        if path is not None:
            hostfile.read(path)
        return cls(path.absolute() if path is not None else None, agent)

    def prepared(self, folder: Path, flavour: Flavour) -> Hosts:
        """The same hosts, in a host file in the syntax of the launcher, which is written into ``folder``."""
        if self.hostfile is None:
            return self
        path = folder / "hosts"
        hostfile.write(path, hostfile.read(self.hostfile), slots=flavour == "openmpi")
        return replace(self, hostfile=path)


@dataclass(frozen=True, slots=True)
class Mpi:
    """A launcher that was found and that starts.

    Attributes:
        protocol: through which ``srun`` gives the ranks their numbers; None: as Slurm is configured.
        withheld: schedulers that are hidden from the launcher.
    """

    path: str
    flavour: Flavour
    version: str
    protocol: str | None = None
    withheld: tuple[Withheld, ...] = ()

    def command(self, processes: int, hosts: Hosts) -> list[str]:
        """The command line up to the program that the ranks run."""
        if self.flavour == "srun":
            protocol = [f"--mpi={self.protocol}"] if self.protocol else []
            return [self.path, "--ntasks", str(processes), "--kill-on-bad-exit=1", *protocol]
        arguments = [self.path, "-n", str(processes)]
        if hosts.hostfile is not None:
            arguments += ["-f" if self.flavour == "mpich" else "--hostfile", str(hosts.hostfile)]
        if hosts.agent is not None:
            arguments += _agent(self.flavour, hosts.agent)
        return arguments

    def inherited(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The environment, without the variables that the launcher must not see."""
        hidden = self.hidden
        return {name: value for name, value in environment.items() if name not in hidden}

    @property
    def hidden(self) -> tuple[str, ...]:
        """Names of the variables that the launcher must not see."""
        return tuple(name for scheduler in self.withheld for name in scheduler.variables)

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
    found = Mpi(path, *_identify(answer.stdout))
    if found.flavour == "srun":
        return replace(found, protocol=_protocol(path))
    return replace(found, withheld=tuple(schedulers.withheld(os.environ)))


def _protocol(srun: str) -> str | None:
    """What to pass to ``srun --mpi``; None where Slurm's own choice is as good as any."""
    if "SLURM_MPI_TYPE" in os.environ:
        return None
    library = _output([sys.executable, "-c", _LIBRARY])
    offered = _output([srun, "--mpi=list"])
    wanted = "pmix" if "Open MPI" in library else "pmi2" if "MPICH" in library else ""
    names = re.findall(rf"\b{wanted}(?:_v\d+)?\b", offered) if wanted else []
    if names:
        return wanted if wanted in names else max(names, key=lambda name: int(name.rpartition("_v")[2]))
    if wanted == "pmix" and offered.strip():
        raise UnavailableError(
            f"Open MPI needs PMIx to be started by srun, and `srun --mpi=list` shows none: {_one_line(offered)}. "
            "Unset WIDELOAD_LAUNCHER to start ranks with mpirun, or install MPICH."
        )
    return None


def _output(command: list[str]) -> str:
    """What a program prints, on either stream; empty if it does not run."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return f"{answer.stdout}\n{answer.stderr}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


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
