"""Keeps the workers supplied: two closures a worker are scheduled at any time, so that one waits where one has ended.

Closures must flow until *all* ranks have had their last step answered, not only the coordinator's own: ranks do not
wait for each other in a step, and without closures one that lags behind would wait at its mailbox for ever.

Which worker runs which closure is left to TensorFlow: all closures are alike, and what a worker trains on is in the
mailbox of its rank.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

AHEAD = 2


class Pump:
    """Schedules one function again and again, from :meth:`start` to :meth:`stop`.

    Args:
        coordinator: a ``ClusterCoordinator``.
        function: the closure; a ``tf.function`` without arguments.
        workers: how many there are.
        failed: told when a closure raised.
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
        """Schedules no more, and waits until the last closure has ended."""
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
