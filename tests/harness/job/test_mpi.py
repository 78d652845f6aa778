import subprocess
import sys
from pathlib import Path

import pytest

from wideload.errors import UnavailableError
from wideload.harness.job import mpi
from wideload.harness.job.mpi import Hosts


def executable(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def install(body: str) -> None:
        monkeypatch.setenv("WIDELOAD_MPIRUN", executable(tmp_path / "mpirun", body))

    return install


def test_mpich_is_known_by_its_launcher(choose) -> None:
    choose('echo "HYDRA build details:"; echo "    Version:   5.0.2"')
    found = mpi.find()
    assert (found.flavour, found.version, found.environment()) == ("mpich", "MPICH 5.0.2", {})


def test_open_mpi_gets_the_variables_it_needs(choose) -> None:
    choose('echo "mpirun (Open MPI) 5.0.11"')
    found = mpi.find()
    assert (found.flavour, found.version) == ("openmpi", "Open MPI 5.0.11")
    assert found.environment()["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] == "1"


def test_a_broken_mpi_is_one_line_with_what_to_do(choose) -> None:
    choose('echo "libmpi.so.40: cannot open shared object file" >&2; exit 127')
    with pytest.raises(UnavailableError) as error:
        mpi.find()
    message = str(error.value)
    assert "libmpi.so.40" in message
    assert "pip install mpich" in message
    assert "\n" not in message


def test_a_missing_mpi_is_one_line_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIDELOAD_MPIRUN", "/nowhere/mpirun")
    with pytest.raises(UnavailableError, match="pip install mpich"):
        mpi.find()


def test_no_mpirun_at_all_says_where_it_was_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WIDELOAD_MPIRUN", raising=False)
    monkeypatch.setattr(mpi.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match="no mpirun next to"):
        mpi.find()


def test_hosts_are_passed_in_the_syntax_of_the_launcher(choose) -> None:
    hosts = Hosts(Path("/h"), "agent")
    choose('echo "HYDRA build details:"')
    assert mpi.find().command(2, hosts)[1:] == ["-n", "2", "-f", "/h", "-launcher", "ssh", "-launcher-exec", "agent"]
    choose('echo "mpirun (Open MPI) 5.0.11"')
    assert mpi.find().command(2, hosts)[1:] == ["-n", "2", "--hostfile", "/h", "--prtemca", "plm_ssh_agent", "agent"]


def test_inside_slurm_srun_may_start_the_ranks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    executable(tmp_path / "srun", 'echo "slurm 23.02"')
    monkeypatch.delenv("WIDELOAD_MPIRUN", raising=False)
    monkeypatch.setenv("WIDELOAD_LAUNCHER", "srun")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert mpi.find().command(4, Hosts()) == [str(tmp_path / "srun"), "--ntasks", "4", "--kill-on-bad-exit=1"]


OLD = "MPI plugin types are...\nnone\npmi2\npmix_v3\npmix_v4\n"
NEW = "MPI plugin types are...\n\tnone\n\tpmi2\n\tpmix\nspecific pmix plugin versions available: pmix_v4,pmix_v5\n"
WITHOUT = "srun: MPI types are...\nsrun: none\nsrun: pmi2\n"


@pytest.fixture
def slurm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Installs an srun that offers some protocols, and a Python whose mpi4py uses some MPI."""

    def install(offered: str, library: str) -> None:
        (tmp_path / "offered").write_text(offered)
        executable(tmp_path / "srun", f'[ "$1" = --version ] && echo "slurm 23.02" || cat {tmp_path}/offered >&2')
        monkeypatch.setattr(mpi.sys, "executable", executable(tmp_path / "python", f'echo "{library}"'))
        monkeypatch.delenv("WIDELOAD_MPIRUN", raising=False)
        monkeypatch.delenv("SLURM_MPI_TYPE", raising=False)
        monkeypatch.setenv("WIDELOAD_LAUNCHER", "srun")
        monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    return install


@pytest.mark.parametrize(
    ("library", "offered", "option"),
    [
        ("Open MPI v5.0.8", OLD, ["--mpi=pmix_v4"]),
        ("Open MPI v5.0.8", NEW, ["--mpi=pmix"]),
        ("MPICH Version: 5.0", NEW, ["--mpi=pmi2"]),
        ("MPICH Version: 5.0", "none pmix", []),
        ("Intel(R) MPI Library", NEW, []),
        ("Open MPI v5.0.8", "", []),
    ],
)
def test_srun_uses_a_protocol_that_the_mpi_understands(slurm, library: str, offered: str, option: list[str]) -> None:
    slurm(offered, library)
    assert mpi.find().command(2, Hosts())[4:] == option


def test_a_protocol_that_is_chosen_already_stays(slurm, monkeypatch: pytest.MonkeyPatch) -> None:
    slurm(OLD, "Open MPI v5.0.8")
    monkeypatch.setenv("SLURM_MPI_TYPE", "pmix_v3")
    assert mpi.find().command(2, Hosts())[4:] == []


def test_open_mpi_where_slurm_has_no_pmix_is_one_line_with_what_to_do(slurm) -> None:
    slurm(WITHOUT, "Open MPI v5.0.8")
    with pytest.raises(UnavailableError, match=r"needs PMIx .*srun: pmi2\. Unset WIDELOAD_LAUNCHER") as error:
        mpi.find()
    assert "\n" not in str(error.value)


def test_the_mpi_of_mpi4py_is_recognised_without_starting_it() -> None:
    answer = subprocess.run([sys.executable, "-c", mpi._LIBRARY], capture_output=True, text=True, check=True).stdout
    assert "MPICH" in answer or "Open MPI" in answer
