"""The clock of a case: wall time, CPU time of this rank, busy and throttled time of the machine, while it is running.

Busy time is the CPU time of all processes of the machine, from ``/proc/stat``. What remains of it after subtracting the
ranks of the job is background CPU load, the usual reason why a timing cannot be reproduced.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from wideload.harness.job.cpu_limits import Host

_STAT = Path("/proc/stat")
_BUSY_FIELDS = (0, 1, 2, 5, 6, 7)  # user, nice, system, irq, softirq, steal


class Clock:
    """Adds up the time between ``start`` and ``stop``."""

    def __init__(self) -> None:
        self.running = False
        self.seconds = 0.0
        self.cpu_seconds = 0.0
        self.supervisor_cpu_seconds = 0.0
        self.busy_seconds = 0.0
        self.throttled_seconds = 0.0
        self._created = time.perf_counter()
        self._untimed = 0.0
        self._stopped_at: float | None = None
        self._snapshot = (0.0, 0.0, 0.0, 0.0, 0.0)

    @property
    def training_seconds(self) -> float:
        """Seconds since this clock was made, including warm-up, excluding pauses for evaluation."""
        now = self._stopped_at if self._stopped_at is not None else time.perf_counter()
        return now - self._created - self._untimed

    def resume(self) -> None:
        """Ends a pause of training time only: during the warm-up the window is not open yet."""
        if self._stopped_at is not None:
            self._untimed += time.perf_counter() - self._stopped_at
            self._stopped_at = None

    def start(self) -> None:
        self.resume()
        self.running = True
        self._snapshot = _snapshot()

    def stop(self) -> None:
        """Pauses the window, if it is open, and training time in any case."""
        self._stopped_at = time.perf_counter()
        if not self.running:
            return
        self.running = False
        wall, cpu, supervisor, busy, throttled = (
            after - before for after, before in zip(_snapshot(), self._snapshot, strict=True)
        )
        self.seconds += wall
        self.cpu_seconds += cpu
        self.supervisor_cpu_seconds += supervisor
        self.busy_seconds += busy
        self.throttled_seconds += throttled


def _snapshot() -> tuple[float, float, float, float, float]:
    throttled = Host().throttled_seconds()
    return time.perf_counter(), time.process_time(), process_seconds(os.getppid()), busy_seconds(), throttled


def busy_seconds() -> float:
    """CPU seconds that this machine has spent since it was booted; 0 where the kernel does not report them."""
    try:
        fields = _STAT.read_text().split("\n", 1)[0].split()[1:]
    except OSError:
        return 0.0
    return sum(int(fields[index]) for index in _BUSY_FIELDS) / os.sysconf("SC_CLK_TCK")


def process_seconds(pid: int) -> float:
    """CPU seconds of a process so far, without its children; 0 when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
