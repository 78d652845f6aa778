"""Variables of a batch scheduler that cannot start ranks from here are hidden from mpirun."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wideload.harness.experiment.case import Case
from wideload.harness.job.launcher import Launcher
from wideload.harness.job.limits import Limits
from wideload.harness.job.mpi import find
from wideload.harness.job.schedulers import withheld
from wideload.harness.workload.workload import Workload

SLURM = {"SLURM_JOB_ID": "7", "SLURM_JOBID": "7", "SLURM_NODELIST": "node[1-2]", "SLURM_JOB_NODELIST": "node[1-2]"}
SLURM |= {"SLURM_NNODES": "2", "SLURM_JOB_NUM_NODES": "2", "SLURM_TASKS_PER_NODE": "1(x2)", "SLURM_PROCID": "0"}
LSF = {"LSB_JOBID": "7", "LSB_MCPU_HOSTS": "node1 1 node2 1", "LSB_HOSTS": "node1 node2"}
PBS = {"PBS_JOBID": "7.server", "PBS_NODEFILE": "/nowhere/nodes", "PBS_ENVIRONMENT": "PBS_BATCH"}
SGE = {"PE_HOSTFILE": "/nowhere/hosts", "JOB_ID": "7"}


def reasons(environment: dict[str, str], path: Path) -> list[tuple[str, str]]:
    return [(each.scheduler, each.reason) for each in withheld(environment | {"PATH": str(path)})]


def program(folder: Path, name: str, code: int = 0) -> None:
    (folder / name).write_text(f"#!/bin/sh\nexit {code}\n")
    (folder / name).chmod(0o755)


def test_without_variables_of_a_scheduler_nothing_is_hidden(tmp_path: Path) -> None:
    assert reasons({"HOME": "/root"}, tmp_path) == []


@pytest.mark.parametrize(
    ("environment", "scheduler", "reason"),
    [
        (SLURM, "Slurm", "srun is not on PATH"),
        (LSF, "LSF", "blaunch is not on PATH"),
        (PBS, "PBS", "its file /nowhere/nodes does not exist"),
        ({"PBS_JOBID": "7.server"}, "PBS", "PBS_NODEFILE is not"),
        (SGE, "SGE", "its file /nowhere/hosts does not exist"),
    ],
)
def test_a_scheduler_without_its_program_or_file_is_hidden(
    tmp_path: Path, environment: dict[str, str], scheduler: str, reason: str
) -> None:
    assert reasons(environment, tmp_path) == [(scheduler, reason)]


def test_schedulers_that_can_start_ranks_stay(tmp_path: Path) -> None:
    for name in ("srun", "scontrol", "blaunch", "qrsh"):
        program(tmp_path, name)
    file = tmp_path / "nodes"
    file.write_text("node1\n")
    files = {"PBS_NODEFILE": str(file), "PE_HOSTFILE": str(file)}
    assert reasons(SLURM | LSF | PBS | SGE | files, tmp_path) == []


def test_an_allocation_that_slurm_does_not_know_any_more_is_hidden(tmp_path: Path) -> None:
    program(tmp_path, "srun")
    program(tmp_path, "scontrol", code=1)
    assert reasons(SLURM, tmp_path) == [("Slurm", "scontrol does not know job 7")]


def test_what_is_hidden_is_said_in_a_line() -> None:
    (found,) = withheld(SLURM | {"PATH": ""})
    assert str(found) == (
        "SLURM_JOB_ID is set, but srun is not on PATH: Slurm is ignored, and ranks run on this machine"
    )


@pytest.mark.mpi
@pytest.mark.usefixtures("fakes")
@pytest.mark.parametrize("environment", [SLURM, LSF, PBS, SGE], ids=["slurm", "lsf", "pbs", "sge"])
def test_ranks_start_in_a_container_within_a_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    case = Case(
        workload=Workload(dataset="tiny", batch_size=100, steps=5), strategy="logistic", ranks=2, threads=1,
        evaluate=False,
    )  # fmt: skip
    finished = Launcher(find(), tmp_path / "run", Limits(120, 60)).launch(case)
    assert finished.verdict.status == "ok", (finished.verdict, finished.launcher_log.read_text())
    assert finished.command.startswith("env -u ")
    assert os.environ[next(iter(environment))] == next(iter(environment.values()))
