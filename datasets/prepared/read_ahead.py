"""Runs an iterator in a background thread, a bounded number of items ahead.

::

    producer thread --> bounded queue --> consumer
          ^ stops when the consumer closes; an error is raised in the consumer, after the items that precede it

The thread ends when the iterator ends, when it fails, or when the consumer stops early (``close``, garbage collection
or an exception in the consumer's loop).
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")

_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class _Failure:
    error: BaseException


class _End:
    pass


class _Producer(Generic[Item]):
    """Fills the queue. Holds no reference to the consumer, so that an abandoned consumer can be collected."""

    def __init__(self, make: Callable[[], Iterator[Item]], depth: int) -> None:
        self.queue: queue.Queue[Item | _Failure | _End] = queue.Queue(depth)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(make,), name="wideload-input", daemon=True)
        self.thread.start()

    def _run(self, make: Callable[[], Iterator[Item]]) -> None:
        last: _Failure | _End = _End()
        try:
            for item in make():
                if not self._put(item):
                    return
        except BaseException as error:  # every error is raised in the consumer
            last = _Failure(error)
        self._put(last)

    def _put(self, item: Item | _Failure | _End) -> bool:
        while not self.stopped.is_set():
            try:
                self.queue.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return True
        return False

    def stop(self) -> None:
        self.stopped.set()
        while not self.queue.empty():
            self.queue.get_nowait()
        self.thread.join()


def ahead(make: Callable[[], Iterator[Item]], depth: int) -> Generator[Item, None, None]:
    """Yields the items of ``make()``; at most ``depth`` of them are produced ahead of the consumer."""
    producer = _Producer(make, depth)
    try:
        while not isinstance(item := producer.queue.get(), _End):
            if isinstance(item, _Failure):
                raise item.error
            yield item
    finally:
        producer.stop()
