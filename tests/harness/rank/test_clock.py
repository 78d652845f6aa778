from pathlib import Path

import pytest

from wideload.harness.rank import clock as clock_module
from wideload.harness.rank.clock import Clock, busy_seconds, process_seconds


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch):
    """Sets the time."""
    now = [0.0]
    monkeypatch.setattr(clock_module.time, "perf_counter", lambda: now[0])

    def set_time(moment: float) -> None:
        now[0] = moment

    return set_time


def test_only_the_time_between_start_and_stop_counts(at) -> None:
    clock = Clock()
    at(10)
    clock.start()
    at(13)
    clock.stop()
    at(20)
    clock.start()
    at(21)
    clock.stop()
    assert clock.seconds == 4


def test_training_time_includes_the_warm_up_and_leaves_out_pauses(at) -> None:
    clock = Clock()
    at(5)
    clock.start()
    at(8)
    clock.stop()
    assert clock.training_seconds == 8
    at(100)
    assert clock.training_seconds == 8
    clock.start()
    at(101)
    assert clock.training_seconds == 9


def test_stopping_a_clock_that_does_not_run_counts_nothing(at) -> None:
    clock = Clock()
    at(3)
    clock.stop()
    assert clock.seconds == 0


def test_busy_time_is_what_the_kernel_counts_without_idle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 20 30 4000 500 6 7 8 0 0\ncpu0 1 2 3\n")
    monkeypatch.setattr(clock_module, "_STAT", stat)
    monkeypatch.setattr(clock_module.os, "sysconf", lambda _: 100)
    assert busy_seconds() == pytest.approx((100 + 20 + 30 + 6 + 7 + 8) / 100)


def test_a_process_that_is_gone_has_no_cpu_time() -> None:
    assert process_seconds(2**22 + 1) == 0.0
