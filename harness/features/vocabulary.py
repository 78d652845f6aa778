"""The vocabulary of a column: from its declaration, from a file, or from the data set's schema."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wideload.errors import ColumnError
from wideload.harness.features.arrow import ArrowArray
from wideload.harness.workload.columns import Vocabulary

if TYPE_CHECKING:
    from wideload.datasets.contract import Field


def vocabulary_of(declaration: Vocabulary, field: Field, column: str) -> ArrowArray:
    """The known values as an array of strings, in the order of their ids.

    Raises:
        ColumnError: there is none, it cannot be read, or a value occurs twice; names the column.
    """
    values = _declared(declaration, field, column)
    if declaration.limit is not None:
        values = values.slice(0, declaration.limit)
    if len(pc.unique(values)) != len(values):
        twice = pc.value_counts(values).to_pylist()
        name = next(entry["values"] for entry in twice if entry["counts"] > 1)
        raise ColumnError(f"column {column!r}: vocabulary value {name!r} occurs twice; ids must be unique.")
    return values


def _declared(declaration: Vocabulary, field: Field, column: str) -> ArrowArray:
    if declaration.values is not None and declaration.file is not None:
        raise ColumnError(f"column {column!r}: give the vocabulary's values or its file, not both.")
    if declaration.file is not None:
        return _file(Path(declaration.file), declaration.min_count, column)
    if declaration.min_count:
        raise ColumnError(f"column {column!r}: min_count needs a vocabulary file (Parquet) with a column 'count'.")
    known = declaration.values if declaration.values is not None else field.vocabulary
    if known is None:
        raise ColumnError(
            f"column {column!r}: field {field.name!r} has no fitted vocabulary; give encoder.values or encoder.file, "
            "or use the hash encoder."
        )
    return pa.array(known, pa.string())


def _file(path: Path, min_count: int, column: str) -> ArrowArray:
    try:
        table = pq.read_table(path) if path.suffix == ".parquet" else _words(path, column)
        values = pc.utf8_trim_whitespace(table["value"].cast(pa.string()))
    except (OSError, KeyError, UnicodeDecodeError, pa.ArrowException) as error:
        raise ColumnError(f"column {column!r}: cannot read the vocabulary {path}: {error}") from None
    if min_count and "count" not in table.column_names:
        raise ColumnError(
            f"column {column!r}: min_count needs a column 'count' in {path}; it has {table.column_names}."
        )
    if min_count:
        values = values.filter(pc.greater_equal(table["count"], min_count))
    return values.filter(pc.not_equal(values, "")).combine_chunks()


def _words(path: Path, column: str) -> pa.Table:
    """The lines of a text file, trimmed as data are; blank ones are skipped.

    Raises:
        ColumnError: a word occurs twice; names both lines.
    """
    first: dict[str, int] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), 1):
        word = line.strip()
        if word and first.setdefault(word, number) != number:
            raise ColumnError(
                f"column {column!r}: {path} has the value {word!r} on lines {first[word]} and {number}; "
                "ids must be unique."
            )
    return pa.table({"value": pa.array(list(first), pa.string())})
