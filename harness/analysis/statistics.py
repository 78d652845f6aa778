"""What the repeats of two strategies allow to conclude.

Pairs come from the same round, so whatever slowed the machine down slowed both. The estimate is the median of the
logarithms of the paired ratios; its interval is the percentile bootstrap (Efron & Tibshirani 1993, chapter 13) over
pairs. Below six pairs there is no interval of 95 % - five pairs all on one side happen by chance once in sixteen - so
none is given and nothing is concluded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

LEVEL = 0.95
FEWEST_PAIRS = 6
RESAMPLES = 10_000
BATCH = 5

Verdict = Literal["higher", "lower", "undecided"]


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ratio of two strategies.

    Attributes:
        median: of the paired ratios; pairs: how many there were.
        low, high: 95 % interval; None when there are too few pairs.
    """

    median: float
    pairs: int
    low: float | None = None
    high: float | None = None

    @property
    def verdict(self) -> Verdict:
        """``higher`` or ``lower`` only when the interval excludes 1."""
        if self.low is None or self.high is None or self.low <= 1.0 <= self.high:
            return "undecided"
        return "higher" if self.low > 1.0 else "lower"

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.median:.3f} ({self.pairs} of {FEWEST_PAIRS} pairs that an interval needs)"
        return f"{self.median:.3f} [{self.low:.3f}, {self.high:.3f}]"


def paired_ratio(candidate: Sequence[float], baseline: Sequence[float], seed: int = 0) -> Ratio:
    """Candidate over baseline, pair by pair.

    Args:
        candidate, baseline: positive measurements of equal length; entry i of both comes from the same round.

    Raises:
        ValueError: no pairs, different lengths, or a measurement that is not positive.
    """
    ratios = np.asarray(candidate, float) / np.asarray(baseline, float) if len(candidate) == len(baseline) else None
    if ratios is None or not len(ratios) or not (np.isfinite(ratios) & (ratios > 0)).all():
        raise ValueError(f"expected equally many positive measurements, at least one (given: {candidate}, {baseline})")
    logs = np.log(ratios)
    median = float(np.exp(np.median(logs)))
    if len(logs) < FEWEST_PAIRS:
        return Ratio(median, len(logs))
    low, high = np.exp(np.quantile(_resampled_medians(logs, seed), [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    return Ratio(median, len(logs), float(low), float(high))


def _resampled_medians(logs: npt.NDArray[np.float64], seed: int) -> npt.NDArray[np.float64]:
    draws = np.random.default_rng(seed).integers(0, len(logs), (RESAMPLES, len(logs)))
    medians: npt.NDArray[np.float64] = np.median(logs[draws], axis=1)
    return medians


def settled_after(samples: Sequence[float]) -> int:
    """Number of samples to drop so that the rest looks stationary: MSER-5 (White 1997).

    The cut is where the standard error of the mean of what remains is smallest, over batch means of five, within the
    first half. A series that is stationary from the start gives about 0.
    """
    batches = len(samples) // BATCH
    if batches < 4:
        return 0
    means = np.asarray(samples[: batches * BATCH], float).reshape(batches, BATCH).mean(axis=1)
    scores = [float(means[cut:].var()) / (batches - cut) for cut in range(batches // 2)]
    return int(np.argmin(scores)) * BATCH
