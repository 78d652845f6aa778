"""What makes a timing doubtful: load by others, a slow start, a rank that ended badly after its results."""

from __future__ import annotations

import numpy as np
import pytest

from wideload.harness.analysis.metrics import measure
from wideload.harness.job.messages import Outcome, RankStatus
from wideload.harness.records.results import FlagKind
from wideload.harness.sweep.flags import background_cores, background_load, flags, not_settled, unclean_exits


def rank(number: int, host: str, machine: str, cpu: float, busy: float) -> Outcome:
    return Outcome(
        rank=number, host=host, machine=machine, pid=1, window_seconds=10, window_cpu_seconds=cpu, busy_seconds=busy
    )


def status(number: int, **changes: int | None) -> RankStatus:
    return RankStatus(rank=number, host="a", pid=1, supervisor_pid=2, ended=True).model_copy(update=changes)


def test_what_the_ranks_of_a_machine_used_is_no_background_load() -> None:
    assert background_cores([rank(0, "a", "1", 9, 20), rank(1, "a", "1", 8, 20)]) == pytest.approx(0.3)


def test_what_the_supervisors_used_is_no_background_load() -> None:
    watched = rank(0, "a", "1", 9, 12).model_copy(update={"overhead_cpu_seconds": 1.0})
    assert background_cores([watched]) == pytest.approx(0.2)


def test_the_machine_that_was_disturbed_most_counts() -> None:
    assert background_cores([rank(0, "a", "1", 9, 10), rank(1, "b", "2", 8, 12)]) == pytest.approx(0.4)


def test_hosts_that_share_a_machine_are_no_background_load_to_each_other() -> None:
    assert background_cores([rank(0, "a", "1", 9, 20), rank(1, "b", "1", 8, 20)]) == pytest.approx(0.3)


def test_ranks_that_used_more_than_the_kernel_counted_leave_no_negative_load() -> None:
    assert background_cores([rank(0, "a", "1", 10.1, 10)]) == 0.0


def test_a_window_that_is_too_short_tells_nothing() -> None:
    short = rank(0, "a", "1", 0.1, 2).model_copy(update={"window_seconds": 0.01})
    assert background_cores([short]) is None


@pytest.mark.parametrize("cores", [None, 0.0, 0.15])
def test_load_up_to_the_limit_is_no_flag(cores: float | None) -> None:
    assert background_load(cores, 0.15) == []


def test_load_above_the_limit_is_flagged_with_the_number_of_cores() -> None:
    (flag,) = background_load(0.3126, 0.15)
    assert (flag.kind, flag.text) == (FlagKind.BACKGROUND_LOAD, "background CPU load: 0.31 cores")


def test_ranks_that_ended_by_a_signal_or_with_an_exit_code_are_flagged() -> None:
    found = unclean_exits([status(0, exit_code=0), status(1, signal=9), status(2, exit_code=3), None])
    assert [flag.text for flag in found] == [
        "rank 1 did not exit cleanly: SIGKILL",
        "rank 2 did not exit cleanly: exit code 3",
    ]
    assert {flag.kind for flag in found} == {FlagKind.UNCLEAN_EXIT}


def test_a_slow_start_that_moves_the_mean_is_flagged() -> None:
    (flag,) = not_settled([20.0] * 20 + [10.0] * 80)
    assert flag.kind is FlagKind.NOT_SETTLED
    assert flag.text.startswith("not settled for the first 20 timed steps: 20.00 ms against 10.00 ms; raise warmup_st")


@pytest.mark.parametrize("step_ms", [[], [10.0] * 100, [20.0] * 5 + [10.0] * 1000, [10.0] * 100 + [20.0] * 100])
def test_a_start_that_is_not_slow_or_weighs_nothing_is_not_flagged(step_ms: list[float]) -> None:
    assert not_settled(step_ms) == []


def test_a_case_may_have_several_flags() -> None:
    clicks = measure(np.ones(3, np.float32), np.full(3, 0.5, np.float32))
    found = flags(1.0, 0.15, [status(0, signal=15)], [20.0] * 20 + [10.0] * 80, clicks)
    assert [flag.kind for flag in found] == ["background_load", "unclean_exit", "not_settled", "one_class"]
