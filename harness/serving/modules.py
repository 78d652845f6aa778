"""The two SavedModels: rows inside, or the tower alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from wideload.arrays import Floats
from wideload.harness.checkpoints.tables.quantise import Precision
from wideload.harness.features.layout import Batch, BatchLayout
from wideload.harness.model.wide_deep import Inputs, WideDeep
from wideload.harness.serving.lookup import Absent, RowSource, absent_rows
from wideload.harness.serving.raw import RawReader
from wideload.harness.serving.weights import Weights
from wideload.harness.workload.workload import Workload

OUTPUT = "probability"


class Tower(tf.Module):  # type: ignore[misc]  # TensorFlow has no types
    """Predicts from the rows of a batch: the signatures ``rows`` and ``absent_K``.

    Args:
        weights: of a checkpoint.
        workload: that the checkpoint was trained on.
        layout: of the workload's batches.
        absent: what is used for signs without a row.
    """

    def __init__(self, weights: Weights, workload: Workload, layout: BatchLayout, absent: Absent) -> None:
        super().__init__()
        self._layout = layout
        self._model = WideDeep(workload.model, layout)
        self._flat = tf.Variable(weights.flat, trainable=False, name="tower")
        # TensorFlow crashes when it broadcasts an empty variable.
        self._statistics: Any = tf.zeros([0])
        if weights.statistics.size:
            self._statistics = tf.Variable(weights.statistics, trainable=False, name="statistics")
        self._absent = [absent_rows(table, absent, workload.seed) for table in layout.tables]

    def probabilities(self, dense: Any, row_splits: Any, weights: Any, rows: Sequence[Any]) -> Any:
        """Probabilities ``[B]``. ``rows[k]`` is ``[values of table k, width]``: one row for each value of the batch."""
        counts = [tf.range(tf.shape(table)[0]) for table in rows]
        inputs = _inputs(dense, tf.range(tf.cast(row_splits[-1], tf.int64)), row_splits, weights)
        return self._model.probabilities(rows, counts, self._flat, self._statistics, inputs)

    def signatures(self) -> dict[str, Any]:
        """The signatures of the SavedModel, by name."""
        layout = self._layout
        specs = {
            **_batch(layout),
            **{f"rows_{k}": tf.TensorSpec([None, table.width], tf.float32) for k, table in enumerate(layout.tables)},
        }

        def of_rows(given: dict[str, Any]) -> dict[str, Any]:
            rows = [given[f"rows_{k}"] for k in range(len(layout.tables))]
            return {OUTPUT: self.probabilities(given["dense"], given["row_splits"], given["weights"], rows)}

        found = {"rows": _signature(of_rows, specs)}
        found["serving_default"] = found["rows"]
        for k, rows in enumerate(self._absent):
            found[f"absent_{k}"] = _signature(
                lambda given, rows=rows: {"rows": rows(given["signs"])}, {"signs": tf.TensorSpec([None], tf.int64)}
            )
        return found


class SelfContained(Tower):
    """The tower with the rows: the signatures ``signs`` and, where raw values can be read, ``raw``.

    Args:
        precision: in which the rows are kept.
        raw: reads raw values, or None.
    """

    def __init__(
        self,
        weights: Weights,
        workload: Workload,
        layout: BatchLayout,
        absent: Absent,
        precision: Precision = "fp32",
        raw: RawReader | None = None,
    ) -> None:
        super().__init__(weights, workload, layout, absent)
        self._sources = [RowSource(table, precision, absent, workload.seed) for table in weights.tables]
        self._raw = raw

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def of_signs(self, dense: Any, values: Any, row_splits: Any, weights: Any) -> Any:
        """Probabilities ``[B]`` of a batch with ``keys="signs"``."""
        inputs = _inputs(dense, values, row_splits, weights)
        parts = zip(self._sources, self._model.parts(inputs), strict=True)
        return self.probabilities(dense, row_splits, weights, [source(part.values) for source, part in parts])

    def predict(self, batch: Batch) -> Floats:
        """Probabilities ``[B]`` of a batch with ``keys="signs"``."""
        inputs = Inputs.of(batch)
        found: Floats = self.of_signs(inputs.dense, inputs.values, inputs.row_splits, inputs.weights).numpy()
        return found

    def signatures(self) -> dict[str, Any]:
        specs = {**_batch(self._layout), "values": tf.TensorSpec([None], tf.int64)}
        found = {"signs": _signature(lambda given: {OUTPUT: self.of_signs(**given)}, specs)}
        found["serving_default"] = found["signs"]
        if self._raw is not None:
            raw = self._raw

            def of_raw(given: dict[str, Any]) -> dict[str, Any]:
                inputs = raw.inputs
                return {OUTPUT: self.of_signs(*raw({name: given[inputs[name]] for name in raw.fields}))}

            specs = {raw.inputs[name]: tf.TensorSpec([None], kind) for name, kind in raw.fields.items()}
            found["serving_default"] = found["raw"] = _signature(of_raw, specs)
        return found


def _inputs(dense: Any, values: Any, row_splits: Any, weights: Any) -> Inputs:
    """A batch to predict for: a global batch of its own, without padding. Its labels are not read."""
    size = tf.shape(dense)[0]
    examples = tf.cast(size, tf.int64)
    return Inputs(tf.zeros([size]), dense, values, row_splits, weights, global_size=examples, examples=examples)


def _batch(layout: BatchLayout) -> dict[str, Any]:
    """The inputs that both kinds have; ``weights`` is empty when every value weighs 1."""
    return {
        "dense": tf.TensorSpec([None, layout.dense_width], tf.float32),
        "row_splits": tf.TensorSpec([None], tf.int32),
        "weights": tf.TensorSpec([None], tf.float32),
    }


def _signature(function: Any, specs: dict[str, Any]) -> Any:
    named = {name: tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in specs.items()}
    return tf.function(function, input_signature=[named], autograph=False).get_concrete_function()
