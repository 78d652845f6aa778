"""When a checkpoint is due; the answer is the same on every rank.

Counting steps needs no communication. With an interval in seconds, rank 0's clock decides and sends its decision to the
others. To save messages, the ranks communicate only at *appointments*: steps that they agree on at the previous
appointment, and that are far apart while the next checkpoint is far away.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

LONGEST_WAIT = 1024
"""Steps between two appointments, at most."""


class Agreement(Protocol):
    """The part of :class:`wideload.harness.cluster.Cluster` that is used here."""

    @property
    def rank(self) -> int: ...
    def allgather(self, value: object) -> list[object]: ...


@dataclass(slots=True)
class Schedule:
    """Decides at which steps a checkpoint is taken.

    Attributes:
        every: steps between two checkpoints, or None.
        seconds: seconds between two checkpoints, or None.
        now: a clock in seconds.
    """

    cluster: Agreement
    every: int | None
    seconds: float | None
    now: Callable[[], float] = time.monotonic
    _last: float = field(init=False)
    _met: tuple[int, float] | None = None
    _appointment: int = 0

    def __post_init__(self) -> None:
        self._last = self.now()

    def due(self, step: int) -> bool:
        """Whether the state after ``step`` steps is to be saved. Collective: all ranks ask for every step, in order."""
        by_steps = self.every is not None and step % self.every == 0
        return self._by_clock(step) or by_steps

    def taken(self) -> None:
        """Starts the interval in seconds again."""
        self._last = self.now()

    def _by_clock(self, step: int) -> bool:
        if self.seconds is None or step < self._appointment:
            return False
        now = self.now()
        left = self._last + self.seconds - now
        decided = self.cluster.allgather((left <= 0, self._wait(step, now, self.seconds if left <= 0 else left)))[0]
        assert isinstance(decided, tuple)
        due, wait = decided
        self._met = (step, now)
        self._appointment = step + wait
        return bool(due)

    def _wait(self, step: int, now: float, left: float) -> int:
        """Steps until the next appointment: half of those that fit into the time left, at the recent pace."""
        if self._met is None or step <= self._met[0]:
            return 1
        pace = max(now - self._met[1], 1e-9) / (step - self._met[0])
        return max(1, min(LONGEST_WAIT, int(left / pace / 2), 2 * (step - self._met[0])))
