import numpy as np
import pytest

from wideload.harness.features.ragged import Ragged, cross, merge
from wideload.hashing import combine


def ragged(*bags: list[int], weights: list[float] | None = None) -> Ragged:
    values = np.array([value for bag in bags for value in bag], np.int64)
    splits = np.cumsum([0, *(len(bag) for bag in bags)])
    return Ragged(values, splits, None if weights is None else np.array(weights, np.float32))


def pair(left: int, right: int) -> int:
    return int(combine(np.array([left], np.int64), np.array([right], np.int64))[0])


def test_crossing_takes_every_combination_the_right_side_fastest() -> None:
    crossed = cross(ragged([1, 2], [3]), ragged([10, 20], [30]))
    assert crossed.values.tolist() == [pair(1, 10), pair(1, 20), pair(2, 10), pair(2, 20), pair(3, 30)]
    assert crossed.offsets().tolist() == [0, 4, 5]


def test_crossing_with_an_empty_bag_is_empty() -> None:
    crossed = cross(ragged([1], []), ragged([], [2]))
    assert crossed.offsets().tolist() == [0, 0, 0]


def test_crossing_single_values_needs_no_offsets() -> None:
    crossed = cross(Ragged(np.array([1, 2])), Ragged(np.array([3, 4])))
    assert crossed.splits is None
    assert crossed.values.tolist() == [pair(1, 3), pair(2, 4)]


def test_crossing_multiplies_weights() -> None:
    crossed = cross(ragged([1, 2], weights=[2.0, 3.0]), ragged([1, 2], weights=[5.0, 7.0]))
    assert crossed.weights is not None
    assert crossed.weights.tolist() == [10.0, 14.0, 15.0, 21.0]


def test_a_side_without_weights_weighs_one() -> None:
    crossed = cross(ragged([1, 2]), ragged([1], weights=[5.0]))
    assert crossed.weights is not None
    assert crossed.weights.tolist() == [5.0, 5.0]


def test_merging_keeps_the_order_of_the_parts() -> None:
    merged = merge([ragged([1, 2], []), Ragged(np.array([3, 4])), ragged([], [5])])
    assert merged.values.tolist() == [1, 2, 3, 4, 5]
    assert merged.offsets().tolist() == [0, 3, 5]


def test_merging_gives_unweighted_parts_the_weight_one() -> None:
    merged = merge([ragged([1], [2], weights=[0.5, 0.25]), ragged([3], [])])
    assert merged.weights is not None
    assert merged.weights.tolist() == [0.5, 1.0, 0.25]


@pytest.mark.parametrize(("count", "expected"), [(1, [3, 4]), (2, [2, 3, 4]), (9, [1, 2, 3, 4])])
def test_the_last_values_of_every_bag_are_kept(count: int, expected: list[int]) -> None:
    assert ragged([1, 2, 3], [4], []).last(count).values.tolist() == expected


def test_dropping_values_keeps_the_weights_of_the_others() -> None:
    kept = ragged([1, 2], [3], weights=[0.1, 0.2, 0.3]).where(np.array([False, True, True]))
    assert kept.values.tolist() == [2, 3]
    assert kept.weights is not None
    assert kept.weights.tolist() == pytest.approx([0.2, 0.3])
    assert kept.offsets().tolist() == [0, 1, 2]
