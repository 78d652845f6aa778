import numpy as np
import pytest

from wideload.harness.analysis.statistics import FEWEST_PAIRS, paired_ratio, settled_after


def test_the_ratio_is_the_median_of_the_pairs() -> None:
    assert paired_ratio([2.0, 9.0, 4.0], [1.0, 1.0, 1.0]).median == pytest.approx(4.0)


def test_a_disturbance_that_hits_both_of_a_pair_cancels() -> None:
    slow_rounds = np.array([1.0, 0.2, 1.0, 0.5, 1.0, 0.9])
    ratio = paired_ratio((110 * slow_rounds).tolist(), (100 * slow_rounds).tolist())
    assert (ratio.low, ratio.high) == (pytest.approx(1.1), pytest.approx(1.1))
    assert ratio.verdict == "higher"


def test_too_few_pairs_give_no_interval_and_no_verdict() -> None:
    ratio = paired_ratio([2.0] * (FEWEST_PAIRS - 1), [1.0] * (FEWEST_PAIRS - 1))
    assert (ratio.low, ratio.verdict) == (None, "undecided")


def test_a_clear_difference_gets_a_verdict_in_both_directions() -> None:
    noise = np.random.default_rng(0).normal(1, 0.01, 10)
    assert paired_ratio((0.9 * noise).tolist(), [1.0] * 10).verdict == "lower"
    assert paired_ratio([1.0] * 10, (0.9 * noise).tolist()).verdict == "higher"


def test_the_interval_of_equal_strategies_contains_one_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    covered = sum(
        paired_ratio(random.lognormal(0, 0.05, 10).tolist(), random.lognormal(0, 0.05, 10).tolist()).verdict
        == "undecided"
        for _ in range(100)
    )
    assert covered >= 90


@pytest.mark.parametrize(("ours", "theirs"), [([], []), ([1.0], [1.0, 2.0]), ([0.0], [1.0]), ([float("nan")], [1.0])])
def test_measurements_that_have_no_ratio_are_refused(ours: list[float], theirs: list[float]) -> None:
    with pytest.raises(ValueError, match="equally many positive"):
        paired_ratio(ours, theirs)


def test_a_steady_series_needs_no_cut() -> None:
    assert settled_after([1.0] * 100) == 0


def test_a_slow_start_is_found() -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, 100)
    series = (np.r_[np.full(20, 5.0), np.full(80, 1.0)] + noise).tolist()
    assert settled_after(series) == 20


def test_a_short_series_is_not_cut() -> None:
    assert settled_after([5.0, 1.0, 1.0]) == 0
