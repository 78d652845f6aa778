"""Whether a machine gives a case the cores that it needs: counted before it starts, and judged by what happened.

A rank may run on the cores of its affinity (a cpuset among them); together, the ranks of a container get no more than
its CPU quota. A case with more compute threads than that measures how they take turns, not how fast it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from wideload.harness.experiment.case import Case
from wideload.harness.job.cpu_limits import Host
from wideload.harness.job.messages import Outcome, RankStatus
from wideload.harness.records.results import Flag, FlagKind

THROTTLED = 0.01
"""Share of the window that a quota may make a container wait."""


@dataclass(slots=True)
class Machine:
    """What one machine gave to its ranks."""

    ranks: int = 0
    cpus: set[int] = field(default_factory=set)
    quotas: list[float] = field(default_factory=list)
    throttled: float = 0.0
    window: float = 0.0

    @property
    def cores(self) -> float:
        return min([float(len(self.cpus)), *self.quotas])


def machines(statuses: Sequence[RankStatus | None], outcomes: Sequence[Outcome]) -> list[Machine]:
    """The machines of a finished job, in the order of their first ranks."""
    found: dict[str, Machine] = {}
    for outcome in outcomes:
        machine = found.setdefault(outcome.machine, Machine())
        machine.ranks += 1
        machine.throttled = max(machine.throttled, outcome.throttled_seconds)
        machine.window = max(machine.window, outcome.window_seconds)
        status = statuses[outcome.rank]
        if status is not None:
            machine.cpus |= set(status.cpus)
            machine.quotas += [status.cpu_quota] if status.cpu_quota else []
    return [machine for machine in found.values() if machine.cpus]


def shortages(given: Sequence[Machine], threads: int) -> list[Flag]:
    """Flags of a finished case whose machines gave too little; ``threads``: compute threads of a rank."""
    flags = []
    for machine in given:
        if machine.ranks * threads > machine.cores:
            text = too_many(machine.ranks * threads, machine.cores)
            flags.append(Flag(kind=FlagKind.OVERSUBSCRIBED, text=text))
        if machine.throttled > THROTTLED * machine.window:
            text = (
                f"throttled: in {machine.window:.1f} s, threads waited {machine.throttled:.1f} s for the CPU quota of "
                f"their container"
            )
            flags.append(Flag(kind=FlagKind.THROTTLED, text=text))
    return list({flag.text: flag for flag in flags}.values())


def warning(case: Case, host: Host = Host()) -> str:  # noqa: B008 - immutable
    """What to say before a case starts that this machine has too few cores for; nothing where it has enough."""
    threads, cores = case.processes * case.threads_per_process, host.cores()
    return f"{too_many(threads, cores)}: such cases are flagged and not ranked" if threads > cores else ""


def too_many(threads: int, cores: float) -> str:
    return f"{threads} compute threads on {cores:g} {'core' if cores == 1 else 'cores'}"
