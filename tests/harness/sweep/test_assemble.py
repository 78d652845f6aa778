"""Background CPU load: what the machine spent, without the job's ranks on it."""

from __future__ import annotations

import pytest

from wideload.harness.job.messages import Outcome
from wideload.harness.sweep.assemble import foreign_cores


def rank(number: int, host: str, machine: str, cpu: float, busy: float) -> Outcome:
    return Outcome(
        rank=number, host=host, machine=machine, pid=1, window_seconds=10, window_cpu_seconds=cpu, busy_seconds=busy
    )


def test_what_the_ranks_of_a_machine_used_is_no_background_load() -> None:
    assert foreign_cores([rank(0, "a", "1", 9, 20), rank(1, "a", "1", 8, 20)]) == pytest.approx(0.3)


def test_the_machine_that_was_disturbed_most_counts() -> None:
    assert foreign_cores([rank(0, "a", "1", 9, 10), rank(1, "b", "2", 8, 12)]) == pytest.approx(0.4)


def test_hosts_that_share_a_machine_are_no_background_load_to_each_other() -> None:
    assert foreign_cores([rank(0, "a", "1", 9, 20), rank(1, "b", "1", 8, 20)]) == pytest.approx(0.3)


def test_a_window_that_is_too_short_yields_no_figure() -> None:
    short = rank(0, "a", "1", 0.1, 2).model_copy(update={"window_seconds": 0.01})
    assert foreign_cores([short]) is None
