"""The lines of the guide and of examples/slurm under a real Slurm on loopback, whose two nodes are this machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from wideload.harness.checkpoints import manifest
from wideload.harness.job import mpi
from wideload.harness.records.results import Results

ROOT = Path(__file__).parents[3]
DAEMONS = ("munged", "slurmctld", "slurmd")
CONFIGURATION = """
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
ProctrackType=proctrack/pgid
TaskPlugin=task/none
ReturnToService=2
SlurmUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
KillWait=5
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={first} CPUs=2
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={second} CPUs=2
PartitionName=main Nodes=n1,n2 Default=YES State=UP MaxTime=INFINITE
"""
REAPER = """
import ctypes, os, signal, subprocess, sys
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
daemon = subprocess.Popen(sys.argv[1:])
signal.signal(signal.SIGTERM, lambda *_: daemon.terminate())
while os.wait()[0] != daemon.pid:
    pass
"""
# Runs a slurmd and reaps what its jobs leave, as init does: in a container whose first process does not, dead processes
# look to Slurm like a job that cannot be killed, and it takes the node away.

EXPERIMENT = """
strategies = ["sparse_ps"]
ranks = [2]
evaluate = false
time_limit = "3m"

[checkpoint]
every = 100

[workload]
dataset = "planted[slots=4,vocabulary=1000,examples=500000]"
batch_size = 100
steps = {steps}
"""


def unavailable() -> str:
    if os.geteuid() != 0:
        return "only root can start a Slurm"
    lacking = [name for name in (*DAEMONS, "srun") if shutil.which(name) is None]
    return f"Slurm is missing ({', '.join(lacking)}): apt-get install -y slurm-wlm munge" if lacking else ""


REASON = unavailable()
pytestmark = [pytest.mark.mpi, pytest.mark.slow, pytest.mark.skipif(bool(REASON), reason=REASON)]


@dataclass(frozen=True)
class Slurm:
    """A cluster that accepts jobs."""

    environment: dict[str, str]

    def run(self, *command: str, **variables: str) -> str:
        done = subprocess.run(
            command, env={**self.environment, **variables}, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def submit(self, *arguments: str) -> str:
        """The number of the job, or of the array."""
        return self.run("sbatch", "--parsable", "--nodes", "2", *arguments).strip()

    def wait(self, job: str) -> None:
        until(lambda: not self.run("squeue", "--noheader", "--jobs", job, "--states", "all", "--format", "%i")
              or self.over(job), 120)  # fmt: skip

    def over(self, job: str) -> bool:
        states = self.run("squeue", "--noheader", "--jobs", job, "--states", "all", "--format", "%T").split()
        return not set(states) & {"PENDING", "CONFIGURING", "RUNNING", "COMPLETING"}


def until(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s"
        time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    with tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        folder.chmod(0o755)  # munged wants a socket that others can reach
        started = [*munge(folder), *daemons(folder)]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        cluster = Slurm({**os.environ, "SLURM_CONF": str(folder / "slurm.conf"), "PATH": path})
        try:
            until(lambda: cluster.run("sinfo", "--noheader", "--format", "%t").split() == ["idle"], 30)
            yield cluster
        finally:
            for process in reversed(started):
                process.terminate()
            for process in started:
                process.wait(20)


def munge(folder: Path) -> list[subprocess.Popen[bytes]]:
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    files = [f"--{kind}-file={folder / f'munge.{kind}'}" for kind in ("key", "pid", "log", "seed")]
    command = ["munged", "--foreground", "--force", f"--socket={folder / 'munge.socket'}", *files]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until((folder / "munge.socket").exists, 20)
    return [process]


def daemons(folder: Path) -> list[subprocess.Popen[bytes]]:
    controller, first, second = free_ports(3)
    values = {"host": socket.gethostname(), "controller": controller, "first": first, "second": second}
    (folder / "state").mkdir()
    configuration = folder / "slurm.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, **values))
    environment = {**os.environ, "SLURM_CONF": str(configuration)}
    node = [sys.executable, "-c", REAPER, "slurmd", "-D", "-N"]
    lines = (["slurmctld", "-D"], [*node, "n1"], [*node, "n2"])
    return [
        subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for line in lines
    ]


def experiment(folder: Path, name: str, steps: int) -> str:
    (folder / f"{name}.toml").write_text(EXPERIMENT.format(steps=steps))
    return str(folder / f"{name}.toml")


def states(run: Path) -> list[str]:
    return [str(record.status) for record in Results.read(run).runs]


def processes_of(run: Path) -> list[int]:
    """Processes that name the folder of a run in their command lines."""
    return [
        each.pid
        for each in psutil.process_iter(["cmdline"])
        if any(str(run) in word for word in each.info["cmdline"] or ())
    ]


@pytest.fixture
def srun() -> None:
    """Skips where srun cannot start ranks."""
    if mpi.find().flavour == "openmpi":
        pytest.skip("srun starts ranks of Open MPI by PMIx, which fails between two nodes on one host (Slurm 22.05)")


def in_allocation(slurm: Slurm, folder: Path, **variables: str) -> list[str]:
    line = ["wideload", "run", experiment(folder, "one", 50), "-n", "2", "-o", str(folder / "run")]
    slurm.run("salloc", "--nodes", "2", "--ntasks", "2", *line, **variables)
    return states(folder / "run")


def test_mpirun_starts_the_ranks_in_an_allocation(slurm: Slurm, tmp_path: Path) -> None:
    assert in_allocation(slurm, tmp_path) == ["ok"]


@pytest.mark.usefixtures("srun")
def test_srun_starts_the_ranks_in_an_allocation(slurm: Slurm, tmp_path: Path) -> None:
    assert in_allocation(slurm, tmp_path, WIDELOAD_LAUNCHER="srun") == ["ok"]


@pytest.mark.usefixtures("srun")
def test_a_cancelled_job_leaves_nothing_behind_and_resumes_when_it_is_submitted_again(
    slurm: Slurm, tmp_path: Path
) -> None:
    run, log = tmp_path / "run", f"--output={tmp_path}/%j.log"
    line = [log, str(ROOT / "examples" / "slurm" / "sweep.sbatch"), experiment(tmp_path, "long", 2500), str(run)]
    first = slurm.submit(*line)
    until(lambda: any(run.glob(f"checkpoints/*/step-*/{manifest.NAME}")), 120)
    slurm.run("scancel", first)
    slurm.wait(first)
    until(lambda: not processes_of(run), 20)
    slurm.wait(slurm.submit(*line))
    (record,) = [record for record in Results.read(run).runs if record.status == "ok"]
    assert record.counters["resumed_after_step"] >= 100


@pytest.mark.usefixtures("srun")
def test_an_array_runs_one_experiment_in_each_job(slurm: Slurm, tmp_path: Path) -> None:
    files = [experiment(tmp_path, name, 50) for name in ("a", "b")]
    log, script = f"--output={tmp_path}/%A-%a.log", str(ROOT / "examples" / "slurm" / "array.sbatch")
    slurm.wait(slurm.submit("--array", "0-1", log, script, str(tmp_path / "runs"), *files))
    assert [states(tmp_path / "runs" / name) for name in ("a", "b")] == [["ok"], ["ok"]]
