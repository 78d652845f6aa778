"""How much memory the processes of this host may use, and how often the kernel killed one because it ran out.

==============  =======================  ===========================  ==================================
                cgroup v2                cgroup v1                    the machine
==============  =======================  ===========================  ==================================
limit           memory.max               memory.limit_in_bytes        MemTotal of /proc/meminfo
use             memory.current           memory.usage_in_bytes        MemAvailable, the other way round
page cache      memory.stat              memory.stat, total_*
kills           memory.events, oom_kill  memory.oom_control           /proc/vmstat, oom_kill
==============  =======================  ===========================  ==================================

A container's limit is that of the cgroup of this process or of one above it: the smallest counts. Within a container
the path that ``/proc/self/cgroup`` names may not exist below the mount point; then the mount point is the cgroup.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
MOUNT = Path("/sys/fs/cgroup")


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

    proc: Path = PROC
    mount: Path = MOUNT

    def limit_bytes(self) -> int:
        """What all processes of this cgroup may use together: a container's limit, else the machine's memory."""
        limits = [limit for folder, names in self._groups() if (limit := _number(folder / names.limit)) is not None]
        return min([self._meminfo("MemTotal"), *limits])

    def available_bytes(self) -> int:
        """What can still be used: below the limit and on the machine, whichever is less."""
        free = [self._meminfo("MemAvailable")]
        for folder, names in self._groups():
            limit, use = _number(folder / names.limit), _number(folder / names.use)
            if limit is not None and use is not None:
                fields = _fields(folder / "memory.stat")
                free.append(max(limit - use + sum(fields.get(name, 0) for name in names.cache), 0))
        return min(free)

    def kills(self) -> int:
        """How many processes the kernel has killed for want of memory: of this cgroup, where it counts them."""
        for folder, names in self._groups():
            if (count := _fields(folder / names.kills).get("oom_kill")) is not None:
                return count
        return _fields(self.proc / "vmstat").get("oom_kill", 0)

    def _groups(self) -> Iterator[tuple[Path, _Names]]:
        """The memory cgroups of this process, from its own to that of the mount point."""
        for line in _lines(self.proc / "self" / "cgroup"):
            _, controllers, path = line.split(":", 2)
            if "memory" in controllers.split(","):
                yield from ((folder, _V1) for folder in _upwards(self.mount / "memory", path))
            elif not controllers:
                for root in (self.mount, self.mount / "unified"):
                    yield from ((folder, _V2) for folder in _upwards(root, path))

    def _meminfo(self, name: str) -> int:
        return _fields(self.proc / "meminfo").get(f"{name}:", 0) * 1024


def _upwards(root: Path, path: str) -> Iterator[Path]:
    """Existing folders, from ``path`` below ``root`` up to ``root``."""
    relative = Path(path.lstrip("/"))
    for folder in (root / relative, *(root / parent for parent in relative.parents)):
        if folder.is_dir():
            yield folder


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _number(path: Path) -> int | None:
    """The number in a file; None if there is none, as where a limit is ``max``."""
    text = next(iter(_lines(path)), "").strip()
    return int(text) if text.isdigit() else None


def _fields(path: Path) -> dict[str, int]:
    """``name number`` on each line, whatever follows."""
    pairs = (line.split()[:2] for line in _lines(path))
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def in_words(size: int) -> str:
    """``1.8 GB``, or ``350 MB``."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
