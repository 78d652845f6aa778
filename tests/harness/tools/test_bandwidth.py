"""The same experiment over several links, and what is said about it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wideload.errors import UsageError
from wideload.harness.records.results import Results, RunRecord
from wideload.harness.records.store import CaseRecords, Store
from wideload.harness.tools.bandwidth import speeds, table
from wideload.harness.tools.two_hosts import TwoHosts, obstacle

REASON = obstacle("100mbit")
Make = Callable[..., RunRecord]


def stored(folder: Path, *runs: RunRecord) -> Results:
    store = Store(folder)
    for number, each in enumerate(runs):
        store.add(CaseRecords(each.model_copy(update={"case_id": str(number)}), [], []))
    return Results.read(folder)


def test_places_are_those_among_jobs_of_two_hosts(tmp_path: Path, make_run: Make) -> None:
    def of(strategy: str, rate: float, hosts: int = 2) -> RunRecord:
        return make_run(strategy=strategy, examples_per_second=rate, hosts=["a", "b"][:hosts])

    fast = speeds(stored(tmp_path / "fast", of("local", 9000, 1), of("horovod", 2000), of("sparse_ps", 1000)))
    slow = speeds(stored(tmp_path / "slow", of("horovod", 200), of("sparse_ps", 400), of("sparse_ps", 600)))
    assert table({"1gbit": fast, "100mbit": slow}).splitlines()[2:] == [
        "| `horovod` | 2,000 examples/s (1.) | 200 examples/s (2.) |",
        "| `sparse_ps` | 1,000 examples/s (2.) | 500 examples/s (1.) |",
    ]


def test_jobs_of_one_host_say_nothing_about_a_link(tmp_path: Path, make_run: Make) -> None:
    with pytest.raises(UsageError, match="two hosts"):
        speeds(stored(tmp_path, make_run(examples_per_second=1.0, hosts=["a"])))


SEND = """
import socket, sys, time
with socket.create_server((sys.argv[1], 5005)) as server:
    print("ready", flush=True)
    connection, _ = server.accept()
    begun, received = time.monotonic(), 0
    while chunk := connection.recv(65536):
        received += len(chunk)
    print(received, time.monotonic() - begun)
"""


@pytest.mark.skipif(bool(REASON), reason=REASON)
def test_a_link_is_as_narrow_as_it_was_asked_to_be() -> None:
    """2 MB at 10 Mbit/s, of which 256 kB may pass at once, take 1.4 s however fast the machine is."""
    sender = "import socket, sys; socket.create_connection((sys.argv[1], 5005), 30).sendall(bytes(2_000_000))"
    with TwoHosts("10mbit") as hosts:
        first, second = hosts.names
        receive = [*hosts.command([sys.executable, "-u", "-c", SEND, first])]
        with subprocess.Popen(receive, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            script = hosts.hostfile.with_name("sender.py")
            script.write_text(sender)
            subprocess.run([hosts.agent, second, sys.executable, str(script), first], check=True, timeout=60)
            received, seconds = server.stdout.readline().split()
    assert int(received) == 2_000_000
    assert float(seconds) > 1.2
