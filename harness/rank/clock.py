"""The clock of a case: wall time, CPU time of this rank, busy time of the machine; it can stand still in between.

Busy time is what every process of the machine used, from ``/proc/stat``. What is left of it after subtracting the ranks
of the job is CPU time taken by others, the usual reason for a timing that cannot be repeated.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

_STAT = Path("/proc/stat")
_BUSY_FIELDS = (0, 1, 2, 5, 6, 7)  # user, nice, system, irq, softirq, steal


class Clock:
    """Adds up time between ``start`` and ``stop``."""

    def __init__(self) -> None:
        self.running = False
        self.seconds = 0.0
        self.cpu_seconds = 0.0
        self.supervisor_cpu_seconds = 0.0
        self.busy_seconds = 0.0
        self._created = time.perf_counter()
        self._untimed = 0.0
        self._stopped_at: float | None = None
        self._snapshot = (0.0, 0.0, 0.0, 0.0)

    @property
    def training_seconds(self) -> float:
        """Since the first step, warm-up included and pauses for evaluation excluded."""
        now = self._stopped_at if self._stopped_at is not None else time.perf_counter()
        return now - self._created - self._untimed

    def resume(self) -> None:
        """Ends a pause for training time alone: during the warm-up the window is not open yet."""
        if self._stopped_at is not None:
            self._untimed += time.perf_counter() - self._stopped_at
            self._stopped_at = None

    def start(self) -> None:
        self.resume()
        self.running = True
        self._snapshot = _snapshot()

    def stop(self) -> None:
        """Also stands still what counts training time; without effect on the window when the clock is not running."""
        self._stopped_at = time.perf_counter()
        if not self.running:
            return
        self.running = False
        wall, cpu, supervisor, busy = (
            after - before for after, before in zip(_snapshot(), self._snapshot, strict=True)
        )
        self.seconds += wall
        self.cpu_seconds += cpu
        self.supervisor_cpu_seconds += supervisor
        self.busy_seconds += busy


def _snapshot() -> tuple[float, float, float, float]:
    return time.perf_counter(), time.process_time(), process_seconds(os.getppid()), busy_seconds()


def busy_seconds() -> float:
    """CPU time that this machine spent on anything since it was started; 0 where the kernel does not tell."""
    try:
        fields = _STAT.read_text().split("\n", 1)[0].split()[1:]
    except OSError:
        return 0.0
    return sum(int(fields[index]) for index in _BUSY_FIELDS) / os.sysconf("SC_CLK_TCK")


def process_seconds(pid: int) -> float:
    """CPU time of a process so far, its children not counted; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
