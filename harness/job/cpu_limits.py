"""How many cores a container may use, and how long the kernel made it wait for having used them up.

==============  =====================================  ==================================================
                cgroup v2                              cgroup v1
==============  =====================================  ==================================================
quota           cpu.max: ``200000 100000``             cpu.cfs_quota_us over cpu.cfs_period_us
throttled       cpu.stat: throttled_usec               cpu.stat: throttled_time, in nanoseconds
==============  =====================================  ==================================================

A quota of 200,000 in every 100,000 microseconds is two cores. It counts for the group and all below it; the smallest on
the way up is what a process gets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wideload.harness.job import cgroups


@dataclass(frozen=True, slots=True)
class Host:
    """The cores of the host as this process sees them; ``proc`` and ``mount`` are where the kernel reports them."""

    proc: Path = cgroups.PROC
    mount: Path = cgroups.MOUNT

    def quota(self) -> float | None:
        """Cores that all processes of this container may use together, 1.5 for one and a half; None without a quota."""
        return min(self._quotas(), default=None)

    def throttled_seconds(self) -> float:
        """Time that this process' group has been made to wait because its quota was used up, so far; 0 without one."""
        times = [_throttled(cgroups.fields(group.folder / "cpu.stat")) for group in self._groups()]
        return max(times, default=0.0)

    def _groups(self) -> Iterator[cgroups.Group]:
        return cgroups.groups(self.proc, self.mount, "cpu")

    def _quotas(self) -> Iterator[float]:
        for group in self._groups():
            quota, period = _quota_v2(group.folder) if group.version == 2 else _quota_v1(group.folder)
            if quota and period:
                yield quota / period


def _quota_v2(folder: Path) -> tuple[int | None, int | None]:
    words = next(iter(cgroups.lines(folder / "cpu.max")), "").split()
    quota, period = (int(word) if word.isdigit() else None for word in [*words, "", ""][:2])
    return quota, period


def _quota_v1(folder: Path) -> tuple[int | None, int | None]:
    return cgroups.number(folder / "cpu.cfs_quota_us"), cgroups.number(folder / "cpu.cfs_period_us")


def _throttled(stat: dict[str, int]) -> float:
    return stat["throttled_usec"] / 1e6 if "throttled_usec" in stat else stat.get("throttled_time", 0) / 1e9
