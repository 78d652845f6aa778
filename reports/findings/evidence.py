"""What repeats allow to say: a median with its spread, a ratio paired by round, and whether that ratio is clear.

The statistics are those of :mod:`wideload.harness.analysis.statistics`. Where there are too few repeats for an
interval, the spread is the range from least to most, and is called that.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import Literal

import numpy as np
from scipy.special import stdtrit  # type: ignore[import-untyped]

from wideload.harness.analysis import statistics
from wideload.harness.analysis.statistics import FEWEST_PAIRS, LEVEL, Ratio

INTERVAL = f"{LEVEL:.0%} interval"

Spread = Literal["interval", "range", "none"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A median and its uncertainty. ``low`` and ``high`` equal the median when there is one value."""

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
    """Median with interval, or with range below :data:`FEWEST_PAIRS` values; None when there are no values."""
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
    pairs = _paired(ours, theirs)
    return statistics.paired_ratio([our for our, _ in pairs], [their for _, their in pairs]) if pairs else None


def clearly_higher(ours: Mapping[int, float], theirs: Mapping[int, float]) -> bool:
    """Whether the rounds leave no doubt that ``ours`` is higher: two intervals of the paired ratio stay above 1.

    One is the bootstrap interval of the median that the reports quote. With six pairs it is a little too narrow: of
    two equal strategies it lets one win in 5.5 % of the runs. So Student's interval of the mean logarithm (the same
    level) must stay above 1 as well; both together let one win in 4 %.
    """
    pairs = _paired(ours, theirs)
    if len(pairs) < FEWEST_PAIRS:
        return False
    logs = np.log([our / their for our, their in pairs])
    quantile = stdtrit(len(logs) - 1, (1 + LEVEL) / 2)
    mean_is_clear = logs.mean() > quantile * logs.std(ddof=1) / math.sqrt(len(logs))
    ratio = paired_ratio(ours, theirs) if mean_is_clear else None
    return ratio is not None and ratio.verdict == "higher"


def change(before: Sequence[float], after: Sequence[float], level: float = LEVEL) -> Ratio:
    """``after`` over ``before``: two samples of positive numbers that were measured apart and so are not paired.

    The estimate is Hodges' and Lehmann's (1963), the median of all ratios of a value of one to a value of the other;
    the interval is that of the Mann-Whitney test. It is exact whatever the distribution, and one round that went wrong
    hardly moves it. Samples that are too small for the level have none. ``pairs`` is the size of the smaller one.
    """
    logs = np.sort(np.subtract.outer(np.log(after), np.log(before)), axis=None)
    outside = _outside(len(before), len(after), (1 - level) / 2)
    bounds = [math.exp(logs[place]) for place in (outside - 1, -outside)] if outside else [None, None]
    return Ratio(math.exp(np.median(logs)), min(len(before), len(after)), *bounds)


@cache
def _outside(first: int, second: int, share: float) -> int:
    """How many of the ordered differences lie beyond each end of the interval: as many as chance reaches in no more
    than this share of the orders of two samples of these sizes.
    """
    counts = [1] + [0] * (first * second)  # of orders, by Mann's and Whitney's U: a Gaussian binomial coefficient
    for size in range(1, first + 1):
        for place in range(first * second, second + size - 1, -1):
            counts[place] -= counts[place - second - size]
        for place in range(size, first * second + 1):
            counts[place] += counts[place - size]
    below = itertools.accumulate(counts)
    return next(place for place, number in enumerate(below) if number > share * sum(counts))


def sureness(ratio: Ratio) -> str:
    """The verdict on a ratio, or ``too few rounds``: that can be helped, whereas an interval across 1 is an answer."""
    return "too few rounds" if ratio.low is None else ratio.verdict


def _paired(ours: Mapping[int, float], theirs: Mapping[int, float]) -> list[tuple[float, float]]:
    """The measurements of the rounds in which both are positive."""
    common = sorted(ours.keys() & theirs.keys())
    return [(ours[at], theirs[at]) for at in common if ours[at] > 0 and theirs[at] > 0]
