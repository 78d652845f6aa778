"""How much memory the processes of this host may use, and how often the kernel killed one because it ran out.

==============  =======================  ===========================  ==================================
                cgroup v2                cgroup v1                    the machine
==============  =======================  ===========================  ==================================
limit           memory.max               memory.limit_in_bytes        MemTotal of /proc/meminfo
use             memory.current           memory.usage_in_bytes        MemAvailable, the other way round
page cache      memory.stat              memory.stat, total_*
kills           memory.events, oom_kill  memory.oom_control           /proc/vmstat, oom_kill
==============  =======================  ===========================  ==================================

A container's limit is that of the cgroup of this process or of one above it: the smallest counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wideload.harness.job import cgroups


@dataclass(frozen=True, slots=True)
class _Names:
    limit: str
    use: str
    cache: tuple[str, ...]
    kills: str


_V2 = _Names("memory.max", "memory.current", ("inactive_file", "active_file"), "memory.events")
_V1 = _Names(
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    ("total_inactive_file", "total_active_file"),
    "memory.oom_control",
)


@dataclass(frozen=True, slots=True)
class Host:
    """The memory of the host as this process sees it; ``proc`` and ``mount`` are where the kernel reports it."""

    proc: Path = cgroups.PROC
    mount: Path = cgroups.MOUNT

    def limit_bytes(self) -> int:
        """What all processes of this cgroup may use together: a container's limit, else the machine's memory."""
        limits = [cgroups.number(folder / names.limit) for folder, names in self._groups()]
        return min([self._meminfo("MemTotal"), *(limit for limit in limits if limit is not None)])

    def available_bytes(self) -> int:
        """What can still be used: below the limit and on the machine, whichever is less."""
        free = [self._meminfo("MemAvailable")]
        for folder, names in self._groups():
            limit, use = cgroups.number(folder / names.limit), cgroups.number(folder / names.use)
            if limit is not None and use is not None:
                fields = cgroups.fields(folder / "memory.stat")
                free.append(max(limit - use + sum(fields.get(name, 0) for name in names.cache), 0))
        return min(free)

    def kills(self) -> int:
        """How many processes the kernel has killed for want of memory: of this cgroup, where it counts them."""
        for folder, names in self._groups():
            if (count := cgroups.fields(folder / names.kills).get("oom_kill")) is not None:
                return count
        return cgroups.fields(self.proc / "vmstat").get("oom_kill", 0)

    def _groups(self) -> Iterator[tuple[Path, _Names]]:
        """The memory cgroups of this process, from its own to that of the mount point."""
        for group in cgroups.groups(self.proc, self.mount, "memory"):
            yield group.folder, _V1 if group.version == 1 else _V2

    def _meminfo(self, name: str) -> int:
        return cgroups.fields(self.proc / "meminfo").get(f"{name}:", 0) * 1024


def in_words(size: int) -> str:
    """``1.8 GB``, or ``350 MB``."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
