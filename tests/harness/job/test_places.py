"""Processes that say where they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wideload.harness.job import places
from wideload.harness.job.launcher import Launcher
from wideload.harness.job.limits import Limits
from wideload.harness.job.mpi import Hosts, find
from wideload.harness.job.places import Place


def launcher(folder: Path, hosts: Hosts) -> Launcher:
    return Launcher(find(), folder, Limits(), hosts)


@pytest.mark.mpi
def test_without_a_host_file_the_ranks_get_the_cores_of_this_process(tmp_path: Path) -> None:
    assert launcher(tmp_path, Hosts()).places(2) == [Place.here()] * 2
    assert Place.here().cpus == sorted(os.sched_getaffinity(0))


@pytest.mark.mpi
def test_the_hosts_of_a_host_file_answer_for_themselves(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("localhost:3\n")
    found = launcher(tmp_path, Hosts.read(tmp_path / "hosts", None)).places(3)
    assert [place.machine for place in found] == [Place.here().machine] * 3
    assert set().union(*(place.cpus for place in found)) <= os.sched_getaffinity(0)


@pytest.mark.parametrize("command", [["false"], ["echo", "hosts: none"], ["/nowhere/mpirun"]])
def test_hosts_that_do_not_answer_are_no_error(command: list[str]) -> None:
    assert places.ask(command, {}, 2) == []


def test_a_launcher_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "SECONDS", 0.2)
    assert places.ask(["sleep", "60"], {}, 1) == []


def test_what_the_launcher_says_is_skipped() -> None:
    line = Place(machine="m", cpus=[1], cpu_quota=0.5).model_dump_json()
    assert places.ask(["printf", r"%s\n", "srun: starting", line], os.environ, 1) == [
        Place(machine="m", cpus=[1], cpu_quota=0.5)
    ]
