"""Quoted cells that span lines (RFC 4180): finds the newlines that do not end a record.

::

    1,"one        a quote opens a cell only at its beginning and closes it only at its end; inside the cell
    cell",2       a quote is written twice. These two lines are one record; the first newline is inside a cell

A cell that is never closed is not treated as quoted: its line is a record of its own and is rejected when it is split.
A stray quote therefore costs one line, not the rest of the file.
"""

from __future__ import annotations

import functools
import re

import numpy as np

from wideload.arrays import Integers

NEWLINE = 10
NONE = np.zeros(0, dtype=np.int64)


@functools.cache
def _cell(delimiter: str) -> re.Pattern[bytes]:
    """Matches a quoted cell, or a cell that is still open at the end of the text."""
    mark = re.escape(delimiter.encode())
    begin = rb"(?:(?<=[" + mark + rb"\n])|\A(?:\xef\xbb\xbf)?)"
    return re.compile(begin + rb'"[^"]*+(?:""[^"]*+)*+(?:"(?=[' + mark + rb"\r\n]|\Z)|(?P<open>\Z))")


def inner(text: bytes, delimiter: str, ended: bool) -> tuple[Integers, int]:
    """Finds the newlines inside quoted cells, and the end of the last record that is certainly complete.

    Args:
        text: whole lines; the first one begins a record.
        delimiter: one character.
        ended: whether the file ends after this text.

    Returns:
        Positions, ascending, and the end of the last complete record. When the text holds nothing but one open record,
        each of its lines counts as a record.
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
    """Returns the bounds of the quoted cells, and the start of a cell that is still open at the end of the text."""
    spans: list[tuple[int, int]] = []
    for found in _cell(delimiter).finditer(text, begin):
        if found.lastgroup:
            return spans, found.start()
        spans.append(found.span())
    return spans, None


def _record_before(text: bytes, spans: list[tuple[int, int]], end: int) -> int:
    """Returns the start of the record that contains position ``end``."""
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
