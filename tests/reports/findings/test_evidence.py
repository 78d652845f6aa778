import numpy as np
import pytest

from wideload.reports.findings.evidence import change, estimate, paired_ratio, sureness


def test_nothing_measured_gives_no_estimate():
    assert estimate([]) is None


def test_one_value_has_no_spread():
    known = estimate([3.0])
    assert (known.median, known.spread, known.words) == (3.0, "none", "once")


def test_a_few_values_have_a_range_and_it_is_called_so():
    known = estimate([1.0, 2.0, 4.0])
    assert (known.median, known.low, known.high, known.spread) == (2.0, 1.0, 4.0, "range")


def test_many_values_have_an_interval_inside_their_range():
    known = estimate([10.0, 11, 12, 13, 14, 15, 16, 90])
    assert known.spread == "interval"
    assert 10 <= known.low <= known.median <= known.high < 90


def test_only_rounds_that_both_finished_are_paired():
    assert paired_ratio({1: 2.0, 2: 4.0, 3: 9.0}, {1: 1.0, 3: 3.0, 4: 1.0}).pairs == 2
    assert paired_ratio({1: 2.0}, {2: 1.0}) is None


def test_a_round_without_throughput_is_not_paired():
    assert paired_ratio({1: 2.0, 2: 0.0}, {1: 1.0, 2: 5.0}).pairs == 1


def test_too_few_rounds_are_told_from_an_undecided_interval():
    assert sureness(paired_ratio({1: 2.0}, {1: 1.0})) == "too few rounds"
    wavering = {at: 1.0 + (-1) ** at * 0.1 for at in range(8)}
    assert sureness(paired_ratio(wavering, dict.fromkeys(range(8), 1.0))) == "undecided"


def test_the_interval_of_a_change_has_the_bounds_of_the_mann_whitney_test():
    """For two samples of six the critical value at 95 % is 5 (Mann & Whitney 1947), so the sixth ratio is the bound."""
    before, after = [2.0**at for at in range(6)], [2.0 ** (10 * at) for at in range(6)]
    found = change(before, after)
    ratios = sorted(our / their for our in after for their in before)
    assert (found.low, found.high, found.pairs) == (pytest.approx(ratios[5]), pytest.approx(ratios[-6]), 6)


def test_a_change_between_samples_that_are_too_small_has_no_interval():
    assert change([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]).low is None
    assert change([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]).median == pytest.approx(2.0)


def test_one_round_that_went_wrong_hardly_moves_a_change():
    found = change([1.0] * 6, [2.0, 2.0, 2.0, 2.0, 2.0, 0.1])
    assert found.median == pytest.approx(2.0)
    assert found.high == pytest.approx(2.0)


@pytest.mark.parametrize("sizes", [(6, 6), (6, 9), (12, 12)])
def test_the_interval_of_a_change_holds_what_it_promises(sizes):
    """Over 1,000 pairs of samples of one distribution, with long tails."""
    random = np.random.default_rng(2)
    draws = [[np.exp(random.standard_t(2, size) / 10) for size in sizes] for _ in range(1000)]
    covered = sum(found.low <= 1 <= found.high for found in (change(*draw) for draw in draws))
    assert 935 <= covered <= 985
