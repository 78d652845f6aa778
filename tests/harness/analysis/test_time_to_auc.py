import pytest

from wideload.harness.analysis.time_to_auc import reached, seconds_to
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


def test_examples_are_read_off_the_same_line_and_the_clock_stops_after_the_evaluation_that_found_it() -> None:
    points = [
        CurvePoint(case_id="a", step=at, examples=100 * at, seconds=at, evaluation_seconds=3.0 * at, auc=auc, logloss=1)
        for at, auc in ((1, 0.6), (2, 0.8))
    ]
    found = reached(points, 0.65)
    assert found is not None
    assert (found.examples, found.seconds) == (pytest.approx(125), pytest.approx(1.25))
    assert found.clock_seconds == 2 + 6


def test_without_timed_evaluations_there_is_no_time_on_the_clock() -> None:
    found = reached(curve((10, 0.6), (20, 0.8)), 0.7)
    assert found is not None
    assert found.clock_seconds is None
