"""The values of one column: how they are written, how many differ, which are missing."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wideload.arrays import Integers

MISSING = ("NA", "N/A", "NULL", "null", "None", "none", "NaN", "nan", "\\N")
"""Words that are taken for "no value" wherever they occur."""

INTEGER, NUMBER, HEX = r"^[+-]?\d+(\.0*)?$", r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$", r"^[0-9a-fA-F]{8,16}$"
_ALIKE = 0.99
"""Share of the values that must be of a form: the others make bad rows, which are counted."""


@dataclass(frozen=True, eq=False)
class Profile:
    """One column of a sample.

    Attributes:
        name: in the source.
        cells: trimmed strings, or lists of them; null where a value is missing.
        words: the distinct values, most frequent first (of lists, of their elements); counts: int64, how often.
        lists: whether the source has lists.
    """

    name: str
    cells: Any
    words: Any
    counts: Integers
    lists: bool

    @classmethod
    def of(cls, name: str, column: Any) -> Profile:
        """The profile of a column of a sample: strings or lists of strings."""
        lists = pa.types.is_list(column.type)
        flat = _present(column.flatten() if lists else column)
        found = flat.drop_null().value_counts()
        order = np.argsort(-found.field(1).to_numpy(), kind="stable")
        words, counts = found.field(0).take(pa.array(order)), found.field(1).to_numpy()[order]
        return cls(name, column if lists else flat, words, counts, lists)

    def split(self, separator: str) -> Profile:
        """The column as lists of what stands between separators; empty parts are no values."""
        parts = pc.split_pattern(self.cells, separator)
        flat = _present(parts.flatten())
        lengths = pc.fill_null(pc.list_value_length(parts), 0)
        offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
        return Profile.of(self.name, pa.ListArray.from_arrays(offsets, flat))

    def recurrence(self, separator: str) -> float:
        """In how many of the distinct values a part between separators occurs, on average."""
        parts = pc.utf8_trim_whitespace(pc.split_pattern(self.words, separator).flatten())
        return len(parts) / max(1, len(parts.unique()))

    @property
    def rows(self) -> int:
        return len(self.cells)

    @property
    def distinct(self) -> int:
        return len(self.words)

    @property
    def present(self) -> int:
        """Number of values."""
        return int(self.counts.sum())

    @functools.cached_property
    def missing(self) -> int:
        """Number of rows without a value."""
        if not self.lists:
            return int(self.cells.null_count)
        return int(pc.sum(pc.equal(pc.fill_null(pc.list_value_length(self.cells), 0), 0)).as_py() or 0)

    def share(self, pattern: str) -> float:
        """The share of the values that match."""
        if not self.distinct:
            return 0.0
        mask = pc.match_substring_regex(self.words, pattern).to_numpy(zero_copy_only=False)
        return float(self.counts[mask].sum() / self.present)

    def mostly(self, pattern: str) -> bool:
        """Whether nearly all values match."""
        return self.share(pattern) >= _ALIKE

    @functools.cached_property
    def integers(self) -> list[int]:
        """The distinct integers, ascending."""
        good = self.words.filter(pc.match_substring_regex(self.words, INTEGER))
        return sorted({int(word.split(".")[0]) for word in good.to_pylist()})

    @functools.cached_property
    def floats(self) -> Any:
        """The distinct numbers, float64."""
        good = self.words.filter(pc.match_substring_regex(self.words, NUMBER))
        return np.array([float(word) for word in good.to_pylist()])

    @property
    def tokens(self) -> tuple[str, ...]:
        """The words of the name, in lower case: ``userId`` and ``user_id`` are user, id."""
        return tuple(token.lower() for token in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_a-zA-Z]+", self.name))

    def examples(self, number: int = 3) -> str:
        """The most frequent values, for people."""
        return ", ".join(word if len(word) <= 24 else f"{word[:24]}..." for word in self.words[:number].to_pylist())


def _present(values: Any) -> Any:
    """Trimmed strings; null for empty ones and for the words of MISSING."""
    trimmed = pc.utf8_trim_whitespace(values)
    gone = pc.is_in(trimmed, value_set=pa.array(["", *MISSING]))
    return pc.if_else(gone, pa.scalar(None, pa.string()), trimmed)
