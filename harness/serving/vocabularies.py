"""Whether another data set is read with the vocabularies that a model was trained with.

A batch holds text as the data set that it comes from knows it: what is outside that data set's vocabulary is a missing
value. So the same row gives another prediction where the vocabulary lacks a word, or has one more, and no error would
show it. The order of the words and the numbers of rows do not matter: ids are those of the model's own columns.

A data set says what its vocabularies are by their words, so the comparison covers every data set, of any version.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from wideload.datasets.contract import Field, Schema
from wideload.errors import UsageError
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.sources import FieldSource, Source
from wideload.hashing import hash_strings


def require_same(adapter: FeatureColumnAdapter, trained: Schema, other: Schema, names: tuple[str, str]) -> None:
    """Refuses a data set whose vocabularies are not those of the data set that a model was trained on.

    Args:
        adapter: of the model's columns.
        trained, other: the schemas.
        names: of both data sets, for the message.

    Raises:
        UsageError: names the field, both vocabularies and what to do.
    """
    known = {field.name: field for field in other.fields}
    for name in dict.fromkeys(fields_of(adapter)):
        mine, theirs = trained.field(name), known.get(name)
        if theirs is None or _same(mine, theirs):  # a field that is not there is named by the adapter
            continue
        raise UsageError(
            f"field {name!r} has the vocabulary {_shown(mine)} in {names[0]}, which the model was trained on, but "
            f"{_shown(theirs)} in {names[1]}: the same words would get other ids, and another AUC. Prepare the rows "
            "with `wideload data prepare --like DIR`, where DIR is the folder that the model was trained on."
        )


def fields_of(adapter: FeatureColumnAdapter) -> Iterator[str]:
    """The categorical fields that the columns read, some more than once."""
    for slot in adapter.slots:
        yield from _fields(slot.source)


def _fields(source: Source) -> Iterator[str]:
    if isinstance(source, FieldSource):
        yield source.field
    for part in getattr(source, "parts", ()):
        yield from _fields(part)


def _same(mine: Field, theirs: Field) -> bool:
    if mine.vocabulary is None or theirs.vocabulary is None:
        return mine.vocabulary is theirs.vocabulary
    return mine.vocabulary == theirs.vocabulary or set(mine.vocabulary) == set(theirs.vocabulary)


def _shown(field: Field) -> str:
    """The fingerprint of a vocabulary, whatever its order, and its size."""
    if field.vocabulary is None:
        return "none"
    words = pa.array(["\n".join(sorted(field.vocabulary))], pa.string())
    return f"{int(hash_strings(words)[0]) & (2**64 - 1):016x} ({len(field.vocabulary):,} values)"
