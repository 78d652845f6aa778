"""Which split a row goes to.

=========  ==========================================================================================================
``given``  as the source says: one file per split, or a column with the split's name
``time``   the last ``test`` share of the rows in time is the test split, the ``validation`` share before it validation;
           or what comes at a date or later
``hash``   by a hash of key columns, so that rows of one user, say, stay together; without a key, of the row's number
``none``   everything is training data
``auto``   the first of given, time, hash that the source allows; of data prepared like others, given or none
=========  ==========================================================================================================

The thresholds of ``time`` are quantiles of an evenly drawn sample of at most ``SAMPLE`` times, taken in a pass of its
own; a date (``test_from``) needs no such pass. Rows with exactly the time of a threshold are shared out in row order,
so each split has its share of the rows. A row without a time is training data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from wideload.arrays import Doubles, Flags
from wideload.datasets.counter_rng import unit
from wideload.hashing import GOLDEN_GAMMA, finalise
from wideload.options import Options

SAMPLE = 200_000
SPLITS = ("train", "validation", "test")
_NAMES = {
    "train": 0,
    "training": 0,
    "val": 1,
    "valid": 1,
    "validation": 1,
    "dev": 1,
    "test": 2,
    "testing": 2,
}

Chosen = npt.NDArray[np.int8]
"""Index in SPLITS per row; -1 for a row whose given split is unknown: int8 ``[n]``."""


class SplitRule(Options):
    """How rows are split.

    Attributes:
        by: see the module.
        key: columns that ``hash`` hashes.
        validation, test: shares of the rows, for ``time`` and ``hash``.
        validation_from, test_from: for ``time``, instead of the shares: the first time of a split, as a date or moment
            in ISO 8601, or as a number like those of the source.
    """

    by: Literal["auto", "given", "time", "hash", "none"] = "auto"
    key: tuple[str, ...] = ()
    validation: float = Field(default=0.0, ge=0, lt=1)
    test: float = Field(default=0.1, ge=0, lt=1)
    validation_from: str | None = None
    test_from: str | None = None

    @property
    def dated(self) -> bool:
        """Whether splits begin at given times."""
        return self.test_from is not None or self.validation_from is not None


def constant(split: str, rows: int) -> Chosen:
    return np.full(rows, SPLITS.index(split), dtype=np.int8)


def by_name(names: Any) -> Chosen:
    """From a column with the names of splits."""
    lowered = pc.utf8_lower(names.cast(pa.string()))
    place = pc.index_in(lowered, value_set=pa.array(list(_NAMES)))
    numbers = pc.fill_null(pa.array(list(_NAMES.values()), pa.int8()).take(place), -1)
    return np.asarray(numbers).astype(np.int8)


def names_splits(words: Any) -> bool:
    """Whether all of some strings are names of splits."""
    return bool(pc.all(pc.is_in(pc.utf8_lower(words), value_set=pa.array(list(_NAMES)))).as_py())


@dataclass(slots=True)
class Cut:
    """Where a split by time begins: at the rows after ``time``, and those of that time but for the first ``ties``.

    Attributes:
        seen: rows of exactly that time so far.
    """

    time: float
    ties: int = 0
    seen: int = 0

    def after(self, values: Doubles) -> Flags:
        """Which of the next rows lie behind the cut; counts ties, so each row may be asked for once only."""
        equal = values == self.time
        order = self.seen + np.cumsum(equal)
        self.seen += int(equal.sum())
        after: Flags = (values > self.time) | (equal & (order > self.ties))
        return after


def by_time(times: Any, cuts: Sequence[Cut]) -> Chosen:
    """Before, between and after two moments."""
    values = pc.fill_null(times.cast(pa.float64(), safe=False), -np.inf).to_numpy()
    chosen: Chosen = np.sum([cut.after(values) for cut in cuts], axis=0).astype(np.int8)
    return chosen


def equal_to(times: Any, time: float) -> int:
    """How many rows have exactly that time."""
    return int(pc.sum(pc.equal(times.cast(pa.float64(), safe=False), time)).as_py() or 0)


def by_hash(columns: list[Any], first_row: int, rows: int, rule: SplitRule) -> Chosen:
    """By the hash of key columns, or of the row's number."""
    words = np.zeros(rows, dtype=np.uint64)
    for column in columns or [pa.array(np.arange(first_row, first_row + rows))]:
        words = finalise((words + np.uint64(GOLDEN_GAMMA)) ^ hashed(column))
    share = unit(finalise(words))
    chosen = (share >= 1 - rule.validation - rule.test).astype(np.int8)
    return chosen + (share >= 1 - rule.test).astype(np.int8)


def hashed(column: Any) -> npt.NDArray[np.uint64]:
    """A 64-bit word per value; text is hashed once per distinct value."""
    if pa.types.is_integer(column.type):
        return finalise(pc.fill_null(column.cast(pa.int64()), -1).to_numpy(zero_copy_only=False).view(np.uint64))
    encoded = pc.fill_null(column.cast(pa.string()), "").dictionary_encode()
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    digests = [hashlib.blake2b(text.encode(), digest_size=8).digest() for text in encoded.dictionary.to_pylist()]
    words = np.frombuffer(b"".join(digests), dtype="<u8")
    found: npt.NDArray[np.uint64] = words[encoded.indices.to_numpy()]
    return found


@dataclass(slots=True)
class TimeSample:
    """An even sample in constant memory: rows are kept whose hash is below a bound that sinks when it is full."""

    bound: float = 1.0
    rows: int = 0
    _times: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    _hashes: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def add(self, times: Any) -> None:
        """Takes the times of the next rows."""
        hashes = unit(finalise(np.arange(self.rows, self.rows + len(times), dtype=np.uint64) * np.uint64(GOLDEN_GAMMA)))
        self.rows += len(times)
        values = pc.fill_null(times.cast(pa.float64(), safe=False), float("nan")).to_numpy(zero_copy_only=False)
        keep = (hashes < self.bound) & ~np.isnan(values)
        self._times = np.concatenate([self._times, values[keep]])
        self._hashes = np.concatenate([self._hashes, hashes[keep]])
        while len(self._times) > SAMPLE:
            self.bound /= 2
            keep = self._hashes < self.bound
            self._times, self._hashes = self._times[keep], self._hashes[keep]

    def cuts(self, rule: SplitRule, count: Callable[[float], int]) -> list[Cut]:
        """Where validation and test begin.

        Args:
            rule: the shares.
            count: how many rows have exactly a time; asked only where the sample does not hold all rows.
        """
        ordered = np.sort(self._times)
        return [self._cut(ordered, place, count) for place in (1 - rule.validation - rule.test, 1 - rule.test)]

    def _cut(self, ordered: Doubles, place: float, count: Callable[[float], int]) -> Cut:
        if not len(ordered) or place >= 1:
            return Cut(np.inf)
        index = min(int(place * len(ordered)), len(ordered) - 1)
        time = float(ordered[index])
        low, high = np.searchsorted(ordered, time), np.searchsorted(ordered, time, side="right")
        if index == low:
            return Cut(time)
        ties = int(high - low) if self.bound == 1.0 else count(time)
        return Cut(time, round(ties * float(index - low) / float(high - low)))
