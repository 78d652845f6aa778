"""From raw values to a batch of signs, in the graph.

The transform of :mod:`wideload.harness.features.adapter` in plain TensorFlow.

=====================  ===========================================================================
numeric field          float32 ``[B]``; NaN is a missing number
vocabulary of words    string ``[B]``; what is not in the vocabulary is a missing value
integers               int64 ``[B]``; the smallest int64 is a missing value
=====================  ===========================================================================

TensorFlow has no BLAKE2b, which hashes words, and no implementation of a user's own encoder; a field with several
values per example would need another kind of input. Models with such columns take signs only (:class:`NotPlain` says
why).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import tensorflow as tf

from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.encoder import ABSENT
from wideload.harness.features.encoders import HashEncoder, IdentityEncoder, VocabularyEncoder, is_text
from wideload.harness.features.numeric import Input
from wideload.harness.features.sources import BucketSource, CrossSource, FieldSource, MergeSource, Source
from wideload.harness.serving.input_names import input_names
from wideload.harness.serving.lookup import integers_of, mix64, words_of, xor
from wideload.hashing import mix64_int

Values = tuple[Any, Any]
"""At most one value per example: int64 ``[B]``, and bool ``[B]``: whether there is one."""


class NotPlain(Exception):  # noqa: N818 - a finding, not an error
    """Says why plain TensorFlow cannot read the raw values of a model."""


class RawReader(tf.Module):  # type: ignore[misc]  # TensorFlow has no types
    """Reads the fields of an adapter's columns.

    Args:
        adapter: with ``keys="signs"``.
        schema: of the data set's record batches: what type each field has.

    Raises:
        NotPlain: names the column and the reason.
    """

    def __init__(self, adapter: FeatureColumnAdapter, schema: pa.Schema) -> None:
        super().__init__()
        self._adapter = adapter
        self._schema = schema
        self._names: dict[int, str] = {}
        self.fields: dict[str, Any] = {}
        if adapter.layout.weighted:
            raise NotPlain("values have weights")
        for one in adapter.numbers:
            self.fields[one.field] = tf.float32
        for slot in adapter.slots:
            self._prepare(slot.source)

    @property
    def inputs(self) -> dict[str, str]:
        """The input of the signature by field; see :mod:`.input_names`."""
        return input_names(self.fields)

    def __call__(self, fields: Mapping[str, Any]) -> tuple[Any, Any, Any]:
        """``dense [B, D]``, ``values [nnz]`` and ``row_splits [S * B + 1]`` of fields ``[B]``."""
        read: dict[int, list[Values]] = {}
        layouts = [slot for table in self._adapter.layout.tables for slot in table.slots]
        signs, present = [], []
        for slot, layout in zip(self._adapter.slots, layouts, strict=True):
            columns = self._read(slot.source, fields, read)
            ids = tf.stack([values for values, _ in columns], axis=1)
            signs.append(tf.reshape(integers_of(mix64(xor(words_of(ids), mix64_int(layout.salt)))), [-1]))
            present.append(tf.stack([there for _, there in columns], axis=1))
        if not signs:
            return self._dense(fields), tf.zeros([0], tf.int64), tf.zeros([1], tf.int32)
        lengths = tf.concat([tf.reduce_sum(tf.cast(there, tf.int32), axis=1) for there in present], axis=0)
        row_splits = tf.concat([[0], tf.cumsum(lengths)], axis=0)
        kept = tf.concat([tf.reshape(there, [-1]) for there in present], axis=0)
        return self._dense(fields), tf.boolean_mask(tf.concat(signs, axis=0), kept), row_splits

    # ------------------------------------------------------------------------------------------ numbers

    def _dense(self, fields: Mapping[str, Any]) -> Any:
        columns = [_number(one, fields[one.field]) for one in self._adapter.numbers]
        columns += [
            tf.cast(tf.math.is_nan(fields[one.field]), tf.float32)
            for one in self._adapter.numbers
            if one.column.missing_indicator
        ]
        if not columns:
            return tf.zeros([tf.size(next(iter(fields.values()))), 0])
        return tf.stack(columns, axis=1)

    # ------------------------------------------------------------------------------------------ values

    def _prepare(self, source: Source) -> None:
        """Makes the look-up tables, which a SavedModel must own; raises NotPlain for what cannot be read."""
        if isinstance(source, CrossSource | MergeSource):
            for part in source.parts:
                self._prepare(part)
        elif isinstance(source, BucketSource):
            self.fields[source.field] = tf.float32
        elif isinstance(source, FieldSource):
            self._prepare_field(source)
        else:
            raise NotPlain(f"column {source.column!r} has a source of another kind")

    def _prepare_field(self, source: FieldSource) -> None:
        kind, encoder = self._schema.field(source.field).type, source.encoder
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            raise NotPlain(f"field {source.field!r} has several values per example")
        text = is_text(kind)
        if not isinstance(encoder, HashEncoder | IdentityEncoder | VocabularyEncoder):
            raise NotPlain(f"column {source.column!r} has a custom encoder")
        # With one bucket no hash is needed: all values outside the vocabulary fall into it.
        hashed = isinstance(encoder, HashEncoder) or (
            isinstance(encoder, VocabularyEncoder) and encoder.oov_buckets > 1
        )
        if text and hashed:
            raise NotPlain(f"column {source.column!r} hashes words")
        self.fields[source.field] = tf.string if text else tf.int64
        if isinstance(encoder, VocabularyEncoder) and id(encoder) not in self._names:
            words = encoder.known if text else encoder.known_integers()
            keys = tf.constant(words.to_pylist(), self.fields[source.field])
            start = tf.lookup.KeyValueTensorInitializer(keys, tf.range(len(words), dtype=tf.int64))
            # A SavedModel keeps the tables that are attributes.
            name = self._names[id(encoder)] = f"vocabulary_{len(self._names)}"
            setattr(self, name, tf.lookup.StaticHashTable(start, default_value=-1))

    def _read(self, source: Source, fields: Mapping[str, Any], read: dict[int, list[Values]]) -> list[Values]:
        """A slot's values, each of which may be absent. Computed once per source."""
        if id(source) not in read:
            read[id(source)] = self._computed(source, fields, read)
        return read[id(source)]

    def _computed(self, source: Source, fields: Mapping[str, Any], read: dict[int, list[Values]]) -> list[Values]:
        if isinstance(source, MergeSource):
            found = [one for part in source.parts for one in self._read(part, fields, read)]
            return [(_bucketed(ids, source.rows), there) for ids, there in found]
        if isinstance(source, CrossSource):
            (first,), *others = [self._combined(part, fields, read) for part in source.parts]
            crossed = first
            for (other,) in others:
                crossed = _pair(crossed, other)
            return [(_bucketed(crossed[0], source.rows), crossed[1])]
        if isinstance(source, BucketSource):
            numbers = fields[source.field]
            ids = tf.searchsorted(tf.constant(source.boundaries), numbers, side="right")
            return [(tf.cast(ids, tf.int64), tf.logical_not(tf.math.is_nan(numbers)))]
        assert isinstance(source, FieldSource)
        return [self._encoded(source, fields[source.field])]

    def _combined(self, source: Source, fields: Mapping[str, Any], read: dict[int, list[Values]]) -> list[Values]:
        values = self._read(source, fields, read)
        if len(values) > 1:
            raise NotPlain(f"column {source.column!r} is crossed and has several values per example")
        return values

    def _encoded(self, source: FieldSource, values: Any) -> Values:
        encoder = source.encoder
        if isinstance(encoder, HashEncoder):
            return _hashed(values, encoder.rows), tf.not_equal(values, ABSENT)
        if isinstance(encoder, IdentityEncoder):
            return values, tf.logical_and(values >= 0, values < (encoder.rows or 0))
        assert isinstance(encoder, VocabularyEncoder)
        ids = getattr(self, self._names[id(encoder)]).lookup(values)
        if not encoder.oov_buckets:
            return ids, ids >= 0
        return tf.where(ids >= 0, ids, len(encoder.known) + _other(values, encoder.oov_buckets)), tf.ones_like(
            ids, tf.bool
        )


def _number(one: Input, raw: Any) -> Any:
    numbers = raw if one.column.clip is None else tf.clip_by_value(raw, *one.column.clip)
    if one.logarithm:
        numbers = tf.sign(numbers) * tf.math.log1p(tf.abs(numbers))
    scaled = (numbers - tf.constant(one.mean, tf.float32)) * tf.constant(1.0 / one.std, tf.float32)
    return tf.where(tf.math.is_nan(raw), tf.constant(one.fill, tf.float32), scaled)


def _other(values: Any, buckets: int) -> Any:
    """The bucket of a value that is not in the vocabulary; a missing value is in the first bucket."""
    if buckets == 1:
        return tf.zeros(tf.shape(values), tf.int64)
    return tf.where(tf.equal(values, ABSENT), tf.constant(0, tf.int64), _hashed(values, buckets))


def _hash(values: Any) -> Any:
    return integers_of(mix64(words_of(values)))


def _pair(left: Values, right: Values) -> Values:
    words = mix64(tf.bitwise.bitwise_xor(mix64(words_of(left[0])), words_of(right[0])))
    return integers_of(words), tf.logical_and(left[1], right[1])


def _hashed(values: Any, buckets: int | None) -> Any:
    """The ids that a HashEncoder gives: a hash is never ABSENT, which stands for no value."""
    hashes = _hash(values)
    if buckets is None:
        return tf.where(tf.equal(hashes, ABSENT), hashes + 1, hashes)
    return _bucketed(hashes, buckets)


def _bucketed(hashes: Any, buckets: int | None) -> Any:
    """``hashes mod buckets``, as unsigned integers; where there is no bound, the hashes themselves."""
    if buckets is None:
        return hashes
    return integers_of(tf.math.floormod(words_of(hashes), tf.constant(buckets, tf.uint64)))
