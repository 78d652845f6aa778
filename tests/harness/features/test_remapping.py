"""A trained model under changed columns: what is kept, what is filled and what is dropped."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from wideload.datasets.contract import Schema
from wideload.errors import UnknownNameError
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.remapping import NOTHING, compare
from wideload.harness.workload.columns import (
    Bucketised,
    Category,
    Column,
    Columns,
    Crossed,
    Embedding,
    Hash,
    Identity,
    Numeric,
    Shared,
    Vocabulary,
)


def rows_of(adapter: Any, old: Column, new: Column) -> list[int]:
    changes = compare(adapter(old), adapter(new), {new.name: old.name})
    return changes.slots[0].rows.tolist()


def words(*known: str, oov: int = 1) -> Category:
    return Category(name="colour", encoder=Vocabulary(values=known, oov_buckets=oov))


def test_values_of_a_vocabulary_are_found_at_any_position(adapter: Any) -> None:
    assert rows_of(adapter, words("red", "green"), words("blue", "green", "red")) == [NOTHING, 1, 0, 2]


def test_another_number_of_buckets_starts_them_from_scratch(adapter: Any) -> None:
    assert rows_of(adapter, words("red"), words("red", oov=2)) == [0, NOTHING, NOTHING]


def test_ids_stay_what_they_are(adapter: Any) -> None:
    old, new = (Category(name="shop", encoder=Identity(size=size)) for size in (3, 5))
    assert rows_of(adapter, old, new) == [0, 1, 2, NOTHING, NOTHING]
    assert rows_of(adapter, new, old) == [0, 1, 2]


def test_buckets_are_found_by_their_boundaries(adapter: Any) -> None:
    old = Bucketised(name="price", boundaries=(1.0, 2.0, 3.0))
    new = Bucketised(name="price", boundaries=(1.0, 2.0, 5.0))
    assert rows_of(adapter, old, new) == [0, 1, NOTHING, NOTHING]


def test_hashes_continue_only_with_as_many_buckets(adapter: Any) -> None:
    old, same, other = (Category(name="user", encoder=Hash(buckets=buckets)) for buckets in (3, 3, 4))
    assert rows_of(adapter, old, same) == [0, 1, 2]
    assert rows_of(adapter, old, other) == [NOTHING] * 4


def test_a_cross_starts_from_scratch_when_a_part_has_changed(adapter: Any) -> None:
    cross = Crossed(name="x", of=("colour", "shop"), buckets=2)
    compared = [compare(adapter(words("red"), cross), adapter(words(*new), cross)) for new in (("red",), ("blue",))]
    assert [changes.slots[-1].rows.tolist() for changes in compared] == [[0, 1], [NOTHING, NOTHING]]


def test_a_column_of_another_kind_starts_from_scratch(adapter: Any) -> None:
    new = Category(name="shop", encoder=Hash(buckets=5))
    assert rows_of(adapter, Category(name="shop"), new) == [NOTHING] * 5


def test_the_report_names_every_column(adapter: Any) -> None:
    old = adapter(Category(name="shop"), words("red", "green"), Category(name="words"))
    new = adapter(
        Category(name="store", field="shop", embedding=Embedding(dimension=4)),
        words("red", "blue", "mauve"),
        Category(name="tags"),
    )
    assert sorted(str(compare(old, new, {"store": "shop"})).splitlines()) == [
        "colour: 2 rows kept, 2 filled, 1 dropped",
        "store: 5 rows kept, 0 filled, 0 dropped, was shop, dimension 8 -> 4",
        "tags: added, 7 rows filled",
        "words: removed, all its rows dropped",
    ]


def test_inputs_of_the_tower_follow_their_columns(adapter: Any) -> None:
    price = Numeric(name="price", missing_indicator=True)
    old = adapter(
        Category(name="shop", embedding=Embedding(dimension=2)),
        Category(name="colour", embedding=Embedding(dimension=2)),
        price,
    )
    new = adapter(
        Numeric(name="cost", field="price", missing_indicator=True),
        Numeric(name="other", field="price"),
        Category(name="colour", embedding=Embedding(dimension=3)),
    )
    changes = compare(old, new, {"cost": "price"})
    assert changes.old_inputs == 6
    assert changes.inputs.tolist() == [2, 3, NOTHING, 4, NOTHING, 5]


def test_slots_of_a_renamed_shared_column_are_found(adapter: Any) -> None:
    old, new = (Shared(name=name, of=("colour", "words")) for name in ("old", "new"))
    changes = compare(adapter(old), adapter(new), {"new": "old"})
    assert [change.filled for change in changes.slots] == [0, 0]
    assert changes.removed == ()


def test_a_vocabulary_that_the_data_grew_is_followed(schema: Schema) -> None:
    grown = replace(
        schema,
        fields=tuple(
            replace(field, vocabulary=("black", *(field.vocabulary or ()))) if field.name == "colour" else field
            for field in schema.fields
        ),
    )
    columns = Columns(auto=False, column=(Category(name="colour"),))
    changes = compare(*(FeatureColumnAdapter(columns, one, "ids") for one in (schema, grown)))
    assert changes.slots[0].rows.tolist() == [NOTHING, 0, 1, 2, 3]


@pytest.mark.parametrize("renamed", [{"shpo": "shop"}, {"shop": "shpo"}])
def test_a_column_that_is_not_there_cannot_be_renamed(adapter: Any, renamed: dict[str, str]) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'shop'"):
        compare(adapter(Category(name="shop")), adapter(Category(name="shop")), renamed)


def test_unchanged_columns_keep_everything(adapter: Any) -> None:
    columns = (Category(name="shop"), Crossed(name="x", of=("shop", "words"), buckets=9), Numeric(name="price"))
    changes = compare(adapter(*columns), adapter(*columns))
    assert all((change.rows == np.arange(len(change.rows))).all() for change in changes.slots)
    assert changes.inputs.tolist() == list(range(9))
