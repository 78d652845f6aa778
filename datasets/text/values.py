"""Columns of cells parsed inside 64-bit words: the quick path for what most cells of a log are.

Integers of up to eight digits and hexadecimal words of exactly eight are parsed for all rows and columns together. A
column that holds anything else is left to :mod:`wideload.datasets.readers.convert`, which gives equal values and finds
the bad rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from wideload.arrays import Flags, Integers
from wideload.datasets.text.cells import Cells
from wideload.datasets.text.words import are_digits, decimal, lowered, nibbles_of, packed, spelled, words_at

_MINUS = 45


def integers(cells: Cells, columns: Sequence[int]) -> list[Any | None]:
    """Short decimal integers as int64, an empty cell as null; None for a column with anything else."""
    return _arrays(cells, columns, np.int64)


def numbers(cells: Cells, columns: Sequence[int]) -> list[Any | None]:
    """Short decimal integers as float32, an empty cell as null; None for a column with anything else."""
    return _arrays(cells, columns, np.float32)


def _arrays(cells: Cells, columns: Sequence[int], kind: type[np.generic]) -> list[Any | None]:
    values, empty, fits = _short(cells, columns)
    return [
        _array(values[:, place].astype(kind), empty[:, place]) if fits[place] else None for place in range(len(columns))
    ]


def _short(cells: Cells, columns: Sequence[int]) -> tuple[Integers, Flags, Flags]:
    """Integers of up to eight digits, inside words.

    Returns:
        Values ``[n, K]``, which of them are empty ``[n, K]``, and the columns with nothing else in them ``[K]``.
    """
    starts, ends = cells.bounds(columns)
    empty = ends == starts
    negative = (cells.data[starts] == _MINUS) & ~empty
    digits = ends - starts
    digits -= negative
    words = words_at(cells.data)[starts + negative]
    gap = ((8 - np.clip(digits, 1, 8)) << 3).astype(np.uint64)
    words <<= gap
    fits = are_digits(words, ~np.uint64(0) << gap)
    fits &= (digits > 0) & (digits <= 8)
    fits |= empty
    words &= np.uint64(0x0F0F0F0F0F0F0F0F)
    values = decimal(words).view(np.int64)
    np.negative(values, out=values, where=negative)
    return values, empty, fits.all(axis=0)


def hexadecimals(cells: Cells, columns: Sequence[int]) -> list[Any | None]:
    """Hexadecimal words of eight digits as int64, an empty cell as null; None for a column with anything else."""
    starts, ends = cells.bounds(columns)
    lengths = ends - starts
    words = words_at(cells.data)[starts]
    nibbles = nibbles_of(words)
    valid = spelled(nibbles) == lowered(words)
    valid &= lengths == 8
    valid &= (nibbles & np.uint64(0xF0F0F0F0F0F0F0F0)) == 0
    values = packed(nibbles.byteswap(inplace=True)).view(np.int64)
    empty = lengths == 0
    fits = (valid | empty).all(axis=0)
    return [_array(values[:, place], empty[:, place]) if fits[place] else None for place in range(len(columns))]


def _array(values: Any, empty: Flags) -> Any:
    return pa.array(np.ascontiguousarray(values), mask=empty if empty.any() else None)
