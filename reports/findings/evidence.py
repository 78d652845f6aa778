"""What is quoted of repeats: a median with its spread, and a ratio paired by round.

The statistics are those of :mod:`wideload.harness.analysis.statistics`. Where there are too few repeats for an
interval, the spread is the range from least to most, and is called that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from wideload.harness.analysis import statistics
from wideload.harness.analysis.statistics import FEWEST_PAIRS, LEVEL, Ratio

INTERVAL = f"{LEVEL:.0%} interval"

Spread = Literal["interval", "range", "none"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A median and how far it may be trusted. ``low`` and ``high`` equal the median when there is one value."""

    median: float
    low: float
    high: float
    count: int
    spread: Spread

    @property
    def words(self) -> str:
        """What ``low`` and ``high`` are."""
        return {"interval": INTERVAL, "range": "range", "none": "once"}[self.spread]


def estimate(values: Sequence[float]) -> Estimate | None:
    """Median with interval, or with range below :data:`FEWEST_PAIRS` values; None of nothing."""
    if not values:
        return None
    middle, count = median(values), len(values)
    if count >= FEWEST_PAIRS and min(values) > 0:
        resampled = statistics.paired_ratio(values, [1.0] * count)
        if resampled.low is not None and resampled.high is not None:
            return Estimate(middle, min(middle, resampled.low), max(middle, resampled.high), count, "interval")
    return Estimate(middle, min(values), max(values), count, "range" if count > 1 else "none")


def paired_ratio(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Ratio | None:
    """``ours / theirs`` over the rounds that both finished; None when there is no such round."""
    common = [at for at in sorted(ours.keys() & theirs.keys()) if ours[at] > 0 and theirs[at] > 0]
    if not common:
        return None
    return statistics.paired_ratio([ours[at] for at in common], [theirs[at] for at in common])


def sureness(ratio: Ratio) -> str:
    """Why a verdict is undecided matters: too few rounds can be helped, an interval across 1 is an answer."""
    if ratio.low is None:
        return "too few rounds"
    return ratio.verdict
