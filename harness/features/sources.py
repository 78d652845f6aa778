"""Sources: how the values of one slot are read from a record batch. A tree that mirrors the declaration.

::

    FieldSource    a categorical field through an encoder          Reading(batch).of(source) -> Ragged of local ids
    BucketSource   a numeric field between boundaries              each source is read once per batch, however many
    CrossSource    combinations of other sources, hashed           columns are built on it
    MergeSource    several fields, hashed into one space

``rows`` is the number of local ids, or None where any 64-bit value may come out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from wideload.arrays import Floats, Integers
from wideload.errors import ColumnError
from wideload.harness.features.arrow import ArrowArray, ArrowType
from wideload.harness.features.encoder import ABSENT, Encoder
from wideload.harness.features.ragged import Ragged, cross, merge
from wideload.hashing import buckets_of


class Source(Protocol):
    """Where a slot's values come from."""

    @property
    def column(self) -> str:
        """The feature column that it belongs to, for messages."""

    @property
    def rows(self) -> int | None:
        """Number of local ids; None: unbounded."""

    def read(self, reading: Reading) -> Ragged:
        """Local ids of every example."""

    def signature(self) -> str:
        """Equal for sources that give equal ids to equal values, even when they read other fields."""


class Reading:
    """One record batch while it is being read."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._batch = batch
        self._read: dict[int, Ragged] = {}

    @property
    def size(self) -> int:
        return int(self._batch.num_rows)

    def of(self, source: Source) -> Ragged:
        """The source's values; computed once per batch."""
        known = self._read.get(id(source))
        if known is None:
            known = self._read[id(source)] = source.read(self)
        return known

    def array(self, name: str, column: str) -> ArrowArray:
        """A column of the record batch.

        Raises:
            ColumnError: there is none; names the feature column that reads it.
        """
        index = self._batch.schema.get_field_index(name)
        if index < 0:
            raise ColumnError(
                f"column {column!r}: the batch has no field {name!r}. It has: {', '.join(self._batch.schema.names)}."
            )
        return self._batch.column(index)

    def numbers(self, name: str, column: str) -> npt.NDArray[np.float32]:
        """A numeric field as float32 ``[B]``; null is NaN.

        Raises:
            ColumnError: there is no such field, or it does not hold numbers.
        """
        array = self.array(name, column)
        if not (pa.types.is_floating(array.type) or pa.types.is_integer(array.type) or pa.types.is_boolean(array.type)):
            raise ColumnError(f"column {column!r}: field {name!r} must hold numbers, it holds {array.type}.")
        if pa.types.is_boolean(array.type):
            array = array.cast(pa.int8())
        numbers: npt.NDArray[np.float32] = array.to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
        return numbers


@dataclass(frozen=True, slots=True, eq=False)
class FieldSource:
    """A categorical field.

    Attributes:
        column: for messages.
        weights: field that holds one weight per value, or None.
        last: keep only that many values from the end of each bag, or None.
    """

    column: str
    field: str
    encoder: Encoder
    weights: str | None = None
    last: int | None = None

    @property
    def rows(self) -> int | None:
        return self.encoder.rows

    def signature(self) -> str:
        kind = type(self.encoder).__name__
        return f"{kind}({self.rows},{self.encoder.identity()},{self.last})"

    def read(self, reading: Reading) -> Ragged:
        array = reading.array(self.field, self.column)
        splits = _splits(array) if _is_list(array.type) else None
        values = array if splits is None else array.flatten()
        self._check_type(values.type)
        ragged = Ragged(self.encoder.encode(values), splits, self._weights_of(reading, splits))
        if self.encoder.strict:
            self._require_ids(values, ragged)
        ragged = ragged if self.last is None else ragged.last(self.last)
        present = ragged.values != ABSENT
        return ragged if present.all() else ragged.where(present)

    def _require_ids(self, values: ArrowArray, ragged: Ragged) -> None:
        without = (ragged.values == ABSENT) & values.is_valid().to_numpy(zero_copy_only=False)
        if without.any():
            place = int(np.argmax(without))
            raise ColumnError(
                f"column {self.column!r}, row {ragged.row_of(place)}: {values[place].as_py()!r} of field "
                f"{self.field!r} has no id, and the encoder is strict; ids are in [0, {self.rows})."
            )

    def _check_type(self, kind: ArrowType) -> None:
        inner = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not (pa.types.is_integer(inner) or pa.types.is_string(inner) or pa.types.is_large_string(inner)):
            raise ColumnError(
                f"column {self.column!r}: field {self.field!r} must hold integers or strings, or lists of them; "
                f"it holds {kind}."
            )

    def _weights_of(self, reading: Reading, splits: Integers | None) -> Floats | None:
        if self.weights is None:
            return None
        array = reading.array(self.weights, self.column)
        own = np.arange(reading.size + 1) if splits is None else splits
        theirs = _splits(array) if _is_list(array.type) else np.arange(reading.size + 1)
        wrong = np.flatnonzero(np.diff(own) != np.diff(theirs))
        if len(wrong):
            row = int(wrong[0])
            raise ColumnError(
                f"column {self.column!r}, row {row}: {np.diff(own)[row]} values of {self.field!r} but "
                f"{np.diff(theirs)[row]} weights in {self.weights!r}; there must be one weight per value."
            )
        return self._finite(array.flatten() if _is_list(array.type) else array, theirs)

    def _finite(self, array: ArrowArray, splits: Integers) -> Floats:
        """The weights as float32: a NaN would spread over the whole model in one step."""
        if not (pa.types.is_floating(array.type) or pa.types.is_integer(array.type)):
            raise ColumnError(f"column {self.column!r}: weights {self.weights!r} must be numbers, not {array.type}.")
        flat: Floats = array.to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
        finite = np.isfinite(flat)
        if not finite.all():
            place = int(np.argmin(finite))
            row = int(np.searchsorted(splits, place, side="right")) - 1
            raise ColumnError(
                f"column {self.column!r}, row {row}: a weight in {self.weights!r} is {array[place].as_py()}; "
                "every value needs a finite weight."
            )
        return flat


@dataclass(frozen=True, slots=True, eq=False)
class BucketSource:
    """A numeric field between boundaries."""

    column: str
    field: str
    boundaries: npt.NDArray[np.float32]

    @property
    def rows(self) -> int:
        return len(self.boundaries) + 1

    def signature(self) -> str:
        return f"buckets{self.boundaries.tolist()}"

    def read(self, reading: Reading) -> Ragged:
        numbers = reading.numbers(self.field, self.column)
        ids = np.searchsorted(self.boundaries, numbers, side="right").astype(np.int64)
        missing = np.isnan(numbers)
        return Ragged(ids).where(~missing) if missing.any() else Ragged(ids)


@dataclass(frozen=True, slots=True, eq=False)
class CrossSource:
    """Every combination of one value from each part, hashed."""

    column: str
    parts: tuple[Source, ...]
    rows: int | None

    def signature(self) -> str:
        return f"cross({self.rows},{','.join(part.signature() for part in self.parts)})"

    def read(self, reading: Reading) -> Ragged:
        crossed = reduce(cross, (reading.of(part) for part in self.parts))
        return _folded(crossed, self.rows)


@dataclass(frozen=True, slots=True, eq=False)
class MergeSource:
    """All values of all parts in one bag; the parts hash raw values without a bound."""

    column: str
    parts: tuple[Source, ...]
    rows: int | None

    def signature(self) -> str:
        return f"merge({self.rows})"

    def read(self, reading: Reading) -> Ragged:
        return _folded(merge([reading.of(part) for part in self.parts]), self.rows)


def _folded(hashed: Ragged, buckets: int | None) -> Ragged:
    return hashed if buckets is None else hashed.replaced(buckets_of(hashed.values, buckets))


def _is_list(kind: ArrowType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _splits(array: ArrowArray) -> Integers:
    """int64 ``[B + 1]``, starting at 0, of an array of lists; a null list is empty."""
    if pa.types.is_list(array.type) and not array.null_count:
        offsets: Integers = array.offsets.to_numpy().astype(np.int64)
        offsets -= offsets[0]
        return offsets
    lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
    splits: Integers = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
    return splits
