"""Uses of the Keras model as scripts make them: keras_uses.py OUT USE...; writes what each rank got from each use.

A use that raises an error of the project, of Keras or of TensorFlow gives its text.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from wideload.errors import WideloadError
from wideload.strategies.sparse_ps import (
    AdaGrad,
    Adam,
    EmbeddingFeatures,
    Model,
    Optimizer,
    PsStrategy,
    category_column,
)

EXAMPLES, BATCH = 96, 32
Arrays = tuple[dict[str, np.ndarray[Any, Any]], np.ndarray[Any, Any]]


def arrays() -> Arrays:
    """The same on every rank; labels that both ids and numbers say something about, unequally among the examples."""
    random = np.random.default_rng(5)
    ids = random.integers(0, 9, EXAMPLES)
    number = random.normal(size=EXAMPLES).astype(np.float32)
    number[::2] += 2.0
    label = (ids + 3 * number > 5).astype(np.float32)
    return {"ids": ids, "number": number[:, None]}, label


def make_tower(library: Any = keras, width: int = 2) -> Any:
    inputs = {"deep": library.Input([width], name="deep"), "number": library.Input([1], name="number")}
    hidden = library.layers.Concatenate()([inputs["deep"], inputs["number"]])
    hidden = library.layers.Dense(4, activation="relu", name="hidden")(hidden)
    return library.Model(inputs, library.layers.Dense(1, name="logit", dtype="float32")(hidden))


class Use:
    """A model in a job of its own, and its data."""

    def __init__(self, timeout: float = 60.0) -> None:
        self.strategy = PsStrategy(seed=3, timeout=timeout)
        with self.strategy.scope():
            self.features = EmbeddingFeatures([category_column("ids")], 2, name="deep")
            self.model = Model([self.features], make_tower(), self.strategy)
        self.optimizer = Optimizer(
            dense=AdaGrad(learning_rate=0.1), sparse=AdaGrad(learning_rate=0.1), learning_rate=1.0
        )
        self.inputs, self.labels = arrays()
        dataset = tf.data.Dataset.from_tensor_slices((self.inputs, self.labels)).batch(BATCH)
        self.batches = self.strategy.distribute(dataset)

    def compile(self, **options: Any) -> None:
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        metrics = [keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy")]
        self.model.compile(self.optimizer, **({"loss": loss, "metrics": metrics} | options))

    def fit(self, epochs: int = 1, **options: Any) -> dict[str, list[float]]:
        history = self.model.fit(self.batches, epochs=epochs, verbose=0, **options).history
        return {name: [float(value) for value in values] for name, values in history.items()}

    def predicted(self) -> list[float]:
        found: list[float] = self.model.predict(self.inputs, verbose=0).ravel().tolist()
        return found

    def rows(self) -> int:
        return sum(self.strategy.cluster.allgather(len(self.model.cluster.tables[0])))


def compiled() -> Use:
    use = Use()
    use.compile()
    return use


def restore_best(use: Use) -> Any:
    """The best loss is the highest here, which is that of the first epoch."""
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", mode="max", patience=2, restore_best_weights=True)
    losses = use.fit(6, validation_data=use.batches, callbacks=[stop])["val_loss"]
    return losses, use.model.evaluate(use.batches, verbose=0, return_dict=True)["loss"]


def weights_round_trip(use: Use) -> Any:
    use.fit(1)
    copied, before = use.model.get_weights(), use.predicted()
    rows = use.rows()
    use.fit(1)
    one = use.predicted()
    use.model.set_weights(copied)
    restored, rows_restored = use.predicted(), use.rows()
    use.fit(1)  # optimizer state is restored, too
    tower = [list(array.shape) for array in copied]
    return {"same": before == restored, "moved": before != one, "rows": [rows, rows_restored], "tower": tower,
            "again": float(np.abs(np.subtract(use.predicted(), one)).max())}  # fmt: skip


def plain_weights(use: Use) -> Any:
    use.fit(1)
    use.model.set_weights([array * 0.5 for array in use.model.get_weights()])


def early_stopping_on_accuracy(use: Use) -> Any:
    seen: list[float] = []
    look = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(float(logs["accuracy"])))
    stop = keras.callbacks.EarlyStopping(monitor="accuracy", patience=1, mode="max")
    use.fit(30, callbacks=[look, stop])
    return seen


def plateau_on_accuracy(use: Use) -> Any:
    plateau = keras.callbacks.ReduceLROnPlateau(monitor="accuracy", mode="max", patience=1, factor=0.5, min_delta=0.2)
    return use.fit(6, callbacks=[plateau])["lr"]


def one_rank_wants_to_stop(use: Use) -> Any:
    class Stop(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = use.strategy.rank == use.strategy.ranks - 1 and epoch == 1

    return len(use.fit(9, callbacks=[Stop()])["loss"])


def one_rank_sets_another_rate(use: Use) -> Any:
    rates = keras.callbacks.LearningRateScheduler(lambda epoch: 0.5 / (1 + use.strategy.rank))
    use.fit(2, callbacks=[rates])
    return float(use.optimizer.lr)


def metrics_over_all_ranks(use: Use) -> Any:
    return use.fit(2, validation_data=use.batches)


def backup_and_restore(use: Use) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        use.fit(1, callbacks=[keras.callbacks.BackupAndRestore(folder)])


def checkpoint_whole_models(use: Use) -> Any:
    folder = use.strategy.cluster.comm.bcast(tempfile.mkdtemp())
    callback = keras.callbacks.ModelCheckpoint(folder + "/best", monitor="accuracy", mode="max", save_best_only=True)
    use.fit(2, callbacks=[callback])
    use.model.load_weights(folder + "/best")
    return sorted(path.name for path in Path(folder).iterdir())


def save_a_keras_file(use: Use) -> Any:
    use.model.save("model.keras")


def save_an_h5_file(use: Use) -> Any:
    use.model.save_weights("model.weights.h5")


def export(use: Use) -> Any:
    use.model.export("folder")


def fit_by_position(use: Use) -> Any:
    history = use.model.fit(use.inputs, use.labels, 32, 2, 0)
    evaluated = use.model.evaluate(use.inputs, use.labels, 32, 0)
    return len(history.history["loss"]), len(evaluated), len(use.model.predict(use.inputs, 32, 0))


def summary(use: Use) -> Any:
    lines: list[str] = []
    use.fit(1)
    use.model.summary(print_fn=lambda line, line_break=True: lines.append(line))
    return use.model.count_params(), "\n".join(lines)


def frozen_later(use: Use) -> Any:
    hidden = use.model.tower.get_layer("hidden")
    use.fit(1)
    hidden.trainable = False
    use.compile()
    use.predicted()
    before, logit = hidden.get_weights(), use.model.tower.get_layer("logit").get_weights()
    use.fit(2)
    use.predicted()
    kept = all((a == b).all() for a, b in zip(before, hidden.get_weights(), strict=True))
    moved = any((a != b).any() for a, b in zip(logit, use.model.tower.get_layer("logit").get_weights(), strict=True))
    hidden.trainable = True
    use.compile()
    use.fit(1)
    use.predicted()
    thawed = any((a != b).any() for a, b in zip(before, hidden.get_weights(), strict=True))
    return {"kept": kept, "moved": moved, "thawed": thawed}


def frozen_first() -> Any:
    use = Use()
    use.optimizer = Optimizer(dense=Adam(learning_rate=0.1))
    hidden = use.model.tower.get_layer("hidden")
    hidden.trainable = False
    use.compile()
    before = hidden.get_weights()
    use.fit(2)
    use.predicted()
    kept = all((a == b).all() for a, b in zip(before, hidden.get_weights(), strict=True))
    hidden.trainable = True
    try:
        use.compile()
    except WideloadError as error:
        return kept, str(error)
    return kept, ""


def restored_with_other_layers_frozen(use: Use) -> Any:
    folder = use.strategy.cluster.comm.bcast(tempfile.mkdtemp()) + "/model"
    use.fit(1)
    use.model.save(folder)
    other = Use()
    other.model.tower.get_layer("hidden").trainable = False
    other.compile()
    other.model.restore(folder)


def frozen_under_adam() -> Any:
    use = Use()
    use.optimizer = Optimizer(dense=Adam(learning_rate=0.1))
    use.compile()
    use.fit(1)
    use.model.tower.get_layer("hidden").trainable = False
    use.compile()


def frozen_rows(use: Use) -> Any:
    use.fit(1)
    table = use.model.cluster.tables[0]
    use.features.trainable = False
    use.compile()
    before = table.export_rows()["floats"]
    use.fit(2)
    return bool((before == table.export_rows()["floats"]).all()), len(before)


def keras_3_tower() -> Any:
    Model(Use().model.features, make_tower(tf.keras), PsStrategy())


def keras_3_metric() -> Any:
    Use().compile(metrics=[tf.keras.metrics.AUC()])


def keras_3_callback(use: Use) -> Any:
    use.fit(1, callbacks=[tf.keras.callbacks.TerminateOnNaN()])


def jit(use: Use) -> Any:
    use.compile(jit_compile=True)


def mixed(policy: str) -> Any:
    keras.mixed_precision.set_global_policy(policy)
    try:
        use = compiled()
        losses = use.fit(4)["loss"]
        return losses, str(use.model.cluster.tables[0].export_rows()["floats"].dtype), len(use.predicted())
    finally:
        keras.mixed_precision.set_global_policy("float32")


def mixed_bfloat16() -> Any:
    return mixed("mixed_bfloat16")


def mixed_float16() -> Any:
    return mixed("mixed_float16")


# ------------------------------------------------------- uses of two ranks that end the job


def saves_on_rank_0_alone(use: Use) -> Any:
    use.fit(1)
    if use.strategy.rank == 0:
        use.model.save(Path(tempfile.mkdtemp()) / "model")
    use.strategy.close()


def hurry(use: Use) -> None:
    """A short time-out from now on: set-up and tracing may take longer on a busy machine."""
    use.strategy.cluster.barrier()
    use.strategy._meetings._timeout = 2


def waits_for_a_rank_that_does_nothing(use: Use) -> Any:
    use.fit(1)
    hurry(use)
    if use.strategy.rank == 0:
        use.model.evaluate(use.batches, verbose=0)
    time.sleep(60)


def compiles_on_rank_0_alone() -> Any:
    use = Use(timeout=2)
    if use.strategy.rank == 0:
        use.compile()
    time.sleep(60)


def trains_while_rank_0_saves(use: Use) -> Any:
    hurry(use)
    if use.strategy.rank == 0:
        use.model.save(Path(tempfile.mkdtemp()) / "model")
    use.fit(1)


def run(name: str) -> Any:
    function: Callable[..., Any] = globals()[name]
    try:
        return function(compiled()) if function.__code__.co_argcount else function()
    except (WideloadError, ValueError, tf.errors.OpError) as error:
        if name.endswith(("alone", "nothing", "saves")):
            raise
        return f"{type(error).__name__}: {error}"


def main(out: Path, names: list[str]) -> None:
    strategy = PsStrategy()
    found = {}
    for name in names:
        found[name] = run(name)
        print(name, found[name], flush=True)
        keras.backend.clear_session()
    gathered = strategy.cluster.allgather(found)
    if strategy.rank == 0:
        out.write_text(json.dumps(gathered, default=float))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.argv[2:])
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        time.sleep(1)  # mpirun ends the other ranks when the first one exits, and what they were printing is lost
        sys.exit(1)
