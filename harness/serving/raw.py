"""From raw values to a batch of signs, in the graph.

The transform of :mod:`wideload.harness.features.adapter` in plain TensorFlow.

=====================  ===========================================================================
numeric field          float32 ``[B]``; NaN is a missing number
text                   string ``[B]``; the empty string is a missing value, and what the data set's
                       vocabulary lacks is one as well, as in a batch
integers               int64 ``[B]``; the smallest int64 is a missing value
several values         all values one after the other ``[nnz]``, and ``..._row_splits`` int64
                       ``[B + 1]``: example ``i`` has the values from ``splits[i]`` to ``splits[i + 1]``
their weights          float32 ``[nnz]``
=====================  ===========================================================================

Words that have a vocabulary are looked up; others are hashed by :mod:`.blake2b`. A user's own encoder is a function of
the value, so it is applied to every word of a vocabulary beforehand; where there is none, the model takes signs only
(:class:`NotPlain` says why).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import pyarrow as pa
import tensorflow as tf

from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.encoder import ABSENT
from wideload.harness.features.encoders import HashEncoder, IdentityEncoder, VocabularyEncoder, is_text
from wideload.harness.features.numeric import Input
from wideload.harness.features.sources import BucketSource, CrossSource, FieldSource, MergeSource, Source
from wideload.harness.serving.bags import Bag, cross, merge, present_lengths
from wideload.harness.serving.blake2b import hash_strings
from wideload.harness.serving.input_names import input_names
from wideload.harness.serving.lookup import integers_of, mix64, words_of, xor
from wideload.hashing import mix64_int

SPLITS = "\0row_splits"
"""Follows the name of a field with several values in the name of the field of its offsets."""


class NotPlain(Exception):  # noqa: N818 - a finding, not an error
    """Says why plain TensorFlow cannot read the raw values of a model."""


class RawReader(tf.Module):  # type: ignore[misc]  # TensorFlow has no types
    """Reads the fields of an adapter's columns.

    Args:
        adapter: with ``keys="signs"``.
        schema: of the data set's record batches: what type each field has.
        vocabularies: of the data set, by field.

    Attributes:
        fields: the type of each input, by field; offsets have the field's name and :data:`SPLITS`.
        splits: the field of the offsets, for each field with several values and for their weights.

    Raises:
        NotPlain: names the column and the reason.
    """

    def __init__(
        self, adapter: FeatureColumnAdapter, schema: pa.Schema, vocabularies: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        super().__init__()
        self._adapter = adapter
        self._schema = schema
        self._vocabularies = vocabularies or {}
        self._names: dict[tuple[int, str], str] = {}
        self.fields: dict[str, Any] = {}
        self.splits: dict[str, str] = {}
        for one in adapter.numbers:
            self.fields[one.field] = tf.float32
        for slot in adapter.slots:
            self._prepare(slot.source)

    @property
    def inputs(self) -> dict[str, str]:
        """The input of the signature by field; see :mod:`.input_names`."""
        return input_names(self.fields)

    def __call__(self, fields: Mapping[str, Any]) -> tuple[Any, Any, Any, Any]:
        """``dense [B, D]``, ``values [nnz]``, ``row_splits [S * B + 1]`` and ``weights [nnz]`` (or empty)."""
        read: dict[int, Bag] = {}
        layouts = [slot for table in self._adapter.layout.tables for slot in table.slots]
        signs, bags = [], []
        for slot, layout in zip(self._adapter.slots, layouts, strict=True):
            bags.append(self._read(slot.source, fields, read))
            signs.append(integers_of(mix64(xor(words_of(bags[-1].values), mix64_int(layout.salt)))))
        if not signs:
            return self._dense(fields), tf.zeros([0], tf.int64), tf.zeros([1], tf.int32), tf.zeros([0])
        lengths = tf.concat([present_lengths(bag) for bag in bags], axis=0)
        row_splits = tf.concat([[0], tf.cumsum(lengths)], axis=0)
        kept = tf.concat([bag.present for bag in bags], axis=0)
        weights = tf.zeros([0])
        if self._adapter.layout.weighted:
            weights = tf.boolean_mask(tf.concat([bag.all_weights for bag in bags], axis=0), kept)
        return self._dense(fields), tf.boolean_mask(tf.concat(signs, axis=0), kept), row_splits, weights

    # ------------------------------------------------------------------------------------------ numbers

    def _dense(self, fields: Mapping[str, Any]) -> Any:
        columns = [_number(one, fields[one.field]) for one in self._adapter.numbers]
        columns += [
            tf.cast(tf.math.is_nan(fields[one.field]), tf.float32)
            for one in self._adapter.numbers
            if one.column.missing_indicator
        ]
        if not columns:
            return tf.zeros([self._examples(fields), 0])
        return tf.stack(columns, axis=1)

    def _examples(self, fields: Mapping[str, Any]) -> Any:
        offsets = next((name for name in fields if name.endswith(SPLITS)), None)
        return tf.size(next(iter(fields.values()))) if offsets is None else tf.size(fields[offsets]) - 1

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
        kind, name = self._schema.field(source.field).type, source.field
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            kind, self.splits[name] = kind.value_type, name + SPLITS
        self.fields[name] = tf.string if is_text(kind) else tf.int64
        if name in self.splits:
            self.fields[name + SPLITS] = tf.int64
        if source.weights is not None:
            self.fields[source.weights] = tf.float32
            if name in self.splits:
                self.splits[source.weights] = name + SPLITS
        ids = self._known(source, is_text(kind))
        if ids is not None and (id(source.encoder), name) not in self._names:
            keys, values, default = ids
            start = tf.lookup.KeyValueTensorInitializer(tf.constant(keys, self.fields[name]), values)
            # A SavedModel keeps the tables that are attributes.
            table = self._names[id(source.encoder), name] = f"vocabulary_{len(self._names)}"
            setattr(self, table, tf.lookup.StaticHashTable(start, default_value=default))

    def _known(self, source: FieldSource, text: bool) -> tuple[list[Any], Any, int] | None:
        """The values that have an id of their own, their ids, and the id of all others; None where ids are computed."""
        encoder, words = source.encoder, self._vocabularies.get(source.field)
        if text and words is not None:
            ids = encoder.encode(pa.array([*words, None], pa.string()))
            return list(words) or [""], tf.constant(ids[:-1] if words else ids), int(ids[-1])
        if isinstance(encoder, VocabularyEncoder):
            known = encoder.known if text else encoder.known_integers()
            return known.to_pylist() or [""], tf.range(max(len(known), 1), dtype=tf.int64), -1
        if not isinstance(encoder, HashEncoder | IdentityEncoder):
            raise NotPlain(f"column {source.column!r} has a custom encoder, and field {source.field!r} no vocabulary")
        return None

    def _read(self, source: Source, fields: Mapping[str, Any], read: dict[int, Bag]) -> Bag:
        """A slot's values, each of which may be absent. Computed once per source."""
        if id(source) not in read:
            read[id(source)] = self._computed(source, fields, read)
        return read[id(source)]

    def _computed(self, source: Source, fields: Mapping[str, Any], read: dict[int, Bag]) -> Bag:
        if isinstance(source, MergeSource | CrossSource):
            parts = [self._read(part, fields, read) for part in source.parts]
            together = merge(parts) if isinstance(source, MergeSource) else reduce(cross, parts)
            return together._replace(values=_bucketed(together.values, source.rows))
        if isinstance(source, BucketSource):
            numbers = fields[source.field]
            ids = tf.searchsorted(tf.constant(source.boundaries), numbers, side="right")
            return Bag(tf.cast(ids, tf.int64), tf.logical_not(tf.math.is_nan(numbers)))
        assert isinstance(source, FieldSource)
        ids, present = self._encoded(source, fields[source.field])
        weights = None if source.weights is None else fields[source.weights]
        splits = fields[self.splits[source.field]] if source.field in self.splits else None
        bag = Bag(ids, present, splits, weights)
        return bag if source.last is None else bag.last(source.last)

    def _encoded(self, source: FieldSource, values: Any) -> tuple[Any, Any]:
        encoder, table = source.encoder, self._names.get((id(source.encoder), source.field))
        text = values.dtype == tf.string
        if text and source.field in self._vocabularies:
            ids = getattr(self, str(table)).lookup(values)
            return ids, tf.not_equal(ids, ABSENT)
        if isinstance(encoder, HashEncoder):
            return _hashed(values, encoder.rows), _is_there(values)
        if isinstance(encoder, IdentityEncoder):
            return values, tf.logical_and(values >= 0, values < (encoder.rows or 0))
        assert isinstance(encoder, VocabularyEncoder)
        ids = getattr(self, str(table)).lookup(values)
        if not encoder.oov_buckets:
            return ids, ids >= 0
        others = len(encoder.known) + _other(values, encoder.oov_buckets)
        return tf.where(ids >= 0, ids, others), tf.ones_like(ids, tf.bool)


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
    return tf.where(_is_there(values), _hashed(values, buckets), tf.constant(0, tf.int64))


def _is_there(values: Any) -> Any:
    return tf.not_equal(values, "" if values.dtype == tf.string else ABSENT)


def _hash(values: Any) -> Any:
    return hash_strings(values) if values.dtype == tf.string else integers_of(mix64(words_of(values)))


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
