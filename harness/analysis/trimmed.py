"""The mean of runs without the fastest and the slowest, as MLPerf scores them; its interval; and a test of two of them.

One run that does not end counts as the slowest and is left out with it; two make the result invalid. What is left after
trimming scatters less than the runs do, so its own deviation would make intervals too narrow. They rest on the
winsorised deviation instead (Tukey & McLaughlin 1963), in which the two that are left out take the values of their
neighbours; two means are compared as Yuen (1974) does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit  # type: ignore[import-untyped]

from wideload.harness.analysis.statistics import LEVEL

FEWEST_RUNS = 5
"""As many as MLPerf asks for at least."""


@dataclass(frozen=True, slots=True)
class TrimmedMean:
    """A mean without the two extremes, in the unit of the values.

    Attributes:
        error: its standard error; freedom: degrees of freedom of that.
        runs: how many there were.
    """

    mean: float
    error: float
    freedom: float
    runs: int

    @classmethod
    def of(cls, values: Sequence[float]) -> TrimmedMean | None:
        """None for fewer than five values, or more than one that is infinite."""
        ordered = sorted(values)
        inner = ordered[1:-1]
        if len(ordered) < FEWEST_RUNS or not all(map(math.isfinite, inner)):
            return None
        winsorised = [inner[0], *inner, inner[-1]]
        left = len(inner)
        squares = float(np.var(winsorised, ddof=1)) * (len(ordered) - 1)
        return cls(float(np.mean(inner)), math.sqrt(squares / (left * (left - 1))), left - 1, len(ordered))

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Where the mean of all runs, without extremes, lies."""
        reach = float(stdtrit(self.freedom, (1 + level) / 2)) * self.error
        return self.mean - reach, self.mean + reach


def difference(ours: TrimmedMean, theirs: TrimmedMean, level: float = LEVEL) -> tuple[float, float, float]:
    """``ours - theirs``, and the ends of its interval."""
    squares = [each.error**2 for each in (ours, theirs)]
    parts = sum(square**2 / each.freedom for square, each in zip(squares, (ours, theirs), strict=True))
    freedom = sum(squares) ** 2 / parts if parts else math.inf
    reach = float(stdtrit(min(freedom, 1e9), (1 + level) / 2)) * math.sqrt(sum(squares))
    apart = ours.mean - theirs.mean
    return apart, apart - reach, apart + reach
