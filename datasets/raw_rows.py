"""Raw rows that are to be scored: read as the rows were that a model was trained on, without the label.

::

    Origin                reader, options, layout: how the rows of a data set were read
    RawRows(origin, files).blocks() -> Scorable(fields, kept)     fields: as in a shard;  kept: what the file has

What is kept is every column of CSV and Parquet as it is; of the other formats the fields, as they are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from wideload.datasets.prepared.manifest import Provenance
from wideload.datasets.readers import delimited, find
from wideload.datasets.readers.contract import CARRIED, Reader
from wideload.datasets.readers.layout import Layout, ScoringLayout
from wideload.datasets.rejects import Rejects
from wideload.datasets.text.blocks import Position
from wideload.errors import DataError, UsageError
from wideload.options import validate


@dataclass(frozen=True, slots=True)
class Origin:
    """How rows are read: a reader, its options, and the layout of format ``custom``."""

    reader: str
    options: dict[str, Any] = field(default_factory=dict)
    layout: dict[str, Any] | None = None

    @classmethod
    def of(cls, kept: Provenance) -> Origin:
        """How the rows of a prepared folder were read."""
        return cls(kept.reader, dict(kept.options), kept.layout)

    def open(self, path: str, layout: str | None = None) -> Reader:
        """The reader of a file or folder.

        Args:
            path: of the rows.
            layout: a TOML file that is used instead.

        Raises:
            UsageError: a layout is needed, and there is none.
        """
        found, options = find(self.reader), dict(self.options)
        if layout is not None or self.reader == "custom":
            options["layout"] = layout if layout is not None else self.layout
        if options.get("layout", "") is None:
            raise UsageError("the training data were prepared before layouts were kept: name the layout with --layout.")
        return found(path, validate(found.Options, options, f"options of {self.reader}"))


@dataclass(frozen=True, slots=True)
class Scorable:
    """The good rows of a block.

    Attributes:
        fields: the stored columns, with labels of 0.
        kept: the columns of the source.
        done: bytes of the sources that have been read.
    """

    fields: pa.Table
    kept: pa.Table
    done: int


@dataclass(slots=True)
class RawRows:
    """The rows of some files, in order.

    Attributes:
        rejects: the bad rows so far.
        rows_in: rows read so far, bad ones included.
    """

    origin: Origin
    paths: tuple[str, ...]
    layout: str | None
    rejects: Rejects
    rows_in: int = 0

    @property
    def total(self) -> int:
        """Bytes of local files."""
        return sum(Path(source).stat().st_size for _, source in self._sources() if "://" not in source)

    def _sources(self) -> Iterator[tuple[Reader, str]]:
        for path in self.paths:
            reader = self.origin.open(path, self.layout)
            yield from ((reader, source) for source in reader.sources())

    def blocks(self) -> Iterator[Scorable]:
        """Yields blocks.

        Raises:
            DataError: a file is not readable, a row is bad and the policy is ``error``, or a file has other columns.
        """
        before, columns = 0, None
        for reader, source in self._sources():
            layout = _scoring(reader.layout, source)
            stored = [*layout.stored.names]
            names = {f"{CARRIED}{name}": str(name) for name in layout.carried} or {name: name for name in stored[1:]}
            if columns is not None and columns != list(names.values()):
                raise DataError(
                    f"{source} has the columns {', '.join(names.values())}, the files before {', '.join(columns)}: "
                    "score files of different columns one by one."
                )
            columns = list(names.values())
            for block in reader.reading(layout).blocks(source, Position()):
                self.rejects.add(block.rejects)
                self.rows_in += block.table.num_rows + len(block.rejects)
                kept = block.table.select(list(names)).rename_columns(columns)
                yield Scorable(block.table.select(stored), kept, before + block.after.offset)
            before += 0 if "://" in source else Path(source).stat().st_size


def _scoring(layout: Layout, source: str) -> Layout:
    """The layout for one file: without the label, and with all of the file's columns."""
    scoring = ScoringLayout.of(layout)
    if layout.format == "parquet":
        return scoring.model_copy(update={"kept_columns": tuple(pq.read_schema(source).names)})
    if layout.format != "csv":
        return scoring
    names, given = layout.columns, delimited.names_in_header(source, layout.delimiter, layout.quoted)
    if names is not None and layout.label.column in names and len(given) == len(names) - 1:
        names = tuple(name for name in names if name != layout.label.column)  # as published test files have it
    scoring = scoring.model_copy(update={"columns": names})
    if names is None and layout.header:
        names = given
    kept: tuple[str | int, ...] = tuple(range(len(given))) if names is None else names
    return scoring.model_copy(update={"kept_columns": kept})
