"""The control groups of this process, in which a container's limits stand.

Within a container the path that ``/proc/self/cgroup`` names may not exist below the mount point; then the mount point
is the group.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
MOUNT = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Group:
    """One group: its folder, and the version of the interface (1 or 2)."""

    folder: Path
    version: int


def groups(proc: Path, mount: Path, controller: str) -> Iterator[Group]:
    """The groups of this process for a controller, from its own to that of the mount point.

    Args:
        proc, mount: where the kernel reports: ``/proc`` and ``/sys/fs/cgroup``.
        controller: ``memory`` or ``cpu``.
    """
    for line in lines(proc / "self" / "cgroup"):
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            roots = {mount / controller, mount / controllers}  # "cpu" and "cpu,cpuacct" may be one hierarchy
            yield from (Group(folder, 1) for root in sorted(roots) for folder in _upwards(root, path))
        elif not controllers:
            for root in (mount, mount / "unified"):
                yield from (Group(folder, 2) for folder in _upwards(root, path))


def lines(path: Path) -> list[str]:
    """The lines of a file; none where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def number(path: Path) -> int | None:
    """The number in a file; None if there is none, as where a limit is ``max``."""
    text = next(iter(lines(path)), "").strip()
    return int(text) if text.isdigit() else None


def fields(path: Path) -> dict[str, int]:
    """``name number`` on each line, whatever follows."""
    pairs = (line.split()[:2] for line in lines(path))
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _upwards(root: Path, path: str) -> Iterator[Path]:
    """Existing folders, from ``path`` below ``root`` up to ``root``."""
    relative = Path(path.lstrip("/"))
    for folder in (root / relative, *(root / parent for parent in relative.parents)):
        if folder.is_dir():
            yield folder
