from wideload.reports.findings.evidence import estimate, paired_ratio, sureness


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
