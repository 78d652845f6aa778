"""Memory and state of a rank, read from outside it, so that its interpreter lock and its threads are left alone.

The kernel keeps peak RSS, CPU time and context switches itself and hands them over when the process is reaped. Only PSS
has to be sampled. Reading it walks the rank's page tables, so the pause between two readings is stretched until they
cost less than a thousandth of the time.
"""

from __future__ import annotations

import time
from pathlib import Path

PSS_PAUSE = 0.4
PSS_SHARE = 0.001
_STATE_FIELD = 0


class Sampler:
    """Watches one process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._next_pss = 0.0
        self.peak_pss_bytes: int | None = None

    def sample(self) -> None:
        """Takes a PSS reading when one is due."""
        before = time.monotonic()
        if before < self._next_pss:
            return
        pss = pss_bytes(self.pid)
        if pss is not None:
            self.peak_pss_bytes = max(pss, self.peak_pss_bytes or 0)
        cost = time.monotonic() - before
        self._next_pss = before + max(PSS_PAUSE, cost / PSS_SHARE)

    def stopped(self) -> bool:
        """Whether a signal or a debugger holds the process."""
        try:
            after_name = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2]
        except OSError:
            return False
        return after_name.split()[_STATE_FIELD] in ("T", "t")


def pss_bytes(pid: int) -> int | None:
    """Proportional set size now; None when the process is gone or the kernel does not tell."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), None)
