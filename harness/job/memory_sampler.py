"""Memory and state of a rank, read from outside the process, so that neither its interpreter lock nor its threads are
affected.

The kernel keeps track of peak RSS, CPU time and context switches itself and reports them when the process is reaped.
Only PSS has to be sampled. Each reading walks the rank's page tables, so the pause between two readings is lengthened
until they cost less than a thousandth of the time.
"""

from __future__ import annotations

import time
from pathlib import Path

PSS_PAUSE = 0.4
PSS_SHARE = 0.001
_STATE_FIELD = 0


class Sampler:
    """Samples one process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._next_pss = 0.0
        self.peak_pss_bytes: int | None = None

    def sample(self) -> None:
        """Reads PSS if the pause since the last reading is over."""
        before = time.monotonic()
        if before < self._next_pss:
            return
        pss = pss_bytes(self.pid)
        if pss is not None:
            self.peak_pss_bytes = max(pss, self.peak_pss_bytes or 0)
        cost = time.monotonic() - before
        self._next_pss = before + max(PSS_PAUSE, cost / PSS_SHARE)

    def stopped(self) -> bool:
        """Whether the process is stopped by a signal or a debugger."""
        try:
            after_name = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2]
        except OSError:
            return False
        return after_name.split()[_STATE_FIELD] in ("T", "t")


def pss_bytes(pid: int) -> int | None:
    """Current proportional set size; None when the process is gone or the kernel does not report it."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), None)
