"""Trains a small Keras model by the parameter server and writes what it saw: keras_train.py OUT [NAME=VALUE ...].

Names: mode, staleness, epochs, schedule (decay: the factor halves every 5 steps; drop: after the first epoch),
batch_norm (1), save, restore, die (rank), odd (what rank 1 declares otherwise), callbacks (folder: Keras saves, and
halves the factor after the first epoch), rewind (folder: one more epoch, twice, from a checkpoint).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from wideload.errors import ClusterError
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

EXAMPLES, BATCH = 421, 60  # the last batch has one example: under two ranks, one of them has none


def data(first: int = 0) -> tf.data.Dataset:
    """Examples with a single string, padded integers and weighted tags; a label that follows from them."""
    random = np.random.default_rng(first)
    colour = random.integers(0, 12, EXAMPLES)
    ids = random.integers(0, 30, (EXAMPLES, 3)) + first
    ids[random.random((EXAMPLES, 3)) < 0.3] = -1
    weights = random.random((EXAMPLES, 3)).astype(np.float32)
    number = random.normal(size=EXAMPLES).astype(np.float32)
    label = (colour + 4 * number + random.normal(size=EXAMPLES) > 6).astype(np.float32)
    names = np.array([f"colour {value + first}" for value in colour])
    inputs = {"colour": names, "ids": ids, "weights": weights, "number": number}
    return tf.data.Dataset.from_tensor_slices((inputs, label))


def build(strategy: PsStrategy, batch_norm: bool, odd: str) -> Model:
    odd = odd if strategy.rank == 1 else ""
    combiner: Any = "sum" if odd == "combiner" else "mean"
    columns = [category_column("colour"), category_column("ids", combiner=combiner, weights="weights")]
    linear = [category_column(column.key, combiner="sum", weights=column.weights) for column in columns]
    zeros = Initializer(kind="zeros")
    wide = EmbeddingFeatures(linear, 1, optimizer=Ftrl(learning_rate=0.1, l1=1e-3), initializer=zeros, name="wide")
    deep = EmbeddingFeatures(columns, 8 if odd == "dimension" else 4, name="deep")
    inputs = {layer.name: keras.Input([layer.width], name=layer.name) for layer in (wide, deep)}
    inputs["number"] = keras.Input([1], name="number")
    hidden = keras.layers.Concatenate()([inputs["deep"], inputs["number"]])
    hidden = keras.layers.Dense(9 if odd == "tower" else 8, activation="relu")(hidden)
    if batch_norm:
        hidden = keras.layers.BatchNormalization(momentum=0.5)(hidden)
    logit = keras.layers.Dense(1)(hidden) + tf.reduce_sum(inputs["wide"], axis=1, keepdims=True)
    return Model([wide, deep], keras.Model(inputs, logit), strategy)


class Losses(keras.callbacks.Callback):  # type: ignore[misc]
    """The running mean of the loss after every batch; ends the process of rank `die` on its tenth."""

    def __init__(self, die: bool) -> None:
        super().__init__()
        self.found: list[float] = []
        self._die = die

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.found.append(float(logs["loss"]))
        if self._die and len(self.found) == 10:
            raise ValueError("this rank has had enough")


def rows(model: Model, strategy: PsStrategy) -> int:
    return sum(strategy.cluster.allgather(sum(len(table) for table in model.cluster.tables)))


def main(out: Path, options: dict[str, str]) -> None:
    sync = {"staleness": int(options["staleness"])} if "staleness" in options else {}
    strategy = PsStrategy(options.get("mode", "sync"), seed=3, **sync)
    with strategy.scope():
        keras.utils.set_random_seed(strategy.rank)  # ranks that begin differently are made equal
        model = build(strategy, "batch_norm" in options, options.get("odd", ""))
    schedules = keras.optimizers.schedules
    factors = {
        "decay": schedules.ExponentialDecay(1.0, 5, 0.5),
        "drop": schedules.PiecewiseConstantDecay([7], [1.0, 0.5]),
        "callback": 1.0,
    }
    schedule = factors.get("callback" if "callbacks" in options else options.get("schedule", ""))
    try:
        model.compile(
            Optimizer(dense=AdaGrad(), sparse=AdaGrad(), learning_rate=schedule),
            loss=keras.losses.BinaryCrossentropy(from_logits=True),
            metrics=[keras.metrics.AUC(from_logits=True, name="auc")],
        )
    except ClusterError as error:
        sys.stdout.write(f"refused: {error}\n")
        return
    if "restore" in options:
        model.restore(options["restore"])
    losses = Losses(options.get("die") == str(strategy.rank))
    callbacks: list[Any] = [losses]
    if "callbacks" in options:
        path = options["callbacks"] + "/epoch-{epoch}"
        callbacks.append(keras.callbacks.ModelCheckpoint(path, save_weights_only=True))
        callbacks.append(keras.callbacks.LearningRateScheduler(lambda epoch: 1.0 if epoch == 0 else 0.5))
    batches = strategy.distribute(data().batch(BATCH))
    model.fit(batches, epochs=int(options.get("epochs", "3")), verbose=0, callbacks=callbacks)
    strategy.cluster.barrier()
    before = rows(model, strategy)
    found = model.evaluate(batches, return_dict=True)
    unseen = strategy.distribute(data(first=1000).batch(BATCH))
    model.evaluate(unseen)
    predicted = model.predict(unseen)
    everyone = strategy.cluster.allgather(predicted)
    after = rows(model, strategy)
    if "rewind" in options:
        model.save(options["rewind"])
        model.fit(batches, verbose=0)
        found = model.evaluate(batches, return_dict=True)
        model.load_weights(options["rewind"])
        model.fit(batches, verbose=0)
        found = [found, model.evaluate(batches, return_dict=True)]
    if "save" in options:
        model.save(options["save"])
    statistics = [variable.numpy().tolist() for variable in model.tower.non_trainable_variables]
    answer = {"losses": losses.found, "evaluated": found, "rows": [before, after], "statistics": statistics}
    answer["predicted"] = [len(part) for part in everyone]
    answer["steps"] = int(model.optimizer.iterations)
    gathered = strategy.cluster.allgather(answer)
    if strategy.rank == 0:
        out.write_text(json.dumps(gathered))


if __name__ == "__main__":
    main(Path(sys.argv[1]), dict(argument.split("=", 1) for argument in sys.argv[2:]))
