"""The pause between two readings of PSS grows with what a reading costs."""

from __future__ import annotations

import itertools
import os

import pytest

from wideload.harness.job import memory_sampler
from wideload.harness.job.memory_sampler import PSS_PAUSE, PSS_SHARE, Sampler, pss_bytes


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch):
    """Sets what a reading costs; returns the moments at which readings were taken within a minute."""

    def within_a_minute(cost: float, values: list[int | None] | None = None) -> tuple[list[float], Sampler]:
        now, taken = [100.0], []

        def read(_: int) -> int | None:
            taken.append(now[0])
            now[0] += cost
            return values[min(len(taken), len(values)) - 1] if values else 1

        monkeypatch.setattr(memory_sampler.time, "monotonic", lambda: now[0])
        monkeypatch.setattr(memory_sampler, "pss_bytes", read)
        sampler = Sampler(1)
        while now[0] < 160:
            sampler.sample()
            now[0] += 0.1
        return taken, sampler

    return within_a_minute


def test_cheap_readings_are_taken_at_the_shortest_pause(readings) -> None:
    taken, _ = readings(cost=0.0)
    assert len(taken) == pytest.approx(60 / PSS_PAUSE, rel=0.3)


@pytest.mark.parametrize("cost", [0.001, 0.005, 0.02])
def test_expensive_readings_take_no_more_than_their_share_of_the_time(readings, cost: float) -> None:
    taken, _ = readings(cost)
    assert all(later - earlier >= cost / PSS_SHARE for earlier, later in itertools.pairwise(taken))
    assert len(taken) >= 2


def test_the_largest_reading_is_kept_and_a_failed_one_changes_nothing(readings) -> None:
    _, sampler = readings(0.0, [5, 9, None, 3])
    assert sampler.peak_pss_bytes == 9


def test_a_process_that_is_gone_has_no_reading(readings) -> None:
    _, sampler = readings(0.0, [None])
    assert sampler.peak_pss_bytes is None


def test_the_kernel_reports_this_process() -> None:
    assert pss_bytes(os.getpid()) > 1_000_000
    assert pss_bytes(2**22 + 1) is None
