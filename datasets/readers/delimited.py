"""Rows of delimited text, whatever the columns: what the readers of text formats share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from wideload.datasets.readers.contract import ROW, SPLIT, TIME, Block
from wideload.datasets.readers.layout import InputField, Label, Layout
from wideload.datasets.rejects import Reject
from wideload.datasets.text import values as parsing
from wideload.datasets.text.blocks import Position, TextBlock, blocks
from wideload.datasets.text.cells import Cells, header, split
from wideload.datasets.text.lines import Lines
from wideload.datasets.text.values import Parsed
from wideload.errors import DataError


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each column of a layout is in a file.

    Attributes:
        count: cells of a line.
        places: number of each column, by the name or number that the layout gives it.
    """

    count: int
    places: dict[str | int, int]


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
        table, bad = parse(found, layout, columns)
        yield Block(table, sorted([*rejects, *bad], key=lambda reject: reject.line), block.after, found.blank)


def _without_header(found: Cells, rejects: list[Reject]) -> tuple[Cells, list[Reject]]:
    keep = found.lines != 1
    kept = Cells(found.source, found.data, found.starts[keep], found.ends[keep], found.lines[keep], found.blank)
    return kept, [reject for reject in rejects if reject.line != 1]


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


def resolve(source: str, layout: Layout) -> Columns:
    """Finds the layout's columns in a file's header, or in the order that the layout declares.

    Raises:
        DataError: a column is not there.
    """
    names = layout.columns
    if names is None and layout.header:
        names = tuple(header(first_line(source, _quoted(layout)), layout.delimiter))
    wanted = [layout.label.column, *(field.source for field in layout.field)]
    wanted += [column for column in (layout.time, layout.split) if column is not None]
    count = len(names) if names is not None else 1 + max((n for n in wanted if isinstance(n, int)), default=0)
    places: dict[str | int, int] = {}
    for column in wanted:
        if isinstance(column, int) and 0 <= column < count:
            places[column] = column
        elif names is not None and column in names:
            places[column] = names.index(str(column))
        else:
            listing = ", ".join(names or ()) or "the file has no header and the layout no `columns`"
            raise DataError(f"{source} has no column {column!r}. It has: {listing}.")
    return Columns(count, places)


def parse(found: Cells, layout: Layout, columns: Columns) -> tuple[pa.Table, list[Reject]]:
    """The stored columns of all rows that are good in every one of them."""
    parser = _Parser(found, layout, columns)
    arrays: dict[str, Any] = {"label": parser.label(layout.label)}
    arrays |= parser.fields()
    if layout.time is not None:
        arrays[TIME] = parser.take(
            layout.time, parsing.integers(found, [columns.places[layout.time]], parser.missing)[0]
        )
    if layout.split is not None:
        arrays[SPLIT] = parsing.texts(found, columns.places[layout.split])
        arrays[ROW] = pa.array(found.lines)
    table = pa.table(arrays)
    return (table.filter(pa.array(~parser.bad)), parser.rejects) if parser.bad.any() else (table, [])


class _Parser:
    """Parses columns and collects the bad rows; a row is reported for its first bad cell."""

    def __init__(self, found: Cells, layout: Layout, columns: Columns) -> None:
        self._cells, self._layout, self._columns = found, layout, columns
        self.missing = frozenset(word.encode() for word in layout.missing)
        self.bad: npt.NDArray[np.bool_] = np.zeros(len(found), dtype=bool)
        self.rejects: list[Reject] = []

    def take(self, column: str | int, parsed: Parsed, what: str = "not a number") -> Any:
        values, bad = parsed
        self.reject(bad, f"column {column!r}: {what}")
        return values

    def reject(self, bad: npt.NDArray[np.bool_], reason: str) -> None:
        fresh = bad & ~self.bad
        if fresh.any():
            self.rejects += self._cells.rejected(fresh, reason)
            self.bad |= fresh

    def label(self, label: Label) -> Any:
        """The label by its rule: float32, 0 or 1."""
        place = self._columns.places[label.column]
        if label.positive is not None:
            return self._label_of_text(label, place)
        values = self.take(label.column, parsing.numbers(self._cells, [place], self.missing)[0])
        plain = pc.fill_null(values, float("nan")).to_numpy(zero_copy_only=False)
        self.reject(np.isnan(plain), f"column {label.column!r}: the label is missing")
        if label.at_least is not None:
            return pa.array((plain >= label.at_least).astype(np.float32))
        self.reject((plain != 0) & (plain != 1), f"column {label.column!r}: the label is neither 0 nor 1")
        return pa.array(np.where(plain == 1, np.float32(1), np.float32(0)))

    def _label_of_text(self, label: Label, place: int) -> Any:
        values = parsing.texts(self._cells, place, self.missing)
        self.reject(np.asarray(values.is_null()), f"column {label.column!r}: the label is missing")
        positive = pc.is_in(values, value_set=pa.array(label.positive, pa.string()))
        if label.allowed is not None:
            known = pc.is_in(values, value_set=pa.array([*(label.positive or ()), *label.allowed], pa.string()))
            self.reject(~np.asarray(known), f"column {label.column!r}: unknown label")
        return positive.cast(pa.float32())

    def fields(self) -> dict[str, Any]:
        """All fields; integers and hexadecimal words are parsed for many columns in one go."""
        single = [field for field in self._layout.field if not field.lists]
        together = {kind: [field for field in single if field.kind in kinds] for kind, kinds in _TOGETHER.items()}
        parsed: dict[str, Any] = {}
        for kind, fields in together.items():
            places = [self._columns.places[field.source] for field in fields]
            results = _PARSERS[kind](self._cells, places, self.missing) if places else []
            for field, result in zip(fields, results, strict=True):
                parsed[field.name] = self.take(field.source, result, _WHAT[kind])
        for field in self._layout.field:
            if field.kind == "id" and field.name in parsed:
                negative = pc.fill_null(pc.less(parsed[field.name], 0), False)
                self.reject(np.asarray(negative), f"column {field.source!r}: an id is negative")
            elif field.name not in parsed:
                parsed[field.name] = self._text(field)
        return {field.name: parsed[field.name] for field in self._layout.field}

    def _text(self, field: InputField) -> Any:
        values = parsing.texts(self._cells, self._columns.places[field.source], self.missing)
        if not field.lists:
            return values
        parts = pc.split_pattern(pc.fill_null(values, ""), field.separator)
        flat, parents = parts.flatten(), pc.list_parent_indices(parts)
        keep = pc.not_equal(flat, "")
        flat, parents = flat.filter(keep), parents.filter(keep)
        if field.kind != "text":
            flat = self._converted(field, flat, np.asarray(parents))
        counts = np.bincount(np.asarray(parents), minlength=len(values))
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), flat)

    def _converted(self, field: InputField, flat: Any, parents: npt.NDArray[np.int64]) -> Any:
        """Values of a multi-valued field of integers, ids or hexadecimal words."""
        values, wrong = parsing.converted(flat, field.kind)
        bad = np.zeros(len(self.bad), dtype=bool)
        bad[parents[wrong]] = True
        self.reject(bad, f"column {field.source!r}: {_WHAT['hex' if field.kind == 'hex' else 'integer']}")
        return values


_TOGETHER = {"number": ("number",), "integer": ("integer", "id"), "hex": ("hex",)}
_PARSERS = {"number": parsing.numbers, "integer": parsing.integers, "hex": parsing.hexadecimals}
_WHAT = {"number": "not a number", "integer": "not an integer", "hex": "not a hexadecimal word"}
