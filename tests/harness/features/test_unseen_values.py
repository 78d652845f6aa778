from typing import Any

import pytest

from wideload.harness.cluster import Cluster
from wideload.harness.features.unseen_values import SeenValues
from wideload.harness.workload.columns import Category, Crossed, Hash


@pytest.fixture(params=["ids", "signs"])
def made(request: pytest.FixtureRequest, adapter: Any) -> Any:
    columns = (Category(name="shop"), Category(name="tags"), Crossed(name="x", of=("shop", "tags"), buckets=10**6))
    return adapter(*columns, keys=request.param)


def batch(made: Any, rows: Any, *shops_and_tags: tuple[int, list[int]]) -> Any:
    given = [{"shop": shop, "tags": tags, "tag_weights": [1.0] * len(tags)} for shop, tags in shops_and_tags]
    return made.transform(rows(*given), global_size=len(given))


def test_an_example_is_new_when_any_of_its_values_is(made: Any, rows: Any) -> None:
    seen = SeenValues(made.layout)
    seen.observe([batch(made, rows, (1, [1, 2])), batch(made, rows, (2, []))])
    held_out = batch(made, rows, (1, [2]), (3, [1]), (2, [1, 5]), (2, []))
    assert seen.new(held_out).tolist() == [False, True, True, False]


def test_a_new_combination_of_known_values_is_not_new(made: Any, rows: Any) -> None:
    seen = SeenValues(made.layout)
    seen.observe([batch(made, rows, (1, [1]), (2, [2]))])
    assert seen.new(batch(made, rows, (1, [2]))).tolist() == [False]


def test_equal_ids_of_two_columns_are_not_the_same_value(made: Any, rows: Any) -> None:
    seen = SeenValues(made.layout)
    seen.observe([batch(made, rows, (1, []))])
    assert seen.new(batch(made, rows, (1, [1]))).tolist() == [True]


def test_what_one_rank_has_seen_is_known_to_all(made: Any, rows: Any) -> None:
    other = SeenValues(made.layout)
    other.observe([batch(made, rows, (3, [4]))])

    class Pair:
        def __init__(self) -> None:
            self.theirs = iter(other._known)

        def allgather(self, value: Any) -> list[Any]:
            return [value, next(self.theirs)]

    other.new(batch(made, rows, (0, [])))
    mine = SeenValues(made.layout)
    mine.observe([batch(made, rows, (1, [1]))])
    mine.share(Cluster(0, 2, Pair()))
    assert mine.new(batch(made, rows, (3, [1]), (1, [4]), (0, []))).tolist() == [False, False, True]


def test_without_training_everything_is_new(adapter: Any, rows: Any) -> None:
    made = adapter(Category(name="user", encoder=Hash(buckets=5), embedding=None))
    assert SeenValues(made.layout).new(made.transform(rows({}), global_size=1)).tolist() == [True]
