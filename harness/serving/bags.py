"""Bags of values in the graph: :mod:`wideload.harness.features.ragged` in plain TensorFlow.

A value may be absent: it is there, so that most bags have one value each and need no offsets, and is taken out at the
end. Combinations with an absent value are absent.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from wideload.harness.serving.lookup import integers_of, mix64, words_of


class Bag(NamedTuple):
    """``B`` bags.

    Attributes:
        values: int64 ``[nnz]``; present: bool ``[nnz]``, whether there is a value.
        splits: int64 ``[B + 1]``, or None for one value each.
        weights: float32 ``[nnz]``, or None where every value weighs 1.
    """

    values: Any
    present: Any
    splits: Any = None
    weights: Any = None

    @property
    def offsets(self) -> Any:
        return tf.range(tf.size(self.values, tf.int64) + 1) if self.splits is None else self.splits

    @property
    def lengths(self) -> Any:
        offsets = self.offsets
        return offsets[1:] - offsets[:-1]

    @property
    def all_weights(self) -> Any:
        return tf.ones(tf.shape(self.values)) if self.weights is None else self.weights

    def last(self, count: int) -> Bag:
        """Only the last ``count`` values of every bag."""
        if self.splits is None:
            return self
        position = tf.range(tf.size(self.values, tf.int64)) - tf.repeat(self.splits[1:], self.lengths)
        return self._replace(present=tf.logical_and(self.present, position >= -count))


def present_lengths(bag: Bag) -> Any:
    """int32 ``[B]``: how many values each bag has."""
    there = tf.cast(bag.present, tf.int32)
    if bag.splits is None:
        return there
    running = tf.concat([[0], tf.cumsum(there)], axis=0)
    ends = tf.gather(running, bag.splits)
    return ends[1:] - ends[:-1]


def combine(left: Any, right: Any) -> Any:
    """:func:`wideload.hashing.combine`."""
    return integers_of(mix64(tf.bitwise.bitwise_xor(mix64(words_of(left)), words_of(right))))


def cross(left: Bag, right: Bag) -> Bag:
    """Every combination of one value from each bag, hashed; the value from the right bag changes fastest."""
    if left.splits is None and right.splits is None:
        i = j = None
        splits = None
    else:
        widths = right.lengths
        counts = left.lengths * widths
        splits = tf.concat([tf.zeros([1], tf.int64), tf.cumsum(counts)], axis=0)
        example = tf.repeat(tf.range(tf.size(counts, tf.int64)), counts)
        inside = tf.range(tf.size(example, tf.int64)) - tf.gather(splits, example)
        width = tf.gather(widths, example)
        i = tf.gather(left.offsets, example) + inside // width
        j = tf.gather(right.offsets, example) + inside % width
    one, other = _chosen(left, i), _chosen(right, j)
    weights = None
    if one.weights is not None or other.weights is not None:
        weights = one.all_weights * other.all_weights
    present = tf.logical_and(one.present, other.present)
    return Bag(combine(one.values, other.values), present, splits, weights)


def _chosen(bag: Bag, places: Any) -> Bag:
    if places is None:
        return bag
    weights = None if bag.weights is None else tf.gather(bag.weights, places)
    return Bag(tf.gather(bag.values, places), tf.gather(bag.present, places), None, weights)


def merge(parts: list[Bag]) -> Bag:
    """One bag per example that holds the values of all parts, in their order."""
    weighted = any(part.weights is not None for part in parts)
    if all(part.splits is None for part in parts):
        values, present, weights = (_interleaved(parts, what) for what in ("values", "present", "all_weights"))
        size = tf.size(values, tf.int64)
        return Bag(values, present, tf.range(0, size + 1, len(parts)), weights if weighted else None)
    joined = [_joined(parts, what) for what in ("values", "present", "all_weights")]
    return Bag(joined[0].values, joined[1].values, joined[0].row_splits, joined[2].values if weighted else None)


def _interleaved(parts: list[Bag], what: str) -> Any:
    return tf.reshape(tf.stack([getattr(part, what) for part in parts], axis=1), [-1])


def _joined(parts: list[Bag], what: str) -> Any:
    ragged = [tf.RaggedTensor.from_row_splits(getattr(part, what), part.offsets, validate=False) for part in parts]
    return tf.concat(ragged, axis=1)
