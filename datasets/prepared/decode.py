"""Converts the columns of a shard to the columns of a batch.

=============  ==========================  ==============================================================
field          stored                      in a batch
=============  ==========================  ==============================================================
label          any number                  float32, never null
numeric        any number, null = missing  float32, null = missing
integers       int64, null = missing       int64
strings        string, null = missing      dictionary<int32, string>; with a vocabulary its codes are ids, and a
                                           value outside the vocabulary is null like a missing one
multi-valued   list of the above           list of the above; a missing list is an empty one
=============  ==========================  ==============================================================

The work is done once per row group (:meth:`Decoder.decode`); :meth:`Decoder.finish` only adds the dictionaries to a
batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from wideload.datasets.contract import Field, Schema
from wideload.errors import DataError


class Decoder:
    """Decodes row groups of one data set."""

    def __init__(self, schema: Schema, vocabularies: Mapping[str, Any]) -> None:
        self._schema = schema
        self._vocabularies = dict(vocabularies)
        weights = [field.weights for field in schema.fields if field.weights]
        self.columns = [schema.label, *(field.name for field in schema.fields), *weights]
        self._fields = {field.name: field for field in schema.fields}
        self._dictionaries = {field.name for field in schema.fields if self._is_text(field)}

    def _is_text(self, field: Field) -> bool:
        """Returns whether the field's values may be text; integers do not change after decoding."""
        return field.kind == "categorical" and field.cardinality is None

    @property
    def dictionary_columns(self) -> list[str]:
        """The columns that Parquet should return with its own dictionaries."""
        return [name for name in self._vocabularies if not self._fields[name].multi_valued]

    def decode(self, table: pa.Table, where: str) -> pa.RecordBatch:
        """Converts a row group: every column gets the type it has in a batch, except for dictionaries.

        Raises:
            DataError: a column does not have the type that the manifest declares; the message names ``where``.
        """
        arrays = []
        for name in self.columns:
            try:
                arrays.append(self._column(name, _one_chunk(table[name])))
            except (pa.ArrowException, ValueError) as error:
                raise DataError(f"{where}: column {name!r} does not fit the manifest: {error}") from None
        return pa.RecordBatch.from_arrays(arrays, names=self.columns)

    def _column(self, name: str, column: Any) -> Any:
        field = self._fields.get(name)
        if field is None:
            return _floats(column) if name == self._schema.label else _lists(column, pa.float32())
        if field.kind == "numeric":
            return column.cast(pa.float32(), safe=False)
        return self._categories(field, column)

    def _categories(self, field: Field, column: Any) -> Any:
        vocabulary = self._vocabularies.get(field.name)
        if vocabulary is None:
            kind = _category_type(column.type.value_type if field.multi_valued else column.type)
            return _lists(column, kind) if field.multi_valued else column.cast(kind)
        if field.multi_valued:
            filled = _lists(column, pa.string())
            return pa.ListArray.from_arrays(filled.offsets, pc.index_in(filled.values, value_set=vocabulary))
        if not pa.types.is_dictionary(column.type):
            return pc.index_in(column.cast(pa.string()), value_set=vocabulary)
        return pc.index_in(column.dictionary.cast(pa.string()), value_set=vocabulary).take(column.indices)

    def finish(self, parts: list[pa.RecordBatch]) -> pa.RecordBatch:
        """Joins slices of decoded row groups to one record batch; copies their rows once."""
        if not parts:
            return self.empty()
        whole = pa.concat_batches(parts)
        if not self._dictionaries:
            return whole
        arrays = [
            self._finished(name, column) if name in self._dictionaries else column
            for name, column in zip(self.columns, whole.columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, names=self.columns)

    def _finished(self, name: str, column: Any) -> Any:
        vocabulary = self._vocabularies.get(name)
        if vocabulary is None:
            return _encoded(column)
        if pa.types.is_list(column.type):
            values = pa.DictionaryArray.from_arrays(column.values, vocabulary, safe=False)
            return pa.ListArray.from_arrays(column.offsets, values)
        return pa.DictionaryArray.from_arrays(column, vocabulary, safe=False)

    def empty(self) -> pa.RecordBatch:
        """Returns a batch without rows, the share of a rank that gets none."""
        arrays = [self._finished(name, pa.array([], self._type(name))) for name in self.columns]
        return pa.RecordBatch.from_arrays(arrays, names=self.columns)

    def _type(self, name: str) -> Any:
        field = self._fields.get(name)
        if field is None:
            return pa.float32() if name == self._schema.label else pa.list_(pa.float32())
        if field.kind == "numeric":
            return pa.float32()
        if field.name in self._vocabularies:
            inner = pa.int32()
        else:
            inner = pa.int64() if field.cardinality is not None or field.vocabulary is None else pa.string()
        return pa.list_(inner) if field.multi_valued else inner


def _category_type(stored: Any) -> Any:
    """Returns the type that a category without a vocabulary has in a batch.

    Raises:
        ValueError: the stored type is neither integers nor text.
    """
    if pa.types.is_integer(stored):
        return pa.int64()
    if pa.types.is_string(stored) or pa.types.is_large_string(stored) or pa.types.is_dictionary(stored):
        return pa.string()
    raise ValueError(f"{stored} is not a category: it holds neither integers nor text")


def _one_chunk(column: Any) -> Any:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _floats(column: Any) -> Any:
    if column.null_count:
        raise ValueError(f"{column.null_count} values are missing where none may be")
    return column.cast(pa.float32(), safe=False)


def _lists(column: Any, kind: Any) -> Any:
    if column.null_count:
        column = pc.coalesce(column, pa.scalar([], column.type))
    return column.cast(pa.list_(kind))


def _encoded(column: Any) -> Any:
    """Encodes strings without a vocabulary with a dictionary of their own."""
    if pa.types.is_string(column.type):
        return column.dictionary_encode()
    if pa.types.is_list(column.type) and pa.types.is_string(column.type.value_type):
        return pa.ListArray.from_arrays(column.offsets, column.values.dictionary_encode())
    return column
