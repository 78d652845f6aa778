"""``python -m wideload.harness.tools.two_hosts [--rate 1gbit] -- COMMAND``: makes two hosts on one machine, for trying
a cluster without having one.

::

    network namespace A, host name 10.201.N.1 ── veth, shaped to RATE ── network namespace B, host name 10.201.N.2
            mpirun, rank 0                                                       rank 1

COMMAND runs on the first host; ``{hostfile}`` and ``{agent}`` in it are replaced. The hosts share the file system and
the cores and nothing else: the ranks communicate over the link. This needs separate IPC namespaces as well; without
them UCX, which MPICH uses, detects a single machine and communicates through its memory. Needs root, ``ip`` and, for a
rate, ``tc``. The host names are addresses, so nothing has to be resolved.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

import click

from wideload.errors import UnavailableError

LINK = "wl0"
"""Name of the network device on both hosts."""

LINK_SECONDS = 10.0
"""How long to wait until the kernel reports that the link is up. Usually that takes up to a second; before that, UCX
does not use the link."""

_AGENT = """#!/bin/sh
# Started by mpirun as: agent [options] HOST COMMAND...
while [ "${{1#-}}" != "$1" ]; do shift; done
host=$1; shift
case $host in {first}) space={name}a;; {second}) space={name}b;; *) echo "unknown host $host" >&2; exit 1;; esac
exec ip netns exec $space unshare --uts --ipc sh -c "hostname $host; exec $*"
"""


class TwoHosts:
    """Two hosts, which exist while this context is entered.

    Args:
        rate: of the link in each direction, in the notation of ``tc``; None: not limited.

    Raises:
        UnavailableError: not root, or ``ip`` is missing.
    """

    def __init__(self, rate: str | None = None) -> None:
        if reason := obstacle(rate):
            raise UnavailableError(reason)
        self._rate = rate
        self._name = f"wideload{os.getpid()}"
        net = os.getpid() % 250
        self.names = (f"10.201.{net}.1", f"10.201.{net}.2")
        self._folder = Path(tempfile.mkdtemp(prefix="wideload-hosts-"))

    @property
    def hostfile(self) -> Path:
        return self._folder / "hosts"

    @property
    def agent(self) -> Path:
        return self._folder / "agent"

    def command(self, arguments: list[str]) -> list[str]:
        """The command line that runs ``arguments`` on the first host."""
        filled = [text.format(hostfile=self.hostfile, agent=self.agent) for text in arguments]
        inside = f'hostname {self.names[0]}; exec "$@"'
        space = f"{self._name}a"
        return ["ip", "netns", "exec", space, "unshare", "--uts", "--ipc", "sh", "-c", inside, "sh", *filled]

    def __enter__(self) -> TwoHosts:
        self.hostfile.write_text("".join(f"{name}:1\n" for name in self.names), encoding="utf-8")
        first, second = self.names
        self.agent.write_text(_AGENT.format(first=first, second=second, name=self._name), encoding="utf-8")
        self.agent.chmod(0o755)
        try:
            self._connect()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def _connect(self) -> None:
        spaces = [f"{self._name}{letter}" for letter in "ab"]
        for space in spaces:
            _run("ip", "netns", "add", space)
        _run(*f"ip link add {LINK} netns {spaces[0]} type veth peer name {LINK} netns {spaces[1]}".split())
        for space, name in zip(spaces, self.names, strict=True):
            _run(*f"ip -n {space} addr add {name}/24 dev {LINK}".split())
            _run(*f"ip -n {space} link set {LINK} up".split())
            _run(*f"ip -n {space} link set lo up".split())
            if self._rate:
                shaping = f"tc -n {space} qdisc add dev {LINK} root tbf rate {self._rate} burst 256kb latency 50ms"
                _run(*shaping.split())
        for space in spaces:
            _await_link(space)

    def _remove(self) -> None:
        for letter in "ab":
            subprocess.run(["ip", "netns", "del", f"{self._name}{letter}"], capture_output=True, check=False)
        shutil.rmtree(self._folder, ignore_errors=True)


def obstacle(rate: str | None = None) -> str:
    """Why two hosts cannot be made here; empty if they can."""
    if os.geteuid() != 0:
        return "two hosts on one machine need root, to make and remove network namespaces"
    wanted = ["ip", "unshare", *(["tc"] if rate else [])]
    missing = [program for program in wanted if shutil.which(program) is None]
    if missing:
        return f"{', '.join(missing)} not found: apt-get install iproute2 util-linux"
    probe = subprocess.run(["unshare", "--net", "true"], capture_output=True, text=True, check=False)
    return "" if probe.returncode == 0 else f"network namespaces are not allowed here: {probe.stderr.strip()}"


def _await_link(space: str) -> None:
    deadline = time.monotonic() + LINK_SECONDS
    while "state UP" not in _run(*f"ip -n {space} -o link show {LINK}".split()):
        if time.monotonic() > deadline:
            raise UnavailableError(f"the link of {space} did not come up within {LINK_SECONDS:.0f} s")
        time.sleep(0.05)


def _run(*command: str) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise UnavailableError(f"{' '.join(command)}: {answer.stderr.strip()}")
    return answer.stdout


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--rate", help="Bandwidth of the link: 1gbit, 100mbit.")
@click.argument("command", nargs=-1, required=True)
def main(rate: str | None, command: tuple[str, ...]) -> None:
    """Run COMMAND on the first of two hosts that live on this machine."""
    with TwoHosts(rate) as hosts:
        code = subprocess.run(hosts.command(list(command)), check=False).returncode
    sys.exit(code)


if __name__ == "__main__":
    main()
