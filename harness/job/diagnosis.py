"""What to say about a job that does not start or does not train: the words of the launcher, or the likely cause."""

from __future__ import annotations

import re
from pathlib import Path

from wideload.harness.job.messages import RankStatus

_TROUBLE = re.compile(
    r"error|fail|cannot|can't|could not|unable|unknown|not known|not found|no such|not enough|refused|denied|invalid"
    r"|timed out|unreachable|not allowed|expired|abort",
    re.IGNORECASE,
)
_DECORATION = re.compile(r"[-=*#_\s]*")
_ORIGIN = re.compile(r"\[(?:mpiexec|proxy|prterun|srun)[^\]]*\]\s*(?:\w+ \([^)]*\): )?")
"""How Hydra begins its lines: ``[mpiexec@host] function (file:line): ``."""


def launcher_said(log: Path) -> str:
    """The line of a launcher's output that says best what went wrong; empty if it printed nothing."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    told = [line.strip() for line in lines if not _DECORATION.fullmatch(line)]
    # What ssh or a shell says comes without an origin, and says more than what the launcher makes of it.
    chosen = (
        next((line for line in told if _TROUBLE.search(line) and not _ORIGIN.match(line)), None)
        or next((line for line in told if _TROUBLE.search(line)), None)
        or (told[-1] if told else "")
    )
    return _ORIGIN.sub("", chosen)


def why_nothing_started(launcher_log: Path, several_hosts: bool) -> str:
    """The likely cause when ranks have not reported."""
    if said := launcher_said(launcher_log):
        return f"the launcher says: {said}"
    if several_hosts:
        return (
            "likely cause: a host cannot be reached without a password, or does not see the run folder and this Python "
            "under the same paths"
        )
    return (
        "likely cause: the launcher waits for something; `wideload run --dry-run` prints its command, to try by itself"
    )


def why_no_first_step(statuses: list[RankStatus]) -> str:
    """The likely cause when ranks have started and none has trained."""
    if len({status.host for status in statuses}) > 1:
        return (
            "likely cause: the hosts do not reach each other over the network that the strategy uses (a firewall, or "
            "the wrong interface)"
        )
    return (
        "likely cause: the ranks wait for each other or for data; the log says how far they got, and `py-spy dump` "
        "shows where a running rank waits"
    )
