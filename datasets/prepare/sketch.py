"""Counting in bounded memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from wideload.datasets.prepare.splitting import hashed
from wideload.hashing import GOLDEN_GAMMA, MASK, finalise

SMALLEST = 16_384
COUNTED = 200_000


@dataclass(slots=True)
class Distinct:
    """Counts distinct values: exactly below ``SMALLEST``, otherwise as an estimate.

    The k smallest hashes are kept (Bar-Yossef et al. 2002): when the k-th smallest lies at a share h of the hash range,
    there are about (k - 1) / h values. The relative standard error is 1 / sqrt(k - 2), here 0.8 %.
    """

    _smallest: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))

    def add(self, values: Any) -> None:
        """Adds the values of an Arrow array without nulls."""
        words = finalise(hashed(values) + np.uint64(GOLDEN_GAMMA))
        self._smallest = np.unique(np.concatenate([self._smallest, words]))[:SMALLEST]

    @property
    def exact(self) -> bool:
        return len(self._smallest) < SMALLEST

    @property
    def estimate(self) -> int:
        if self.exact:
            return len(self._smallest)
        return round((SMALLEST - 1) / (int(self._smallest[-1]) / MASK))


@dataclass(slots=True)
class Frequencies:
    """Counts frequent values. When too many are held, the rarer half is dropped, so counts are lower bounds."""

    counts: Counter[Any] = field(default_factory=Counter)
    total: int = 0
    forgot: bool = False

    def add(self, values: Any) -> None:
        """Adds the values of an Arrow array without nulls."""
        found = values.value_counts()
        self.total += len(values)
        self.counts.update(dict(zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True)))
        if len(self.counts) > COUNTED:
            self.counts = Counter(dict(self.counts.most_common(COUNTED // 2)))
            self.forgot = True

    def distance(self, other: Frequencies) -> float:
        """Returns the total variation distance of the two distributions: 0 when equal, 1 when they share no value."""
        if not self.total or not other.total:
            return 0.0
        keys = self.counts.keys() | other.counts.keys()
        return 0.5 * sum(abs(self.counts[key] / self.total - other.counts[key] / other.total) for key in keys)

    def unseen_in(self, other: Frequencies) -> float:
        """Returns the share of these values that ``other`` does not have."""
        if not self.total:
            return 0.0
        return 1.0 - sum(count for key, count in self.counts.items() if key in other.counts) / self.total


@dataclass(slots=True)
class Range:
    """Smallest, largest, mean and standard deviation of numbers."""

    count: int = 0
    low: float = float("inf")
    high: float = float("-inf")
    total: float = 0.0
    squares: float = 0.0

    def add(self, values: Any) -> None:
        numbers = values.to_numpy(zero_copy_only=False).astype(np.float64)
        if len(numbers):
            self.count += len(numbers)
            self.low, self.high = min(self.low, float(numbers.min())), max(self.high, float(numbers.max()))
            self.total += float(numbers.sum())
            self.squares += float((numbers**2).sum())

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0

    @property
    def std(self) -> float:
        return float(np.sqrt(max(0.0, self.squares / self.count - self.mean**2))) if self.count else 0.0


def without_nulls(column: Any) -> Any:
    """Returns the values of a column without nulls; lists are flattened."""
    return (column.flatten() if pa.types.is_list(column.type) else column).drop_null()
