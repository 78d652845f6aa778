"""A model is evaluated on data with the vocabularies that it was trained with, or not at all."""

from __future__ import annotations

import pytest

from wideload.datasets.contract import Field, Schema
from wideload.errors import UsageError
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.serving.vocabularies import require_same
from wideload.harness.workload.columns import Columns

HASHED = Columns.model_validate(
    {"auto": False, "column": [{"kind": "crossed", "name": "x", "of": ["word", "user"], "buckets": 9}]}
)


def schema(words: tuple[str, ...] | None) -> Schema:
    user = Field("user", "categorical", cardinality=5)
    return Schema("label", (Field("word", "categorical", vocabulary=words), user, Field("n", "numeric")))


def check(trained: Schema, other: Schema, columns: Columns = Columns()) -> None:  # noqa: B008
    adapter = FeatureColumnAdapter(columns, trained, keys="signs")
    require_same(adapter, trained, other, ("shards[path=a]", "shards[path=b]"))


@pytest.mark.parametrize("words", [("a", "b"), ("b", "a")])
def test_the_order_of_words_does_not_matter(words: tuple[str, ...]) -> None:
    check(schema(("a", "b")), schema(words))


@pytest.mark.parametrize("words", [("a",), ("a", "b", "c"), (), None])
@pytest.mark.parametrize("columns", [Columns(), HASHED])
def test_another_vocabulary_is_refused_and_both_are_named(words: tuple[str, ...] | None, columns: Columns) -> None:
    with pytest.raises(
        UsageError, match=r"field 'word' .*2 values\) in shards\[path=a\].* in shards\[path=b\].*--like"
    ):
        check(schema(("a", "b")), schema(words), columns)


def test_data_without_vocabularies_are_compared_with_their_like() -> None:
    check(schema(None), schema(None))
    with pytest.raises(UsageError, match="vocabulary none in"):
        check(schema(None), schema(("a",)))


def test_fields_that_no_column_reads_may_differ() -> None:
    check(schema(("a",)), schema(("b",)), Columns(exclude=("word",)))
