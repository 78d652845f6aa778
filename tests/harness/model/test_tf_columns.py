"""TensorFlow's own feature columns and the model's look-up compute the same from one declaration."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from wideload.harness.features.layout import table_signs
from wideload.harness.model.embedding_bag import reference_bag
from wideload.harness.model.initial_rows import initial_deep
from wideload.harness.model.tf_columns import to_feature_columns
from wideload.harness.model.tower import Pass
from wideload.harness.model.wide_deep import Inputs, WideDeep
from wideload.harness.workload.columns import (
    Bucketised,
    Category,
    Column,
    Crossed,
    Embedding,
    Hash,
    Merged,
    Numeric,
    Sequence,
    Shared,
)
from wideload.harness.workload.model import Model

ROWS = [
    {},
    {"price": 3.0, "shop": 0, "colour": "mauve", "tags": [], "tag_weights": [], "words": ["c"]},
    {"price": 12.5, "shop": 4, "colour": None, "tags": [6], "tag_weights": [0.25], "words": []},
    {"colour": "red", "tags": [0, 0, 5], "tag_weights": [1.0, 2.0, 3.0], "words": ["a", "new", "a"]},
]

DECLARED: dict[str, tuple[Column, ...]] = {
    "numbers": (Numeric(name="price"), Numeric(name="log", field="price", transform="log1p", missing_indicator=True)),
    "single values": (Category(name="shop"), Category(name="colour")),
    "multi-valued": (Category(name="words"), Category(name="tags", weighted=False)),
    "weighted": (Category(name="tags"), Category(name="shop"), Bucketised(name="price", boundaries=(5.0,))),
    "hashed": (Category(name="user", encoder=Hash(buckets=11)), Category(name="words", encoder=Hash(buckets=3))),
    "crossed": (Crossed(name="x", of=("shop", "words"), buckets=50, embedding=Embedding()),),
    "bucketised": (Bucketised(name="price", boundaries=(5.0, 10.0), embedding=Embedding(dimension=2)),),
    "merged": (Merged(name="letters", of=("colour", "words"), buckets=9),),
    "sequence": (Sequence(name="recent", field="tags", last=2),),
    "shared": (Shared(name="letter", of=("colour", "words")),),
    **{
        f"combiner {combiner}": (
            Category(name="words", embedding=Embedding(combiner=combiner)),
            Category(name="tags", embedding=Embedding(combiner=combiner)),
        )
        for combiner in ("sum", "mean", "sqrtn")
    },
}


@pytest.fixture
def keras() -> Iterator[Any]:
    """Keras 2, whose own imports warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tf_keras

        yield tf_keras


@pytest.mark.parametrize("columns", DECLARED.values(), ids=list(DECLARED))
def test_the_model_computes_the_same_through_either(keras: Any, adapter: Any, rows: Any, columns: Any) -> None:
    made, records = adapter(*columns), rows(*ROWS)
    model = WideDeep(Model(hidden_units=(5,)), made.layout)
    flat = tf.constant(model.tower.initial(3))
    run = Pass(0, tf.constant(0, tf.int64), tf.constant(0, tf.int64))

    stock = to_feature_columns(made, seed=9)
    features = stock.inputs(records)
    weights = np.random.default_rng(0).normal(size=10_000).astype(np.float32)
    nothing = tf.zeros([len(ROWS), 0])
    stacked = [keras.layers.DenseFeatures([column])(features) for column in (*stock.deep, *stock.numeric)]
    theirs, _ = model.tower.train(flat, tf.concat([nothing, *stacked], axis=1), run)
    for layer in [keras.layers.DenseFeatures([column]) for column in stock.wide]:
        layer(features)
        (variable,) = layer.weights
        variable.assign(weights[: variable.shape[0], None])
        theirs += layer(features)[:, 0]

    ours = our_logits(made, model, flat, records, weights)
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-6, atol=1e-6)


def test_shared_columns_share_their_variable_in_a_graph(adapter: Any) -> None:
    with tf.Graph().as_default():
        first, second = to_feature_columns(adapter(Shared(name="letter", of=("colour", "words")))).deep
        assert first.shared_embedding_column_creator is second.shared_embedding_column_creator


def our_logits(made: Any, model: WideDeep, flat: Any, records: Any, weights: Any) -> Any:
    inputs = Inputs.of(made.transform(records, global_size=len(ROWS)))
    run = Pass(0, tf.constant(0, tf.int64), tf.constant(0, tf.int64))
    linear, deep = [tf.zeros([len(ROWS)])], [tf.zeros([len(ROWS), 0])]
    for table, part in zip(made.layout.tables, model.parts(inputs), strict=True):
        wide = np.zeros((table.rows, table.wide), np.float32)
        for slot in table.slots:
            wide[slot.first_row : slot.first_row + slot.rows] = weights[: slot.rows, None]
        variable = np.concatenate([wide, initial_deep(table, table_signs(table), 9)], axis=1)
        unique = tf.unique(part.values)
        rows = tf.gather(variable, unique.y)
        bag = reference_bag(table)(rows, unique.idx, part.row_splits, part.weights, inputs.dense[:, :0])
        linear.append(bag[0])
        deep.append(bag[1])
    logits, _ = model.tower.train(flat, tf.concat([*deep, inputs.dense], axis=1), run)
    return (tf.add_n(linear) + logits).numpy()
