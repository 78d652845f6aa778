"""Whether a machine gives a case the cores that it needs: counted before it starts, and judged by what happened.

A rank may run on the cores of its affinity (a cpuset among them); together, the ranks of a container get no more than
its CPU quota. A case with more compute threads than that measures how they take turns, not how fast it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from wideload.harness.experiment.case import Case
from wideload.harness.job.messages import Outcome, RankStatus
from wideload.harness.job.places import Place
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

    def add(self, cpus: Iterable[int], quota: float | None) -> None:
        """Counts one more rank, which may use these cores, within this quota."""
        self.ranks += 1
        self.cpus |= set(cpus)
        self.quotas += [quota] if quota else []

    @property
    def cores(self) -> float:
        return min([float(len(self.cpus)), *self.quotas])


def machines(statuses: Sequence[RankStatus | None], outcomes: Sequence[Outcome]) -> list[Machine]:
    """The machines of a finished job, in the order of their first ranks."""
    found: dict[str, Machine] = {}
    for outcome in outcomes:
        machine = found.setdefault(outcome.machine, Machine())
        machine.throttled = max(machine.throttled, outcome.throttled_seconds)
        machine.window = max(machine.window, outcome.window_seconds)
        status = statuses[outcome.rank]
        machine.add(*((status.cpus, status.cpu_quota) if status is not None else ([], None)))
    return [machine for machine in found.values() if machine.cpus]


def offered(places: Sequence[Place]) -> list[Machine]:
    """The machines of a job that has not started, by the places of its ranks."""
    found: dict[str, Machine] = {}
    for place in places:
        found.setdefault(place.machine, Machine()).add(place.cpus, place.cpu_quota)
    return list(found.values())


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


def warnings(cases: Sequence[Case], places: Callable[[int], Sequence[Place]]) -> list[str]:
    """What to say before a sweep starts: a line for every kind of shortage, with the number of its cases.

    Args:
        cases: those that will run.
        places: where so many processes would run.
    """
    given = {processes: offered(places(processes)) for processes in sorted({case.processes for case in cases})}
    short = Counter(
        too_many(machine.ranks * case.threads_per_process, machine.cores)
        for case in cases
        if (machine := _first_short(given[case.processes], case.threads_per_process))
    )
    return [
        f"{text} in {number} of {len(cases)} {'case' if len(cases) == 1 else 'cases'}: flagged and not ranked"
        for text, number in short.items()
    ]


def _first_short(given: Iterable[Machine], threads: int) -> Machine | None:
    """The first machine with fewer cores than compute threads; ``threads``: of a rank."""
    return next((machine for machine in given if machine.ranks * threads > machine.cores), None)


def too_many(threads: int, cores: float) -> str:
    return f"{threads} compute threads on {cores:g} {'core' if cores == 1 else 'cores'}"
