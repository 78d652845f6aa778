"""Quoted cells that span lines (RFC 4180): which newlines end no record.

::

    1,"one        a quote opens a cell only where the cell begins, and closes it only where the cell ends;
    cell",2       inside, a quote is written twice: one record, whose first newline is inside

A cell that is never closed is no quoted cell: its line stands for itself and is rejected when it is split. So a stray
quote costs one line, not the rest of the file.
"""

from __future__ import annotations

import functools
import re

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]

NEWLINE = 10
NONE = np.zeros(0, dtype=np.int64)


@functools.cache
def _cell(delimiter: str) -> re.Pattern[bytes]:
    """A quoted cell, or one that the text ends in."""
    mark = re.escape(delimiter.encode())
    begin = rb"(?:(?<=[" + mark + rb"\n])|\A(?:\xef\xbb\xbf)?)"
    return re.compile(begin + rb'"[^"]*+(?:""[^"]*+)*+(?:"(?=[' + mark + rb"\r\n]|\Z)|(?P<open>\Z))")


def inner(text: bytes, delimiter: str, ended: bool) -> tuple[Integers, int]:
    """The newlines inside quoted cells, and how far the text goes until a line whose last cell may go on behind it.

    Args:
        text: whole lines, the first of which begins a record.
        delimiter: one character.
        ended: nothing comes behind.

    Returns:
        Positions, ascending; and the end of the last whole record. An open record that is all there is stands for its
        lines.
    """
    spans, going_on = _cells(text, delimiter)
    if going_on is not None:
        record = _record_before(text, spans, going_on)
        if record and not ended:
            found = _newlines(text, spans)
            return found[found < record], record
        spans += _cells(text, delimiter, going_on + 1)[0]
    return _newlines(text, spans), len(text)


def _cells(text: bytes, delimiter: str, begin: int = 0) -> tuple[list[tuple[int, int]], int | None]:
    """Bounds of the quoted cells, and where one begins that the text ends in."""
    spans: list[tuple[int, int]] = []
    for found in _cell(delimiter).finditer(text, begin):
        if found.lastgroup:
            return spans, found.start()
        spans.append(found.span())
    return spans, None


def _record_before(text: bytes, spans: list[tuple[int, int]], end: int) -> int:
    """Where the record begins that goes on at ``end``."""
    for begin, after in reversed(spans):
        newline = text.rfind(b"\n", after, end)
        if newline >= 0:
            return newline + 1
        end = begin
    return text.rfind(b"\n", 0, end) + 1


def _newlines(text: bytes, spans: list[tuple[int, int]]) -> Integers:
    if not spans:
        return NONE
    begins, ends = np.array(spans).T
    newlines = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == NEWLINE)
    place = np.searchsorted(begins, newlines) - 1
    found: Integers = newlines[(place >= 0) & (newlines < ends[place])]
    return found
