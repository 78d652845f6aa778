"""When a checkpoint is due, equally on every rank.

By steps it is arithmetic. By seconds rank 0's clock decides and the others are told, which costs a message; so the
ranks meet only at *appointments*: steps agreed upon at the one before, sparse while the next checkpoint is far away.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

LONGEST_WAIT = 1024
"""Steps between two appointments, at most."""


class Agreement(Protocol):
    """What :class:`wideload.harness.cluster.Cluster` offers of its ranks."""

    @property
    def rank(self) -> int: ...
    def allgather(self, value: object) -> list[object]: ...


@dataclass(slots=True)
class Schedule:
    """Says at which steps.

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
        """Whether the state after ``step`` steps is to be kept. Collective: all ranks ask for every step, in order."""
        by_steps = self.every is not None and step % self.every == 0
        return self._by_clock(step) or by_steps

    def taken(self) -> None:
        """The time counts from here."""
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
        """Half of the steps that fit into the time left, at the pace since the last appointment."""
        if self._met is None or step <= self._met[0]:
            return 1
        pace = max(now - self._met[1], 1e-9) / (step - self._met[0])
        return max(1, min(LONGEST_WAIT, int(left / pace / 2), 2 * (step - self._met[0])))
