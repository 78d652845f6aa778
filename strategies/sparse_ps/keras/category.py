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
from wideload.harness.model.tensors import Tensor

Combiner = Literal["sum", "mean", "sqrtn"]


class Bag(NamedTuple):
    """The values of one column in a batch.

    Attributes:
        values: int64 ``[n]``, example by example.
        lengths: int64 ``[B]``, the number of values of each example.
        weights: float32 ``[n]``, or None if all weights are 1.
    """

    values: Tensor
    lengths: Tensor
    weights: Tensor | None


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
            ColumnError: values are neither strings nor integers; or values or weights have a shape or form that does
                not fit. Raised while the graph is traced, if shapes are known then.
            tf.errors.InvalidArgumentError: a weight is not a finite number, or shapes that become known in a step do
                not fit.
        """
        found = self._input(inputs, self.key)
        self._require_category(found)
        weights = None if self.weights is None else self._weights(found, self._input(inputs, self.weights))
        if isinstance(found, tf.SparseTensor):
            values, lengths, weights = self._of_sparse(found, weights)
        elif isinstance(found, tf.RaggedTensor):
            values, lengths, weights = self._of_ragged(found, weights)
        else:
            values, lengths, weights = self._of_dense(found, weights)
        return Bag(_integers(values), lengths, None if weights is None else self._finite(weights))

    @staticmethod
    def _input(inputs: Mapping[str, Any], key: str) -> Any:
        if key not in inputs:
            raise UnknownNameError("input", key, list(inputs))
        found = inputs[key]
        composite = isinstance(found, tf.SparseTensor | tf.RaggedTensor)
        return found if composite else tf.convert_to_tensor(found)

    def _require_category(self, found: Any) -> None:
        if found.dtype != tf.string and not found.dtype.is_integer:
            raise ColumnError(
                f"input {self.key!r} is {found.dtype.name}; a category is a string or an integer. "
                "Cast or bucketise it, or feed it to the tower as a number."
            )
        valid = (1, 2) if isinstance(found, tf.Tensor) else (2,)
        if found.shape.rank not in valid:
            expected = "[batch] or [batch, values]" if 1 in valid else "[batch, values]"
            raise ColumnError(f"input {self.key!r} has shape {found.shape}; expected {expected}.")

    def _weights(self, found: Any, weights: Any) -> Any:
        """The weights, of the same form and shape as the values."""
        if type(weights) is not type(found) and not (isinstance(found, tf.Tensor) and isinstance(weights, tf.Tensor)):
            raise ColumnError(
                f"weights {self.weights!r} are a {type(weights).__name__}, values {self.key!r} of their column a "
                f"{type(found).__name__}; give both in one form."
            )
        if not (weights.dtype.is_floating or weights.dtype.is_integer):
            raise ColumnError(f"weights {self.weights!r} of column {self.key!r} are {weights.dtype.name}, not numbers.")
        if weights.shape.rank == 1 and found.shape.rank == 2 and found.shape[1] == 1:
            weights = weights[:, None]
        elif weights.shape.rank == 2 and found.shape.rank == 1 and weights.shape[1] == 1:
            weights = weights[:, 0]
        if not weights.shape.is_compatible_with(found.shape):
            raise ColumnError(
                f"weights {self.weights!r} have shape {weights.shape}, values {self.key!r} of their column have shape "
                f"{found.shape}; give one weight for each value."
            )
        return weights

    def _finite(self, weights: Any) -> Any:
        message = f"weights {self.weights!r} of column {self.key!r} are not all finite numbers"
        return tf.debugging.check_numerics(tf.cast(weights, tf.float32), message)

    def _require_equal(self, what: str, weights: Any, values: Tensor) -> list[Any]:
        """Checks in a step what was not known when the graph was traced."""
        message = f"column {self.key}: weights {self.weights} and values differ in {what}"  # quotes would be escaped
        checked = tf.debugging.assert_equal(tf.cast(weights, tf.int64), tf.cast(values, tf.int64), message)
        return [] if checked is None else [checked]

    def _of_dense(self, found: Any, weights: Any) -> tuple[Any, Any, Any]:
        """``[B]`` or ``[B, L]``; padding is no value. Unsigned integers have no padding."""
        table = found[:, None] if found.shape.rank == 1 else found
        if table.dtype.is_unsigned:
            present = tf.ones_like(table, tf.bool)
        else:
            present = tf.not_equal(table, tf.constant("" if table.dtype == tf.string else -1, table.dtype))
        lengths = tf.reduce_sum(tf.cast(present, tf.int64), axis=1)
        if weights is not None:
            with tf.control_dependencies(self._require_equal("shape", tf.shape(weights), tf.shape(found))):
                weights = tf.boolean_mask(tf.reshape(weights, tf.shape(table)), present)
        return tf.boolean_mask(table, present), lengths, weights

    def _of_sparse(self, found: Any, weights: Any) -> tuple[Any, Any, Any]:
        """``[B, L]`` with sorted indices, as TensorFlow's readers and parsers give it."""
        ones = tf.ones_like(found.indices[:, 0])
        lengths = tf.math.unsorted_segment_sum(ones, found.indices[:, 0], found.dense_shape[0])
        if weights is None:
            return found.values, lengths, None
        checks = self._require_equal("number of values", tf.size(weights.values), tf.size(found.values))
        with tf.control_dependencies(checks):
            checks = self._require_equal("indices", weights.indices, found.indices)
        with tf.control_dependencies(checks):
            return found.values, lengths, tf.identity(weights.values)

    def _of_ragged(self, found: Any, weights: Any) -> tuple[Any, Any, Any]:
        lengths = tf.cast(found.row_lengths(), tf.int64)
        if weights is None:
            return found.flat_values, lengths, None
        checks = self._require_equal("number of examples", weights.nrows(), found.nrows())
        with tf.control_dependencies(checks):
            checks = self._require_equal("row lengths", weights.row_lengths(), lengths)
        with tf.control_dependencies(checks):
            return found.flat_values, lengths, tf.identity(weights.flat_values)


def _integers(values: Tensor) -> Any:
    if values.dtype == tf.string:
        return tf.bitcast(tf.fingerprint(values[:, None]), tf.int64)
    return tf.cast(values, tf.int64)


def category_column(
    key: str, *, combiner: Combiner = "mean", weights: str | None = None, shared: str | None = None
) -> CategoryColumn:
    """Declares a categorical input.

    Args:
        key: of the inputs' dictionary. Strings or integers: ``[B]``, ``[B, L]`` where ``""`` or ``-1`` is padding
            (unsigned integers have none), or a RaggedTensor or SparseTensor, in which every value counts.
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
