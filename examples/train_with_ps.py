"""Wide & Deep on Census Income with the parameter server and Keras, without the harness.

::

    mpirun -np 2 python examples/train_with_ps.py

Every rank runs this script: it is a worker, and owns its share of the rows and of the tower's parameters.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import tensorflow as tf
import tf_keras as keras

from wideload import datasets
from wideload.datasets.contract import Plan
from wideload.strategies.sparse_ps import (
    AdaGrad,
    EmbeddingFeatures,
    Ftrl,
    Initializer,
    Model,
    Optimizer,
    PsStrategy,
    category_column,
)

BATCH = 256  # over all ranks


def census(split: str) -> tf.data.Dataset:
    """Single examples: a dictionary of inputs, and the label."""
    data = datasets.load("census")
    schema = data.schema()
    plan = Plan(batch_size=data.size(split), seed=None)
    (records,) = data.stream(split, plan)
    inputs = {}
    for field in schema.fields:
        column = records.column(field.name)
        if field.kind == "numeric":
            numbers = column.fill_null(field.mean).to_numpy(zero_copy_only=False)
            inputs[field.name] = ((numbers - field.mean) / field.std).astype(np.float32)
        else:
            inputs[field.name] = np.array([value or "" for value in column.to_pylist()], dtype=str)
    label = records.column(schema.label).to_numpy(zero_copy_only=False).astype(np.float32)
    return tf.data.Dataset.from_tensor_slices((inputs, label))


def build(strategy: PsStrategy) -> Model:
    """A linear part over the categories, and a tower over their embeddings and the numbers."""
    fields = datasets.load("census").schema().fields
    categories = [field.name for field in fields if field.kind == "categorical"]
    numbers = [field.name for field in fields if field.kind == "numeric"]
    wide = EmbeddingFeatures(
        [category_column(name, combiner="sum") for name in categories],
        dimension=1,
        optimizer=Ftrl(learning_rate=0.05, l1=1e-4),
        initializer=Initializer(kind="zeros"),
        name="wide",
    )
    deep = EmbeddingFeatures([category_column(name) for name in categories], dimension=8, name="deep")

    inputs = {layer.name: keras.Input([layer.width], name=layer.name) for layer in (wide, deep)}
    inputs |= {name: keras.Input([1], name=name) for name in numbers}
    hidden = keras.layers.Concatenate()([inputs["deep"], *(inputs[name] for name in numbers)])
    for units in (64, 32):
        hidden = keras.layers.Dense(units, activation="relu")(hidden)
    logit = keras.layers.Dense(1)(hidden) + tf.reduce_sum(inputs["wide"], axis=1, keepdims=True)
    return Model([wide, deep], keras.Model(inputs, logit), strategy)


def main() -> None:
    """Trains and evaluates; every rank has the same numbers, rank 0 writes them."""
    arguments = argparse.ArgumentParser(description="Wide & Deep on Census Income with the parameter server and Keras.")
    arguments.add_argument("--mode", default="sync", choices=["sync", "bounded", "async"])
    arguments.add_argument("--epochs", type=int, default=2)
    arguments.add_argument("--save", metavar="FOLDER", help="write a checkpoint there")
    chosen = arguments.parse_args()

    strategy = PsStrategy(mode=chosen.mode, seed=1)
    with strategy.scope():
        model = build(strategy)
    model.compile(
        Optimizer(dense=AdaGrad(learning_rate=0.05), sparse=AdaGrad(learning_rate=0.05)),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.AUC(num_thresholds=1000, from_logits=True, name="auc")],
    )
    train = census("train").shuffle(40_000, seed=1).batch(BATCH)
    test = census("test").batch(4096)
    model.fit(strategy.distribute(train), epochs=chosen.epochs, verbose=2)
    found = model.evaluate(strategy.distribute(test), return_dict=True, verbose=0)
    if chosen.save:
        model.save(chosen.save)
    if strategy.rank == 0:
        sys.stdout.write(f"{strategy.ranks} ranks, {chosen.mode}: auc {found['auc']:.4f}, loss {found['loss']:.4f}\n")
    strategy.close()


if __name__ == "__main__":
    main()
