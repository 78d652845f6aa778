r"""Splits the lines of a block into cells, all at once.

::

    data     0 \t 1 2 \t a b c d e f 0 1 \n ...        the block's bytes
    starts   [n, C] first byte of each cell
    ends     [n, C] byte after its last

A line with a different number of cells, and a line that is not text, is rejected here.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from wideload.arrays import Flags, Integers
from wideload.datasets.rejects import Reject
from wideload.datasets.text.blocks import PADDING, TextBlock
from wideload.datasets.text.lines import COLUMNS, QUOTE, RETURN, SHOWN, Lines
from wideload.datasets.text.quotes import NEWLINE


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The cells of ``n`` good lines.

    Attributes:
        source: file name.
        data: uint8, the bytes that ``starts`` and ``ends`` point into, padded.
        starts, ends: int64 ``[n, C]``.
        lines: int64 ``[n]``, line numbers from 1.
        bounds_of_lines: int64 ``[n, 2]``, where each line begins and ends in ``data``, quotes and delimiters included.
        blank: number of empty lines, which do not count as rows.
    """

    source: str
    data: npt.NDArray[np.uint8]
    starts: Integers
    ends: Integers
    lines: Integers
    bounds_of_lines: Integers
    blank: int = 0

    def __len__(self) -> int:
        return len(self.lines)

    def bounds(self, columns: Sequence[int]) -> tuple[Integers, Integers]:
        """Starts and ends of the cells of ``columns``: int64 ``[n, K]``; views where the columns are adjacent."""
        begin, count = columns[0], len(columns)
        if list(columns) == list(range(begin, begin + count)):
            return self.starts[:, begin : begin + count], self.ends[:, begin : begin + count]
        return self.starts[:, np.asarray(columns)], self.ends[:, np.asarray(columns)]

    def kept(self, keep: Flags) -> Cells:
        """The cells of some of the lines."""
        starts, ends, lines = self.starts[keep], self.ends[keep], self.lines[keep]
        return Cells(self.source, self.data, starts, ends, lines, self.bounds_of_lines[keep], self.blank)

    def text(self, row: int) -> str:
        """Returns the beginning of a row as it is in the file, for messages."""
        begin, end = self.bounds_of_lines[row]
        line = self.data[begin : min(end, begin + SHOWN)].tobytes().removesuffix(b"\r")
        return line.decode("utf-8", "backslashreplace")

    def bytes_of(self, column: int) -> Any:
        """Returns the cells of a column as an Arrow binary array."""
        starts, lengths = self.starts[:, column], self.ends[:, column] - self.starts[:, column]
        offsets = np.zeros(len(self) + 1, dtype=np.int32)
        np.cumsum(lengths, out=offsets[1:])
        where = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        content = self.data[where]
        return pa.Array.from_buffers(pa.binary(), len(self), [None, pa.py_buffer(offsets), pa.py_buffer(content)])

    def reject(self, row: int, reason: str) -> Reject:
        return Reject(self.source, int(self.lines[row]), reason, self.text(row))


def split(block: TextBlock, delimiter: str, columns: int, quoted: bool = False) -> tuple[Cells, list[Reject]]:
    """The cells of the lines that have exactly ``columns`` cells, and a reject with the reason for every other line."""
    separators, width = _separators(block, delimiter)
    last = np.flatnonzero(block.data[separators] == NEWLINE)
    lines = Lines(block, separators[last])
    first = np.concatenate([[0], last + 1]).astype(np.int64)[:-1]
    found = last - first + 1
    why = lines.why()
    special = lines.with_byte(QUOTE) if quoted and len(delimiter) == 1 else np.zeros(len(lines), dtype=bool)
    wrong = (found != columns) & (why == 0) & ~special
    why[wrong] = COLUMNS
    good = (why == 0) & ~special
    ends = _rows(separators, first, good, columns)
    starts = np.empty_like(ends)
    starts[:, 0] = lines.starts[good]
    starts[:, 1:] = ends[:, :-1] + width
    returns = block.data[np.maximum(ends[:, -1] - 1, 0)] == RETURN
    ends[:, -1] -= returns & (ends[:, -1] > starts[:, -1])
    bounds = np.stack([lines.starts[good], lines.ends[good]], axis=1)
    cells = Cells(block.source, block.data, starts, ends, lines.numbers[good], bounds, lines.blank(why))
    rejects = [*block.rejects, *lines.rejects(why, lambda line: f"{found[line]} columns where {columns} are expected")]
    if special.any():
        cells, more = _with_quoted(cells, lines, special & (why == 0), delimiter, columns)
        rejects += more
    return cells, rejects


def _rows(separators: Integers, first: Integers, good: Flags, columns: int) -> Integers:
    """Returns the ends of the cells of good lines as a new array: int64 ``[n, columns]``."""
    if good.all():
        return separators.reshape(-1, columns).copy()
    return separators[first[good][:, None] + np.arange(columns)]


def _separators(block: TextBlock, delimiter: str) -> tuple[Integers, int]:
    """Returns the positions of delimiters and newlines, and the delimiter's width (1 or 2 bytes)."""
    data, letters = block.data[: block.length], delimiter.encode()
    hit = data == letters[0]
    if len(letters) == 2:
        hit &= block.data[1 : block.length + 1] == letters[1]
        if letters[0] == letters[1]:
            _leftmost(hit)
    hit |= data == NEWLINE
    hit[block.inner] = False
    return np.flatnonzero(hit), len(letters)


def _leftmost(hit: Flags) -> None:
    """Keeps every second of the overlapping hits of a doubled character, from the left; in place."""
    last = -2
    for position in np.flatnonzero(hit[1:] & hit[:-1]) + 1:
        if position != last + 1:
            hit[position] = False
            last = position


def _with_quoted(
    cells: Cells, lines: Lines, special: Flags, delimiter: str, columns: int
) -> tuple[Cells, list[Reject]]:
    """Adds the lines that contain quotes, one at a time."""
    rejects, rows, kept, extra = [], [], [], bytearray()
    base = len(cells.data) - PADDING
    for line in np.flatnonzero(special):
        values = _quoted(lines.bytes_of(line).decode("utf-8"), delimiter)
        if isinstance(values, str):
            rejects.append(lines.reject(line, values))
        elif len(values) != columns:
            rejects.append(lines.reject(line, f"{len(values)} columns where {columns} are expected"))
        else:
            lengths = [len(value) for value in values]
            rows.append(base + len(extra) + np.concatenate([[0], np.cumsum(lengths)]))
            kept.append(line)
            extra += b"".join(values)
    if not rows:
        return cells, rejects
    bounds = np.stack(rows).astype(np.int64)
    data = np.concatenate([cells.data[:base], np.frombuffer(bytes(extra) + bytes(PADDING), dtype=np.uint8)])
    numbers = np.concatenate([cells.lines, lines.numbers[kept]])
    order = np.argsort(numbers, kind="stable")
    lines_at = np.concatenate([cells.bounds_of_lines, np.stack([lines.starts[kept], lines.ends[kept]], axis=1)])
    starts = np.concatenate([cells.starts, bounds[:, :-1]])[order]
    ends = np.concatenate([cells.ends, bounds[:, 1:]])[order]
    return Cells(cells.source, data, starts, ends, numbers[order], lines_at[order], cells.blank), rejects


def _quoted(line: str, delimiter: str) -> list[bytes] | str:
    """Returns the cells of one line according to RFC 4180, or the reason why it cannot be split."""
    try:
        rows = list(csv.reader([line.removesuffix("\r")], delimiter=delimiter, strict=True))
    except csv.Error as error:
        return f"quotes do not match ({error})"
    return [value.encode() for value in rows[0]]


def header(line: str, delimiter: str) -> list[str]:
    """Returns the column names in a header line."""
    quoted = _quoted(line, delimiter) if len(delimiter) == 1 and '"' in line else ""
    names = line.split(delimiter) if isinstance(quoted, str) else [name.decode() for name in quoted]
    return [name.strip() for name in names]
