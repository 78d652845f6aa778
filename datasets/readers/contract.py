"""The contract of a format: its sources, its layout, and blocks of rows.

::

    Reader(path, options)   sources()               files, in reading order
                            layout                  label, fields
                            split_of(source)        split that a file stands for, or None
                            blocks(source, start)   -> Block, Block, ...      starting at any block's ``after``

Every row of a source ends up either in a block's table or among its rejects.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import pyarrow as pa

from wideload.datasets.readers.layout import Layout
from wideload.datasets.rejects import Reject
from wideload.datasets.text.blocks import Position
from wideload.options import Options as AnyOptions

CARRIED = "\0="
"""Precedes the name of a column that is handed on as it is."""

TIME, SPLIT, ROW = "\0time", "\0split", "\0row"
"""Columns of a block in addition to the stored ones: a number that grows with time, the split's name, the line."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A number of consecutive rows.

    Attributes:
        table: the good rows: the layout's stored columns, then TIME, or SPLIT and ROW, where the layout has them.
        rejects: the bad rows.
        blank: number of empty lines, which do not count as rows.
        after: position at which reading resumes.
        dropped: number of rows that the layout leaves out.
        unmatched: number of rows whose key a joined file does not have, by file.
    """

    table: pa.Table
    rejects: list[Reject]
    after: Position
    blank: int = 0
    dropped: int = 0
    unmatched: Mapping[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Number of rows that were read."""
        return int(self.table.num_rows) + len(self.rejects) + self.dropped


class Reader(ABC):
    """A format."""

    name: ClassVar[str]
    summary: ClassVar[str]
    Options: ClassVar[type[AnyOptions]] = AnyOptions

    def __init__(self, path: str, options: AnyOptions | None = None) -> None:
        self.path = path
        self.options = options if options is not None else self.Options()

    @property
    @abstractmethod
    def layout(self) -> Layout: ...

    def reading(self, layout: Layout) -> Self:
        """The same reader with another layout of the same fields."""
        other = copy.copy(self)
        vars(other)["layout"] = layout  # in the place of the cached property
        return other

    @abstractmethod
    def sources(self) -> tuple[str, ...]:
        """Returns the files in reading order.

        Raises:
            DataError: there are no files.
        """

    def split_of(self, source: str) -> str | None:  # noqa: ARG002
        """Returns the split that a whole file belongs to, where the format defines one."""
        return None

    @abstractmethod
    def blocks(self, source: str, start: Position) -> Iterator[Block]:
        """Yields the rows of a source, beginning at ``start``.

        Raises:
            DataError: the file cannot be read, is empty, or has another form.
        """
