"""Calls that all ranks make together outside of a step: saving, evaluation, closing...

::

    rank 0                rank 1
    meet("save")  <---->  meet("save")        both continue
    meet("save")  <---->  meet("close")       ClusterError on both ranks at once, which names both calls
    meet("save")          anything else       ClusterError after the time-out, which names the missing rank

Each rank sends its call to every other rank and waits for theirs. The time-out limits how long a rank waits for the
others to arrive; what they do afterwards may take any time. While other ranks still train, the time-out starts again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from wideload.errors import ClusterError
from wideload.harness.cluster import Cluster

TAG = 21_001
"""The tag of these messages on the job's communicator."""

LONGEST_PAUSE = 0.01
PROGRESS_PERIOD = 0.5
"""Seconds between two looks at whether other ranks still train."""

ADVICE = (
    "Every rank must call save, restore, evaluate, compile, get_weights, set_weights and close in the same order: "
    "take the call out of `if rank == 0`."
)


def no_progress() -> object:
    """For meetings before there is a server: nothing tells that other ranks are still busy."""
    return None


class Meetings:
    """The meetings of one object that all ranks have.

    Args:
        cluster: the ranks.
        timeout: seconds without arrival or progress of another rank before a meeting fails.
    """

    def __init__(self, cluster: Cluster, timeout: float) -> None:
        self._cluster = cluster
        self._timeout = timeout
        self._number = 0
        self._last: dict[int, str] = {}
        self._sent: list[Any] = []
        self._failed: ClusterError | None = None

    @property
    def failed(self) -> bool:
        """Whether a meeting has failed: the ranks are no longer at the same place of the script."""
        return self._failed is not None

    def meet(self, call: str, progress: Callable[[], object] = no_progress) -> None:
        """Returns when all ranks have made this call. Collective.

        Args:
            call: what the script called.
            progress: a value that changes while other ranks still train.

        Raises:
            ClusterError: another rank made another call, or none in time. The error is final.
        """
        if self._failed is not None:
            raise self._failed
        if self._cluster.ranks == 1:
            return
        self._number += 1
        try:
            self._wait(call, self._announce(call), progress)
        except ClusterError as error:
            self._failed = error
            raise

    def _announce(self, call: str) -> set[int]:
        """Sends this rank's call to the others, which it returns."""
        others = set(range(self._cluster.ranks)) - {self._cluster.rank}
        message = (self._number, call)
        self._sent = [self._cluster.comm.isend(message, dest=other, tag=TAG) for other in others]
        return others

    def _wait(self, call: str, missing: set[int], progress: Callable[[], object]) -> None:
        begin = asked = time.monotonic()
        seen = progress()
        pause = 0.0
        while missing:
            if arrived := self._arrived(missing):
                self._check(call, arrived)
                missing -= set(arrived)
                continue
            time.sleep(pause)
            pause = min(LONGEST_PAUSE, pause + 1e-4)
            now = time.monotonic()
            if now - asked >= PROGRESS_PERIOD:
                asked = now
                if (found := progress()) != seen:
                    begin, seen = now, found
            if now - begin > self._timeout:
                raise ClusterError(self._too_late(call, missing))

    def _arrived(self, missing: set[int]) -> dict[int, tuple[int, str]]:
        comm = self._cluster.comm
        return {other: comm.recv(source=other, tag=TAG) for other in missing if comm.iprobe(source=other, tag=TAG)}

    def _check(self, call: str, arrived: dict[int, tuple[int, str]]) -> None:
        for other, (number, theirs) in arrived.items():
            self._last[other] = theirs
            if (number, theirs) != (self._number, call):
                raise ClusterError(f"rank {self._cluster.rank} called {call}, rank {other} called {theirs}. {ADVICE}")

    def _too_late(self, call: str, missing: set[int]) -> str:
        last = [f"Rank {other} last called {self._last.get(other, 'nothing')}." for other in sorted(missing)]
        names = ", ".join(f"rank {other}" for other in sorted(missing))
        return (
            f"rank {self._cluster.rank}: no answer to {call} within {self._timeout:g} s. {' '.join(last)} "
            f"Missing: {names}. {ADVICE}"
        )
