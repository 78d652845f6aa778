import math

import numpy as np
import pytest

from wideload.harness.analysis.trimmed import TrimmedMean, difference


def test_the_fastest_and_the_slowest_run_are_left_out() -> None:
    found = TrimmedMean.of([10.0, 1.0, 3.0, 2.0, 100.0])
    assert found is not None
    assert (found.mean, found.runs, found.freedom) == (5.0, 5, 2)


def test_the_standard_error_is_that_of_tukey_and_mclaughlin() -> None:
    """By hand: winsorised 2, 2, 3, 10, 10 with variance 17.8; (n - 1) of it over h (h - 1), h = 3."""
    found = TrimmedMean.of([1.0, 2.0, 3.0, 10.0, 100.0])
    assert found is not None
    assert found.error == pytest.approx(math.sqrt(4 * 17.8 / 6))


def test_one_run_that_does_not_end_is_the_slowest_and_two_make_the_result_invalid() -> None:
    assert TrimmedMean.of([1.0, 2.0, 3.0, 4.0, math.inf]) == TrimmedMean.of([1.0, 2.0, 3.0, 4.0, 5.0])
    assert TrimmedMean.of([1.0, 2.0, 3.0, math.inf, math.inf]) is None


def test_fewer_than_five_runs_have_no_result() -> None:
    assert TrimmedMean.of([1.0] * 4) is None


def drawn(random: np.random.Generator, runs: int, centre: float = 1.0) -> TrimmedMean:
    found = TrimmedMean.of([float(each) for each in random.normal(centre, 0.05, runs)])
    assert found is not None
    return found


@pytest.mark.parametrize("runs", [5, 10])
def test_the_interval_holds_what_it_promises(runs: int) -> None:
    random = np.random.default_rng(1)
    intervals = [drawn(random, runs).interval() for _ in range(2000)]
    assert 0.93 <= np.mean([low <= 1 <= high for low, high in intervals]) <= 0.985


@pytest.mark.parametrize("runs", [5, 10])
def test_equal_means_are_told_apart_about_once_in_twenty_times(runs: int) -> None:
    random = np.random.default_rng(2)
    differences = [difference(drawn(random, runs), drawn(random, runs)) for _ in range(2000)]
    assert np.mean([low > 0 or high < 0 for _, low, high in differences]) <= 0.07


def test_means_a_tenth_apart_are_told_apart() -> None:
    random = np.random.default_rng(3)
    differences = [difference(drawn(random, 10, 1.1), drawn(random, 10)) for _ in range(500)]
    assert np.mean([low > 0 for _, low, _ in differences]) >= 0.9
    assert np.mean([apart for apart, _, _ in differences]) == pytest.approx(0.1, abs=0.01)


def test_runs_that_do_not_scatter_at_all_are_compared_as_they_are() -> None:
    three, four = (TrimmedMean.of([value] * 5) for value in (3.0, 4.0))
    assert three is not None
    assert four is not None
    assert difference(four, three) == (1.0, 1.0, 1.0)
