"""The same declaration for stock TensorFlow: lists of ``tf.feature_column`` and the features that they read.

=================================  ==========================================================
declared                           becomes
=================================  ==========================================================
numeric                            ``numeric_column`` of the transformed number
bucketised                         ``categorical_column_with_identity`` of the bucket; a missing number is no value
category of words, vocabulary      ``categorical_column_with_vocabulary_list`` of the raw words
everything else                    ``categorical_column_with_identity`` of the adapter's ids
weighted                           ``weighted_categorical_column`` around it
embedding                          ``embedding_column``, or ``shared_embeddings`` of one table
wide                               ``embedding_column`` of dimension 1 that starts at zero, summed
=================================  ==========================================================

Hashes and crosses are passed as ids, because TensorFlow would hash with another function. Embeddings start from the
rows that every strategy starts from. TensorFlow can share a variable among feature columns in graphs only: in eager
mode each slot of a shared column gets an ``embedding_column`` of its own, with the same initial values.
``DenseFeatures`` of these columns equals the model's look-up of a batch, to float rounding; a test checks it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tensorflow as tf

from wideload.arrays import Floats
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.encoders import VocabularyEncoder, is_text
from wideload.harness.features.layout import SlotLayout, TableLayout, table_signs
from wideload.harness.features.ragged import Ragged
from wideload.harness.features.slots import Slot
from wideload.harness.features.sources import FieldSource, Reading
from wideload.harness.model.initial_rows import initial_deep
from wideload.harness.model.tensors import FeatureColumn, Tensor
from wideload.harness.workload.columns import Numeric


@dataclass(frozen=True, slots=True, eq=False)
class FeatureColumns:
    """Lists of feature columns of ``tf.feature_column``, in the order of the model's inputs.

    Attributes:
        deep: embeddings, in slot order.
        wide: one per slot with a linear weight, in slot order; each yields ``[B, 1]``.
        numeric: dense columns.
        inputs: makes the features of a record batch: arrays, tensors and sparse tensors by name.
    """

    deep: list[FeatureColumn]
    wide: list[FeatureColumn]
    numeric: list[FeatureColumn]
    inputs: Callable[[pa.RecordBatch], dict[str, Tensor]]


def to_feature_columns(adapter: FeatureColumnAdapter, seed: int = 0) -> FeatureColumns:
    """The ``tf.feature_column``s equivalent to an adapter's columns, for stock TensorFlow consumers.

    Args:
        adapter: with ``keys="ids"``.
        seed: of the embeddings' initial values.
    """
    parts = [_Part(adapter.layout.weighted, *one) for one in zip(_layouts(adapter), adapter.slots, strict=True)]
    rows = {table.name: initial_deep(table, table_signs(table), seed) for table in adapter.layout.tables}
    dense = [f"{column.name}.number" for column in adapter.columns if isinstance(column, Numeric)]
    dense += [f"indicator.{index}" for index in range(adapter.layout.dense_width - len(dense))]

    def inputs(batch: pa.RecordBatch) -> dict[str, Tensor]:
        reading = Reading(batch)
        found: dict[str, Tensor] = {
            name: column[:, None] for name, column in zip(dense, adapter.dense(reading).T, strict=True)
        }
        for part in parts:
            found |= part.features(reading)
        return found

    return FeatureColumns(
        deep=_embeddings(parts, rows),
        wide=[part.wide() for part in parts if part.table.wide],
        numeric=[tf.feature_column.numeric_column(name) for name in dense],
        inputs=inputs,
    )


def _layouts(adapter: FeatureColumnAdapter) -> list[tuple[TableLayout, SlotLayout]]:
    return [(table, slot) for table in adapter.layout.tables for slot in table.slots]


def _embeddings(parts: list[_Part], rows: dict[str, Floats]) -> list[FeatureColumn]:
    """Slots of one space share their variable."""
    made: dict[str, FeatureColumn] = {}
    for part in parts:
        if part.table.dim and part.layout.name not in made:
            group = [other for other in parts if other.slot.space == part.slot.space]
            made |= dict(zip([one.layout.name for one in group], _embedding(group, rows), strict=True))
    return [made[part.layout.name] for part in parts if part.table.dim]


def _embedding(group: list[_Part], rows: dict[str, Floats]) -> list[FeatureColumn]:
    table, layout = group[0].table, group[0].layout
    start = rows[table.name][layout.first_row : layout.first_row + (layout.rows or 0)]
    given = {"dimension": table.dim, "combiner": layout.combiner, "initializer": tf.constant_initializer(start)}
    columns = [part.categorical() for part in group]
    if len(columns) == 1 or tf.executing_eagerly():
        return [tf.feature_column.embedding_column(column, **given) for column in columns]
    shared: list[FeatureColumn] = tf.feature_column.shared_embeddings(columns, **given)
    return shared


class _Part:
    """One slot as TensorFlow sees it."""

    def __init__(self, weighted: bool, layouts: tuple[TableLayout, SlotLayout], slot: Slot) -> None:
        self.table, self.layout = layouts
        self.slot = slot
        self._weighted = weighted
        self._weights = f"{self.layout.name}.weights"

    def categorical(self) -> FeatureColumn:
        column = self._plain()
        return tf.feature_column.weighted_categorical_column(column, self._weights) if self._weighted else column

    def wide(self) -> FeatureColumn:
        return tf.feature_column.embedding_column(
            self.categorical(), dimension=1, combiner="sum", initializer=tf.zeros_initializer()
        )

    @property
    def _words(self) -> VocabularyEncoder | None:
        """The slot's encoder, if TensorFlow has the same: known words and at most one bucket for all others."""
        source = self.slot.source
        if isinstance(source, FieldSource) and source.last is None and isinstance(source.encoder, VocabularyEncoder):
            return source.encoder if source.encoder.oov_buckets <= 1 else None
        return None

    def _plain(self) -> FeatureColumn:
        if (encoder := self._words) is not None:
            words, buckets = encoder.known.to_pylist(), encoder.oov_buckets
            return tf.feature_column.categorical_column_with_vocabulary_list(
                self.layout.name, words, tf.string, num_oov_buckets=buckets
            )
        return tf.feature_column.categorical_column_with_identity(self.layout.name, self.layout.rows)

    def features(self, reading: Reading) -> dict[str, Tensor]:
        """What the categorical column reads."""
        source, bags = self.slot.source, reading.of(self.slot.source)
        found = {self.layout.name: _sparse(bags, bags.values)}
        if self._words is not None and isinstance(source, FieldSource):
            found[self.layout.name] = _sparse(bags, _words_of(reading, source))
        if self._weighted:
            weights = np.ones(len(bags.values), np.float32) if bags.weights is None else bags.weights
            found[self._weights] = _sparse(bags, weights)
        return found


def _words_of(reading: Reading, source: FieldSource) -> npt.NDArray[np.object_]:
    """The raw words ``[nnz]`` of a field; a missing one is the empty word, which is in no vocabulary."""
    array = reading.array(source.field, source.column)
    flat = array.flatten() if pa.types.is_nested(array.type) else array
    flat = flat.cast(pa.string()) if is_text(flat.type) else flat.cast(pa.int64()).cast(pa.string())
    return np.array(flat.fill_null("").to_pylist(), dtype=object)


def _sparse(bags: Ragged, values: npt.NDArray[Any]) -> Tensor:
    """Bags as a ``tf.SparseTensor`` ``[B, longest]``; ``values [nnz]``."""
    lengths = bags.lengths()
    example = np.repeat(np.arange(len(lengths)), lengths)
    place = np.arange(len(example)) - bags.offsets()[:-1][example]
    shape = [len(lengths), max(1, int(lengths.max(initial=0)))]
    return tf.SparseTensor(np.stack([example, place], axis=1).astype(np.int64), values, shape)
