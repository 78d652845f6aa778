"""How a text file is written: pairs or cells, the delimiter, a header, quotes.

=============  =====================================================================================================
pairs          nearly every line is ``label index:value ...`` (libsvm, libfm), or ``field:index:value`` (libffm)
delimiter      the one that gives nearly every line the same number of cells; of several, the one that gives the most
header         the first line's cells are different words, none of them a number, and in some column they are of
               another form than the cells below or do not occur there
quotes         as long as no more lines can be read without them
=============  =====================================================================================================
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from wideload.datasets.text.blocks import TextBlock, blocks
from wideload.datasets.text.cells import header, split
from wideload.errors import DataError

DELIMITERS = ("\t", ",", ";", "|", "::", " ")
_LINES = 500
_ALIKE = 0.9
_PAIRS = re.compile(r"[+-]?[\d.]+(\s+(qid|\d+):[^\s:]+)+\s*(#.*)?")
_TRIPLES = re.compile(r"[+-]?[\d.]+(\s+\w+:\w+:\S+)+\s*(#.*)?")
_PRICED = re.compile(r"[01]\s\d+(\s\d+:[^\s:]+)+\s*")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a text file is written.

    Attributes:
        format: ``csv``, whatever the delimiter; ``libsvm`` or ``libffm``.
        delimiter, header, quoted: of ``csv``.
        names: of the columns; ``c0``, ``c1``, ... where there is no header.
    """

    format: Literal["csv", "libsvm", "libffm"]
    delimiter: str = ","
    header: bool = True
    quoted: bool = True
    names: tuple[str, ...] = ()


def dialect_of(source: str) -> Dialect:
    """How a text file is written.

    Raises:
        DataError: it is empty, no UTF-8, or its lines have no common form; the message says what to do.
    """
    block = next(blocks(source), None)
    if block is None or not block.length:
        raise DataError(f"{source} is empty.")
    lines = _lines(source, block)
    for form, pattern in (("libsvm", _PAIRS), ("libffm", _TRIPLES)):
        if _share(lines, pattern) >= _ALIKE:
            return Dialect("libsvm" if form == "libsvm" else "libffm")
    if _share(lines, _PRICED) >= _ALIKE:
        raise DataError(
            f"{source}: its lines are `label number index:value ...`, as those of iPinYou's yzx files, whose second "
            f"number is the price. Leave it out: cut -d' ' -f1,3- {source} > train.svm"
        )
    return _of_cells(source, block, lines)


def _lines(source: str, block: TextBlock) -> list[str]:
    """The first lines that are not empty.

    Raises:
        DataError: they are no UTF-8.
    """
    content = block.content[: block.length]
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        whole = content.split(b"\n")[:-1]
        bad = sum(not _is_utf8(line) for line in whole)
        if bad > 0.01 * len(whole):
            number = content.count(b"\n", 0, error.start) + 1
            raise DataError(
                f"{source}:{number} is not UTF-8; neither are {bad} of the first {len(whole)} lines. If the "
                f"file is Latin-1, convert it: iconv -f ISO-8859-1 -t UTF-8 {source} > converted.csv"
            ) from None
        text = content.decode("utf-8", "replace")
    return [line for line in text.split("\n")[:_LINES] if line.strip()]


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _share(lines: list[str], pattern: re.Pattern[str]) -> float:
    return sum(pattern.fullmatch(line.rstrip("\r")) is not None for line in lines) / max(1, len(lines))


def _of_cells(source: str, block: TextBlock, lines: list[str]) -> Dialect:
    scores = {delimiter: _width(lines, delimiter) for delimiter in DELIMITERS}
    known = {delimiter: score for delimiter, score in scores.items() if score[0] >= _ALIKE and score[1] > 1}
    if len(known) > 1:
        known.pop(" ", None)  # words of a text, more likely than a delimiter
    if not known:
        raise DataError(
            f"{source}: no delimiter of {', '.join(map(repr, DELIMITERS))} gives most of its lines the same number of "
            "cells. Write a layout, and prepare it with `wideload data prepare custom`."
        )
    delimiter = max(known, key=lambda one: (round(known[one][0], 2), known[one][1]))
    width = known[delimiter][1]
    quoted = len(delimiter) == 1 and _read(block, delimiter, width, True) >= _read(block, delimiter, width, False)
    rows = [header(line, delimiter) for line in lines[:_LINES]]
    rows = [row for row in rows if len(row) == width]
    headed = _is_header(rows)
    names = tuple(rows[0]) if headed else tuple(f"c{number}" for number in range(width))
    return Dialect("csv", delimiter, headed, quoted, names)


def _width(lines: list[str], delimiter: str) -> tuple[float, int]:
    """The share of lines with the most frequent number of cells, and that number."""
    if len(delimiter) == 1:
        rows = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter)
        counts = Counter(len(row) for row in rows)
    else:
        counts = Counter(line.count(delimiter) + 1 for line in lines)
    ((width, rows_of_it),) = counts.most_common(1)
    return rows_of_it / counts.total(), width


def _read(block: TextBlock, delimiter: str, width: int, quoted: bool) -> int:
    """How many lines of a block can be read."""
    if quoted:
        block = next(blocks(block.source, quoted=delimiter))
    return len(split(block, delimiter, width, quoted)[0])


def _is_header(rows: list[list[str]]) -> bool:
    first, below = rows[0], rows[1:]
    words = [word for word in first if word]
    if len(words) < len(first) - 1 or any(_NUMBER.fullmatch(word) for word in words):
        return False
    if not below:
        return True
    columns = [[row[place] for row in below] for place in range(len(first))]
    numeric = [any(_NUMBER.fullmatch(cell) for cell in column) for column in columns]
    repeated = [word in column for word, column in zip(first, columns, strict=True)]
    return any(numeric) or not any(repeated)
