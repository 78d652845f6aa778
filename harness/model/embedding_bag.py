"""The embedding bag in plain TensorFlow: the look-up over a batch's working set, both parts of the model at once.

This is the reference for faster kernels, and what runs where they were not built. ::

    linear[b]                   = sum over all bags of b of  w_i * rows[inverse_i, 0]
    deep[b, s*dim:(s+1)*dim]    = scale(s, b) * sum over bag (s, b) of  w_i * rows[inverse_i, wide:]
    deep[b, S*dim:]             = appended[b]
    scale: sum 1;  mean 1 / sum w_i;  sqrtn 1 / sqrt(sum w_i^2);  0 for an empty bag or a zero denominator
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from wideload.harness.features.layout import TableLayout
from wideload.harness.model.tensors import Tensor
from wideload.harness.workload.columns import Combiner

Bag = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""``(rows [U, width], inverse int32 [nnz], row_splits int32 [S*B+1], weights [nnz] or [0], appended [B, D])`` to
``(linear [B], deep [B, S*dim + D])``; float32 unless noted.

``row_splits`` may start at any number; ``inverse[0]`` belongs to ``row_splits[0]``. Empty ``weights`` mean that every
weight is 1.
"""


def reference_bag(table: TableLayout) -> Bag:
    """The look-up of one table's slots."""
    combiners = [slot.combiner for slot in table.slots]

    def bag(
        rows: Tensor, inverse: Tensor, row_splits: Tensor, weights: Tensor, appended: Tensor
    ) -> tuple[Tensor, Tensor]:
        bags = tf.size(row_splits) - 1
        batch = bags // len(combiners)
        owner = tf.repeat(tf.range(bags), row_splits[1:] - row_splits[:-1])
        weights = tf.cond(tf.size(weights) > 0, lambda: weights, lambda: tf.ones_like(inverse, tf.float32))
        values = tf.gather(rows, inverse) * weights[:, None]
        sums = tf.math.unsorted_segment_sum(values, owner, bags)
        by_slot = tf.reshape(sums, [len(combiners), batch, table.width])
        linear = tf.reduce_sum(by_slot[:, :, : table.wide], axis=[0, 2])
        deep = by_slot[:, :, table.wide :]
        if table.dim:
            deep *= _scale(combiners, owner, weights, bags, batch)[:, :, None]
        embedded = tf.reshape(tf.transpose(deep, [1, 0, 2]), [batch, len(combiners) * table.dim])
        return linear, tf.concat([embedded, appended], axis=1)

    return bag


def _scale(combiners: Sequence[Combiner], owner: Tensor, weights: Tensor, bags: Tensor, batch: Tensor) -> Tensor:
    """Factor of each bag ``[S, B]``."""
    shape = [len(combiners), batch]
    sums = tf.reshape(tf.math.unsorted_segment_sum(weights, owner, bags), shape)
    squares = tf.reshape(tf.math.unsorted_segment_sum(weights * weights, owner, bags), shape)
    factors: dict[str, Callable[[int], Tensor]] = {
        "sum": lambda _: tf.ones([batch]),
        "mean": lambda slot: tf.math.divide_no_nan(1.0, sums[slot]),
        "sqrtn": lambda slot: tf.math.divide_no_nan(1.0, tf.sqrt(squares[slot])),
    }
    return tf.stack([factors[combiner](slot) for slot, combiner in enumerate(combiners)])
