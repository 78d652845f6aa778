"""Two hosts, made of network namespaces: the same experiment, the same verdicts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from wideload.harness.job.mpi import Hosts, find
from wideload.harness.records.results import Results
from wideload.harness.tools.two_hosts import LINK, TwoHosts, obstacle

REASON = obstacle("1gbit")
pytestmark = [pytest.mark.mpi, pytest.mark.usefixtures("fakes"), pytest.mark.skipif(bool(REASON), reason=REASON)]
WIDELOAD = [sys.executable, "-c", "from wideload.harness.cli import main; main()"]
PLACE = ["--hostfile", "{hostfile}", "--remote-agent", "{agent}"]


def check(folder: Path, *arguments: str, rate: str | None = None) -> tuple[Results, tuple[str, str]]:
    with TwoHosts(rate) as hosts:
        command = hosts.command([*WIDELOAD, "check", *arguments, *PLACE, "-o", str(folder)])
        answer = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert answer.returncode == 0, answer.stderr
    return Results.read(folder), hosts.names


def spaces() -> set[str]:
    answer = subprocess.run(["ip", "-j", "netns"], capture_output=True, text=True, check=True).stdout
    return {entry["name"] for entry in json.loads(answer or "[]")}


def test_ranks_on_two_hosts_follow_the_reference_and_name_their_hosts(tmp_path: Path) -> None:
    tiny = ("-d", "tiny", "--batch-size", "100", "--check-steps", "20", "--set", "reference=logistic_alone")
    results, names = check(tmp_path, *tiny, "-s", "logistic", rate="1gbit")
    assert [check.verdict for check in results.checks] == ["pass"]
    assert results.runs[-1].hosts == list(names)
    assert [rank.host for rank in results.ranks_of(results.runs[-1].case_id)] == list(names)


SEND = """
import pathlib, sys
import numpy as np
from mpi4py import MPI

world, sent = MPI.COMM_WORLD, pathlib.Path("/sys/class/net", sys.argv[1], "statistics/tx_bytes")
message = np.zeros(1_000_000, np.uint8)
before = int(sent.read_text())
world.Send(message, dest=1) if world.rank == 0 else world.Recv(message, source=0)
world.Barrier()
if world.rank == 0:
    print(int(sent.read_text()) - before)
"""


def test_what_ranks_send_uses_the_link(tmp_path: Path) -> None:
    """An MPI that detects a single machine would use shared memory instead."""
    script = tmp_path / "send.py"
    script.write_text(SEND)
    mpi = find()
    with TwoHosts() as hosts:
        start = mpi.command(2, Hosts(hosts.hostfile, str(hosts.agent)))
        command = hosts.command([*start, sys.executable, str(script), LINK])
        environment = {**os.environ, **mpi.environment()}
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stderr
    assert int(answer.stdout) > 1_000_000


def test_the_hosts_are_removed_again() -> None:
    before = spaces()
    with TwoHosts():
        assert len(spaces() - before) == 2
    assert spaces() == before


@pytest.mark.slow
def test_every_strategy_gives_the_same_parity_table_on_two_hosts(tmp_path: Path) -> None:
    strategies = [part for name in ("sparse_ps", "horovod", "multi_worker_mirrored") for part in ("-s", name)]
    census = ("-d", "census", "--batch-size", "512", "--check-steps", "50")
    results, names = check(tmp_path, *census, *strategies)
    verdicts = {check.strategy: check.verdict for check in results.checks}
    usable = {run.strategy for run in results.runs if run.status != "refused"} - {"local"}
    assert {name: verdicts[name] for name in usable} == dict.fromkeys(usable, "pass")
    assert all(run.hosts == list(names) for run in results.runs if run.strategy in usable)
