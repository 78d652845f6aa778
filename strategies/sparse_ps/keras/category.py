"""The categorical inputs of a Keras model, and how their values become bags.

::

    strings or integers   [B] one value    [B, L] padded    tf.RaggedTensor    tf.SparseTensor
           |
           |  drop padding, 64-bit fingerprint of strings
           v
    Bag(values int64 [n], lengths int64 [B], weights float32 [n])

There is no vocabulary and no number of buckets: every 64-bit value is a key of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import tensorflow as tf

from wideload.errors import ColumnError, UnknownNameError

Combiner = Literal["sum", "mean", "sqrtn"]


class Bag(NamedTuple):
    """The values of one column in a batch.

    Attributes:
        values: int64 ``[n]``, example by example.
        lengths: int64 ``[B]``, the number of values of each example.
        weights: float32 ``[n]``, or None if all weights are 1.
    """

    values: Any
    lengths: Any
    weights: Any | None


@dataclass(frozen=True, slots=True)
class CategoryColumn:
    """One categorical input; created by :func:`category_column`."""

    key: str
    combiner: Combiner = "mean"
    weights: str | None = None
    shared: str | None = None

    @property
    def space(self) -> str:
        """The namespace of values: columns with the same one share the rows of equal values."""
        return self.shared if self.shared is not None else self.key

    def bag(self, inputs: Mapping[str, Any]) -> Bag:
        """Returns this column's values in a batch.

        Raises:
            UnknownNameError: the inputs lack the key.
            ColumnError: values are neither strings nor integers, or of another shape than declared.
        """
        found = self._input(inputs, self.key)
        weights = None if self.weights is None else self._input(inputs, self.weights)
        if isinstance(found, tf.SparseTensor):
            values, lengths, weights = _of_sparse(found, weights)
        elif isinstance(found, tf.RaggedTensor):
            values, lengths, weights = _of_ragged(found, weights)
        else:
            values, lengths, weights = self._of_dense(found, weights)
        return Bag(self._integers(values), lengths, None if weights is None else tf.cast(weights, tf.float32))

    @staticmethod
    def _input(inputs: Mapping[str, Any], key: str) -> Any:
        if key not in inputs:
            raise UnknownNameError("input", key, list(inputs))
        found = inputs[key]
        composite = isinstance(found, tf.SparseTensor | tf.RaggedTensor)
        return found if composite else tf.convert_to_tensor(found)

    def _of_dense(self, found: Any, weights: Any) -> tuple[Any, Any, Any]:
        """``[B]`` or ``[B, L]``; padding is no value."""
        if found.shape.rank not in (1, 2):
            raise ColumnError(f"input {self.key!r} has shape {found.shape}; expected [batch] or [batch, values].")
        table = found[:, None] if found.shape.rank == 1 else found
        present = tf.not_equal(table, tf.constant("" if table.dtype == tf.string else -1, table.dtype))
        lengths = tf.reduce_sum(tf.cast(present, tf.int64), axis=1)
        if weights is not None:
            weights = tf.boolean_mask(tf.reshape(weights, tf.shape(table)), present)
        return tf.boolean_mask(table, present), lengths, weights

    def _integers(self, values: Any) -> Any:
        if values.dtype == tf.string:
            return tf.bitcast(tf.fingerprint(values[:, None]), tf.int64)
        if not values.dtype.is_integer:
            raise ColumnError(
                f"input {self.key!r} is {values.dtype.name}; a category is a string or an integer. "
                "Cast or bucketise it, or feed it to the tower as a number."
            )
        return tf.cast(values, tf.int64)


def _of_sparse(found: Any, weights: Any) -> tuple[Any, Any, Any]:
    """``[B, L]`` with sorted indices, as TensorFlow's readers and parsers give it."""
    ones = tf.ones_like(found.indices[:, 0])
    lengths = tf.math.unsorted_segment_sum(ones, found.indices[:, 0], found.dense_shape[0])
    return found.values, lengths, weights.values if isinstance(weights, tf.SparseTensor) else weights


def _of_ragged(found: Any, weights: Any) -> tuple[Any, Any, Any]:
    weights = weights.flat_values if isinstance(weights, tf.RaggedTensor) else weights
    return found.flat_values, tf.cast(found.row_lengths(), tf.int64), weights


def category_column(
    key: str, *, combiner: Combiner = "mean", weights: str | None = None, shared: str | None = None
) -> CategoryColumn:
    """Declares a categorical input.

    Args:
        key: of the inputs' dictionary. Strings or integers: ``[B]``, ``[B, L]`` where ``""`` or ``-1`` is padding,
            or a RaggedTensor or SparseTensor, in which every value counts.
        combiner: how several values of one example become one vector: their weighted ``sum``, that over the sum of the
            weights (``mean``), or over the root of the sum of their squares (``sqrtn``). No value gives zeros.
        weights: key of the values' weights, of the same form as the values; without, each weighs 1.
        shared: name of a space of values. Columns of one layer that name the same one share their rows.

    Raises:
        ColumnError: an unknown combiner.
    """
    if combiner not in ("sum", "mean", "sqrtn"):
        raise ColumnError(f"combiner {combiner!r} of column {key!r} is not one of sum, mean, sqrtn.")
    return CategoryColumn(key, combiner, weights, shared)
