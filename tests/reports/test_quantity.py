import pytest

from wideload.reports import quantity


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (123_456.0, "123 k examples/s"),
        (999_950.0, "1.00 M examples/s"),
        (0.0, "0 examples/s"),
        (12.345, "12.3 examples/s"),
        (None, "–"),
    ],
)
def test_rates_have_three_digits_and_a_unit(value, words):
    assert quantity.rate(value) == words


@pytest.mark.parametrize(("value", "words"), [(1_240_000_000, "1.24 GB"), (700_000_000, "700 MB"), (12, "12.0 B")])
def test_sizes_are_decimal(value, words):
    assert quantity.size(value) == words


@pytest.mark.parametrize(
    ("value", "words"), [(1.9234, "1.92×"), (0.4, "0.40×"), (0.0123, "0.012×"), (12.34, "12.3×"), (None, "–")]
)
def test_ratios_have_three_digits(value, words):
    assert quantity.factor(value) == words


def test_an_interval_without_bounds_is_nothing():
    assert quantity.span(None, None) == ""
    assert quantity.span(1.8, 2.0) == "1.80–2.00"
