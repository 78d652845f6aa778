"""Wide & Deep on a batch's working set: what every strategy computes between its pull and its push.

::

    rows [U, width] of each table ──bag──► linear [B] ───────────────────────────────────┐
                                  dense     │                                            +──► logits [B] ──► loss
                                  [B, D] ───┴──► embeddings, dense [B, W] ──► tower ──► [B] ┘

Loss and gradients are this rank's *share*: sums over its examples divided by the global batch size, so the shares of
all ranks add up to the whole. Padding is cut off before the loss, so its gradient is exactly zero. The only bias is the
tower's. Penalties are part of the gradients, not of the reported loss.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from wideload.harness.features.layout import Batch, BatchLayout, TableLayout
from wideload.harness.model.embedding_bag import Bag, reference_bag
from wideload.harness.model.tensors import Tensor
from wideload.harness.model.tower import DenseTower, Pass
from wideload.harness.workload.model import Model

_UNWEIGHTED = np.empty(0, np.float32)

BLOCK = 16
"""The number of columns of the tower's inputs is a multiple of this; the last columns are zeros. A matrix product whose
result is 221 floats wide takes a third longer than one of 224 (oneDNN, AVX-512), and the gradient of the inputs is such
a product."""


class Inputs(NamedTuple):
    """A batch as tensors (or as arrays on their way in); shapes as in :class:`wideload.harness.features.layout.Batch`.

    Attributes:
        label: float32 ``[B]``; dense: float32 ``[B, D]``.
        values: int64 ``[nnz]``; row_splits: int32 ``[S * B + 1]``.
        weights: float32 ``[nnz]``, or ``[0]`` when every value weighs 1.
        global_size: int64 scalar.
        examples: int64 scalar: the first so many rows are examples, the others are padding.
    """

    label: Tensor
    dense: Tensor
    values: Tensor
    row_splits: Tensor
    weights: Tensor
    global_size: Tensor
    examples: Tensor

    @classmethod
    def of(cls, batch: Batch) -> Inputs:
        """The arrays of a batch as eager tensors."""
        weights = _UNWEIGHTED if batch.weights is None else batch.weights
        return cls(
            tf.constant(batch.label),
            tf.constant(batch.dense),
            tf.constant(batch.values),
            tf.constant(batch.row_splits),
            tf.constant(weights),
            tf.constant(batch.global_size, tf.int64),
            tf.constant(batch.examples, tf.int64),
        )

    @classmethod
    def signature(cls, layout: BatchLayout) -> Inputs:
        """The input signature of a ``tf.function``, with which it is traced once."""
        return cls(
            tf.TensorSpec([None], tf.float32),
            tf.TensorSpec([None, layout.dense_width], tf.float32),
            tf.TensorSpec([None], tf.int64),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([None], tf.float32),
            tf.TensorSpec([], tf.int64),
            tf.TensorSpec([], tf.int64),
        )


class TablePart(NamedTuple):
    """The part of a batch that looks up one table.

    Attributes:
        values: int64 ``[n]``; row_splits: int32 ``[slots * B + 1]``; weights: float32 ``[n]`` or ``[0]``.
    """

    values: Tensor
    row_splits: Tensor
    weights: Tensor


class Gradients(NamedTuple):
    """A rank's share of the gradients of one step; all float32.

    Attributes:
        loss: scalar, without penalties.
        rows: per table ``[U, width]``, in the order of the working set.
        flat: ``[P]``, of the tower's parameters.
        moments: ``[Q]``, of the global batch.
    """

    loss: Tensor
    rows: list[Tensor]
    flat: Tensor
    moments: Tensor


class WideDeep:
    """The model of a workload as functions of its parameters.

    Args:
        model: the workload's.
        layout: of the workload's batches.
        bag: makes the look-up of one table; the one in plain TensorFlow unless a faster kernel is given.
    """

    def __init__(self, model: Model, layout: BatchLayout, bag: Callable[[TableLayout], Bag] = reference_bag) -> None:
        self.layout = layout
        self.tower = DenseTower(model, layout)
        self._model = model
        self._bags = [bag(table) for table in layout.tables]
        self._zeros = -(layout.deep_width + layout.dense_width) % BLOCK

    def parts(self, inputs: Inputs) -> list[TablePart]:
        """The part of a batch that belongs to each table."""
        if len(self.layout.tables) == 1:
            return [TablePart(inputs.values, inputs.row_splits, inputs.weights)]
        size = tf.size(inputs.label)
        weighted = tf.size(inputs.weights) > 0
        found = []
        for table in self.layout.tables:
            first = table.first_slot * size
            last = first + len(table.slots) * size
            splits = inputs.row_splits[first : last + 1]
            begin, end = splits[0], splits[-1]
            weights = tf.cond(weighted, lambda b=begin, e=end: inputs.weights[b:e], lambda: inputs.weights)
            found.append(TablePart(inputs.values[begin:end], splits, weights))
        return found

    def gradients(
        self, rows: Sequence[Tensor], inverses: Sequence[Tensor], flat: Tensor, inputs: Inputs, run: Pass
    ) -> Gradients:
        """Loss and gradients of one training step.

        Args:
            rows: per table the working set ``[U, width]``.
            inverses: per table int32 ``[nnz of the table]``: which row each value is.
            flat: tower parameters ``[P]``.
            inputs: the batch.
            run: see :class:`wideload.harness.model.tower.Pass`.
        """
        rows = [tf.convert_to_tensor(table) for table in rows]
        flat = tf.convert_to_tensor(flat)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([rows, flat])
            linear, deep = self._look_up(rows, inverses, inputs)
            logits, moments = self.tower.train(flat, deep, run, inputs.examples)
            real = slice(inputs.examples)
            loss = loss_share(_logits(linear, logits)[real], inputs.label[real], inputs.global_size)
            target = loss + self._penalty(rows, inverses, flat, inputs)
        row_gradients, flat_gradient = tape.gradient(target, (rows, flat), unconnected_gradients="zero")
        summed = [_summed(gradient, table) for gradient, table in zip(row_gradients, rows, strict=True)]
        return Gradients(loss, summed, flat_gradient, moments)

    def probabilities(
        self, rows: Sequence[Tensor], inverses: Sequence[Tensor], flat: Tensor, statistics: Tensor, inputs: Inputs
    ) -> Tensor:
        """Predicted probabilities ``[B]``."""
        linear, deep = self._look_up(rows, inverses, inputs)
        return tf.sigmoid(_logits(linear, self.tower.predict(flat, statistics, deep)))

    def _look_up(
        self, rows: Sequence[Tensor], inverses: Sequence[Tensor], inputs: Inputs
    ) -> tuple[list[Tensor], Tensor]:
        """The linear part ``[B]`` of each table, and the tower's inputs ``[B, W]``, which end in columns of zeros."""
        linear, deep = [], []
        dense = tf.pad(inputs.dense, [[0, 0], [0, self._zeros]])
        nothing = inputs.dense[:, :0]
        last = len(self._bags) - 1
        for index, (bag, part) in enumerate(zip(self._bags, self.parts(inputs), strict=True)):
            # The widest tensor of the step is written once: the last look-up appends the dense columns to its own.
            appended = dense if index == last else nothing
            wide, embedded = bag(rows[index], inverses[index], part.row_splits, part.weights, appended)
            linear.append(wide)
            deep.append(embedded)
        if not deep:
            return linear, dense
        return linear, deep[0] if len(deep) == 1 else tf.concat(deep, axis=1)

    def _penalty(self, rows: Sequence[Tensor], inverses: Sequence[Tensor], flat: Tensor, inputs: Inputs) -> Tensor:
        """The rank's share of the penalties.

        Embeddings are penalised per example: ``embedding_l2 / 2`` times the squared length of every vector looked up.
        So the sum over the ranks is what a single rank would compute, and a row that was not touched does not change.
        """
        size = tf.cast(inputs.global_size, tf.float32)
        share = tf.cast(inputs.examples, tf.float32) / size
        penalty = self.tower.penalty(flat) * share
        if not self._model.embedding_l2:
            return penalty
        for layout, table, inverse in zip(self.layout.tables, rows, inverses, strict=True):
            lengths = tf.reduce_sum(tf.square(table[:, layout.wide :]), axis=1)
            penalty += self._model.embedding_l2 / 2 / size * tf.reduce_sum(tf.gather(lengths, inverse))
        return penalty


def _logits(linear: Sequence[Tensor], tower: Tensor) -> Tensor:
    """The sum ``[B]`` of the linear parts and the tower's logits: one operation, so that equal seeds give equal bits.

    AddN accumulates in the buffer of a term that nothing else holds, and begins with that term. If the linear parts
    were summed first, Grappler would replace ``AddN(linear) + tower`` by an AddN of all terms, and keep the other one
    for its shape: which of the two releases a term first, and so the order of the sum, would depend on timing.
    """
    return tf.add_n([*linear, tower])


def _summed(gradient: Tensor, rows: Tensor) -> Tensor:
    """The gradient of the working set as one dense matrix ``[U, width]``; that of a plain gather comes as slices."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    return tf.math.unsorted_segment_sum(gradient.values, gradient.indices, tf.shape(rows)[0])


def loss_share(logits: Tensor, label: Tensor, global_size: Tensor) -> Tensor:
    """The sum of the examples' sigmoid cross-entropies divided by ``global_size``: a float32 scalar."""
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=label, logits=logits)
    return tf.reduce_sum(losses) / tf.cast(global_size, tf.float32)


def first_example(global_size: int, rank: int, ranks: int) -> int:
    """Place of a rank's first example in a global batch.

    The ranks have contiguous parts of it; the first ranks have one example more when it does not divide.
    """
    base, extra = divmod(global_size, ranks)
    return rank * base + min(rank, extra)
