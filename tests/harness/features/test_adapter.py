from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from wideload.datasets.contract import Schema
from wideload.errors import ClusterError, ColumnError
from wideload.harness.cluster import Cluster
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.layout import Batch, Keys, table_signs
from wideload.harness.workload.columns import (
    Bucketised,
    Category,
    Columns,
    Crossed,
    Embedding,
    Hash,
    Identity,
    Initializer,
    Merged,
    Numeric,
    Sequence,
    Shared,
    Vocabulary,
)

Bags = Callable[[Batch], list[list[int]]]
Compiled = Callable[..., Batch]
KEYS: tuple[Keys, ...] = ("ids", "signs")


def test_every_field_gets_a_column_of_its_own(schema: Schema) -> None:
    made = FeatureColumnAdapter(Columns(exclude=("user",)), schema, "ids")
    assert [column.name for column in made.columns] == ["price", "shop", "colour", "tags", "words"]
    assert made.layout.dense_width == 1
    assert made.layout.slots == 4


def test_an_explicit_column_stands_in_for_the_derived_one(schema: Schema) -> None:
    made = FeatureColumnAdapter(
        Columns(column=(Category(name="shop", embedding=None), Crossed(name="x", of=("user", "colour"), buckets=9))),
        schema,
        "signs",
    )
    names = [column.name for column in made.columns]
    assert names.count("shop") == 1
    assert {"user", "colour", "x"} <= set(names)


def test_slots_with_equal_rows_share_a_table(adapter: Any) -> None:
    made = adapter(
        Category(name="shop"),
        Bucketised(name="price", boundaries=(1.0,)),
        Category(name="colour"),
        Category(name="words", wide=False, embedding=Embedding(dimension=4)),
    )
    tables = {table.name: [slot.name for slot in table.slots] for table in made.layout.tables}
    assert tables == {"wide8": ["shop", "colour"], "wide0": ["price"], "deep4": ["words"]}
    assert made.layout.deep_width == 2 * 8 + 4


def test_rows_that_start_differently_are_in_tables_of_their_own(adapter: Any) -> None:
    other = Embedding(initializer=Initializer(kind="normal", scale=0.01))
    made = adapter(Category(name="shop"), Category(name="colour", embedding=other))
    assert [table.name for table in made.layout.tables] == ["wide8", "wide8_normal0.01"]


def test_adding_a_column_renames_no_table(adapter: Any) -> None:
    before = {table.name for table in adapter(Category(name="shop")).layout.tables}
    after = adapter(Category(name="colour", embedding=Embedding(dimension=2)), Category(name="shop")).layout.tables
    assert before <= {table.name for table in after}


def test_row_ids_of_slots_follow_each_other(compiled: Compiled, bags: Bags) -> None:
    batch = compiled([Category(name="shop"), Category(name="colour")], [{"shop": 3, "colour": "blue"}, {"shop": 0}])
    assert bags(batch) == [[3], [0], [5 + 2], [5 + 1]]


def test_a_bag_holds_every_value(compiled: Compiled, bags: Bags) -> None:
    batch = compiled([Category(name="words")], [{"words": ["c", "a"]}, {"words": []}, {"words": None}])
    assert bags(batch) == [[2, 0], [], []]


def test_values_carry_their_weights(compiled: Compiled) -> None:
    batch = compiled([Category(name="tags"), Category(name="shop")], [{"tag_weights": [0.5, 2.0]}])
    assert batch.weights is not None
    assert batch.weights.tolist() == [0.5, 2.0, 1.0]


def test_weights_can_be_left_out(compiled: Compiled) -> None:
    assert compiled([Category(name="tags", weighted=False)], [{}]).weights is None


def test_a_weight_column_of_another_length_names_column_and_row(compiled: Compiled) -> None:
    with pytest.raises(ColumnError, match="column 'tags', row 1: 2 values of 'tags' but 1 weights in 'tag_weights'"):
        compiled([Category(name="tags")], [{}, {"tag_weights": [1.0]}])


@pytest.mark.parametrize("weight", [None, float("nan"), float("inf")])
def test_a_weight_that_is_no_number_names_column_and_row(compiled: Compiled, weight: float | None) -> None:
    with pytest.raises(ColumnError, match=r"column 'tags', row 2: a weight in 'tag_weights' is (None|nan|inf)"):
        compiled([Category(name="tags")], [{}, {"tags": [], "tag_weights": []}, {"tag_weights": [1.0, weight]}])


def test_weights_of_another_type_name_the_column(adapter: Any) -> None:
    batch = pa.record_batch({"label": [1.0], "tags": [[1, 2]], "tag_weights": [["a", "b"]]})
    with pytest.raises(ColumnError, match="column 'tags': weights 'tag_weights' must be numbers, not string"):
        adapter(Category(name="tags")).transform(batch, global_size=1)


@pytest.mark.parametrize("column", [Category, Sequence])
def test_a_strict_encoder_names_the_row_of_an_id_outside(compiled: Compiled, column: Any) -> None:
    given = [{"tags": [1, 2]}, {"tags": [3], "tag_weights": [1.0]}, {"tags": [0, None]}, {"tags": [6, 7]}]
    strict = column(name="tags", encoder=Identity(strict=True))
    with pytest.raises(ColumnError, match=r"column 'tags', row 3: 7 of field 'tags' has no id.*\[0, 7\)"):
        compiled([strict], given)


def test_a_missing_label_names_the_row(compiled: Compiled) -> None:
    with pytest.raises(ColumnError, match="label 'label', row 1: it is missing"):
        compiled([Category(name="shop")], [{}, {"label": None}])


def test_a_sequence_keeps_its_last_values_and_their_weights(compiled: Compiled, bags: Bags) -> None:
    column = Sequence(name="recent", field="tags", last=2)
    batch = compiled([column], [{"tags": [1, 2, 3], "tag_weights": [0.1, 0.2, 0.3]}])
    assert bags(batch) == [[2, 3]]
    assert batch.weights is not None
    assert batch.weights.tolist() == pytest.approx([0.2, 0.3])


def test_buckets_include_their_lower_boundary(compiled: Compiled, bags: Bags) -> None:
    column = Bucketised(name="price", boundaries=(5.0, 10.0))
    batch = compiled([column], [{"price": price} for price in (4.9, 5.0, 10.0, None)])
    assert bags(batch) == [[0], [1], [2], []]


def test_a_cross_distinguishes_every_combination(compiled: Compiled, bags: Bags) -> None:
    column = Crossed(name="x", of=("shop", "colour"), buckets=10**9)
    rows = [{"shop": shop, "colour": colour} for shop in range(5) for colour in ("red", "green", "blue")]
    assert len({value for bag in bags(compiled([column], rows)) for value in bag}) == 15


def test_a_cross_may_be_built_on_buckets_and_on_crosses(compiled: Compiled, bags: Bags) -> None:
    buckets = Bucketised(name="b", field="price", boundaries=(10.0,))
    pair = Crossed(name="p", of=("b", "shop"), buckets=1000)
    triple = Crossed(name="t", of=("p", "words"), buckets=1000)
    made = bags(compiled([buckets, pair, triple], [{"words": ["a", "b", "c"]}]))
    assert [len(bag) for bag in made] == [1, 1, 3]


def test_merged_fields_share_their_values(compiled: Compiled, bags: Bags) -> None:
    column = Merged(name="letter", of=("colour", "words"), buckets=10**9)
    (bag,) = bags(compiled([column], [{"colour": "red", "words": ["a", "red"]}]))
    assert bag[0] == bag[2] != bag[1]


def test_shared_fields_look_up_the_same_rows(compiled: Compiled, bags: Bags) -> None:
    column = Shared(name="letter", of=("colour", "words"), encoder=Vocabulary(values=("red", "a")))
    first, second = bags(compiled([column], [{"colour": "red", "words": ["a", "red"]}]))
    assert first == [0]
    assert second == [1, 0]


def test_signs_and_ids_stand_for_the_same_rows(adapter: Any, rows: Any) -> None:
    columns = (Category(name="shop"), Category(name="words"), Crossed(name="x", of=("shop", "words"), buckets=50))
    batch = rows({}, {"shop": 1, "words": ["c"]}, {"words": []})
    by_id, by_sign = adapter(*columns), adapter(*columns, keys="signs")
    ids, signs = (made.transform(batch, global_size=3) for made in (by_id, by_sign))
    for table in by_id.layout.tables:
        begin = ids.row_splits[table.first_slot * 3]
        end = ids.row_splits[(table.first_slot + len(table.slots)) * 3]
        assert signs.values[begin:end].tolist() == table_signs(table)[ids.values[begin:end]].tolist()
    assert by_id.fingerprint == by_sign.fingerprint


def test_equal_values_of_two_columns_have_different_signs(compiled: Compiled) -> None:
    columns = [Category(name="a", field="shop"), Category(name="b", field="shop")]
    assert len(set(compiled(columns, [{}], keys="signs").values.tolist())) == 2


def test_an_unbounded_column_has_signs_but_no_ids(adapter: Any, compiled: Compiled) -> None:
    assert len(compiled([Category(name="user")], [{"user": 2**62}], keys="signs").values) == 1
    with pytest.raises(ColumnError, match=r"column 'user' is unbounded.*`buckets`"):
        adapter(Category(name="user"))


def _rows_by_column(schema: Schema, keys: Keys, buckets: int) -> dict[str, int | None]:
    made = FeatureColumnAdapter(Columns(auto_buckets=buckets), schema, keys)
    return {slot.name: slot.rows for table in made.layout.tables for slot in table.slots}


def test_auto_buckets_bound_every_derived_column(schema: Schema) -> None:
    with pytest.raises(ColumnError, match=r"'user' is unbounded.*auto_buckets"):
        FeatureColumnAdapter(Columns(), schema, "ids")
    assert _rows_by_column(schema, "ids", 1000)["user"] == 1000


def test_auto_buckets_give_the_sparse_table_the_same_columns(schema: Schema) -> None:
    by_id, by_sign = (FeatureColumnAdapter(Columns(auto_buckets=1000), schema, keys) for keys in KEYS)
    assert by_sign.fingerprint == by_id.fingerprint
    assert _rows_by_column(schema, "signs", 1000) == _rows_by_column(schema, "ids", 1000)


def test_auto_buckets_leave_smaller_columns_as_they_are(schema: Schema) -> None:
    natural = FeatureColumnAdapter(Columns(exclude=("user",)), schema, "ids")
    bounded = FeatureColumnAdapter(Columns(exclude=("user",), auto_buckets=1000), schema, "ids")
    assert bounded.column_fingerprints == natural.column_fingerprints


def test_no_derived_column_has_more_rows_than_auto_buckets(schema: Schema) -> None:
    assert set(_rows_by_column(schema, "ids", 2).values()) == {2}


def test_a_vocabulary_that_is_too_long_keeps_its_most_frequent_values(schema: Schema, rows: Any, bags: Bags) -> None:
    columns = Columns(exclude=("user", "shop", "tags", "words"), auto_buckets=2)
    batch = rows(*({"colour": colour} for colour in schema.field("colour").vocabulary or ()))
    first, *others = bags(FeatureColumnAdapter(columns, schema, "ids").transform(batch, global_size=9))
    assert first == [0]
    assert others
    assert all(other == [1] for other in others)


def test_an_unbounded_cross_has_signs_but_no_ids(adapter: Any) -> None:
    column = Crossed(name="x", of=("shop", "colour"))
    assert adapter(column, keys="signs").layout.tables[0].rows is None
    with pytest.raises(ColumnError, match="column 'x' is unbounded"):
        adapter(column)


def test_the_wide_part_alone_has_no_embeddings(adapter: Any) -> None:
    made = adapter(Category(name="shop"), Category(name="words", wide=False), parts="wide")
    assert [(table.name, table.dim) for table in made.layout.tables] == [("wide0", 0)]


def test_the_deep_part_alone_has_no_wide_weights(adapter: Any) -> None:
    made = adapter(Category(name="shop"), Crossed(name="x", of=("shop", "colour"), buckets=9), parts="deep")
    assert [(table.name, table.wide) for table in made.layout.tables] == [("deep8", 0)]


def test_a_share_without_rows_is_a_batch(compiled: Compiled) -> None:
    batch = compiled([Category(name="shop"), Category(name="words"), Numeric(name="price")], [])
    assert (batch.size, len(batch.values), batch.row_splits.tolist()) == (0, 0, [0])


def test_the_shapes_and_types_are_those_of_the_contract(compiled: Compiled) -> None:
    batch = compiled([Category(name="shop"), Category(name="tags"), Numeric(name="price")], [{}, {}])
    types = [array.dtype for array in (batch.label, batch.dense, batch.values, batch.row_splits, batch.weights)]
    assert types == [np.float32, np.float32, np.int64, np.int32, np.float32]
    assert batch.dense.flags.c_contiguous


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ((Category(name="shpo"),), "column 'shpo': there is no field 'shpo'. Did you mean 'shop'"),
        ((Crossed(name="x", of=("shop", "colur")),), "column 'x': there is no field 'colur'. Did you mean 'colour'"),
        (
            (Crossed(name="x", of=("shop", "price")),),
            "'x' needs a categorical field, but 'price' is numeric; bucketise it first",
        ),
        ((Crossed(name="x", of=("x", "shop")),), "'x' is crossed with itself: x of x"),
        ((Category(name="shop"), Category(name="shop")), "two columns are named 'shop'"),
        ((Category(name="shop", wide=False, embedding=None),), "'shop' has neither a wide weight nor an embedding"),
        ((Bucketised(name="price", boundaries=(2.0, 1.0)),), "'price': boundaries must increase strictly"),
        (
            (Bucketised(name="shop", boundaries=(2.0,)),),
            "column 'shop' needs a numeric field, but 'shop' is categorical",
        ),
        ((Category(name="price"),), "'price' needs a categorical field, but 'price' is numeric"),
        ((Category(name="shop", encoder=Vocabulary()),), "'shop' has no fitted vocabulary"),
    ],
)
def test_a_declaration_that_does_not_fit_the_schema_names_the_column(adapter: Any, columns: Any, message: str) -> None:
    with pytest.raises(ColumnError, match=message):
        adapter(*columns)


def test_circular_crosses_are_refused(adapter: Any) -> None:
    with pytest.raises(ColumnError, match="'x' is crossed with itself: x of y of x"):
        adapter(Crossed(name="x", of=("y", "shop")), Crossed(name="y", of=("x", "shop")))


def test_a_field_that_the_batch_lacks_is_named(adapter: Any) -> None:
    batch = pa.record_batch({"label": pa.array([1.0])})
    with pytest.raises(ColumnError, match="column 'shop': the batch has no field 'shop'"):
        adapter(Category(name="shop")).transform(batch, global_size=1)


def test_a_field_of_the_wrong_type_is_named(adapter: Any) -> None:
    batch = pa.record_batch({"label": pa.array([1.0]), "shop": pa.array([0.5])})
    with pytest.raises(ColumnError, match=r"column 'shop'.*it holds double"):
        adapter(Category(name="shop")).transform(batch, global_size=1)


def test_new_values_never_fail(compiled: Compiled, bags: Bags) -> None:
    columns = [
        Category(name="shop"),
        Category(name="colour"),
        Category(name="user", encoder=Hash(buckets=10)),
        Category(name="tags", encoder=Identity(size=2), weighted=False),
    ]
    new = {"shop": 99, "colour": "mauve", "user": -5, "tags": [1, 2, 3]}
    assert [len(bag) for bag in bags(compiled(columns, [new]))] == [0, 1, 1, 1]


class Job:
    """A communicator through which the ranks have sent prepared values."""

    def __init__(self, *sent: Any) -> None:
        self._sent = list(sent)

    def allgather(self, value: Any) -> list[Any]:
        return [value, *self._sent]


def sent(made: FeatureColumnAdapter) -> list[tuple[str, str]]:
    return list(made.column_fingerprints.items())


def test_ranks_with_equal_declarations_agree(adapter: Any) -> None:
    column = Category(name="colour")
    adapter(column).check_across(Cluster(0, 2, Job(sent(adapter(column)))))


@pytest.mark.parametrize(
    "other",
    [
        Category(name="colour", embedding=Embedding(dimension=4)),
        Category(name="colour", encoder=Vocabulary(values=("red", "blue", "green"))),
        Category(name="color", field="colour"),
    ],
)
def test_ranks_that_differ_name_the_column(adapter: Any, other: Category) -> None:
    theirs = sent(adapter(Category(name="shop"), other))
    mine = adapter(Category(name="shop"), Category(name="colour"))
    with pytest.raises(ClusterError, match="column 'colour' differs between rank 0 and rank 1"):
        mine.check_across(Cluster(0, 2, Job(theirs)))


def test_ranks_with_another_order_of_columns_disagree(adapter: Any) -> None:
    one, two = Category(name="shop"), Category(name="colour")
    with pytest.raises(ClusterError, match="differs"):
        adapter(one, two).check_across(Cluster(0, 2, Job(sent(adapter(two, one)))))


def test_a_vocabulary_is_part_of_the_fingerprint(schema: Schema) -> None:
    from dataclasses import replace

    changed = replace(
        schema,
        fields=tuple(
            replace(field, vocabulary=("green", "red", "blue")) if field.name == "colour" else field
            for field in schema.fields
        ),
    )
    columns = Columns(auto=False, column=(Category(name="colour"),))
    fingerprints = {FeatureColumnAdapter(columns, one, "ids").fingerprint for one in (schema, changed)}
    assert len(fingerprints) == 2
