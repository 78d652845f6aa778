"""Random declarations over random rows, against an oracle that reads one example at a time in plain Python."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wideload.datasets.contract import Schema
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.workload.columns import (
    Bucketised,
    Category,
    Column,
    Columns,
    Crossed,
    Embedding,
    Hash,
    Identity,
    Merged,
    Sequence,
    Shared,
    Vocabulary,
)
from wideload.hashing import buckets_of, combine, hash_integers, hash_strings

SHOPS, TAGS, COLOURS, WORDS = 5, 7, ("red", "green", "blue"), ("a", "b", "c")

encoders_of_words = st.one_of(
    st.just(Vocabulary()),
    st.builds(Vocabulary, oov_buckets=st.integers(0, 3)),
    st.builds(Vocabulary, values=st.just(("b", "green")), oov_buckets=st.integers(0, 2)),
    st.builds(Hash, buckets=st.integers(1, 9)),
)
encoders_of_numbers = st.one_of(
    st.just(Identity()),
    st.builds(Identity, size=st.integers(1, 9)),
    st.builds(Hash, buckets=st.integers(1, 9)),
    st.just(Vocabulary(values=("3", "1"))),
)
embeddings = st.one_of(
    st.none(), st.builds(Embedding, dimension=st.integers(1, 3), combiner=st.sampled_from(("sum", "mean", "sqrtn")))
)


@st.composite
def declarations(draw: st.DrawFn) -> tuple[Column, ...]:
    """One to five columns; crosses may be made of fields, of columns and of crosses."""
    made: list[Column] = []
    for index in range(draw(st.integers(1, 5))):
        common = {"name": f"c{index}", "embedding": draw(embeddings)}
        field = draw(st.sampled_from(("shop", "tags", "colour", "words")))
        encoder = draw(encoders_of_words if field in {"colour", "words"} else encoders_of_numbers)
        kind = draw(st.sampled_from(("bucketised", "category", "sequence", "crossed", "merged", "shared")))
        if kind == "bucketised":
            boundaries = tuple(sorted(draw(st.sets(st.integers(-3, 3), min_size=1))))
            made.append(Bucketised(field="price", boundaries=boundaries, **common))
        elif kind == "category":
            made.append(Category(field=field, encoder=encoder, weighted=draw(st.booleans()), **common))
        elif kind == "sequence":
            common["wide"] = True
            made.append(Sequence(field=field, encoder=encoder, last=draw(st.integers(1, 2)), **common))
        elif kind == "crossed":
            parts = st.sampled_from([*(c.name for c in made if not isinstance(c, Shared)), "shop", "tags", "colour"])
            of = tuple(draw(st.lists(parts, min_size=2, max_size=3)))
            made.append(Crossed(of=of, buckets=draw(st.integers(1, 99)), **common))
        elif kind == "merged":
            made.append(Merged(of=("colour", "words"), buckets=draw(st.integers(1, 9)), **common))
        else:
            made.append(Shared(of=("colour", "words"), encoder=draw(encoders_of_words), **common))
    return tuple(made)


rows_drawn = st.lists(
    st.fixed_dictionaries(
        {
            "price": st.one_of(st.none(), st.integers(-5, 5).map(float)),
            "shop": st.one_of(st.none(), st.integers(-1, SHOPS)),
            "colour": st.one_of(st.none(), st.sampled_from((*COLOURS, "mauve"))),
            "words": st.lists(st.sampled_from((*WORDS, "red", "new")), max_size=3),
            "weighted_tags": st.lists(st.tuples(st.integers(0, TAGS), st.sampled_from((0.5, 1.0, 2.0))), max_size=3),
        }
    ),
    max_size=6,
).map(
    lambda rows: [
        {**row, "tags": [tag for tag, _ in row["weighted_tags"]], "tag_weights": [w for _, w in row["weighted_tags"]]}
        for row in rows
    ]
)

Bag = list[tuple[int, float]]


def hash_of(value: Any) -> int:
    if isinstance(value, str):
        return int(hash_strings(pa.array([value]))[0])
    return int(hash_integers(np.array([value], np.int64))[0])


def bucket(hashed: int, buckets: int) -> int:
    return int(buckets_of(np.array([hashed], np.int64), buckets)[0])


class Oracle:
    """What a declaration means for one example."""

    def __init__(self, columns: tuple[Column, ...], schema: Schema) -> None:
        self.columns = {column.name: column for column in columns}
        self.schema = schema

    def encode(self, encoder: Any, field: str, value: Any) -> int | None:
        if isinstance(encoder, Identity):
            size = encoder.size or self.schema.field(field).cardinality or 0
            return value if value is not None and 0 <= value < size else None
        if isinstance(encoder, Hash):
            return None if value is None else bucket(hash_of(value), encoder.buckets or 1)
        known = encoder.values or self.schema.field(field).vocabulary or ()
        if value is not None and str(value) in known:
            return known.index(str(value))
        if not encoder.oov_buckets:
            return None
        return len(known) + (0 if value is None else bucket(hash_of(value), encoder.oov_buckets))

    def raw(self, row: dict[str, Any], field: str, weighted: bool) -> list[tuple[Any, float]]:
        values = row[field] if isinstance(row[field], list) else [row[field]]
        weights = row["tag_weights"] if weighted and field == "tags" else [1.0] * len(values)
        return list(zip(values, weights, strict=True))

    def field(self, row: dict[str, Any], field: str, encoder: Any, weighted: bool, last: int | None = None) -> Bag:
        values = self.raw(row, field, weighted)
        found = [(self.encode(encoder, field, value), weight) for value, weight in values[-last if last else None :]]
        return [(code, weight) for code, weight in found if code is not None]

    def bag(self, row: dict[str, Any], name: str) -> Bag:
        column = self.columns.get(name)
        match column:
            case None:
                natural = Vocabulary() if self.schema.field(name).vocabulary else Identity()
                return self.field(row, name, natural, weighted=False)
            case Bucketised():
                if row["price"] is None:
                    return []
                return [(sum(row["price"] >= boundary for boundary in column.boundaries), 1.0)]
            case Category():
                return self.field(row, column.field or "", column.encoder, column.weighted)
            case Sequence():
                return self.field(row, column.field or "", column.encoder, column.weighted, column.last)
            case Crossed():
                return self.crossed(row, column)
            case Merged():
                values = [pair for field in column.of for pair in self.raw(row, field, True) if pair[0] is not None]
                return [(bucket(hash_of(value), column.buckets or 1), weight) for value, weight in values]
        raise AssertionError(column)

    def crossed(self, row: dict[str, Any], column: Crossed) -> Bag:
        found = []
        for combination in itertools.product(*(self.bag(row, part) for part in column.of)):
            hashed, weight = combination[0]
            for code, other in combination[1:]:
                hashed = int(combine(np.array([hashed], np.int64), np.array([code], np.int64))[0])
                weight *= other
            found.append((bucket(hashed, column.buckets or 1), weight))
        return found

    def slot(self, row: dict[str, Any], name: str) -> Bag:
        column, _, field = name.partition(".")
        shared = self.columns[column]
        if not isinstance(shared, Shared):
            return self.bag(row, name)
        encoder = shared.encoder
        if isinstance(encoder, Vocabulary) and encoder.values is None:
            encoder = encoder.model_copy(update={"values": COLOURS + WORDS})
        return self.field(row, field, encoder, weighted=True)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(columns=declarations(), examples=rows_drawn)
def test_the_transform_is_what_the_oracle_says(
    schema: Schema, rows: Any, columns: tuple[Column, ...], examples: list[dict[str, Any]]
) -> None:
    adapter = FeatureColumnAdapter(Columns(auto=False, column=columns), schema, "ids")
    batch = adapter.transform(rows(*examples), global_size=len(examples))
    oracle = Oracle(columns, schema)
    position = 0
    for table in adapter.layout.tables:
        for slot in table.slots:
            for row in examples:
                begin, end = batch.row_splits[position : position + 2]
                expected = oracle.slot(row, slot.name)
                assert (batch.values[begin:end] - slot.first_row).tolist() == [code for code, _ in expected]
                if batch.weights is not None:
                    assert batch.weights[begin:end].tolist() == [weight for _, weight in expected]
                position += 1
    assert len(batch.row_splits) == position + 1


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(columns=declarations(), examples=rows_drawn, data=st.data())
def test_shares_of_a_batch_are_parts_of_it(
    schema: Schema, rows: Any, columns: tuple[Column, ...], examples: list[dict[str, Any]], data: st.DataObject
) -> None:
    adapter = FeatureColumnAdapter(Columns(auto=False, column=columns), schema, "signs")
    whole = rows(*examples)
    cut = data.draw(st.integers(0, len(examples)))
    first, second = (adapter.transform(part, global_size=9) for part in (whole.slice(0, cut), whole.slice(cut)))
    together = adapter.transform(whole, global_size=9)
    merged = []
    for slot in range(adapter.layout.slots):
        for share in (first, second):
            begin, end = share.row_splits[slot * share.size], share.row_splits[(slot + 1) * share.size]
            merged += share.values[begin:end].tolist()
    assert together.values.tolist() == merged
