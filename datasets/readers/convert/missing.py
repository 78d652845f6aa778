"""Which values mean "no value": an empty text, null, and the words that a layout lists under ``missing``.

A word that is a number is compared as a number where numbers are read: ``missing = ["-1"]`` covers the texts ``-1`` and
``-1.0`` and the stored integer -1. Likewise a hexadecimal word where such words are read. Other words are compared as
text, without the space around them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wideload.arrays import Flags
from wideload.datasets.readers.convert.typed import nulled

_HEX = re.compile("[0-9a-fA-F]{1,16}")


class Missing:
    """The words that mean "no value".

    Args:
        words: as the layout lists them.
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        self.words = frozenset(word.strip() for word in words)
        self._gone = pa.array(sorted({"", *self.words}), pa.string())
        integers = {int(word) for word in self.words if _is_integer(word)}
        self._integers = sorted(word for word in integers if -(2**63) <= word < 2**63)
        self._hexadecimal = sorted(_signed(int(word, 16)) for word in self.words if _HEX.fullmatch(word))
        numbers = {number for word in self.words if (number := _number(word)) is not None}
        self._numbers = sorted(number for number in numbers if math.isfinite(number))
        self._nan = any(math.isnan(number) for number in numbers)

    def in_text(self, text: Any) -> Any:
        """Trimmed strings with null for missing ones."""
        gone = pc.is_in(text, value_set=self._gone)
        return pc.if_else(gone, pa.scalar(None, pa.string()), text) if pc.any(gone).as_py() else text

    def in_integers(self, values: Any, kind: str = "integer") -> Any:
        """int64 values with null for missing ones; in a column of hexadecimal words the words are read as such."""
        words = self._hexadecimal if kind == "hex" else self._integers
        return nulled(values, np.asarray(pc.is_in(values, value_set=pa.array(words, pa.int64())))) if words else values

    def in_floats(self, values: Any) -> Any:
        """float32 values with null for missing ones."""
        if not self._numbers:
            return values
        listed = pa.array(np.array(self._numbers, dtype=np.float32))
        return nulled(values, np.asarray(pc.is_in(values, value_set=listed)))

    def nan(self, values: Any) -> Flags:
        """Which of some float values are NaN and mean "no value"."""
        if not self._nan:
            return np.zeros(len(values), dtype=bool)
        return np.asarray(pc.fill_null(pc.is_nan(values), False).to_numpy(zero_copy_only=False), dtype=bool)

    @property
    def covers_nan(self) -> bool:
        """Whether NaN, in a column of numbers, means "no value"."""
        return self._nan


def _signed(word: int) -> int:
    return word - 2**64 if word >= 2**63 else word


def _is_integer(word: str) -> bool:
    number = _number(word)
    return number is not None and number.is_integer() and word.lstrip("+-").isdecimal()


def _number(word: str) -> float | None:
    try:
        return float(word) if "_" not in word else None
    except ValueError:
        return None
