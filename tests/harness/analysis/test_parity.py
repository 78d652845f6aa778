from collections.abc import Callable

import pytest

from wideload.harness.analysis.parity import TOLERANCE, difference, judge
from wideload.harness.records.results import RunRecord

Make = Callable[..., RunRecord]


def test_the_difference_is_relative_to_the_reference() -> None:
    assert difference([2.0, 1.0], [2.0, 1.25]) == pytest.approx(0.2)


def test_a_loss_that_is_not_a_number_differs_infinitely() -> None:
    assert difference([float("nan")], [1.0]) == float("inf")


def test_losses_within_the_tolerance_pass(make_run: Make) -> None:
    close = make_run(losses=[loss * (1 + TOLERANCE / 2) for loss in (0.7, 0.6, 0.5)])
    assert judge(close, make_run(), 200).verdict == "pass"


def test_losses_outside_the_tolerance_fail(make_run: Make) -> None:
    record = judge(make_run(losses=[0.7, 0.6, 0.5 * (1 + 2 * TOLERANCE)]), make_run(), 200)
    assert record.verdict == "fail"
    assert record.max_relative == pytest.approx(2 * TOLERANCE)


def test_only_the_first_steps_are_compared(make_run: Make) -> None:
    assert judge(make_run(losses=[0.7, 0.6, 9.0]), make_run(), 2).verdict == "pass"


def test_a_strategy_that_is_not_synchronous_is_not_judged(make_run: Make) -> None:
    assert judge(make_run(losses=[9.0] * 3), make_run(), 3, synchronous=False).verdict == "not run"


@pytest.mark.parametrize("name", ["problem", "data", "columns"])
def test_another_problem_is_not_judged(make_run: Make, name: str) -> None:
    other = make_run(fingerprints=make_run().fingerprints | {name: "other"})
    record = judge(other, make_run(), 3)
    assert (record.verdict, name in record.reason) == ("not run", True)


def test_a_longer_run_of_the_same_problem_is_comparable(make_run: Make) -> None:
    longer = make_run(fingerprints=make_run().fingerprints | {"workload": "longer"})
    assert judge(longer, make_run(), 3).verdict == "pass"


def test_a_run_that_failed_says_why_it_was_not_judged(make_run: Make) -> None:
    record = judge(make_run(status="crashed", error="rank 1 was ended by SIGKILL"), make_run(), 3)
    assert (record.verdict, record.reason) == ("not run", "crashed: rank 1 was ended by SIGKILL")


def test_without_a_reference_nothing_is_judged(make_run: Make) -> None:
    assert judge(make_run(), None, 3).verdict == "not run"


def test_steps_that_the_reference_did_not_train_are_not_judged(make_run: Make) -> None:
    short = make_run(steps=1, losses=[0.7])
    assert judge(make_run(), short, 3).verdict == "not run"
