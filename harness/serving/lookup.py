"""From signs to rows in plain TensorFlow: a search in a sorted array, and initial rows for signs that are not there.

::

    place = searchsorted(signs, wanted)         O(log n) per value; no state; loads as fast as its bytes are read
    rows  = found ? unpacked(rows[place]) : absent(wanted)

``absent`` is the pure function of :mod:`wideload.harness.model.initial_rows`, so a sign that was never trained predicts
as it does in training. Where rows were left out on purpose it is zeros. Tests compare both functions with the
originals.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from wideload.harness.checkpoints.tables.quantise import Precision, pack
from wideload.harness.features.layout import TableLayout
from wideload.harness.model.initial_rows import DEEP, LOWER_TAIL
from wideload.harness.serving.weights import TableWeights
from wideload.hashing import FIRST_FACTOR, GOLDEN_GAMMA, SECOND_FACTOR, mix64_int, salt_of

Absent = Literal["initial", "zeros"]


def mix64(words: Any) -> Any:
    """:func:`wideload.hashing.mix64` of uint64 tensors."""
    mixed = words + _word(GOLDEN_GAMMA)
    mixed = _folded(mixed, 30) * _word(FIRST_FACTOR)
    mixed = _folded(mixed, 27) * _word(SECOND_FACTOR)
    return _folded(mixed, 31)


def words_of(integers: Any) -> Any:
    """int64 as the uint64 of the same bits."""
    return tf.bitcast(integers, tf.uint64)


def integers_of(words: Any) -> Any:
    """uint64 as the int64 of the same bits."""
    return tf.bitcast(words, tf.int64)


def xor(left: Any, right: int) -> Any:
    return tf.bitwise.bitwise_xor(left, _word(right))


class RowSource(tf.Module):  # type: ignore[misc]  # TensorFlow has no types
    """The rows of one table.

    Args:
        weights: of the table.
        precision: in which the rows are kept.
        absent: what is used for signs without a row.
        seed: of the workload.
    """

    def __init__(self, weights: TableWeights, precision: Precision, absent: Absent, seed: int) -> None:
        super().__init__()
        self._layout = weights.layout
        self._absent = absent_rows(weights.layout, absent, seed)
        self._size = len(weights.signs)
        if not self._size:
            return
        packed = pack(weights.rows, precision)
        values: Any = packed.values
        if precision == "bf16":
            values = tf.bitcast(tf.constant(packed.values), tf.bfloat16)
        self._signs = tf.Variable(weights.signs, trainable=False, name="signs")
        self._rows = tf.Variable(values, trainable=False, name="rows")
        self._scale = None
        if packed.scale is not None:
            self._scale = tf.Variable(packed.scale, trainable=False, name="scale")

    def __call__(self, signs: Any) -> Any:
        """float32 ``[n, width]`` of int64 ``[n]``."""
        if not self._size:
            return self._absent(signs)
        place = tf.minimum(tf.searchsorted(self._signs, signs), self._size - 1)
        known = tf.equal(tf.gather(self._signs, place), signs)
        rows = tf.cast(tf.gather(self._rows, place), tf.float32)
        if self._scale is not None:
            rows *= tf.gather(self._scale, place)[:, None]
        # Most batches have known signs only; initial rows are computed for the other batches alone.
        return tf.cond(tf.reduce_all(known), lambda: rows, lambda: tf.where(known[:, None], rows, self._absent(signs)))


def absent_rows(layout: TableLayout, absent: Absent, seed: int) -> Callable[[Any], Any]:
    """The function that computes float32 ``[n, width]``, the rows of absent signs int64 ``[n]``."""

    def rows(signs: Any) -> Any:
        wide = tf.zeros([tf.size(signs), layout.wide])
        return tf.concat([wide, _deep(layout, absent, seed, signs)], axis=1)

    return rows


def _deep(layout: TableLayout, absent: Absent, seed: int, signs: Any) -> Any:
    start = layout.initializer
    created = layout.dim and start is not None and start.kind != "zeros" and layout.admit_at <= 0
    if absent == "zeros" or not created:
        return tf.zeros([tf.size(signs), layout.dim])
    assert start is not None
    key = mix64_int(mix64_int(seed ^ salt_of(layout.name)) ^ salt_of(DEEP))
    steps = np.arange(layout.dim, dtype=np.uint64) * np.uint64(GOLDEN_GAMMA)
    bits = mix64(mix64(xor(words_of(signs), key))[:, None] + tf.constant(steps))
    if start.kind in {"uniform", "glorot"}:
        scale = math.sqrt(3.0 / layout.dim) if start.kind == "glorot" else start.scale
        units = tf.cast(_shifted(bits, 40), tf.float32) * np.float32(2.0**-23)
        return (units - 1.0) * np.float32(scale)
    # Exact: both halves of a 53-bit number are exact in float64, and so is their sum.
    units = (tf.cast(integers_of(_shifted(bits, 11)), tf.float64) + 0.5) * 2.0**-53
    if start.kind == "truncated_normal":
        units = LOWER_TAIL + (1.0 - 2.0 * LOWER_TAIL) * units
    return tf.cast(np.float32(start.scale).astype(np.float64) * tf.math.ndtri(units), tf.float32)


def _word(value: int) -> Any:
    return tf.constant(value, tf.uint64)


def _shifted(words: Any, bits: int) -> Any:
    return tf.bitwise.right_shift(words, _word(bits))


def _folded(words: Any, bits: int) -> Any:
    return tf.bitwise.bitwise_xor(words, _shifted(words, bits))
