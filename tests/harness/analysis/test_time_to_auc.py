import pytest

from wideload.harness.analysis.time_to_auc import seconds_to
from wideload.harness.records.results import CurvePoint


def curve(*points: tuple[float, float]) -> list[CurvePoint]:
    return [
        CurvePoint(case_id="a", step=number, examples=number, seconds=seconds, auc=auc, logloss=0.5)
        for number, (seconds, auc) in enumerate(points)
    ]


def test_between_two_evaluations_the_auc_rises_in_a_straight_line() -> None:
    assert seconds_to(curve((10, 0.6), (20, 0.8)), 0.65) == pytest.approx(12.5)


def test_a_target_reached_before_the_first_evaluation_is_not_guessed() -> None:
    assert seconds_to(curve((10, 0.8), (20, 0.9)), 0.7) == 10


def test_the_first_crossing_counts_even_when_the_auc_falls_again() -> None:
    assert seconds_to(curve((10, 0.6), (20, 0.8), (30, 0.5), (40, 0.9)), 0.8) == 20


@pytest.mark.parametrize("points", [[], [(10, 0.6), (20, 0.7)]])
def test_a_target_that_was_never_reached_has_no_time(points: list[tuple[float, float]]) -> None:
    assert seconds_to(curve(*points), 0.9) is None
