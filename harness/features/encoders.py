"""The encoders that columns can declare: hash, identity, vocabulary, and those registered by users.

Strings arrive dictionary-encoded: an encoder works on the dictionary and keeps the result for as long as batches have
the same dictionary, so the cost per example is one gather.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wideload.arrays import Integers
from wideload.errors import ColumnError
from wideload.harness.features.arrow import ArrowArray, ArrowBuffer, ArrowType
from wideload.harness.features.encoder import ABSENT, Encoder, registered
from wideload.harness.features.vocabulary import vocabulary_of
from wideload.harness.workload import columns as declared
from wideload.hashing import buckets_of, hash_integers, hash_strings

if TYPE_CHECKING:
    from wideload.datasets.contract import Field


def compile_encoder(declaration: declared.Encoder, field: Field, column: str) -> Encoder:
    """The encoder that a column declares, for one field.

    Raises:
        ColumnError: the field does not offer what the encoder needs; names the column.
        UnknownNameError: no encoder of that name is registered.
    """
    if isinstance(declaration, declared.Vocabulary):
        return VocabularyEncoder(declaration, field, column)
    if isinstance(declaration, declared.Hash):
        return HashEncoder(declaration.buckets)
    if isinstance(declaration, declared.Identity):
        return IdentityEncoder(declaration, field, column)
    return _custom(declaration, field, column)


def _custom(declaration: declared.Custom, field: Field, column: str) -> Encoder:
    found = registered(declaration.name, column)
    try:
        return found(field, **dict(declaration.options))  # type: ignore[call-arg]
    except TypeError as error:
        raise ColumnError(f"column {column!r}: encoder {declaration.name!r} refuses its options: {error}.") from None


class OncePerDictionary:
    """Applies a slow function to the dictionary of a dictionary-encoded array once, and gathers from the result.

    Args:
        function: gives int64 ids of a string array without nulls.
        absent: the id of null.
    """

    def __init__(self, function: Callable[[ArrowArray], Integers], absent: int) -> None:
        self._function = function
        self._absent = absent
        self._dictionary: ArrowArray | None = None
        self._ids: Integers = np.empty(0, np.int64)

    def __call__(self, values: ArrowArray) -> Integers:
        if not pa.types.is_dictionary(values.type):
            values = values.dictionary_encode()
        if self._dictionary is None or not _same(self._dictionary, values.dictionary):
            self._ids = np.append(self._of(values.dictionary), np.int64(self._absent))
            self._dictionary = values.dictionary
        codes = values.indices
        if codes.null_count:
            codes = codes.fill_null(len(self._ids) - 1)
        gathered: Integers = self._ids[codes.to_numpy(zero_copy_only=False)]
        return gathered

    def _of(self, dictionary: ArrowArray) -> Integers:
        if not dictionary.null_count:
            return self._function(dictionary.cast(pa.string()))
        ids = np.full(len(dictionary), self._absent, np.int64)
        ids[pc.is_valid(dictionary).to_numpy(zero_copy_only=False)] = self._function(
            dictionary.drop_null().cast(pa.string())
        )
        return ids


def _same(left: ArrowArray, right: ArrowArray) -> bool:
    """Whether two arrays are views of the same memory; their content is not compared."""
    if len(left) != len(right) or left.offset != right.offset:
        return False
    return [_address(buffer) for buffer in left.buffers()] == [_address(buffer) for buffer in right.buffers()]


def _address(buffer: ArrowBuffer | None) -> int:
    return 0 if buffer is None else int(buffer.address)


def is_text(kind: ArrowType) -> bool:
    """Whether a pyarrow type holds strings, dictionary-encoded or not."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def integers_of(values: ArrowArray) -> Integers:
    """int64 ``[n]`` of an integer array; null becomes ABSENT, and uint64 keeps its bits."""
    if not values.null_count:
        array: Integers = values.to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
        return array
    missing = values.is_null().to_numpy(zero_copy_only=False)
    filled: Integers = values.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    filled[missing] = ABSENT
    return filled


def _signed(word: str) -> int:
    """A decimal integer of 64 bits, signed or unsigned, as int64 holds it."""
    value = int(word)
    return value - 2**64 if 2**63 <= value < 2**64 else value


class HashEncoder(Encoder):
    """``hash64(value) mod buckets``, or the whole hash. Null has no id."""

    def __init__(self, buckets: int | None) -> None:
        self.rows = buckets
        self._strings = OncePerDictionary(lambda values: self._fold(hash_strings(values)), ABSENT)

    def _fold(self, hashes: Integers) -> Integers:
        if self.rows is not None:
            return buckets_of(hashes, self.rows)
        hashes[hashes == ABSENT] += 1
        return hashes

    def encode(self, values: ArrowArray) -> Integers:
        if is_text(values.type):
            return self._strings(values)
        raw = integers_of(values)
        ids = self._fold(hash_integers(raw))
        if values.null_count:
            ids[values.is_null().to_numpy(zero_copy_only=False)] = ABSENT
        return ids


class IdentityEncoder(Encoder):
    """Values are ids. Values outside ``[0, rows)`` have no id."""

    def __init__(self, declaration: declared.Identity, field: Field, column: str) -> None:
        size = declaration.size if declaration.size is not None else field.cardinality
        if size is None:
            raise ColumnError(
                f"column {column!r}: the identity encoder needs a size, and field {field.name!r} has no known "
                "cardinality; give encoder.size, or use the hash encoder."
            )
        self.rows = size
        self.strict = declaration.strict
        self._column = column

    def encode(self, values: ArrowArray) -> Integers:
        if is_text(values.type):
            raise ColumnError(
                f"column {self._column!r}: the identity encoder reads integers, the field holds {values.type}."
            )
        ids = integers_of(values)
        outside = ids.view(np.uint64) >= np.uint64(self.rows or 0)
        return np.where(outside, ABSENT, ids) if outside.any() else ids


class VocabularyEncoder(Encoder):
    """The id of a known value is its position in a list; other values are hashed into the buckets after it."""

    def __init__(self, declaration: declared.Vocabulary, field: Field, column: str) -> None:
        self.known = vocabulary_of(declaration, field, column)
        self.oov_buckets = declaration.oov_buckets
        self._integers: ArrowArray | None = None
        self._column = column
        self.rows = len(self.known) + self.oov_buckets
        if not self.rows:
            raise ColumnError(f"column {column!r}: an empty vocabulary without oov_buckets leaves no id at all.")
        self._strings = OncePerDictionary(lambda values: self._lookup(values, self.known, hash_strings), self._missing)

    @property
    def _missing(self) -> int:
        return len(self.known) if self.oov_buckets else ABSENT

    def identity(self) -> str:
        """Hash of the vocabulary's values, in order."""
        return format(int(hash_strings(pa.array(["\n".join(self.known.to_pylist())]))[0]) & (2**64 - 1), "016x")

    def encode(self, values: ArrowArray) -> Integers:
        if is_text(values.type):
            return self._strings(values)
        if self._integers is None:
            self._integers = self.known_integers()
        valid = pc.is_valid(values).to_numpy(zero_copy_only=False)
        if valid.all():
            return self._lookup(values, self._integers, lambda array: hash_integers(integers_of(array)))
        ids = np.full(len(values), self._missing, np.int64)
        ids[valid] = self.encode(values.drop_null())
        return ids

    def known_integers(self) -> ArrowArray:
        """The known values as int64; an unsigned one of 2^63 or more has its bits.

        Raises:
            ColumnError: they are not integers.
        """
        try:
            return self.known.cast(pa.int64())
        except pa.ArrowInvalid:
            pass
        try:
            return pa.array([_signed(word) for word in self.known.to_pylist()], pa.int64())
        except (ValueError, OverflowError) as error:
            raise ColumnError(
                f"column {self._column!r}: the field holds integers, but its vocabulary does not: {error}."
            ) from None

    def _lookup(self, values: ArrowArray, known: ArrowArray, hashes: Callable[[ArrowArray], Integers]) -> Integers:
        places = pc.index_in(values.cast(known.type, safe=False), value_set=known)
        ids: Integers = places.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        unknown = ids < 0
        if unknown.any():
            others = values.filter(pa.array(unknown))
            ids[unknown] = len(known) + buckets_of(hashes(others), self.oov_buckets) if self.oov_buckets else ABSENT
        return ids
