"""How long a job may take, and how much memory must stay free: what the watchdog goes by."""

from __future__ import annotations

from dataclasses import dataclass

SETUP_FACTOR = 5.0
REPORT_SECONDS = 120.0
REPORT_FACTOR = 2.0
EARLY_SHARE = 0.75
"""Share of the time limit that may pass before ranks report, or train."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits in seconds, and the share of the machine's memory that must stay free."""

    time_limit: float = 600.0
    stall_limit: float = 60.0
    free_memory: float = 0.03

    @property
    def report_limit(self) -> float:
        """Seconds that a rank may take to report for the first time."""
        return min(max(REPORT_SECONDS, REPORT_FACTOR * self.stall_limit), EARLY_SHARE * self.time_limit)

    @property
    def setup_limit(self) -> float:
        """Seconds without progress until the second step: set-up and the first steps, which compile, take longer."""
        return min(SETUP_FACTOR * self.stall_limit, max(EARLY_SHARE * self.time_limit, self.stall_limit))
