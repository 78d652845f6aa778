"""Fields of a schema, as columns ask for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Literal

from wideload.errors import ColumnError, nearest
from wideload.harness.workload import columns as declared

if TYPE_CHECKING:
    from wideload.datasets.contract import Field, Schema


def field_of(
    schema: Schema, name: str, column: str, kind: Literal["numeric", "categorical"], others: Iterable[str] = ()
) -> Field:
    """The field of that name.

    Args:
        schema: of the data set.
        name: as written in the declaration.
        column: the column that reads it, for messages.
        kind: what the column can read.
        others: names that would have been valid too, for the hint.

    Raises:
        ColumnError: there is none, or it is of the other kind; names the column, and the nearest name.
    """
    fields = {field.name: field for field in schema.fields}
    if name not in fields:
        near = nearest(name, [*fields, *others])
        hint = f" Did you mean {near!r}?" if near else ""
        raise ColumnError(f"column {column!r}: there is no field {name!r}.{hint} Fields: {', '.join(fields)}.")
    if fields[name].kind != kind:
        hint = "; bucketise it first" if kind == "categorical" else ""
        raise ColumnError(f"column {column!r} needs a {kind} field, but {name!r} is {fields[name].kind}{hint}.")
    return fields[name]


def natural_encoder(field: Field) -> declared.Encoder:
    """The encoder of a categorical field whose column declares none; what is known of its values decides."""
    if field.vocabulary is not None:
        return declared.Vocabulary()
    return declared.Identity() if field.cardinality is not None else declared.Hash()


def bounded_encoder(field: Field, buckets: int) -> declared.Encoder:
    """The encoder of a categorical field that may have at most ``buckets`` rows, 2 or more."""
    natural = natural_encoder(field)
    if field.vocabulary is not None:
        # One row stays for the values that are left out.
        return declared.Vocabulary(limit=buckets - 1) if len(field.vocabulary) >= buckets else natural
    if field.cardinality is not None and field.cardinality <= buckets:
        return natural
    return declared.Hash(buckets=buckets)


def union_of(fields: list[Field]) -> Field:
    """One field for all: vocabularies joined in order, and the largest cardinality; None where one is unknown."""
    vocabularies = [field.vocabulary for field in fields if field.vocabulary is not None]
    sizes = [field.cardinality for field in fields if field.cardinality is not None]
    return replace(
        fields[0],
        name="+".join(field.name for field in fields),
        vocabulary=tuple(dict.fromkeys(chain(*vocabularies))) if len(vocabularies) == len(fields) else None,
        cardinality=max(sizes) if len(sizes) == len(fields) else None,
    )
