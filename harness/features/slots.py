"""The slots of the model, and the source that fills each of them, from a declaration and a schema.

``Columns`` + ``Schema`` ──all_columns──► columns ──SlotCompiler──► slots ──tables_of──► layout
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from wideload.errors import ColumnError, UnknownNameError
from wideload.harness.features.encoders import HashEncoder, compile_encoder
from wideload.harness.features.fields import bounded_encoder, field_of, natural_encoder, union_of
from wideload.harness.features.sources import BucketSource, CrossSource, FieldSource, MergeSource, Source
from wideload.harness.workload import columns as declared

if TYPE_CHECKING:
    from wideload.datasets.contract import Field, Schema


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """One categorical input.

    Attributes:
        name: unique over the model.
        space: slots of one space share their rows; the column's name.
        wide: whether it has a linear weight.
        embedding: its deep part, or None.
        identity: what its values depend on in addition to the declaration, for fingerprints.
    """

    name: str
    space: str
    source: Source
    wide: bool
    embedding: declared.Embedding | None
    identity: str


class SlotCompiler:
    """Resolves the categorical columns of a declaration.

    Args:
        columns: explicit columns and derived ones (see :func:`all_columns`).
        schema: of the data set.
    """

    def __init__(self, columns: tuple[declared.Column, ...], schema: Schema) -> None:
        self._columns = {column.name: column for column in columns}
        self._schema = schema
        self._sources: dict[str, Source] = {}
        self._open: list[str] = []

    def slots(self, parts: str) -> list[Slot]:
        """Every slot, in declaration order, without the parts that the model leaves out."""
        found = []
        for column in self._columns.values():
            if isinstance(column, declared.Numeric):
                continue
            wide = column.wide and parts != "deep"
            embedding = column.embedding if parts != "wide" else None
            if not column.wide and column.embedding is None:
                raise ColumnError(
                    f"column {column.name!r} has neither a wide weight nor an embedding: nothing would use it. "
                    "Set wide = true, give it an embedding, or remove it."
                )
            if wide or embedding is not None:
                found += [
                    Slot(name, column.name, source, wide, embedding, source.signature())
                    for name, source in self._named_sources(column)
                ]
        return found

    def _named_sources(self, column: declared.Categorical) -> Iterator[tuple[str, Source]]:
        if isinstance(column, declared.Shared):
            yield from self._shared(column)
        else:
            yield column.name, self.source(column.name, column.name)

    def _shared(self, column: declared.Shared) -> Iterator[tuple[str, Source]]:
        fields = [field_of(self._schema, name, column.name, "categorical") for name in column.of]
        union = union_of(fields)
        encoder = compile_encoder(column.encoder or natural_encoder(union), union, column.name)
        for field in fields:
            weights = field.weights if column.weighted else None
            yield f"{column.name}.{field.name}", FieldSource(column.name, field.name, encoder, weights)

    def source(self, name: str, asked_by: str) -> Source:
        """The source of a column, or of a plain field where no column has that name."""
        if name not in self._sources:
            column = self._columns.get(name)
            if isinstance(column, declared.Numeric | declared.Shared):
                raise ColumnError(
                    f"column {asked_by!r} cannot be made of {name!r}, which is {column.kind}; "
                    "name a categorical column, a bucketised column or a categorical field."
                )
            if name in self._open:
                raise ColumnError(f"column {name!r} is crossed with itself: {' of '.join([*self._open, name])}.")
            self._open.append(name)
            self._sources[name] = self._field(name, asked_by) if column is None else self._compile(column)
            self._open.pop()
        return self._sources[name]

    def _field(self, name: str, asked_by: str) -> Source:
        field = field_of(self._schema, name, asked_by, "categorical", self._columns)
        return FieldSource(asked_by, name, compile_encoder(natural_encoder(field), field, asked_by))

    def _compile(self, column: declared.Column) -> Source:
        if isinstance(column, declared.Bucketised):
            return self._bucketised(column)
        if isinstance(column, declared.Crossed):
            parts = tuple(self.source(name, column.name) for name in column.of)
            return CrossSource(column.name, parts, column.buckets)
        if isinstance(column, declared.Merged):
            return self._merged(column)
        assert isinstance(column, declared.Category | declared.Sequence)
        field = field_of(self._schema, column.field or column.name, column.name, "categorical")
        encoder = compile_encoder(column.encoder or natural_encoder(field), field, column.name)
        last = column.last if isinstance(column, declared.Sequence) else None
        return FieldSource(column.name, field.name, encoder, field.weights if column.weighted else None, last)

    def _bucketised(self, column: declared.Bucketised) -> Source:
        field = field_of(self._schema, column.field or column.name, column.name, "numeric")
        boundaries = np.asarray(column.boundaries, np.float32)
        if (np.diff(boundaries) <= 0).any():
            raise ColumnError(
                f"column {column.name!r}: boundaries must increase strictly, given {list(column.boundaries)}."
            )
        return BucketSource(column.name, field.name, boundaries)

    def _merged(self, column: declared.Merged) -> Source:
        fields = [field_of(self._schema, name, column.name, "categorical") for name in column.of]
        parts = tuple(
            FieldSource(column.name, field.name, HashEncoder(None), field.weights if column.weighted else None)
            for field in fields
        )
        return MergeSource(column.name, parts, column.buckets)


def all_columns(columns: declared.Columns, schema: Schema) -> tuple[declared.Column, ...]:
    """The derived columns in schema order, then the explicit ones.

    Raises:
        ColumnError: two columns have the same name.
        UnknownNameError: ``exclude`` names a field that does not exist.
    """
    taken = set(columns.exclude) | set(chain.from_iterable(_reads(column) for column in columns.column))
    derived = [_derived(columns, field) for field in schema.fields if columns.auto and field.name not in taken]
    for name in columns.exclude:
        if name not in {field.name for field in schema.fields}:
            raise UnknownNameError("field in exclude", name, [field.name for field in schema.fields])
    both = (*derived, *columns.column)
    seen: set[str] = set()
    for column in both:
        if column.name in seen:
            raise ColumnError(f"two columns are named {column.name!r}; names must be unique.")
        seen.add(column.name)
    return both


def _reads(column: declared.Column) -> tuple[str, ...]:
    """Fields that this column reads, so that no column is derived for them."""
    if isinstance(column, declared.Numeric | declared.Category | declared.Sequence):
        return (column.field or column.name,)
    if isinstance(column, declared.Merged | declared.Shared):
        return column.of
    return ()


def _derived(columns: declared.Columns, field: Field) -> declared.Column:
    if field.kind == "numeric":
        return declared.Numeric(name=field.name)
    limit = columns.auto_buckets
    encoder = natural_encoder(field) if limit is None else bounded_encoder(field, limit)
    return declared.Category(name=field.name, encoder=encoder, embedding=columns.auto_embedding)
