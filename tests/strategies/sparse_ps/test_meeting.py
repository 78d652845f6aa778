"""Ranks that make a call together continue; all others are told who called what. Ranks are threads here."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

import pytest

from wideload.errors import ClusterError
from wideload.harness.cluster import Cluster
from wideload.strategies.sparse_ps.meeting import Meetings


class Mail:
    """The messages of a job, by sender and receiver."""

    def __init__(self) -> None:
        self.boxes: dict[tuple[int, int], deque[Any]] = defaultdict(deque)


class Comm:
    """What meetings need of a communicator."""

    def __init__(self, mail: Mail, rank: int) -> None:
        self._mail, self._rank = mail, rank

    def isend(self, message: Any, dest: int, tag: int) -> None:
        self._mail.boxes[self._rank, dest].append(message)

    def iprobe(self, source: int, tag: int) -> bool:
        return bool(self._mail.boxes[source, self._rank])

    def recv(self, source: int, tag: int) -> Any:
        return self._mail.boxes[source, self._rank].popleft()


def together(*scripts: Callable[[Meetings], None], timeout: float = 60) -> list[str]:
    """Runs a script for each rank; the error of each, or nothing."""
    mail, errors = Mail(), [""] * len(scripts)

    def run(rank: int) -> None:
        try:
            scripts[rank](Meetings(Cluster(rank, len(scripts), Comm(mail, rank)), timeout))
        except ClusterError as error:
            errors[rank] = str(error)

    threads = [threading.Thread(target=run, args=[rank]) for rank in range(len(scripts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def calls(*names: str) -> Callable[[Meetings], None]:
    def script(meetings: Meetings) -> None:
        for name in names:
            meetings.meet(name)

    return script


def test_ranks_that_make_the_same_calls_continue() -> None:
    assert together(*[calls("compile", "save", "save", "close")] * 3) == ["", "", ""]


def test_another_call_is_an_error_on_both_ranks_at_once() -> None:
    first, second = together(calls("compile", "save"), calls("compile", "close"))
    assert first.startswith("rank 0 called save, rank 1 called close.")
    assert second.startswith("rank 1 called close, rank 0 called save.")
    assert "take the call out of `if rank == 0`" in first


def test_a_rank_that_does_not_come_is_named_with_its_last_call() -> None:
    first, second, third = together(calls("compile", "save"), calls("compile"), calls("compile", "save"), timeout=0.2)
    assert first.startswith("rank 0: no answer to save within 0.2 s. Rank 1 last called compile. Missing: rank 1.")
    assert second == ""
    assert third.startswith("rank 2: no answer to save within 0.2 s.")


def test_progress_of_other_ranks_starts_the_time_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wideload.strategies.sparse_ps.meeting.PROGRESS_PERIOD", 0.0)
    steps = iter(range(100))
    arrived = threading.Event()

    def slow(meetings: Meetings) -> None:
        arrived.wait()
        meetings.meet("evaluate")

    def progress() -> int:
        step = next(steps, 100)
        if step == 60:  # long after the time-out, since each look takes at least a pause
            arrived.set()
        return step

    assert together(lambda meetings: meetings.meet("evaluate", progress), slow, timeout=0.05) == ["", ""]


def test_the_first_error_is_final() -> None:
    meetings = Meetings(Cluster(0, 2, Comm(Mail(), 0)), 0.01)
    for call in ("save", "close"):
        with pytest.raises(ClusterError, match="no answer to save"):
            meetings.meet(call)


def test_one_rank_meets_nobody() -> None:
    Meetings(Cluster(0, 1, None), 0.0).meet("save")
