"""Rows of delimited text with any columns: the part that the readers of text formats share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from wideload.arrays import Integers
from wideload.datasets.readers.contract import Block
from wideload.datasets.readers.convert.join import own_columns
from wideload.datasets.readers.convert.rows import Name, convert
from wideload.datasets.readers.layout import Layout
from wideload.datasets.readers.sources import keys_of
from wideload.datasets.rejects import Reject
from wideload.datasets.text import values as quickly
from wideload.datasets.text.blocks import Position, TextBlock, blocks
from wideload.datasets.text.cells import Cells, header, split
from wideload.datasets.text.lines import Lines
from wideload.errors import DataError


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each column of a layout is in a file.

    Attributes:
        count: cells of a line.
        places: number of each column, by the name or number that the layout gives it.
        keys: columns that the file's folders stand for.
    """

    count: int
    places: dict[str | int, int]
    keys: dict[str, str | None]


def read(source: str, layout: Layout, start: Position) -> Iterator[Block]:
    """Rows of one file from ``start`` on.

    Raises:
        DataError: the file is empty, or its header lacks a column that the layout names.
    """
    columns = resolve(source, layout)
    for block in blocks(source, start, quoted=_quoted(layout)):
        first = block.line == 0 and layout.header
        found, rejects = split(block, layout.delimiter, columns.count, layout.quoted)
        if first:
            found, rejects = _without_header(found, rejects)
        done = convert(_CellColumns(found, layout, columns), layout, source)
        rejects += [found.reject(row, reason) for row, reason in done.reasons.items()]
        rejects.sort(key=lambda reject: reject.line)
        yield Block(done.table, rejects, block.after, found.blank, done.dropped, done.unmatched)


def _without_header(found: Cells, rejects: list[Reject]) -> tuple[Cells, list[Reject]]:
    keep = found.lines != 1
    return found.kept(keep), [reject for reject in rejects if reject.line != 1]


def _quoted(layout: Layout) -> str | None:
    return layout.delimiter if layout.quoted and len(layout.delimiter) == 1 else None


def first_line(source: str, quoted: str | None = None) -> str:
    """The first line of a file, without its end; with quoted newlines where cells between ``quoted`` may have them.

    Raises:
        DataError: the file is empty, or its first line is no text.
    """
    block: TextBlock | None = next(blocks(source, block=2**16, longest=2**16, quoted=quoted), None)
    if block is None or not block.length:
        raise DataError(f"{source} is empty." if block is None else f"{source}: the first line is not text.")
    line = Lines(block).bytes_of(0)
    try:
        return line.removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{source}:1: the first line is not UTF-8.") from None


def names_in_header(source: str, delimiter: str, quoted: bool = True) -> tuple[str, ...]:
    """The column names in a file's first line, without quotes and the space around them.

    Raises:
        DataError: the file is empty, or its first line is no text.
    """
    line = first_line(source, delimiter if quoted and len(delimiter) == 1 else None)
    return tuple(header(line, delimiter))


def in_order(names: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Known columns in the order of a header that names them, in any case of letters; else in their usual order."""
    by_lower = {name.lower(): name for name in known}
    found = tuple(by_lower.get(name.lower().replace("-", "_"), "") for name in names)
    return found if set(found) == set(known) and len(found) == len(known) else tuple(known)


def repeated(names: Sequence[str], wanted: Sequence[Name]) -> str:
    """The first wanted column that occurs more than once, for a message; empty when there is none."""
    counts = Counter(names)
    return next((f"column {name!r}" for name in wanted if isinstance(name, str) and counts[name] > 1), "")


def resolve(source: str, layout: Layout) -> Columns:
    """Finds the layout's columns in a file's header, or in the order that the layout declares.

    Raises:
        DataError: a column is not there.
    """
    names = layout.columns
    if names is None and layout.header:
        names = names_in_header(source, layout.delimiter, layout.quoted)
    wanted = own_columns(layout, source)
    keys = keys_of(source)
    twice = repeated(names or (), wanted)
    if twice:
        raise DataError(f"{source} has {twice} more than once in its header; rename one of them.")
    count = len(names) if names is not None else 1 + max((n for n in wanted if isinstance(n, int)), default=0)
    places: dict[str | int, int] = {}
    for column in wanted:
        if isinstance(column, int) and 0 <= column < count:
            places[column] = column
        elif names is not None and column in names:
            places[column] = names.index(str(column))
        elif column in keys:
            continue
        else:
            listing = ", ".join(names or ()) or "the file has no header and the layout no `columns`"
            raise DataError(f"{source} has no column {column!r}. It has: {listing}.")
    return Columns(count, places, keys)


class _CellColumns:
    """Cells as raw columns; short numbers and hexadecimal words are parsed for many columns in one go."""

    def __init__(self, found: Cells, layout: Layout, columns: Columns) -> None:
        self._cells, self._columns = found, columns
        wanted: dict[str, list[Name]] = {"number": [], "integer": [], "hex": []}
        if layout.label.positive is None:
            wanted["number"].append(layout.label.column)
        for field in layout.field:
            if not field.lists and not field.derived and field.kind != "text":
                wanted["integer" if field.kind == "id" else field.kind].append(field.source)
        if layout.time is not None:
            wanted["integer"].append(layout.time)
        self._quick = {kind: self._parsed(kind, names) for kind, names in wanted.items() if names}

    def _parsed(self, kind: str, names: list[Name]) -> dict[Name, Any | None]:
        names = [name for name in dict.fromkeys(names) if name in self._columns.places]
        if not names:
            return {}
        places = [self._columns.places[name] for name in names]
        return dict(zip(names, _QUICK[kind](self._cells, places), strict=True))

    @property
    def lines(self) -> Integers:
        return self._cells.lines

    def column(self, name: Name, kind: str) -> Any:  # noqa: ARG002
        if name not in self._columns.places:
            return pa.array([self._columns.keys[str(name)]] * len(self._cells), pa.string())
        return self._cells.bytes_of(self._columns.places[name])

    def quick(self, name: Name, kind: str) -> Any | None:
        values = self._quick.get("integer" if kind == "id" else kind, {}).get(name)
        if values is None or kind != "id":
            return values
        return None if pc.any(pc.less(values, 0)).as_py() else values


_QUICK = {"number": quickly.numbers, "integer": quickly.integers, "hex": quickly.hexadecimals}
