"""The input thread: ahead, but not too far; loud when it fails; gone when it is not needed."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest

from wideload.datasets.prepared.read_ahead import ahead


def _threads() -> int:
    return sum(thread.name == "wideload-input" for thread in threading.enumerate())


def test_items_come_in_order() -> None:
    assert list(ahead(lambda: iter(range(100)), 3)) == list(range(100))


def test_the_producer_runs_a_bounded_number_of_items_ahead() -> None:
    made, reached = [], threading.Event()

    def produce() -> Iterator[int]:
        for item in range(100):
            made.append(item)
            if item == 3:
                reached.set()
            yield item

    stream = ahead(produce, 2)
    assert next(stream) == 0
    assert reached.wait(10)  # one taken, two waiting, one in hand
    assert len(made) == 4
    stream.close()


def test_an_error_is_raised_after_the_items_before_it() -> None:
    def produce() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    stream = ahead(produce, 4)
    assert next(stream) == 1
    with pytest.raises(ValueError, match="broken"):
        next(stream)
    assert _threads() == 0


def test_closing_early_ends_the_thread_even_when_it_waits_for_room() -> None:
    stream = ahead(lambda: iter(range(10**9)), 1)
    next(stream)
    assert _threads() == 1
    stream.close()
    assert _threads() == 0


def test_an_abandoned_stream_ends_its_thread() -> None:
    stream = ahead(lambda: iter(range(10**9)), 1)
    next(stream)
    del stream
    gc.collect()
    assert _threads() == 0


def test_a_stream_that_is_never_read_starts_nothing() -> None:
    ahead(lambda: iter(range(10)), 1)
    assert _threads() == 0
