"""Keeps the workers busy: two closures per worker are scheduled at any time, so that one is ready when another ends.

Closures must be scheduled until *all* ranks have received the answer to their last step, not only the coordinator's
rank. Ranks do not wait for each other in a step, so a rank that lags behind would otherwise wait at its mailbox
forever.

TensorFlow decides which worker runs which closure. All closures are the same; the batch that a worker trains on is in
the mailbox of its rank.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

AHEAD = 2


class Scheduler:
    """Schedules one function repeatedly, from :meth:`start` to :meth:`stop`.

    Args:
        coordinator: a ``ClusterCoordinator``.
        function: the closure; a ``tf.function`` without arguments.
        workers: the number of workers.
        failed: called with the error when a closure raises one.
    """

    def __init__(self, coordinator: Any, function: Any, workers: int, failed: Callable[[BaseException], None]) -> None:
        self._coordinator = coordinator
        self._function = function
        self._count = AHEAD * workers
        self._failed = failed
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        self._stopping.clear()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(self._count)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stops scheduling, and waits until the last closure has ended."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._coordinator.schedule(self._function).get()
        except BaseException as error:
            if not self._stopping.is_set():
                self._failed(error)
