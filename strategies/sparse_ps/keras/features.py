"""``EmbeddingFeatures``: the look-up of categorical inputs in one sparse table, as a Keras layer.

::

    inputs --bags--> signs [n], row_splits [S * B + 1], weights     S columns, side by side
                       |
                  pull or read (all layers of a model in one call)
                       v
              rows [U, dim], inverse [n]  --combine-->  [B, S * dim]

The layer has no variables: rows are stored on the ranks that own them. All layers of a model share one exchange per
step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
import tf_keras as keras

from wideload import _native, ops
from wideload.errors import ColumnError, UsageError
from wideload.harness.features.aliases import refuse_aliases
from wideload.harness.model.tensors import Tensor
from wideload.harness.workload.columns import Initializer
from wideload.harness.workload.optimizers import Optimizer
from wideload.hashing import salt_of
from wideload.strategies.sparse_ps.keras.category import Bag, CategoryColumn
from wideload.strategies.sparse_ps.tables import make_optimizer

SLICE = "deep"
ID_VALUES = 2**32  # what integer inputs are assumed to stay below where columns are checked against each other


class Bags(NamedTuple):
    """All columns of a layer in one batch, column by column.

    Attributes:
        signs: int64 ``[n]``.
        row_splits: int32 ``[S * B + 1]``.
        weights: float32 ``[n]``, or ``[0]`` if all weights are 1.
    """

    signs: Tensor
    row_splits: Tensor
    weights: Any


class EmbeddingFeatures(keras.layers.Layer):  # type: ignore[misc]
    """One sparse table and the columns that look vectors up in it.

    With one dimension, the ``sum`` combiner and FTRL, it is the linear part of a Wide & Deep model.

    Args:
        columns: their combined vectors are concatenated in the output, in this order.
        dimension: the length of a vector.
        optimizer: applied by the rows' owners; None: the ``sparse`` optimizer with which the model is compiled.
        initializer: a row's initial value, a pure function of seed, table and value.
        admit_at: how often a value must have been seen in training before it gets a vector; zeros until then.
        name: the name of the layer and of its table, also in checkpoints.

    Raises:
        ColumnError: there is no column, a column occurs twice, the dimension is below 1, or the names of two columns
            give keys so similar that integers below 2^32 would share rows.
    """

    def __init__(
        self,
        columns: Sequence[CategoryColumn],
        dimension: int,
        *,
        optimizer: Optimizer | None = None,
        initializer: Initializer | None = None,
        admit_at: float = 0.0,
        name: str,
    ) -> None:
        super().__init__(name=name, autocast=False)
        _check(columns, dimension, name)
        self.built = True  # there are no variables to create
        self.columns = tuple(columns)
        self.dimension = dimension
        self.sparse_optimizer = optimizer
        self.initializer = initializer if initializer is not None else Initializer()
        self.admit_at = admit_at
        self._read: Callable[[EmbeddingFeatures, Bags], Any] | None = None

    @property
    def width(self) -> int:
        """The number of columns of the output."""
        return len(self.columns) * self.dimension

    @property
    def declaration(self) -> str:
        """A description, as text, that must be equal on all ranks."""
        return "; ".join([f"dimension {self.dimension}", *map(repr, self.columns)])

    def make_table(self, default: Any, seed: int) -> _native.SparseTable:
        """Creates this rank's shard of the table, empty; ``default`` is for layers without an own optimizer."""
        chosen = self.sparse_optimizer if self.sparse_optimizer is not None else default
        start = _native.Initializer(self.initializer.kind, self.initializer.scale)
        vector = _native.Slice(
            SLICE, self.dimension, optimizer=make_optimizer(chosen), initializer=start, admit_at=self.admit_at
        )
        return _native.SparseTable(self.name, [vector], seed=seed)

    def bags(self, inputs: Mapping[str, Any]) -> Bags:
        """Returns the keys of a batch, and how they form bags."""
        found = [column.bag(inputs) for column in self.columns]
        salts = [salt_of(column.space) for column in self.columns]
        signs = [ops.sign_hash(bag.values, salt) for bag, salt in zip(found, salts, strict=True)]
        ends = tf.cumsum(tf.concat([bag.lengths for bag in found], axis=0))
        splits = tf.concat([[0], tf.cast(ends, tf.int32)], axis=0)
        return Bags(tf.concat(signs, axis=0), splits, _weights(found))

    def signs(self, inputs: Mapping[str, Any]) -> Any:
        """Returns the keys of a batch, int64 ``[n]``, column by column, with duplicates."""
        return self.bags(inputs).signs

    def combine(self, rows: Tensor, inverse: Tensor, bags: Bags) -> Any:
        """Returns the combined vectors ``[B, S * dimension]`` of rows that were looked up; differentiable in ``rows``.

        Args:
            rows: float32 ``[U, dimension]``.
            inverse: int32 ``[n]``, the index of each sign's row.
            bags: the bags of the same batch.
        """
        combiners = [column.combiner for column in self.columns]
        nothing = tf.zeros([(tf.size(bags.row_splits) - 1) // len(combiners), 0])
        _, deep = ops.embedding_bag(rows, inverse, bags.row_splits, bags.weights, nothing, wide=0, combiners=combiners)
        return tf.ensure_shape(deep, [None, self.width])

    def bind(self, read: Callable[[EmbeddingFeatures, Bags], Any]) -> None:
        """Sets how :meth:`call` finds rows: ``read(layer, bags) -> (rows, inverse)``."""
        self._read = read

    def call(self, inputs: Mapping[str, Any]) -> Any:
        """Looks up vectors ``[B, S * dimension]`` without creating rows; trains nothing.

        Raises:
            UsageError: no compiled model holds this layer.
        """
        if self._read is None:
            raise UsageError(f"layer {self.name!r} has no table yet: put it into a Model and compile that.")
        bags = self.bags(inputs)
        rows, inverse = self._read(self, bags)
        return self.combine(rows, inverse, bags)


def _check(columns: Sequence[CategoryColumn], dimension: int, name: str) -> None:
    if not columns:
        raise ColumnError(f"EmbeddingFeatures {name!r} has no columns; give it at least one category_column.")
    keys = [column.key for column in columns]
    for key in keys:
        if keys.count(key) > 1:
            raise ColumnError(f"EmbeddingFeatures {name!r} has column {key!r} twice.")
    if dimension < 1:
        raise ColumnError(f"EmbeddingFeatures {name!r} has dimension {dimension}; valid: 1 and more.")
    refuse_aliases({column.space: ID_VALUES for column in columns})


def _weights(found: Sequence[Bag]) -> Any:
    if all(bag.weights is None for bag in found):
        return tf.zeros([0])
    ones = [tf.ones_like(bag.values, tf.float32) if bag.weights is None else bag.weights for bag in found]
    return tf.concat(ones, axis=0)
